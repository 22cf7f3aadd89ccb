package secrets

import (
	"bytes"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
	"time"
)

const b64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"

// projectKey has hyphens, as such keys may.
const projectKey = "tQ3v-n8RkZ_1pWx7Ld5aYc2Hf-6JbMs4Ge9Uo0TiT3BlbkFJw5Xq8Nz1Vc7Br2Kd"

const hex64 = "9f8a7d6c5b4e3f2a1b0c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192"

// samples are what people and tools write. found is the class and the secret; empty: nothing.
var samples = []struct{ text, class, secret string }{
	{"my password is hunter2hunter2, thanks", "said-password", "hunter2hunter2"},
	{"The password for the staging box is now Tr0ub4dor&3", "said-password", "Tr0ub4dor&3"},
	{`{"user":"bob","password":"S3cr3t!pw"}`, "said-password", "S3cr3t!pw"},
	{`{"arguments":"{\"password\": \"hunter2hunter2\"}"}`, "said-password", "hunter2hunter2"},
	{"postgres://bob:S3cr3tPw0rd99@db.example.org/shop", "uri-credentials", "S3cr3tPw0rd99"},
	{"redis://:p4ssw0rd@cache:6379/0 is the cache", "uri-credentials", "p4ssw0rd"},
	{"the door code is 4471", "said-code", "4471"},
	{"PIN is 998877", "said-code", "998877"},
	{"the api key for billing is 9f8a7d6c5b4e3f2a1b0c", "said-key", "9f8a7d6c5b4e3f2a1b0c"},
	{"Authorization: Bearer mF_9.B5f-4.1JqM", "bearer-header", "mF_9.B5f-4.1JqM"},
	{`"authorization": "Basic dXNlcjpzM2NyZXQ="`, "bearer-header", "dXNlcjpzM2NyZXQ="},
	{"sent with bearer abcdEFGH1234ijklMNOP5678", "bearer-token", "abcdEFGH1234ijklMNOP5678"},
	{"Cookie: sid=31d4d96e407aad42; theme=dark", "cookie", "sid=31d4d96e407aad42; theme=dark"},
	{"-----BEGIN RSA PRIVATE KEY-----\n" + b64 + "\n" + b64 + "\n… (output cut off)", "private-key-part", b64 + "\n" + b64},
	{"-----BEGIN PRIVATE KEY-----\n" + b64 + "\n-----END PRIVATE KEY-----", "private-key", ""},
	{`{"stdout":"-----BEGIN PRIVATE KEY-----\n` + b64 + `\n-----END PRIVATE KEY-----\n"}`, "private-key", ""},
	{"aws_access_key_id AKIAQYLPMN5HHHFPZAM2 for the bucket", "aws-access-token", "AKIAQYLPMN5HHHFPZAM2"},
	{"OPENAI_API_KEY=sk-proj-a8Kd93jfKs02LmzQ", "generic-api-key", "sk-proj-a8Kd93jfKs02LmzQ"},
	{"use sk-a8Kd93jfKs02LmzQw7Xv5Tb1Nc4Rp6Yh2Gd9Fj3Ls0Km8Zq1 for it", "ai-service-key", "sk-a8Kd93jfKs02LmzQw7Xv5Tb1Nc4Rp6Yh2Gd9Fj3Ls0Km8Zq1"},
	{"use sk-proj-" + projectKey + " for it", "ai-service-key", "sk-proj-" + projectKey},
	{"the key is sk-or-v1-" + hex64 + ".", "ai-service-key", "sk-or-v1-" + hex64},
	{`{"stdout":"lsv2_pt_` + hex64[:32] + `_0f1e2d3c4b"}`, "ai-service-key", "lsv2_pt_" + hex64[:32] + "_0f1e2d3c4b"},
	{"use ghp_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3hJ6 here", "github-pat", "ghp_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3hJ6"},

	{text: "the password is required"},
	{text: "your password was reset, check your mail"},
	{text: "password: ********"},
	{text: "https://example.org/a:b@c and mail to ann@example.org"},
	{text: "https://user:<password>@example.org/"},
	{text: "postgres://user:${PASSWORD}@db/x"},
	{text: "the zip code is 90210, the error code is 4471"},
	{text: "the token count is 12345678 and the key point is that it shipped"},
	{text: "Authorization: required"},
	{text: "She ordered a cookie: chocolate, with bearer bonds on the side"},
	{text: "AKIAIOSFODNN7EXAMPLE is the one in the documentation"},
	{text: "-----BEGIN PUBLIC KEY-----\n" + b64},
	{text: "see https://example.org/sk-hynix-announces-hbm4-memory-for-the-data-centers-of-2026-and-2027"},
	{text: "the branch sk-proj-onboarding-flow-v2-of-the-update is merged, sk-admin-dashboard-redesign-2026-q4-rollout is next"},
	{text: "disk-a8Kd93jfKs02LmzQw7Xv5Tb1Nc4Rp6Yh2Gd9Fj3Ls0Km8Zq1 is a volume"},
}

func TestFind(t *testing.T) {
	s := newScanner(t)
	for _, x := range samples {
		got := s.Find([]byte(x.text), nil)
		switch {
		case x.class == "" && len(got) == 0:
		case len(got) != 1 || got[0].Class != x.class:
			t.Errorf("%q: %v, want %s", x.text, got, x.class)
		case x.secret != "" && x.text[got[0].Start:got[0].End] != x.secret:
			t.Errorf("%q: %q, want %q", x.text, x.text[got[0].Start:got[0].End], x.secret)
		}
	}
}

// Every rule asks for at least as much as the short cut for assignments takes for granted.
func TestAssignments(t *testing.T) {
	var shortest func(re *syntax.Regexp) int
	shortest = func(re *syntax.Regexp) (n int) {
		switch re.Op {
		case syntax.OpLiteral:
			return len(re.Rune)
		case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
			return 1
		case syntax.OpCapture:
			return shortest(re.Sub[0])
		case syntax.OpConcat:
			for _, sub := range re.Sub {
				n += shortest(sub)
			}
		case syntax.OpAlternate:
			n = shortest(re.Sub[0])
			for _, sub := range re.Sub[1:] {
				n = min(n, shortest(sub))
			}
		case syntax.OpRepeat:
			return re.Min * shortest(re.Sub[0])
		case syntax.OpPlus:
			return shortest(re.Sub[0])
		}
		return n
	}
	seen := 0
	for _, r := range newScanner(t).rules {
		if r.how != byAssign {
			continue
		}
		seen++
		_, value, _ := strings.Cut(r.Regex, assignSign)
		re, err := syntax.Parse(value, syntax.Perl)
		if err != nil {
			t.Fatalf("%s: %v", r.ID, err)
		}
		if n := shortest(re); n < 8 {
			t.Errorf("%s: a value of %d bytes", r.ID, n)
		}
	}
	if seen < 80 {
		t.Errorf("%d rules have gitleaks' form of assignments", seen)
	}
}

// Each memory of mem0 has a member text_lemmatized, in which a rule's keyword stands: that costs no look at all of
// the vector beside it.
func TestKeywordInCommonName(t *testing.T) {
	s := newScanner(t)
	at := slices.IndexFunc(s.rules, func(r *rule) bool { return r.ID == "authress-service-client-access-key" })
	text := append([]byte(`"text_lemmatized"`), make([]byte, 1<<16)...)
	w := &work{text: text, pending: make([]span, len(s.rules))}
	s.words.each(text, func(word, end int) {
		for _, r := range s.of[word] {
			s.try(w, r, end-s.sizes[word], end)
		}
	})
	if p := w.pending[at]; p.hi == 0 || p.hi > 1024 {
		t.Errorf("the rule is run over %d to %d of %d bytes", p.lo, p.hi, len(text))
	}
}

func TestClasses(t *testing.T) {
	s := newScanner(t)
	c := s.Classes()
	if len(c) != len(s.rules) || len(c) < 220 || !slices.Contains(c, "uri-credentials") || !slices.Contains(c, "generic-api-key") {
		t.Errorf("%d classes of %d rules", len(c), len(s.rules))
	}
	if want := "226 classes (gitleaks 8.30.1, sha256 e163e53b9e7e; exitramp's own)"; s.Rules() != want {
		t.Errorf("%s, want %s", s.Rules(), want)
	}
}

// Hostile text costs no more than a multiple of its length: eight times as much of it takes about
// eight times as long.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	s := newScanner(t)
	for name, unit := range map[string]string{
		"curl": "curl ", "scheme": "://", "private": "-----BEGIN ", "escapes": `\\\"`, "key": "key=", "jwt": "eyJhbGciOiJIUzI1NiIsInR5cCI6", "password": "password is ",
		"sourcegraph": "sourcegraph ", "cookie": "cookie: a=bbbbbbbbb; ", "at": "a://b:c@", "sentence": "pin pin is ",
	} {
		took := func(size int) time.Duration {
			text := bytes.Repeat([]byte(unit), size/len(unit))
			best := time.Hour
			for range 2 {
				began := time.Now()
				s.Find(text, nil)
				best = min(best, time.Since(began))
			}
			return best
		}
		small, large := took(4<<10), took(32<<10)
		t.Logf("%-12s %8v for 4 KiB, %8v for 32 KiB", name, small, large)
		if large > 8*6*small+200*time.Millisecond {
			t.Errorf("%s: %v for 4 KiB, %v for 32 KiB", name, small, large)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	s := newScanner(b)
	text := []byte(strings.Repeat("The user asked whether their order 4471 had shipped; they said the token usage was high and the key point is that access to the account, as they know, is via api. ", 40))
	b.SetBytes(int64(len(text)))
	var f []Finding
	for b.Loop() {
		f = s.Find(text, f[:0])
	}
}
