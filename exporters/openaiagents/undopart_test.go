package openaiagents

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/callid/calltest"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile/sqlitetest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestUndoPart: of a message of two items the first was taken out since. The other is still there, so the message is
// left, and not said to be gone.
func TestUndoPart(t *testing.T) {
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "c")}
	m := &pb.Message{Meta: agentstate.Meta("message", nil, "c", "1"), ConversationKey: c.Meta.Key, Role: pb.Role_ROLE_USER, Position: 1}
	call := &pb.Message{Meta: agentstate.Meta("message", nil, "c", "2"), ConversationKey: c.Meta.Key, Role: pb.Role_ROLE_ASSISTANT, Position: 2}
	m.Parts = []*pb.Part{{Body: &pb.Part_Text{Text: "what is the weather"}}}
	for _, id := range []string{"one", "two"} {
		call.Parts = append(call.Parts, &pb.Part{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: id, Name: "weather"}}})
	}
	src := memstate.Whole("another", c, m, call)
	const first = "DELETE FROM agent_messages WHERE id = 2"
	for name, made := range map[string]func(t *testing.T) (calltest.Target, func()){
		"folder": func(t *testing.T) (calltest.Target, func()) {
			dir := filepath.Join(t.TempDir(), "new")
			return Open(dir), func() {
				db, err := sql.Open("sqlite", filepath.Join(dir, foreignFile))
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				if _, err := db.Exec(first); err != nil {
					t.Fatal(err)
				}
			}
		},
		"PostgreSQL": func(t *testing.T) (calltest.Target, func()) {
			u := pgtest.Database(t)
			return postgres(t, u), func() { pgtest.Exec(t, u, first) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			dst, without := made(t)
			_, j := drivertest.Apply(t, dst, src)
			without()
			u, err := replay.Undo(t.Context(), dst.(replay.Target), j)
			if err != nil || u.Gone != 0 || u.LeftN != 2 {
				t.Errorf("%+v %v, want the message and its session left", u, err)
			}
		})
	}
}

// TestUndoUnderAReader: the commit is refused where somebody reads the file.
func TestUndoUnderAReader(t *testing.T) {
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "c")}
	m := &pb.Message{Meta: agentstate.Meta("message", nil, "c", "1"), ConversationKey: c.Meta.Key, Role: pb.Role_ROLE_USER, Position: 1}
	m.Parts = []*pb.Part{{Body: &pb.Part_Text{Text: "what is the weather"}}}
	dst := Open(filepath.Join(t.TempDir(), "new"))
	dst.wait = 50 * time.Millisecond
	sqlitetest.UnderAReader(t, dst, memstate.Whole("another", c, m), filepath.Join(dst.root, foreignFile), true)
}
