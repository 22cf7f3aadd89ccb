package homefiles

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every line comes once, with its number and newline; one of more than the limit comes as nil.
func TestEachLine(t *testing.T) {
	const limit = 200_000
	lines := []string{"a\n", "\n", strings.Repeat("b", 65_535) + "\n", strings.Repeat("c", 65_536) + "\n", strings.Repeat("d", limit-1) + "\n", strings.Repeat("e", limit) + "\n", "f\r\n", strings.Repeat("g", 3*limit) + "\n", "\xff\x00\n"}
	for _, end := range []string{"", "h", strings.Repeat("i", 65_536), strings.Repeat("j", limit+1)} {
		want := append([]string{}, lines...)
		if end != "" {
			want = append(want, end)
		}
		var got []string
		err := EachLine(strings.NewReader(strings.Join(want, "")), limit, func(no int, line []byte) error {
			if no != len(got)+1 {
				t.Errorf("line %d comes as line %d", len(got)+1, no)
			}
			if line == nil {
				got = append(got, "long")
			} else {
				got = append(got, string(line))
			}
			return nil
		})
		for i, l := range want {
			if len(l) > limit {
				want[i] = "long"
			}
		}
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%.20q: %v %.500s", end, err, d)
		}
	}
	stop := errors.New("stop")
	n := 0
	if err := EachLine(strings.NewReader("a\nb\nc"), limit, func(int, []byte) error { n++; return stop }); err != stop || n != 1 {
		t.Error(n, err)
	}
}

func TestLineSet(t *testing.T) {
	var s LineSet
	for _, n := range []int{1, 63, 64, 1000} {
		s.Add(n)
	}
	for n := range 2000 {
		if want := n == 1 || n == 63 || n == 64 || n == 1000; s.Has(n) != want {
			t.Errorf("%d: %v", n, !want)
		}
	}
	if !(*LineSet)(nil).Has(7) {
		t.Error("no set has not all")
	}
}

// A walk names what it does not carry, enters no folder that is left out, and ends with ctx.
func TestWalk(t *testing.T) {
	root := t.TempDir()
	for _, rel := range []string{"notes/a.md", "notes/b.txt", "cache/x/y", "other/1", "other/2", "key"} {
		p := filepath.Join(root, rel)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o700), os.WriteFile(p, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("notes", filepath.Join(root, "more")); err != nil {
		t.Fatal(err)
	}
	rules := Rules{Kind: func(rel string) string {
		if strings.HasSuffix(rel, ".md") {
			return "memory"
		}
		return map[bool]string{true: "artifact"}[strings.HasPrefix(rel, "notes/")]
	}, Left: func(rel string) string { return map[string]string{"cache": "a cache", "key": "a secret"}[rel] }}
	w, err := rules.Walk(t.Context(), root, "")
	if err != nil {
		t.Fatal(err)
	}
	var gaps []string
	for _, g := range w.Gaps {
		gaps = append(gaps, g.Kind+" "+g.Place)
	}
	if d := cmp.Diff([]string{"memory more", "artifact other"}, gaps); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]uint64{"memory": 1, "artifact": 3}, w.Count()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"not carried: cache: a cache", "not carried: key: a secret"}, w.Notes()); d != "" {
		t.Error(d)
	}
}
