package openaiagents

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// items of a session "a", whose ids are 1 to 3.
func threeItems(t *testing.T) *memstate.State {
	m, _ := drivertest.Export(t, postgres(t, pgtest.Database(t, tables(ownNames()), sessionRow("a"), row(1, "a", `"1"`), row(2, "a", `"2"`), row(3, "a", `"3"`))))
	return m
}

// Behind an item that conflicts none of its session comes, though all of them are written in one batch.
func TestBatchStuck(t *testing.T) {
	src := threeItems(t)
	for name, fill := range map[string][]string{
		"a sequence of its own": nil,
		"another's sequence":    {"ALTER SEQUENCE agent_messages_id_seq OWNED BY NONE"},
	} {
		t.Run(name, func(t *testing.T) {
			u := pgtest.Database(t, append([]string{tables(ownNames()), sessionRow("a"), row(2, "a", `"theirs"`)}, fill...)...)
			_, rep, err := run(t, postgres(t, u), src, filepath.Join(t.TempDir(), "journal"))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(pgtest.Rows(t, u, "SELECT id || message_data FROM agent_messages ORDER BY id"), " "); got != `1"1" 2"theirs"` {
				t.Errorf("%s, %v", got, rep.Kinds["message"])
			}
		})
	}
}

// What another program writes under an id of the batch, after it was looked for, is such an item too.
func TestBatchMeanwhile(t *testing.T) {
	src := threeItems(t)
	u := pgtest.Database(t, tables(ownNames()), sessionRow("theirs"))
	other := pgtest.Connect(t, u)
	defer other.Close(t.Context())
	for _, q := range []string{"BEGIN", row(2, "theirs", `"theirs"`)} {
		if _, err := other.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	go func() {
		defer close(done)
		for range 1000 {
			if len(pgtest.Rows(t, u, "SELECT datname::text FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")) > 0 {
				_, err := other.Exec(t.Context(), "COMMIT")
				done <- err
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	dst := postgres(t, u)
	j, rep, err := run(t, dst, src, filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	if err, ok := <-done; err != nil || !ok {
		t.Fatal("nothing waited for the other program", err)
	}
	got := strings.Join(pgtest.Rows(t, u, "SELECT id || message_data FROM agent_messages ORDER BY id"), " ")
	if got != `1"1" 2"theirs"` || rep.Kinds["message"][replay.Refused] != 1 || rep.Kinds["message"][replay.Created] != 1 {
		t.Errorf("%s, %v", got, rep.Kinds["message"])
	}
	if un, err := replay.Undo(t.Context(), dst, j); err != nil || un.LeftN+un.Gone > 0 {
		t.Errorf("%+v %v", un, err)
	}
}

// TestUndoLast: of messages of two items each the last was taken out since. What is left of them goes, whatever of the run stands behind it.
func TestUndoLast(t *testing.T) {
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "c")}
	recs := []agentstate.Record{c}
	for i, id := range []string{"1", "2", "3"} {
		m := &pb.Message{Meta: agentstate.Meta("message", nil, "c", id), ConversationKey: c.Meta.Key, Role: pb.Role_ROLE_ASSISTANT, Position: uint64(i + 1)}
		for _, part := range []string{"a", "b"} {
			m.Parts = append(m.Parts, &pb.Part{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: id + part, Name: "weather"}}})
		}
		recs = append(recs, m)
	}
	u := pgtest.Database(t)
	dst := postgres(t, u)
	_, j := drivertest.Apply(t, dst, memstate.Whole("another", recs...))
	pgtest.Exec(t, u, "DELETE FROM agent_messages WHERE id IN (2, 4)")
	if un, err := replay.Undo(t.Context(), dst, j); err != nil || un.Gone+un.LeftN != 0 {
		t.Errorf("%+v %v", un, err)
	}
}
