package langgraph

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// withPath is the sample of Python as langgraph-checkpoint-sqlite 3.1.2 has it, which added a column.
func withPath(t *testing.T) *Store {
	t.Helper()
	p := sample(t, "python.sqlite")
	run(t, p, false, "ALTER TABLE writes RENAME TO older", `CREATE TABLE IF NOT EXISTS writes (
                thread_id TEXT NOT NULL,
                checkpoint_ns TEXT NOT NULL DEFAULT '',
                checkpoint_id TEXT NOT NULL,
                task_id TEXT NOT NULL,
                task_path TEXT NOT NULL DEFAULT '',
                idx INTEGER NOT NULL,
                channel TEXT NOT NULL,
                type TEXT,
                value BLOB,
                PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
            )`, `INSERT INTO writes SELECT thread_id, checkpoint_ns, checkpoint_id, task_id,
		CASE idx WHEN 0 THEN '~__pregel_pull, ' || channel ELSE '' END, idx, channel, type, value FROM older`, "DROP TABLE older")
	return SQLite(p)
}

// TestTaskPath: writes in SQLite have a task path since a later release of the library. It orders what
// parallel tasks wrote to one channel, so it must not be lost.
func TestTaskPath(t *testing.T) {
	src := withPath(t)
	m, _ := drivertest.Export(t, src)
	var paths int
	for _, r := range records(t, m) {
		if p, ok := r.(*pb.PendingWrite); ok && p.TaskPath != "" {
			paths++
		}
	}
	if paths == 0 {
		t.Fatal("no write has a task path")
	}
	t.Run("empty place", func(t *testing.T) {
		copyExact(t, src, m)
		dst := SQLite(filepath.Join(t.TempDir(), "copy.sqlite"))
		apply(t, dst, m, false)
		if d := cmp.Diff(schemaOf(t, src), schemaOf(t, dst)); d != "" {
			t.Errorf("schema differs (-runtime +made):\n%s", d)
		}
	})
	t.Run("planned alike", func(t *testing.T) {
		dst := SQLite(filepath.Join(t.TempDir(), "new.sqlite"))
		planned, done := actions(apply(t, dst, m, true)), actions(apply(t, dst, m, false))
		if d := cmp.Diff(planned, done); d != "" {
			t.Errorf("-plan +run:\n%s", d)
		}
	})
	t.Run("older tables", func(t *testing.T) {
		dst := SQLite(sample(t, "python.sqlite"))
		change(t, dst, "DELETE FROM checkpoints; DELETE FROM writes; DELETE FROM store; DELETE FROM store_vectors")
		done := apply(t, dst, m, false)
		if n := actions(done); n["refuse"]+n["conflict"] > 0 {
			t.Errorf("actions %v", n)
		}
		lost := 0
		for _, rc := range done {
			for _, l := range rc.Losses {
				if l.Path == "task_path" {
					lost++
				}
			}
		}
		if lost != paths {
			t.Errorf("%d losses announced, want %d", lost, paths)
		}
		back, _ := drivertest.Export(t, dst)
		if got := unannounced(t, m, back, done); len(got) > 0 {
			t.Errorf("not announced: %q", got)
		}
	})
	t.Run("who asks, in older tables", func(t *testing.T) {
		m, _ := drivertest.Export(t, SQLite(sample(t, "sends.sqlite")))
		dst := SQLite(sample(t, "v1.sqlite"))
		change(t, dst, "DELETE FROM checkpoints; DELETE FROM writes")
		j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if _, err := replay.Apply(t.Context(), dst, m, &replay.Options{Journal: j}); err != nil {
			t.Fatal(err)
		}
		back, err := replay.ReadBack(t.Context(), m, dst, j)
		if err != nil || len(back.Unannounced) > 0 {
			t.Errorf("%v, not announced: %v", err, back.Unannounced)
		}
		said := map[string]bool{}
		for _, l := range back.Losses {
			said[l.Path] = true
		}
		if !said["asked_by"] {
			t.Error("who asks arrived: nothing was tried")
		}
	})
	t.Run("newer tables", func(t *testing.T) {
		older, _ := drivertest.Export(t, SQLite(sample(t, "python.sqlite")))
		dst := withPath(t)
		change(t, dst, "DELETE FROM checkpoints; DELETE FROM writes; DELETE FROM store; DELETE FROM store_vectors")
		asSaid(t, older, dst)
	})
	t.Run("through PostgreSQL", func(t *testing.T) {
		pg := postgres(t, pgtest.Database(t))
		apply(t, pg, m, false)
		there, _ := drivertest.Export(t, pg)
		dst := SQLite(filepath.Join(t.TempDir(), "back.sqlite"))
		apply(t, dst, there, false)
		back, _ := drivertest.Export(t, dst)
		for _, r := range records(t, m) {
			p, ok := r.(*pb.PendingWrite)
			if !ok || strings.Contains(p.Serializer, "+") {
				continue
			}
			if got := get[*pb.PendingWrite](t, back, p.Meta.Key).TaskPath; got != p.TaskPath {
				t.Errorf("%s: task path %q, want %q", p.Meta.Key, got, p.TaskPath)
			}
		}
	})
}

// TestVectorWithNUL: one key that PostgreSQL cannot hold is a refusal, and does not end the run.
func TestVectorWithNUL(t *testing.T) {
	s := SQLite(sample(t, "python.sqlite"))
	change(t, s, "INSERT INTO store (prefix, key, value) VALUES ('a', 'b' || char(0), CAST('{}' AS BLOB)); INSERT INTO store_vectors (prefix, key, field_name, embedding) VALUES ('a', 'b' || char(0), '$', x'00000000000000000000000000000000')")
	m, _ := drivertest.Export(t, s)
	dst := postgres(t, pgtest.Database(t))
	needVector(t, dst)
	want := map[string]bool{agentstate.Key("memory", "a", "b\x00"): true, agentstate.Key("embedding", "a", "b\x00", "$"): true}
	for _, rc := range apply(t, dst, m, false) {
		if want[rc.Key] {
			if rc.Action != replay.Refused || !strings.Contains(rc.Why, "NUL") {
				t.Errorf("%s: %v %s", rc.Key, rc.Action, rc.Why)
			}
			delete(want, rc.Key)
		}
	}
	if len(want) > 0 {
		t.Errorf("never asked: %v", want)
	}
}

// TestNodeOf: the node in the task paths of langgraph 1.2.11. What handles a node's errors asks in the name of the node.
func TestNodeOf(t *testing.T) {
	for path, want := range map[string]string{
		"~__pregel_pull, fan": "fan",
		"~__pregel_push, ~__pregel_pull, wf, 0000000002, 0000000001":                                  "wf",
		"~__pregel_push, 0000000000, 0000000000":                                                      "",
		"~__pregel_pull, bad, node_error_handler, 0000000000":                                         "bad",
		"~__pregel_push, ~__pregel_pull, bad, node_error_handler, 0000000000, 0000000000, 0000000001": "bad",
		"": "",
	} {
		if got := nodeOf(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
