package mem0

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// The messages of a scope that has others in the target, or in another history of the source, come behind
// them: a plan says so, and nothing differs that it did not say.
func TestMessagesOfOneScope(t *testing.T) {
	said := func(dir, file, from string, n int) {
		for i := range n {
			sqlOf(t, filepath.Join(dir, file), fmt.Sprintf("INSERT INTO messages VALUES ('%s-%d', 'user_id=u-9', 'user', 'text %d', NULL, '2026-11-23T02:55:19.482Z')", from, i, i))
		}
	}
	for name, c := range map[string]struct {
		into   func(t *testing.T) string
		second bool // the source has a second history
		want   uint64
	}{
		"a fresh place":             {func(t *testing.T) string { return filepath.Join(t.TempDir(), "new") }, false, 0},
		"a store in use":            {func(t *testing.T) string { d := copied(t, "js"); said(d, "history.db", "theirs", 2); return d }, false, 3},
		"one that has them in part": {func(t *testing.T) string { d := copied(t, "js"); said(d, "history.db", "mine", 2); return d }, false, 0},
		// The samples of both have a message of one user.
		"the other package":                      {func(t *testing.T) string { return copied(t, "python") }, false, 1},
		"the other package, of two histories":    {func(t *testing.T) string { return copied(t, "python") }, true, 3},
		"the same, and two histories stay apart": {func(t *testing.T) string { return filepath.Join(t.TempDir(), "new") }, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			src := copied(t, "js")
			said(src, "history.db", "mine", 3)
			if c.second {
				sqlOf(t, filepath.Join(src, "second.db"), create(jsHistory, "memory_history"), create(jsHistory, "messages"))
				said(src, "second.db", "later", 2)
			}
			mem, _ := drivertest.Export(t, Open(src))
			dst := Open(c.into(t))
			plan, err := replay.Plan(t.Context(), dst, mem, &replay.Options{TargetModel: "m"})
			if err != nil {
				t.Fatal(err)
			}
			rep, journal := apply(t, dst, mem)
			if a, b := plan.LossCount["message.position"], rep.LossCount["message.position"]; a != c.want || b != c.want {
				t.Errorf("planned %d and said %d, want %d", a, b, c.want)
			}
			j, err := replay.OpenJournal(journal)
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.UnannouncedN != 0 {
				t.Errorf("%+v %v", back, err)
			}
		})
	}
}
