package exitdrill_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/langgraph"
)

// supportPlace has the demo's store twice: a source, s.sqlite, and a target that holds the same, t.sqlite.
func supportPlace(t *testing.T) *place {
	t.Helper()
	p := newPlace(t)
	p.opts.Registry = exporters.NewRegistry(langgraph.Drivers()...)
	b, err := os.ReadFile("../cmd/exitramp/demo/support.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	p.write("s.sqlite", string(b))
	p.write("t.sqlite", string(b))
	return p
}

// TestUnnamedModels: where the target held vectors, and neither side names the model of its own, nobody knows whether they fit.
func TestUnnamedModels(t *testing.T) {
	t.Parallel()
	for keep, want := range map[bool]evidence.Result{true: evidence.Warn, false: evidence.Pass} {
		p := supportPlace(t)
		if !keep {
			if err := os.Remove(filepath.Join(p.dir, "t.sqlite")); err != nil {
				t.Fatal(err)
			}
		}
		out := p.run(p.plan("mem:source", "langgraph+sqlite:DIR/s.sqlite", "mem:target", "langgraph+sqlite:DIR/t.sqlite", "replay: {approve: DIR/approvals}", "",
			"{kind: memory, path: text, contains: likes tea 0003}", "{kind: memory, contains: neighbour}", "{key: message/t1/0002, contains: order 1}", "{kind: message, contains: A-1043}"))
		if c := check(out, 37); c.Result != want || strings.Contains(c.Why, "neither side says") != keep {
			t.Errorf("held before %v: %+v", keep, c)
		}
	}
}

// TestHeldInside: of a thread that the target held before, no message and no channel value counts as arrived, nor as a
// known answer: they stand inside of checkpoints that were there. Those of other threads do.
func TestHeldInside(t *testing.T) {
	t.Parallel()
	for answer, verdict := range map[string]evidence.Verdict{"A-1043": evidence.VerdictPassWithLoss, "A-1041": evidence.VerdictFail} {
		p := supportPlace(t)
		db, err := sql.Open("sqlite", filepath.Join(p.dir, "t.sqlite"))
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []string{"DELETE FROM checkpoints WHERE thread_id <> 'chat-1001'", "DELETE FROM writes WHERE thread_id <> 'chat-1001'", "DELETE FROM store_vectors", "DELETE FROM store"} {
			if _, err := db.Exec(q); err != nil {
				t.Fatal(q, err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		out := p.run(p.plan("mem:source", "langgraph+sqlite:DIR/s.sqlite", "mem:target", "langgraph+sqlite:DIR/t.sqlite", "replay: {approve: DIR/approvals}", "",
			"{kind: memory, path: text, contains: likes tea 0003}", "{kind: memory, contains: neighbour}", "{key: message/t1/0002, contains: order 1}", "{kind: message, contains: "+answer+"}"))
		for name, before := range map[string]uint64{"conversation": 1, "message": 5, "channelvalue": 9, "checkpoint": 5, "pendingwrite": 8, "memory": 0, "memoryspace": 0} {
			if k := kind(out, name); k.Before != before || k.Matched != k.Archived {
				t.Errorf("%s: want %d that were there before, got %d: %+v", name, before, k.Before, k)
			}
		}
		if c := check(out, 33); !strings.HasPrefix(c.Why, "73 of 73 records") {
			t.Errorf("%+v", c)
		}
		if out.Judgement.Verdict != verdict {
			t.Errorf("%s: %+v", answer, out.Judgement)
		}
	}
}
