package agentcore

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"
	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
)

// TestUndoGone: what somebody took out since the run is counted as that.
func TestUndoGone(t *testing.T) {
	t.Parallel()
	src := newWorld(t, agentcorefake.Options{})
	mem := src.plain(t, "small")
	for i := range int64(3) {
		src.event(t, mem, "ada", "s", at0+i, nil, say(types.RoleUser, "x"))
	}
	src.records(t, mem, record("", "/m", "a"), record("", "/m", "b"))
	st, _ := read(t, src.service(""))
	for name, c := range map[string]struct {
		change        func(w *world, mem string)
		removed, gone uint64
	}{
		"nothing": {func(*world, string) {}, 8, 0},
		"an event": {func(w *world, mem string) {
			e := must(w.dp.ListEvents(t.Context(), &dp.ListEventsInput{MemoryId: &mem, ActorId: aws.String("ada"), SessionId: aws.String("s")}))(t).Events[0]
			must(w.dp.DeleteEvent(t.Context(), &dp.DeleteEventInput{MemoryId: &mem, ActorId: aws.String("ada"), SessionId: aws.String("s"), EventId: e.EventId}))(t)
		}, 7, 1},
		"a record": {func(w *world, mem string) {
			r := must(w.dp.ListMemoryRecords(t.Context(), &dp.ListMemoryRecordsInput{MemoryId: &mem, Namespace: aws.String("/m")}))(t).MemoryRecordSummaries[0]
			must(w.dp.BatchDeleteMemoryRecords(t.Context(), &dp.BatchDeleteMemoryRecordsInput{MemoryId: &mem, Records: []types.MemoryRecordDeleteInput{{MemoryRecordId: r.MemoryRecordId}}}))(t)
		}, 7, 1},
		"all of it": {func(w *world, mem string) {
			must(w.cp.DeleteMemory(t.Context(), &cp.DeleteMemoryInput{MemoryId: &mem}))(t)
			time.Sleep(100 * time.Millisecond)
		}, 0, 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dst := newWorld(t, agentcorefake.Options{Account: "999999999999"})
			_, j := apply(t, dst.service(""), st)
			c.change(dst, dst.only(t, "small"))
			u, err := replay.Undo(t.Context(), dst.service(""), j)
			if err != nil || u.Removed != c.removed || u.Gone != c.gone || u.LeftN != 0 {
				t.Errorf("%+v %v, want %d removed, %d gone", u, err, c.removed, c.gone)
			}
		})
	}
}

// TestUndoGonePolicies: the same of a policy and of its engine.
func TestUndoGonePolicies(t *testing.T) {
	t.Parallel()
	st, _ := read(t, firm(t).service(""))
	dst := target(t, agentcorefake.Options{}, true)
	got, j := approved(t, dst.service(""), st)
	_, parts := agentstate.SplitKey(got["policy/rules-abcdefghij/small-abcdefghij"].Target)
	must(dst.cp.DeletePolicy(t.Context(), &cp.DeletePolicyInput{PolicyEngineId: &parts[0], PolicyId: &parts[1]}))(t)
	time.Sleep(100 * time.Millisecond) // the service deletes after its answer
	if u, err := replay.Undo(t.Context(), dst.service(""), j); err != nil || u.Gone != 1 || u.LeftN != 0 {
		t.Errorf("%+v %v", u, err)
	}
}

// TestUndoLostAnswer: what an undo took out itself was not gone before, though the first answer was lost.
func TestUndoLostAnswer(t *testing.T) {
	for _, op := range []string{"DeleteEvent", "BatchDeleteMemoryRecords"} {
		src := newWorld(t, agentcorefake.Options{})
		mem := src.plain(t, "small")
		src.event(t, mem, "ada", "s", at0, nil, say(types.RoleUser, "x"))
		src.records(t, mem, record("", "/m", "y"))
		st, _ := read(t, src.service(""))
		dst := newWorld(t, agentcorefake.Options{Account: "999999999999", Fault: func(asked string, n int, _ map[string]string, _ map[string]any) *agentcorefake.Fault {
			if asked == op && n == 1 {
				return &agentcorefake.Fault{Status: 500, Type: "ServiceException", After: true}
			}
			return nil
		}})
		_, j := apply(t, dst.service(""), st)
		if u, err := replay.Undo(t.Context(), dst.service(""), j); err != nil || u.Gone != 0 || u.Removed != 5 || u.LeftN != 0 {
			t.Errorf("%s: %+v %v", op, u, err)
		}
	}
}

// TestUndoRefusedRecords: an answer that is no error says of each record whether it was deleted. What the
// service keeps is named; what it could not delete for now is asked for again.
func TestUndoRefusedRecords(t *testing.T) {
	t.Parallel()
	src := newWorld(t, agentcorefake.Options{})
	src.records(t, src.plain(t, "small"), record("", "/m", "kept"), record("", "/m", "busy"), record("", "/m", "easy"))
	st, _ := read(t, src.service(""))
	const kept, busy = "mem-kept", "mem-busy"
	is := map[any]string{} // what is asked to be deleted, by id
	tries := 0
	dst := newWorld(t, agentcorefake.Options{Account: "999999999999", FailRecord: func(r map[string]any) int {
		switch is[r["memoryRecordId"]] {
		case kept:
			return 403
		case busy:
			if tries++; tries < 3 {
				return []int{429, 500}[tries-1]
			}
		}
		return 0
	}})
	_, j := apply(t, dst.service(""), st)
	mem := dst.only(t, "small")
	for _, r := range must(dst.dp.ListMemoryRecords(t.Context(), &dp.ListMemoryRecordsInput{MemoryId: &mem, Namespace: aws.String("/m")}))(t).MemoryRecordSummaries {
		is[*r.MemoryRecordId] = "mem-" + r.Content.(*types.MemoryContentMemberText).Value
	}
	u, err := replay.Undo(t.Context(), dst.service(""), j)
	if err != nil || tries != 3 || u.LeftN != 2 {
		t.Fatalf("%+v %v after %d tries: want the record and its memory left", u, err, tries)
	}
	if why := u.Left[0].Why; !strings.Contains(why, "code 403") || agentstate.KindOfKey(u.Left[0].Key) != "memory" {
		t.Errorf("left %s: %s", u.Left[0].Key, why)
	}
	left := must(dst.dp.ListMemoryRecords(t.Context(), &dp.ListMemoryRecordsInput{MemoryId: &mem, Namespace: aws.String("/m")}))(t).MemoryRecordSummaries
	if len(left) != 1 || is[*left[0].MemoryRecordId] != kept {
		t.Errorf("%d records are left", len(left))
	}
}

// TestUndoAnswerLost: an undo that is stopped before the answer to its first request came may have taken something out.
func TestUndoAnswerLost(t *testing.T) {
	t.Parallel()
	src := newWorld(t, agentcorefake.Options{})
	mem := src.plain(t, "small")
	src.event(t, mem, "ada", "s", at0, nil, say(types.RoleUser, "x"))
	st, _ := read(t, src.service(""))
	dst := newWorld(t, agentcorefake.Options{Account: "999999999999"})
	_, j := apply(t, dst.service(""), st)
	ctx, stop := context.WithCancel(t.Context())
	_, err := replay.Undo(ctx, dst.through(func(rw http.ResponseWriter, r *http.Request) {
		dst.fake.ServeHTTP(rw, r)
		if r.Method == http.MethodDelete {
			stop()
		}
	}).service(""), j)
	if !errors.Is(err, context.Canceled) || errors.Is(err, replay.ErrUntouched) {
		t.Errorf("%v, want that it was stopped, and nobody knows what it took out", err)
	}
	if u, err := replay.Undo(t.Context(), dst.service(""), j); err != nil || u.LeftN > 0 {
		t.Errorf("%+v %v", u, err)
	}
}

// TestUndoUntouched: an undo whose first request is refused took nothing out, and the run goes on; one of which nobody
// knows what it did can only be undone.
func TestUndoUntouched(t *testing.T) {
	t.Parallel()
	src := newWorld(t, agentcorefake.Options{})
	mem := src.plain(t, "small")
	src.event(t, mem, "ada", "s", at0, nil, say(types.RoleUser, "x"))
	src.event(t, mem, "ada", "s", at0+1, nil, say(types.RoleUser, "y"))
	st, _ := read(t, src.service(""))
	for name, c := range map[string]struct {
		fault     agentcorefake.Fault
		from      int // the request that is refused, and those behind it
		untouched bool
	}{
		"the first":        {agentcorefake.Fault{Status: 403, Type: "AccessDeniedException"}, 1, true},
		"the second":       {agentcorefake.Fault{Status: 403, Type: "AccessDeniedException"}, 2, false},
		"nobody knows":     {agentcorefake.Fault{Status: 500, Type: "ServiceException", After: true}, 1, false},
		"it never happens": {agentcorefake.Fault{}, 1 << 30, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var well atomic.Bool
			dst := newWorld(t, agentcorefake.Options{Account: "999999999999", Fault: func(asked string, n int, _ map[string]string, _ map[string]any) *agentcorefake.Fault {
				if asked == "DeleteEvent" && n >= c.from && !well.Load() {
					return &c.fault
				}
				return nil
			}})
			_, j := apply(t, dst.service(""), st)
			_, err := replay.Undo(t.Context(), dst.service(""), j)
			if (err != nil) != (c.fault.Status != 0) && !c.fault.After || errors.Is(err, replay.ErrUntouched) != c.untouched {
				t.Fatalf("%v, want nothing taken out: %v", err, c.untouched)
			}
			if err == nil {
				return
			}
			well.Store(true)
			if _, err := replay.Apply(t.Context(), dst.service(""), st, &replay.Options{Journal: j}); (err == nil) != c.untouched {
				t.Errorf("the run goes on: %v", err)
			}
			if u, err := replay.Undo(t.Context(), dst.service(""), j); err != nil || u.LeftN > 0 || c.untouched && u.Gone > 0 {
				t.Errorf("%+v %v", u, err)
			}
		})
	}
}
