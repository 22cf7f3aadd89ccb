package exitdrill_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/exitdrill"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestExchanged: an archive that is another one in a later phase, or when the drill goes on, is found out, also where
// the same key signed it.
func TestExchanged(t *testing.T) {
	type at struct {
		phase  string
		killed bool
	}
	for _, c := range loadtest.Of([]at{{"replay", false}, {"controls", true}},
		[]at{{"plan", false}, {"replay", false}, {"read-back", false}, {"controls", false}, {"controls", true}}) {
		phase, killed := c.phase, c.killed
		t.Run(fmt.Sprint(phase, killed), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.run(p.plan("level: L3", "level: L1", "name: q", "name: other", "archive: DIR/a.ctxa", "archive: DIR/b.ctxa"))
			for i := range 2 {
				p.runtimes["source"].Set(&pb.Memory{Meta: agentstate.Meta("memory", nil, "ada", fmt.Sprint("late", i))})
			}
			p.run(p.plan("level: L3", "level: L1"))
			pl := p.plan("name: q", "name: s", "mode: planned", "mode: stressed", "keep: true", "keep: false")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			exchanged := false
			p.opts.Progress = func(at string, _ agentstate.Record) {
				if at != phase || exchanged {
					return
				}
				exchanged = true
				if err := errors.Join(os.Rename(filepath.Join(p.dir, "a.ctxa"), filepath.Join(p.dir, "kept.ctxa")), os.Rename(filepath.Join(p.dir, "b.ctxa"), filepath.Join(p.dir, "a.ctxa"))); err != nil {
					t.Error(err)
				}
				if killed {
					cancel()
				}
			}
			if _, err := exitdrill.Run(ctx, pl, &p.opts); !errors.Is(err, drill.ErrBroken) {
				t.Fatalf("%v", err)
			}
			if _, err := exitdrill.Run(t.Context(), pl, &p.opts); !errors.Is(err, drill.ErrExchanged) || !strings.Contains(err.Error(), "put it back") {
				t.Errorf("it went on with the other one: %v", err)
			}
			if err := os.Rename(filepath.Join(p.dir, "kept.ctxa"), filepath.Join(p.dir, "a.ctxa")); err != nil {
				t.Fatal(err)
			}
			if out := p.run(pl); out.Judgement.Verdict != evidence.VerdictPass || kind(out, "memory").Matched != 8 {
				t.Errorf("put back: %+v", out.Judgement)
			}
		})
	}
}
