package secrets

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
)

func newScanner(t testing.TB) *Scanner {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// naive is what gitleaks does: every expression over all of the text in which a keyword is.
func (s *Scanner) naive(text []byte) (out []Finding) {
	low := bytes.ToLower(text)
	for _, r := range s.rules {
		if !slices.ContainsFunc(r.Keywords, func(k string) bool { return bytes.Contains(low, []byte(strings.ToLower(k))) }) {
			continue
		}
		for _, m := range r.compiled().FindAllSubmatchIndex(text, -1) {
			if a, b, ok := r.secret(text, m); ok && !s.allowed(r, text, m, a, b) {
				out = append(out, Finding{r.ID, a, b})
			}
		}
	}
	return sorted(out)
}

// quick is what Find does, before overlaps go.
func (s *Scanner) quick(text []byte) (out []Finding) {
	w := &work{pending: make([]span, len(s.rules))}
	s.pass(w, text, nil)
	for _, f := range w.found {
		out = append(out, f.Finding)
	}
	return sorted(out)
}

func sorted(f []Finding) []Finding {
	slices.SortFunc(f, func(a, b Finding) int { return cmp.Or(strings.Compare(a.Class, b.Class), a.Start-b.Start, a.End-b.End) })
	return slices.Compact(f)
}

// match is a random text that re matches.
func match(re *syntax.Regexp, rng *rand.Rand) string {
	var b strings.Builder
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		for range 50 { // something that prints, where there is
			i := 2 * rng.IntN(len(re.Rune)/2)
			lo, hi := re.Rune[i], re.Rune[i+1]
			if r := lo + rng.Int32N(hi-lo+1); r > 32 && r < 127 || lo == hi && r < 127 {
				b.WriteRune(r)
				return b.String()
			}
		}
		b.WriteRune(re.Rune[0])
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpCapture:
		return match(re.Sub[0], rng)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			b.WriteString(match(sub, rng))
		}
	case syntax.OpAlternate:
		return match(re.Sub[rng.IntN(len(re.Sub))], rng)
	case syntax.OpRepeat, syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		lo, hi := re.Min, re.Max
		switch re.Op {
		case syntax.OpStar:
			lo, hi = 0, 3
		case syntax.OpPlus:
			lo, hi = 1, 3
		case syntax.OpQuest:
			lo, hi = 0, 1
		}
		if hi < 0 || hi > lo+4 {
			hi = lo + 4
		}
		for range lo + rng.IntN(hi-lo+1) {
			b.WriteString(match(re.Sub[0], rng))
		}
	}
	return b.String()
}

// The quick way finds what the plain one does, for texts made of every rule's own expression. A rule
// whose texts are never found would show as one that cannot be.
func TestQuickIsNaive(t *testing.T) {
	s := newScanner(t)
	rng := rand.New(rand.NewPCG(1, 2))
	filler := []string{"", "the key to it is ", "see https://example.org/a?b=c, ", "token count: ", "x=", `{"a":"`, "\n\n", "curl -s http://localhost/ \\\n"}
	found := map[string]bool{}
	n, times := 0, 6
	if testing.Short() {
		times = 2
	}
	for _, r := range s.rules {
		tree, err := syntax.Parse(r.Regex, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		for range times {
			text := filler[rng.IntN(len(filler))] + match(tree, rng) + " " + filler[rng.IntN(len(filler))]
			if r.how == byText {
				text += r.Keywords[rng.IntN(len(r.Keywords))]
			}
			want, got := s.naive([]byte(text)), s.quick([]byte(text))
			if !slices.Equal(want, got) {
				t.Errorf("rule %s (%d): %q\nwant %v\n got %v", r.ID, r.how, text, want, got)
			}
			for _, f := range got {
				found[f.Class] = true
				n++
			}
		}
	}
	var never []string
	for _, r := range s.rules {
		if !found[r.ID] {
			never = append(never, r.ID)
		}
	}
	t.Logf("%d findings, of %d of %d rules; never found: %s", n, len(found), len(s.rules), strings.Join(never, " "))
	if len(never) > 10 {
		t.Errorf("rules that nothing was found of: %d", len(never))
	}
}

func FuzzFind(f *testing.F) {
	s := newScanner(f)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := 0; i < len(s.rules); i += 9 {
		tree, _ := syntax.Parse(s.rules[i].Regex, syntax.Perl)
		f.Add([]byte(match(tree, rng)))
	}
	for _, x := range samples {
		f.Add([]byte(x.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4<<10 {
			return
		}
		for i, found := range [][]Finding{s.quick(text), s.Find(text, nil)} {
			at := 0
			for _, x := range found {
				if x.Start < 0 || x.Start >= x.End || x.End > len(text) || i == 1 && x.Start < at {
					t.Fatalf("%q: %v", text, found)
				}
				at = x.End
			}
		}
		if want, got := s.naive(text), s.quick(text); fmt.Sprint(want) != fmt.Sprint(got) {
			t.Errorf("%q\nwant %v\n got %v", text, want, got)
		}
	})
}
