package replay_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestAgain: what was refused, was in the way or waited goes in when the same run is asked for again
// and the cause is gone; the rest is not touched, and one undo takes out all of it.
func TestAgain(t *testing.T) {
	for _, opts := range []memstate.RuntimeOptions{{}, {OwnIDs: true}, {Transactional: true}, {Flushes: true}} {
		full, writes, breaks := true, 0, false
		opts.Refuse = func(r agentstate.Record) string {
			if full && r.GetMeta().Key == "conversation/t1" {
				return "no room"
			}
			return ""
		}
		opts.Fail = func(s memstate.Step) error {
			if s.Op == "write" && s.When == "before" {
				writes++
			}
			if breaks && s.Op == "commit" && s.When == "before" {
				return errGone
			}
			return nil
		}
		dst, src, path := memstate.NewRuntime(&opts), memstate.Sample(3), journal(t)
		if !opts.OwnIDs { // a runtime with its own ids has no conflicts
			dst.Set(&pb.Memory{Meta: meta("memory", "ada", "0001"), Name: "another"})
		}
		had := dst.Len()
		var refused bytes.Buffer
		first := mustRun(t, dst, src, path, replay.Options{Refused: &refused})
		if first.Actions[replay.Refused] < 4 || first.Actions[replay.Held] == 0 || refused.Len() == 0 {
			t.Fatalf("%v", first.Actions)
		}
		arrived := dst.Len()

		// Nothing is mended: the same is refused again, and nothing is written.
		if rep := mustRun(t, dst, src, path, replay.Options{}); rep.Answers != first.Answers || dst.Len() != arrived {
			t.Errorf("%+v: %v, then %v", opts, first.Actions, rep.Actions)
		}

		// It breaks off on the way, and goes on.
		full, breaks, writes = false, true, 0
		if !opts.OwnIDs {
			dst.Set(get[*pb.Memory](t, memstateOf(t, src), "memory/ada/0001"))
		}
		again := replay.Options{Approvals: []replay.Approval{sign(replay.Approval{Key: "toolgrant/ada/refund", Effect: "allow"})}}
		if _, err := run(t, dst, src, path, again); err == nil {
			t.Fatal("did not break")
		}
		breaks = false
		rep := mustRun(t, dst, src, path, again)
		if rep.Actions[replay.Refused]+rep.Actions[replay.Conflict] > 0 || slices.Contains(rep.Held, "toolgrant/ada/refund") {
			t.Errorf("%+v: %v %v", opts, rep.Actions, rep.Held)
		}
		if rep.Resumed == 0 || writes > 2*int(first.Actions[replay.Refused]+2) {
			t.Errorf("%+v: %d writes for %d that were refused", opts, writes, first.Actions[replay.Refused])
		}
		if rep.Kinds["message"][replay.Created] != 3 {
			t.Errorf("%v", rep.Kinds)
		}
		// All is said and done now.
		writes = 0
		if mustRun(t, dst, src, path, again); writes > 0 {
			t.Errorf("%d writes into a run that is over", writes)
		}
		j, err := replay.OpenJournal(path)
		if err != nil || !j.Done() {
			t.Fatal(err)
		}
		defer j.Close()
		planned, err := replay.PlanUndo(j)
		if err != nil || planned.Removed != rep.Actions[replay.Created] || planned.Kinds["message"] != 3 {
			t.Errorf("%+v %v, %d created", planned, err, rep.Actions[replay.Created])
		}
		if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN > 0 || dst.Len() != had {
			t.Errorf("%+v %v, the target holds %d of %d", u, err, dst.Len(), had)
		}
		if _, err := replay.PlanUndo(j); err == nil {
			t.Error("an undone run is planned to be undone")
		}
	}
}

// memstateOf is a runtime that holds all of src.
func memstateOf(t *testing.T, src agentstate.Source) *memstate.Runtime {
	t.Helper()
	rt := memstate.NewRuntime(nil)
	for r, err := range src.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if agentstate.IsState(agentstate.KindOf(r)) {
			rt.Set(r)
		}
	}
	return rt
}

// TestUndoRenamedInDoubt: a record that got a new key and was in doubt when the run broke is undone
// under the key that the target knows.
func TestUndoRenamedInDoubt(t *testing.T) {
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{Fail: func(s memstate.Step) error {
		if s.When == "after" && strings.HasPrefix(s.Key, "memoryspace/people") {
			return errGone
		}
		return nil
	}})
	path := journal(t)
	if _, err := run(t, dst, memstate.Sample(3), path, replay.Options{Map: mapOf(t, names)}); err == nil {
		t.Fatal("did not break")
	}
	if _, err := dst.Get(t.Context(), "memoryspace/people/ada"); err != nil {
		t.Fatal(err)
	}
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if p, err := replay.PlanUndo(j); err != nil || p.InDoubt == 0 {
		t.Errorf("%+v %v", p, err)
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || dst.Len() != 0 {
		t.Errorf("%+v %v, %d left", u, err, dst.Len())
	}
}
