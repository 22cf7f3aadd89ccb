package langgraph

import (
	"cmp"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestChance carries the state of programs that nobody wrote, a seed each. EXITRAMP_INTEROP_CHANCE is FROM:TO, of other seeds than the few that
// are always tried.
func TestChance(t *testing.T) {
	t.Setenv("CHANCE", cmp.Or(os.Getenv("EXITRAMP_INTEROP_CHANCE"), "0:2"))
	for lang, f := range map[string]func(*testing.T) flavour{"python": python, "js": javascript} {
		for _, from := range []string{"sqlite", "pg"} {
			t.Run(lang+"/"+from, func(t *testing.T) {
				s := produce(t, f(t), "chance", from)
				s.stands(t)
				for _, to := range []string{"sqlite", "pg"} {
					t.Run(to, func(t *testing.T) { s.there(t, to) })
				}
			})
		}
	}
}

// stands compares what 'list' says of each thread with what the runtime says.
func (s sealed) stands(t *testing.T) {
	t.Helper()
	var facts struct {
		Notes struct {
			Stands  map[string][]string
			Threads map[string]string
		}
	}
	b, err := os.ReadFile(s.facts)
	if err == nil {
		err = json.Unmarshal(b, &facts)
	}
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	d := json.NewDecoder(strings.NewReader(exitramp(t, done, "cat", s.archive, "conversation").out))
	for d.More() {
		var c struct {
			Meta   struct{ Key string }
			Status string
		}
		if err := d.Decode(&c); err != nil {
			t.Fatal(err)
		}
		_, id, _ := strings.Cut(c.Meta.Key, "/")
		if id, err = url.PathUnescape(id); err != nil {
			t.Fatal(err)
		}
		said[id] = c.Status
	}
	n := 0
	for seed, may := range facts.Notes.Stands {
		status := said[facts.Notes.Threads[seed]]
		if len(may) == 0 || status == "" {
			continue // a program cannot be asked, nothing is left, or only the program knows
		}
		if n++; !slices.Contains(may, status) {
			t.Errorf("seed %s, thread %.40q: said to be %q, the runtime says %v", seed, facts.Notes.Threads[seed], status, may)
		}
	}
	if n == 0 {
		t.Error("nothing was compared")
	}
}

// there carries the archive into an empty place, twice, lets the runtime judge, and takes it out again.
func (s sealed) there(t *testing.T, to string) {
	target, journal := sqlite(t, "target.sqlite"), filepath.Join(t.TempDir(), "replay.journal")
	if to == "pg" {
		target = postgres(t, "")
	}
	want, judge := done, []string{s.shape, target.of(s.flavour), s.facts}
	if s.kind != to {
		want = []int{0, 3}
	}
	if s.kind == "sqlite" && to == "pg" { // a value that was changed under its version, and branches, get versions of their own: no state shows them
		judge = append(judge, "--skip", "view")
	}
	first := func(args ...string) string {
		r := exitramp(t, want, append(args, s.archive, target.exitramp, "--accept-unsigned")...)
		line, _, _ := strings.Cut(r.out, "\n")
		return line
	}
	foretold := first("plan", "-o", journal+".plan")
	if wrote := first("replay", "--journal", journal); wrote != foretold {
		t.Errorf("the plan said %q, replay did %q", foretold, wrote)
	}
	if again := first("replay", "--journal", journal+".again"); !strings.HasPrefix(again, "create 0 ") {
		t.Errorf("a second replay: %s", again)
	}
	if back := first("readback", "--journal", journal); !strings.Contains(back, "missing 0") {
		t.Error(back)
	}
	s.judge(t, "judge", judge...)
	exitramp(t, done, "undo", journal, target.exitramp)
	if s.name == "js" {
		return // what judges an empty store is in Python
	}
	if r := s.script(t, "judge_empty", target.of(s.flavour)); r.code != 0 {
		t.Errorf("undo left rows behind\n%s", tail(r.all()))
	}
}
