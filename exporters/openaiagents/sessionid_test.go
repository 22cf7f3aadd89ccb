package openaiagents

import (
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/callid/calltest"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestSessionID: two conversations never become one session.
func TestSessionID(t *testing.T) {
	seen := map[string]string{}
	for _, id := range []string{"", "\x00", "a", "a\x00", "\x00a", "a\xff", "a\ufffd"} {
		got := sessionID(agentstate.Key("conversation", id))
		if had, ok := seen[got]; ok {
			t.Errorf("%q and %q both become %q", had, id, got)
		}
		seen[got] = id
	}
	if got := sessionID(agentstate.Key("conversation", "chat/7", "ü")); got != "chat/7/ü" {
		t.Error(got)
	}
}

// TestOneSessionID: of two conversations whose ids are read as one, the second is refused with its messages, and they are no
// part of the first.
func TestOneSessionID(t *testing.T) {
	var recs []agentstate.Record
	for _, id := range [][]string{{"a", "b"}, {"a/b"}} {
		c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, id...)}
		m := &pb.Message{Meta: agentstate.Meta("message", nil, append(id, "1")...), ConversationKey: c.Meta.Key, Role: pb.Role_ROLE_USER, Position: 1, Parts: []*pb.Part{{Body: &pb.Part_Text{Text: id[0]}}}}
		recs = append(recs, c, m)
	}
	src := memstate.Whole("another", recs...)
	for name, dst := range map[string]func(t *testing.T) calltest.Target{
		"folder":     func(t *testing.T) calltest.Target { return Open(filepath.Join(t.TempDir(), "new")) },
		"PostgreSQL": func(t *testing.T) calltest.Target { return postgres(t, pgtest.Database(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			target := dst(t)
			plan, err := replay.Plan(t.Context(), target, src, nil)
			if err != nil {
				t.Fatal(err)
			}
			rep, _ := drivertest.Apply(t, target, src)
			if plan.Actions[replay.Refused] != 2 || rep.Actions[replay.Refused] != 2 || countMessages(t, target) != 1 {
				t.Errorf("plan %v, run %v, %d messages", plan.Actions, rep.Actions, countMessages(t, target))
			}
		})
	}
}
