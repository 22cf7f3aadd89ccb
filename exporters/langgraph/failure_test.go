package langgraph

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// failuresOf are what failed where a thread stands.
func failuresOf(t *testing.T, m *memstate.State, thread string) []Failure {
	t.Helper()
	conv := get[*pb.Conversation](t, m, "conversation/"+thread)
	var writes []*pb.PendingWrite
	for _, r := range records(t, m) {
		if w, ok := r.(*pb.PendingWrite); ok && w.CheckpointKey == conv.Meta.ViewOfKeys[0] {
			writes = append(writes, w)
		}
	}
	out, err := Failures(writes, func(key string) (agentstate.Record, error) { return m.Get(t.Context(), key) })
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		if w := get[*pb.PendingWrite](t, m, out[i].Key); w.Channel != channelError {
			t.Errorf("%s is of %s", out[i].Key, w.Channel)
		}
		out[i].Key = ""
	}
	return out
}

// m404 finds nothing.
func m404(string) (agentstate.Record, error) { return nil, agentstate.ErrNotFound }

// TestFailures: of what failed the node and the error's type are told, where the library keeps paths of tasks and where not.
func TestFailures(t *testing.T) {
	const more = `INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value)
		SELECT thread_id, checkpoint_ns, checkpoint_id, 'another', idx, '__error__', 'json', CAST('"1 validation error (s3cret)"' AS BLOB) FROM writes WHERE thread_id = 't-failed' AND channel = '__error__'`
	const wentWell = `INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value)
		SELECT thread_id, checkpoint_ns, checkpoint_id, task_id, 0, 'results', 'msgpack', x'c0' FROM writes WHERE thread_id = 't-failed' AND channel = '__error__' AND task_id <> 'another'`
	worker := []Failure{{Node: "worker", Type: "RuntimeError"}}
	for _, c := range []struct {
		name, sample, thread string
		sql                  []string
		want                 []Failure
	}{
		{"python", "python.sqlite", "t-failed", nil, worker},
		{"nothing failed", "python.sqlite", "t-done", nil, nil},
		{"ran again and went well", "python.sqlite", "t-failed", []string{more, wentWell}, []Failure{{Node: "worker"}}},
		{"failed behind its node", "python.sqlite", "t-failed", []string{wentWell}, worker},
		{"the checkpoint is gone", "python.sqlite", "t-failed", []string{"UPDATE checkpoints SET checkpoint = x'c0' WHERE thread_id = 't-failed'"}, []Failure{{Type: "RuntimeError"}}},
		{"js", "js.sqlite", "thread-pending", nil, []Failure{{Node: "worker", Type: "Error"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := sample(t, c.sample)
			run(t, p, false, c.sql...)
			m, _ := drivertest.Export(t, SQLite(p))
			if d := cmp.Diff(c.want, failuresOf(t, m, c.thread)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	t.Run("inside graphs", func(t *testing.T) { // a fault is one of each task around it, too
		write := func(ns, task, channel string) *pb.PendingWrite {
			return &pb.PendingWrite{Meta: agentstate.Meta("pendingwrite", nil, "t", ns, "c", task, "-1"), CheckpointKey: agentstate.Key("checkpoint", "t", ns, "c"), TaskId: task, Channel: channel, TaskPath: "~__pregel_pull, " + task}
		}
		errs := []*pb.PendingWrite{write("", "a", channelError), write("", "beside", channelError), write("out:a", "b", channelError), write("out:a|mid:b", "c", channelError), write("", "late", channelError), write("in:late", "well", channelError), write("in:late", "well", "log"), {Channel: channelError, TaskId: "x", TaskPath: "~__pregel_pull, bare"}}
		out, err := Failures(errs, m404)
		var got []string
		for _, f := range out {
			got = append(got, f.Node)
		}
		if d := cmp.Diff([]string{"beside", "c", "late", "bare"}, got); d != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, d)
		}
	})
	t.Run("postgres", func(t *testing.T) {
		u := pgtest.Database(t)
		load(t, u, "python.pg.sql")
		m, _ := drivertest.Export(t, postgres(t, u))
		if d := cmp.Diff(worker, failuresOf(t, m, "t-failed")); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}
