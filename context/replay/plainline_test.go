package replay

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// byJSON is what package json makes of body.
func byJSON(body []byte) (l line, ok bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return l, d.Decode(&l) == nil
}

// FuzzPlainRead: what is read without package json is what package json reads.
func FuzzPlainRead(f *testing.F) {
	for _, s := range []string{
		`{"intent":"memory/a"}`, `{"intent":"memory/a","as":"memory/b"}`, `{"intent":""}`, `{"intent":"a\"b"}`, `{"intent":"a"} `, `{"done":`, `{"done":}`,
		`{"done":{"key":"memory/a","action":"create"}}`, `{"done":{"key":"memory/a","action":"create","target":"x","version":"1","why":"so","noloss":true}}`,
		`{"done":{"key":"k","action":"skip","losses":[{"path":"p","grade":"dropped","why":"w"},{"path":"","grade":"exact"}]}}`,
		`{"done":{"key":"k","action":"skip","losses":[]}}`, `{"done":{"key":"k","action":"skip","target":""}}`, `{"done":{"action":"skip","key":"k"}}`,
		`{"done":{"key":"k","action":"skip"}}}`, `{"done":{"key":"k","action":"skip","losses":[{"path":"p","grade":"g"}}}`, `{"resumed":true}`,
		`{"done":{"key":"k","action":"create","target":"k"}}`, `{"done":{"key":"k","action":"same","target":"k","version":"0"}}`,
		`{"done":{"key":"k","action":"create","target":"l"}}`, `{"done":{"key":"k","action":"skip","target":"k"}}`, `{"done":{"key":"k","action":"create","target":"k","why":"so"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, _, ok := parsePlain(body, nil)
		if usualBody(body) && !(ok && (got.Intent != "" || got.Done.usual())) {
			t.Fatalf("%q is not usual", body)
		}
		if !ok {
			return
		}
		want, ok := byJSON(body)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(line{})); !ok || d != "" {
			t.Fatalf("%q: %v, %s", body, ok, d)
		}
	})
}

// FuzzPlainWrite: what is written without package json is what package json writes, and is read again.
func FuzzPlainWrite(f *testing.F) {
	f.Add("memory/a", "create", "memory/a", "0", "", false, "", "", byte(0))
	f.Add("memory/ä", "skip", "", "", `a "view" <of> & \`, true, "parts.text", "dropped", byte(2))
	f.Add("memory/a", "create", "t", "\x7f\x00", "why", true, "p", "exact", byte(3))
	f.Fuzz(func(t *testing.T, key, action, target, version, why string, noLoss bool, path, grade string, n byte) {
		r := &receipt{Key: key, Action: action, Target: target, Version: version, Why: why, NoLoss: noLoss}
		for range n % 4 {
			r.Losses = append(r.Losses, loss{path, grade, why})
		}
		if n > 200 {
			r.Approval = &Approval{Key: key}
		}
		for _, l := range []line{{Done: r}, {Intent: key, As: target}, {Resumed: true}} {
			want, err := json.Marshal(l)
			if err != nil {
				t.Fatal(err)
			}
			usual := l.Done != nil && r.usual() && plain(version) || l.Intent != "" && plain(target)
			if usual = usual && key != "" && plain(key); usual != usualBody(want) {
				t.Fatalf("%s: usual: %v", want, !usual)
			}
			raw, done, err := appendLine([]byte("x"), l)
			if err != nil || !bytes.Equal(raw[len("x00000000 "):len(raw)-1], want) {
				t.Fatalf("%q, want %q, %v", raw, want, err)
			}
			if l.Done != nil && !bytes.Equal(done, want[len(`{"done":`):len(want)-1]) {
				t.Fatalf("the answer is %q in %q", done, want)
			}
			again, _ := byJSON(want)
			got, inside, ok := parseLine(raw[1:], nil)
			if d := cmp.Diff(again, got, cmp.AllowUnexported(line{})); !ok || d != "" || l.Done != nil && !json.Valid(inside) {
				t.Fatalf("%q: %v, %s, %q", raw, ok, d, inside)
			}
		}
	})
}

// TestPlainIsUsual: the lines of a usual run are read and written without package json.
func TestPlainIsUsual(t *testing.T) {
	for _, l := range []line{
		{Intent: "memory/users.u-1.memories/7f"}, {Intent: "memory/a", As: "memory/b"},
		{Done: &receipt{Key: "memory/a", Action: "create", Target: "memory/a", Version: "0", Losses: []loss{{"name", "dropped", "no place"}}}},
	} {
		raw, _, err := appendLine(nil, l)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, ok := parsePlain(raw[9:len(raw)-1], nil); !ok || !cmp.Equal(l, got, cmp.AllowUnexported(line{})) {
			t.Errorf("%s is left to package json", raw)
		}
	}
}

// TestManyIntents: intents beyond what memory holds are found, listed in their order, and answered.
func TestManyIntents(t *testing.T) {
	j, err := OpenJournal(t.TempDir() + "/j")
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.bind(&head{Journal: journalFormat, Run: "r"}); err != nil {
		t.Fatal(err)
	}
	const n = mostIntents + 100
	key := func(i int) string {
		return "memory/" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
	}
	for i := range n {
		if err := j.write(line{Intent: key(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < n; i += 2 {
		if err := j.write(line{Done: &receipt{Key: key(i), Action: "create"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.write(line{Intent: key(0)}); err != nil { // it is asked again
		t.Fatal(err)
	}
	check := func(j *Journal) {
		t.Helper()
		for i := range n {
			if e, err := j.get(key(i)); err != nil || e == nil || (e.done != nil) != (i%2 == 0 && i > 0) {
				t.Fatal(i, e, err)
			}
		}
		seen, at := map[string]bool{}, int64(0)
		for x, err := range j.all() {
			if err != nil || seen[x.key] || x.entry.at < at {
				t.Fatal(x.key, x.entry.at, at, err)
			}
			seen[x.key], at = true, x.entry.at
		}
		if len(seen) != n {
			t.Errorf("%d keys, want %d", len(seen), n)
		}
	}
	check(j)
	j.Close()
	again, err := OpenJournal(j.path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	check(again)
}
