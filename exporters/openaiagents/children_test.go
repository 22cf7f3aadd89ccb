package openaiagents

import (
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A row of an application that leads to a session or an item of a run, and would go with it, is not taken along by an
// undo, nor does one that keeps it there stop the rest.
func TestUndoWithChildren(t *testing.T) {
	for name, action := range map[string]string{"goes with it": "ON DELETE CASCADE", "keeps it": ""} {
		t.Run(name, func(t *testing.T) {
			u := pgtest.Database(t, tables(ownNames()))
			dst := postgres(t, u)
			var recs []agentstate.Record
			for _, c := range []string{"a", "b", "c"} {
				recs = append(recs, &pb.Conversation{Meta: agentstate.Meta("conversation", nil, c)},
					&pb.Message{Meta: agentstate.Meta("message", nil, c, "1"), ConversationKey: "conversation/" + c, Position: 1, Role: pb.Role_ROLE_USER, Parts: []*pb.Part{{Body: &pb.Part_Text{Text: "hi"}}}})
			}
			_, j, _ := apply(t, dst, memstate.Whole("elsewhere", recs...))
			pgtest.Exec(t, u, `CREATE TABLE "Ti ckets" (session text REFERENCES agent_sessions (session_id) `+action+`)`, `INSERT INTO "Ti ckets" SELECT min(session_id) FROM agent_sessions`,
				"CREATE TABLE scores (item int REFERENCES agent_messages (id) "+action+")", "INSERT INTO scores SELECT max(id) FROM agent_messages")
			rep, err := replay.Undo(t.Context(), dst, j)
			if err != nil {
				t.Fatal(err)
			}
			var left []string
			for _, rc := range rep.Left {
				left = append(left, agentstate.KindOfKey(rc.Target)+": "+rc.Why)
			}
			slices.Sort(left)
			if got := strings.Join(left, "; "); got != `conversation: rows of table "Ti ckets" lead to it; conversation: the session has items that this run did not write; message: rows of table scores lead to it` || rep.Removed != 3 {
				t.Errorf("removed %d: %s", rep.Removed, got)
			}
			pgtest.Exec(t, u, `DO $$ BEGIN ASSERT (SELECT count(*) FROM "Ti ckets") + (SELECT count(*) FROM scores) = 2; END $$`)
		})
	}
}
