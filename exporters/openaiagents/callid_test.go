package openaiagents

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/callid/calltest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestCallIDs: the SDK sends the model one of two calls of one id, with the last result. Calls whose ids another runtime used
// again have ids of their own in a session.
func TestCallIDs(t *testing.T) {
	src := calltest.Session("user call:call_0 result:call_0 user call:call_0 result:call_0 call:call_0-2 result:call_0-2")
	for name, dst := range map[string]func(t *testing.T) calltest.Target{
		"folder":     func(t *testing.T) calltest.Target { return Open(filepath.Join(t.TempDir(), "new")) },
		"PostgreSQL": func(t *testing.T) calltest.Target { return postgres(t, pgtest.Database(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			got := calltest.Arrived(t, dst(t), src)
			if d := cmp.Diff([]string{"call_0=1,1", "call_0-2=2,2", "call_0-2-2=3,3"}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// brokenCommit is a target that commits, and of which the run does not learn it.
type brokenCommit struct{ replay.Target }

func (b brokenCommit) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w, err := b.Target.Begin(ctx, run)
	return brokenWriter{w}, err
}

type brokenWriter struct{ replay.Writer }

func (w brokenWriter) Commit(ctx context.Context) error {
	return errors.Join(w.Writer.Commit(ctx), errors.New("broken off"))
}

// TestCallIDsAgain: a run that goes on finds the calls that it wrote before, and a plan says of them what the run does.
func TestCallIDsAgain(t *testing.T) {
	src := calltest.Session("user call:call_0 result:call_0 user call:call_0 result:call_0")
	dst, path := Open(filepath.Join(t.TempDir(), "new")), filepath.Join(t.TempDir(), "journal")
	try := func(dst replay.Target) (*replay.Report, error) {
		j, err := replay.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		return replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j})
	}
	plan, err := replay.Plan(t.Context(), dst, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := try(brokenCommit{dst}); err == nil {
		t.Fatal("did not break off")
	}
	rep, err := try(dst)
	if err != nil {
		t.Fatal(err)
	}
	if n := countMessages(t, dst); n != 6 {
		t.Errorf("%d messages, want 6", n)
	}
	for _, p := range []string{"message.parts.tool_call.id", "message.parts.tool_result.id"} {
		if plan.LossCount[p] != 1 || rep.LossCount[p] != 1 {
			t.Errorf("%s: %d in the plan, %d in the run, want 1", p, plan.LossCount[p], rep.LossCount[p])
		}
	}
}

func countMessages(t *testing.T, src agentstate.Source) (n int) {
	t.Helper()
	for r, err := range src.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := r.(*pb.Message); ok {
			n++
		}
	}
	return n
}
