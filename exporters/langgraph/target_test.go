package langgraph

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// canonical are the state records of m in the order in which an archive gives them.
func canonical(t testing.TB, m *memstate.State) []agentstate.Record {
	t.Helper()
	recs := records(t, m)
	order := map[string]int{}
	for i, k := range agentstate.Kinds() {
		order[k] = i
	}
	slices.SortStableFunc(recs, func(a, b agentstate.Record) int {
		return order[agentstate.KindOf(a)] - order[agentstate.KindOf(b)]
	})
	return slices.DeleteFunc(recs, func(r agentstate.Record) bool { return !agentstate.IsState(agentstate.KindOf(r)) })
}

func originOf(t testing.TB, m *memstate.State) *pb.Origin {
	t.Helper()
	for _, r := range records(t, m) {
		if o, ok := r.(*pb.Origin); ok {
			return o
		}
	}
	t.Fatal("no origin")
	return nil
}

// apply replays m into dst and returns the receipts of what is not a view.
func apply(t testing.TB, dst *Store, m *memstate.State, dry bool) []replay.Receipt {
	t.Helper()
	out, err := tryApply(t, dst, m, dry)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tryApply(t testing.TB, dst *Store, m *memstate.State, dry bool) ([]replay.Receipt, error) {
	t.Helper()
	ctx := context.Background()
	w, err := dst.Begin(ctx, &replay.Run{ID: "run-1", DryRun: dry, From: originOf(t, m), Source: resolver(m)})
	if err != nil {
		return nil, err
	}
	defer w.Close()
	var out []replay.Receipt
	for _, r := range canonical(t, m) {
		rc, err := w.Write(ctx, r)
		if err != nil {
			return out, err
		}
		if rc.Action == 0 || rc.Key != r.GetMeta().GetKey() {
			t.Fatalf("receipt %+v of %s", rc, r.GetMeta().GetKey())
		}
		if len(r.GetMeta().GetViewOfKeys()) == 0 || agentstate.KindOf(r) == "memory" { // of another runtime
			out = append(out, rc)
		} else if rc.Action != replay.Skipped || rc.Why == "" {
			t.Errorf("view %s: %v %q", rc.Key, rc.Action, rc.Why)
		}
	}
	return out, w.Commit(ctx)
}

// actions counts receipts.
func actions(rcs []replay.Receipt) map[string]int {
	out := map[string]int{}
	for _, rc := range rcs {
		out[rc.Action.String()]++
	}
	return out
}

// bare takes the ids of the target out of receipts, which a plan does not have.
func bare(rcs []replay.Receipt) []replay.Receipt {
	out := slices.Clone(rcs)
	for i := range out {
		out[i].Target, out[i].Version = "", ""
	}
	return out
}

// A place is a store that a test can make anew.
type storeAt struct {
	name string
	load func(t testing.TB) *Store // with the sample in it
	void func(t testing.TB) *Store // empty
}

func stores() []storeAt {
	lite := func(name string) storeAt {
		return storeAt{name, func(t testing.TB) *Store { return SQLite(sample(t, name)) },
			func(t testing.TB) *Store { return SQLite(filepath.Join(t.TempDir(), "new.sqlite")) }}
	}
	pg := func(name string) storeAt {
		return storeAt{name, func(t testing.TB) *Store {
			u := pgtest.Database(t)
			load(t, u, name)
			return postgres(t, u)
		}, func(t testing.TB) *Store { return postgres(t, pgtest.Database(t)) }}
	}
	return []storeAt{lite("js.sqlite"), lite("python.sqlite"), pg("js.pg.sql"), pg("python.pg.sql"), pg("python.pgvector.sql")}
}

// TestExact copies each store into an empty place of the same kind: every row is there again, the
// plan said so, a second run finds everything the same, and undo takes all of it away.
func TestExact(t *testing.T) {
	for _, at := range stores() {
		t.Run(at.name, func(t *testing.T) {
			src := at.load(t)
			want := tableRows(t, src)
			m, _ := drivertest.Export(t, src)
			dst := at.void(t)

			plan := apply(t, dst, m, true)
			if dst.path != "" {
				if _, err := os.Stat(dst.path); err == nil {
					t.Error("the plan made the file")
				}
			}
			done := apply(t, dst, m, false)
			if d := cmp.Diff(bare(plan), bare(done)); d != "" {
				t.Errorf("plan and run differ:\n%.2000s", d)
			}
			if d := cmp.Diff(want, tableRows(t, dst)); d != "" {
				t.Errorf("rows differ (-source +copy):\n%.2000s", d)
			}
			if n := actions(done); n["refuse"]+n["conflict"] > 0 || n["create"] < 100 {
				t.Errorf("actions %v", n)
			}
			again := apply(t, dst, m, false)
			if n := actions(again); n["create"]+n["refuse"]+n["conflict"] > 0 {
				t.Errorf("second run: %v", n)
			}
			if n := actions(apply(t, dst, m, true)); n["create"]+n["refuse"]+n["conflict"] > 0 {
				t.Errorf("second plan: %v", n)
			}
			// What was replayed reads back as the same records.
			back, rep := drivertest.Export(t, dst)
			if rep.Verdict.Coverage != agentstate.Reconciled {
				t.Errorf("coverage of the copy: %v", rep.Verdict)
			}
			if d := cmp.Diff(keys(t, m), keys(t, back)); d != "" {
				t.Errorf("keys differ:\n%.2000s", d)
			}
			left, err := drivertest.Undo(t.Context(), dst, &replay.Run{ID: "run-1"}, created(done))
			if err != nil || len(left) > 0 {
				t.Fatalf("undo left %d: %v", len(left), err)
			}
			for name, rows := range tableRows(t, dst) {
				if len(rows) > 0 && !strings.HasSuffix(name, "_migrations") {
					t.Errorf("undo left %d rows of %s", len(rows), name)
				}
			}
			if n := actions(apply(t, dst, m, false)); n["create"] != actions(done)["create"] {
				t.Errorf("after undo: %v", n)
			}
		})
	}
}

func keys(t testing.TB, m *memstate.State) []string {
	var out []string
	for _, r := range canonical(t, m) {
		out = append(out, r.GetMeta().GetKey())
	}
	return out
}

func created(rcs []replay.Receipt) []replay.Receipt {
	return slices.DeleteFunc(slices.Clone(rcs), func(rc replay.Receipt) bool { return rc.Action != replay.Created })
}

// TestConflict changes one row of the target: it stays as it is, the receipt names the column and
// no content, and the rest is the same.
func TestConflict(t *testing.T) {
	for _, at := range stores() {
		t.Run(at.name, func(t *testing.T) {
			m, _ := drivertest.Export(t, at.load(t))
			dst := at.void(t)
			apply(t, dst, m, false)
			change(t, dst, "UPDATE checkpoints SET parent_checkpoint_id = 'secret words' WHERE checkpoint_id = (SELECT max(checkpoint_id) FROM checkpoints WHERE checkpoint_ns = '') AND checkpoint_ns = ''")
			for _, dry := range []bool{true, false} {
				rcs := apply(t, dst, m, dry)
				n := actions(rcs)
				if n["conflict"] != 1 || n["create"] > 0 {
					t.Fatalf("dry %v: %v", dry, n)
				}
				for _, rc := range rcs {
					if rc.Action == replay.Conflict && (!strings.Contains(rc.Why, "parent_checkpoint_id") || strings.Contains(rc.Why, "secret")) {
						t.Errorf("why: %s", rc.Why)
					}
				}
			}
		})
	}
}

// change runs a statement on a store.
func change(t testing.TB, s *Store, q string) {
	t.Helper()
	d, err := s.openDest(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if err := d.exec(context.Background(), q); err != nil {
		t.Fatal(err)
	}
	if err := d.commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestUndoLeaves changes what the run wrote in the ways in which users do.
func TestUndoLeaves(t *testing.T) {
	for _, at := range stores() {
		t.Run(at.name, func(t *testing.T) {
			m, _ := drivertest.Export(t, at.load(t))
			dst := at.void(t)
			done := apply(t, dst, m, false)
			thread := "t-interrupt"
			if strings.HasPrefix(at.name, "js") {
				thread = "thread-interrupt"
			}
			// the thread goes on: a checkpoint after the newest
			change(t, dst, `INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
				SELECT thread_id, checkpoint_ns, 'zzz', checkpoint_id, checkpoint, metadata FROM checkpoints
				WHERE thread_id = '`+thread+`' AND checkpoint_ns = '' ORDER BY checkpoint_id DESC LIMIT 1`)
			left, err := drivertest.Undo(t.Context(), dst, &replay.Run{}, created(done))
			if err != nil {
				t.Fatal(err)
			}
			if len(left) == 0 {
				t.Fatal("nothing left")
			}
			for _, rc := range left {
				if !strings.Contains(rc.Key, "/"+thread+"/") || !strings.Contains(rc.Why, "went on") {
					t.Errorf("left %s: %s", rc.Key, rc.Why)
				}
			}
			for _, r := range records(t, must(drivertest.Export(t, dst))) {
				if _, parts := agentstate.SplitKey(r.GetMeta().GetKey()); agentstate.KindOf(r) == "checkpoint" && parts[0] != thread {
					t.Errorf("still there: %s", r.GetMeta().GetKey())
				}
			}
		})
	}
}

func must(m *memstate.State, _ *agentstate.Report) *memstate.State { return m }

// TestUndoEdited edits a store item after the run: it stays.
func TestUndoEdited(t *testing.T) {
	for _, at := range stores()[1:] {
		t.Run(at.name, func(t *testing.T) {
			m, _ := drivertest.Export(t, at.load(t))
			dst := at.void(t)
			done := apply(t, dst, m, false)
			change(t, dst, `UPDATE store SET value = '{"text":"edited"}' WHERE key = 'mem-2'`)
			left, err := drivertest.Undo(t.Context(), dst, &replay.Run{}, created(done))
			if err != nil {
				t.Fatal(err)
			}
			if len(left) != 1 || !strings.HasSuffix(left[0].Key, "/mem-2") || left[0].Why != "changed since the run" {
				t.Errorf("left %+v", left)
			}
		})
	}
}

// TestUndoOfADroppedTable: what was in a table that somebody dropped is gone, and the rest is taken out.
func TestUndoOfADroppedTable(t *testing.T) {
	for _, at := range stores()[1:] {
		for _, table := range []string{"store", "checkpoints"} {
			t.Run(at.name+" "+table, func(t *testing.T) {
				m, _ := drivertest.Export(t, at.load(t))
				dst := at.void(t)
				done := apply(t, dst, m, false)
				drop := "DROP TABLE " + table
				if dst.server != nil {
					drop += " CASCADE" // vectors lead to their items
				}
				change(t, dst, drop)
				left, err := drivertest.Undo(t.Context(), dst, &replay.Run{}, created(done))
				if err != nil {
					t.Fatal(err)
				}
				gone := 0
				for _, rc := range left {
					switch there := strings.HasPrefix(rc.Target, "store_vectors/"); {
					case (rc.Why == replay.Gone) == there: // a store that is not there says nothing of its vectors
						t.Errorf("left %s (%s): %s", rc.Key, rc.Target, rc.Why)
					case !there && !strings.HasPrefix(rc.Target, table+"/"):
						t.Errorf("gone %s (%s)", rc.Key, rc.Target)
					case !there:
						gone++
					}
				}
				if gone == 0 {
					t.Error("nothing was said to be gone")
				}
			})
		}
	}
}

// TestAllOrNothing breaks a run off before its commit: nothing of it stays.
func TestAllOrNothing(t *testing.T) {
	for _, at := range stores() {
		t.Run(at.name, func(t *testing.T) {
			m, _ := drivertest.Export(t, at.load(t))
			dst := at.void(t)
			w, err := dst.Begin(t.Context(), &replay.Run{From: originOf(t, m), Source: resolver(m)})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range canonical(t, m)[:40] {
				if _, err := w.Write(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if dst.path != "" {
				es, _ := os.ReadDir(filepath.Dir(dst.path))
				if len(es) > 0 {
					t.Errorf("left behind: %v", es)
				}
				return
			}
			_, err = dst.Preflight(t.Context())
			if !errors.Is(err, ErrSchema) {
				t.Errorf("tables after a broken run: %v", err)
			}
		})
	}
}
