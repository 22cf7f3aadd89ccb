package langgraph

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestOldIndices: JavaScript's SQLite saver up to 1.0.1 numbers questions, answers and errors like results. In PostgreSQL they
// stand where its saver replaces them; else a question that was answered stays open, an answer counts twice, and the first
// result of a task that failed is lost.
func TestOldIndices(t *testing.T) {
	p := sample(t, "js.sqlite")
	asks := func(id string) string { return fmt.Sprintf(`{"id":%q,"value":"%s?"}`, id, id) }
	statements := []string{"DELETE FROM checkpoints", "DELETE FROM writes",
		`INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, type, checkpoint, metadata) VALUES ('t', '', 'a', 'json',
			'{"v":4,"id":"a","ts":"2026-11-29T21:06:29.704Z","channel_values":{"log":["x"]},"channel_versions":{"log":1},"versions_seen":{}}', '{"source":"loop","step":0}')`}
	for _, w := range []struct {
		task    string
		index   int
		channel string
		value   string
	}{
		{"failed", 0, "__error__", `{"name":"Error","message":"m"}`},
		{"told", 0, "__interrupt__", asks("second")}, {"told", 1, "__resume__", `["one"]`},
		{"two", 0, "__interrupt__", asks("left")}, {"two", 1, "__interrupt__", asks("right")},
		{"again", -3, "__interrupt__", asks("new")}, {"again", 0, "__interrupt__", asks("old")},
		{"fewer", 0, "__interrupt__", asks("left")}, {"fewer", 1, "__resume__", `["one"]`}, {"fewer", 2, "__interrupt__", asks("gone")}, {"fewer", 3, "__resume__", "[]"},
		{"done", 0, "log", `["y"]`}, {"done", 1, "branch:to:b", "null"},
	} {
		statements = append(statements, fmt.Sprintf(`INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value) VALUES ('t', '', 'a', '%s', %d, '%s', 'json', '%s')`, w.task, w.index, w.channel, w.value))
	}
	run(t, p, false, statements...)
	m, _ := drivertest.Export(t, SQLite(p))
	copyExact(t, SQLite(p), m)
	dst := postgres(t, pgtest.Database(t))
	asSaid(t, m, dst)
	there, _ := drivertest.Export(t, dst)
	want := []string{"again -3 __interrupt__", "again 1073741824 __interrupt__", "done 0 log", "done 1 branch:to:b", "failed -1 __error__",
		"fewer -3 __interrupt__", "fewer -4 __resume__", "fewer 1073741826 __interrupt__", "fewer 1073741827 __resume__", "told -3 __interrupt__", "told -4 __resume__", "two -3 __interrupt__", "two 1073741825 __interrupt__"}
	if d := cmp.Diff(want, indices(t, there)); d != "" {
		t.Errorf("writes in PostgreSQL (-want +got):\n%s", d)
	}
	if n := actions(apply(t, dst, m, false)); n["create"]+n["conflict"]+n["refuse"] > 0 {
		t.Errorf("a second replay: %v", n)
	}
	lite := SQLite(filepath.Join(t.TempDir(), "back.sqlite"))
	asSaid(t, there, lite)
	back, _ := drivertest.Export(t, lite)
	if d := cmp.Diff(want, indices(t, back)); d != "" {
		t.Errorf("back in SQLite (-want +got):\n%s", d)
	}
	dst = postgres(t, pgtest.Database(t))
	asSaid(t, back, dst)
	there, _ = drivertest.Export(t, dst)
	if d := cmp.Diff(want, indices(t, there)); d != "" {
		t.Errorf("in PostgreSQL again (-want +got):\n%s", d)
	}
}

// An undo finds the rows under the indices that they got.
func TestUndoOldIndices(t *testing.T) {
	p := sample(t, "js.sqlite")
	run(t, p, false, "UPDATE OR REPLACE writes SET idx = 0 WHERE idx < 0")
	m, _ := drivertest.Export(t, SQLite(p))
	dst := postgres(t, pgtest.Database(t))
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := replay.Apply(t.Context(), dst, m, &replay.Options{Journal: j}); err != nil {
		t.Fatal(err)
	}
	if there, _ := drivertest.Export(t, dst); len(indices(t, there)) == 0 {
		t.Fatal("nothing was written")
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN > 0 {
		t.Fatalf("%d left, %v", u.LeftN, err)
	}
	left, _ := drivertest.Export(t, dst)
	if got := indices(t, left); len(got) > 0 {
		t.Errorf("left are %q", got)
	}
}

// indices are task, index and channel of each write.
func indices(t *testing.T, m *memstate.State) (out []string) {
	t.Helper()
	for _, r := range records(t, m) {
		if p, ok := r.(*pb.PendingWrite); ok {
			out = append(out, fmt.Sprint(p.TaskId, " ", p.Index, " ", p.Channel))
		}
	}
	slices.Sort(out)
	return out
}
