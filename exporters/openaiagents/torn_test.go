package openaiagents

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/internal/loadtest"
)

// A program that was ended while it wrote leaves half a line. The session is carried with it, to the byte, the sound
// lines are read, and the others are counted and named.
func TestTornLines(t *testing.T) {
	t.Parallel() // files with no end, that are being written, are waited for
	lists := loadtest.Of(1<<16, 1<<20)
	const a, b, half = `{"role": "user", "content": "hi"}`, `{"role": "assistant", "content": "ho"}`, `{"role": "user", "conte`
	for name, c := range map[string]struct {
		text, says string
		n, bad     uint64
	}{
		"last":                  {a + "\n" + b + "\n" + half, "line 3", 2, 1},
		"in the middle":         {"\ufeff" + a + "\r\n" + b + "\n\n" + half + "\n" + half + "\n" + b + "\n", "line 4", 3, 2},
		"first":                 {a + "\n" + half, "line 2", 1, 1},
		"the first's end":       {half + "\n" + a + "\n" + b + "\n", "line 1", 2, 1},
		"the first's beginning": {`er", "content": "hi"}` + "\r\n" + a + "\r\n" + b + "\r\n" + half, "line 1", 2, 2},
		"spaces":                {a + "\n" + b + "\n\u00a0\n" + half, "line 4", 2, 1},
		"open lists":            {a + "\n" + b + "\n" + strings.Repeat("[\n", lists), "line 3", 2, uint64(lists)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			put(t, dir, "s.jsonl", []byte(c.text))
			hourAgo := time.Now().Add(-time.Hour) // nobody is writing it
			if err := os.Chtimes(filepath.Join(dir, "s.jsonl"), hourAgo, hourAgo); err != nil {
				t.Fatal(err)
			}
			f := Open(dir)
			mem, rep := drivertest.Export(t, f)
			if rep.Records["conversation"] != 1 || rep.Records["message"] != c.n || rep.Verdict.Kinds["message"].Coverage != agentstate.Gaps {
				t.Errorf("%v %v", rep.Records, rep.Verdict.Kinds["message"])
			}
			p, err := f.Preflight(t.Context())
			if err != nil || p.Counts["message"] != int64(c.n) || len(p.Gaps) != 1 {
				t.Fatalf("%v %v", p, err)
			}
			for _, g := range append(rep.Gaps, p.Gaps...) {
				if g.Count != c.bad || !strings.Contains(g.Detail, c.says+":") || g.Place != "s.jsonl" {
					t.Errorf("%v", g)
				}
			}
			dst := Open(filepath.Join(t.TempDir(), "copy"))
			_, j := drivertest.Apply(t, dst, mem)
			if got, err := os.ReadFile(filepath.Join(dst.root, "s.jsonl")); err != nil || string(got) != c.text {
				t.Errorf("not the same bytes: %v", err)
			}
			if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.UnannouncedN != 0 {
				t.Errorf("%+v %v", back, err)
			}
		})
	}
}
