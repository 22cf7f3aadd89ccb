package openaiagents

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// texts are the items of a session in a store, in the order in which it yields them.
func texts(t *testing.T, s agentstate.Source, session string) (out []string) {
	t.Helper()
	for m, err := range agentstate.Of[*pb.Message](s.Records(t.Context(), nil)) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(m.ConversationKey, "/"+session) {
			out = append(out, string(m.Meta.Native[0].GetRow().Columns[2].GetText()))
		}
	}
	return out
}

func row(id int, session, item string) string {
	return fmt.Sprintf(`INSERT INTO agent_messages (id, session_id, message_data, created_at) VALUES (%d, '%s', '%s', '2026-11-23 16:21:40')`, id, session, item)
}

func sessionRow(id string) string {
	return fmt.Sprintf(`INSERT INTO agent_sessions VALUES ('%s', '2026-11-23 16:21:40', '2026-11-23 16:21:40')`, id)
}

// TestMoved: a target in use has rows under the ids of the source. Sessions that are new to it arrive whole and in order, are there when
// they are replayed again, and go with an undo. In a session of its own a result never comes without its call.
func TestMoved(t *testing.T) {
	const call, result = `{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"}`, `{"type":"function_call_output","call_id":"c1","output":"1"}`
	said := func(s string) string { return `{"role":"user","content":"` + s + `"}` }
	source := []string{sessionRow("a"), sessionRow("b"), row(1, "a", said("1")), row(2, "b", said("2")), row(3, "a", call), row(7, "a", result), row(8, "b", said("8")), row(9, "b", said("9"))}
	inUse := []string{sessionRow("theirs"), row(1, "theirs", said("x")), row(3, "theirs", said("y")), row(5, "theirs", said("z"))}
	same := []string{sessionRow("theirs"), sessionRow("a"), row(1, "theirs", said("x")), row(3, "a", said("hi"))}
	seq := func(n int) string { return fmt.Sprintf("SELECT setval('agent_messages_id_seq', %d)", n) }
	store := func(t *testing.T, pg bool, n int, statements []string) target {
		if !pg {
			return made(t, statements...)
		}
		return postgres(t, pgtest.Database(t, slices.Concat([]string{tables(ownNames())}, statements, []string{seq(n)})...))
	}
	for _, pg := range []bool{false, true} {
		t.Run(fmt.Sprint("PostgreSQL ", pg), func(t *testing.T) {
			mem, _ := drivertest.Export(t, store(t, pg, 9, source))
			dst := store(t, pg, 5, inUse)
			plan, err := replay.Plan(t.Context(), dst, mem, nil)
			if err != nil {
				t.Fatal(err)
			}
			rep, j, _ := apply(t, dst, mem)
			if d := cmp.Diff(plan.Kinds, rep.Kinds) + cmp.Diff(plan.LossCount, rep.LossCount); d != "" {
				t.Errorf("planned, and done: %s", d)
			}
			if rep.Actions[replay.Conflict]+rep.Actions[replay.Refused] != 0 || rep.LossCount["message.native.id"] == 0 {
				t.Errorf("%v %v", rep.Actions, slices.Collect(maps.Keys(rep.LossCount)))
			}
			for session, want := range map[string][]string{"a": {said("1"), call, result}, "b": {said("2"), said("8"), said("9")}, "theirs": {said("x"), said("y"), said("z")}} {
				if got := texts(t, dst, session); !slices.Equal(got, want) {
					t.Errorf("%s: %q", session, got)
				}
			}
			if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.UnannouncedN != 0 {
				t.Errorf("%+v %v", back, err)
			}
			again, err := replay.Plan(t.Context(), dst, mem, nil)
			if err != nil || again.Actions[replay.Same] != again.Records {
				t.Errorf("again: %v %v", again.Actions, err)
			}
			if _, err := replay.Undo(t.Context(), dst, j); err != nil {
				t.Fatal(err)
			}
			if got := texts(t, dst, "theirs"); len(got) != 3 || len(texts(t, dst, "a"))+len(texts(t, dst, "b")) != 0 {
				t.Errorf("after the undo: %q", got)
			}

			dst = store(t, pg, 3, same)
			if rep, _, _ = apply(t, dst, mem); rep.Kinds["message"][replay.Conflict] != 2 || rep.Kinds["message"][replay.Refused] != 1 {
				t.Errorf("%v", rep.Kinds)
			}
			if got := texts(t, dst, "a"); slices.Contains(got, result) || slices.Contains(got, call) {
				t.Errorf("a session of the target's own: %q", got)
			}
			if got := texts(t, dst, "b"); len(got) != 3 {
				t.Errorf("another: %q", got)
			}
			if _, rep := drivertest.Export(t, dst); rep.Verdict.Coverage != agentstate.Reconciled {
				t.Errorf("%v", rep.Verdict)
			}
		})
	}
}
