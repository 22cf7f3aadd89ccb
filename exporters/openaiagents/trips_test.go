package openaiagents

import (
	"fmt"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestTrips: what a run writes, finds again, reads and takes out costs no trip to the server a record, into an empty database, into one
// that has other rows under the ids, and from another runtime.
func TestTrips(t *testing.T) {
	fill := []string{tables(ownNames()), `INSERT INTO agent_sessions SELECT 's' || i, now(), now() FROM generate_series(1, 50) i`,
		`INSERT INTO agent_messages (session_id, message_data) SELECT 's' || (i % 50 + 1), '{"role":"user","content":"' || i || '"}' FROM generate_series(1, 600) i`}
	m, _ := drivertest.Export(t, postgres(t, pgtest.Database(t, fill...)))
	var recs []agentstate.Record
	for i := range 20 {
		c := fmt.Sprint("c", i)
		recs = append(recs, &pb.Conversation{Meta: agentstate.Meta("conversation", nil, c)})
		for k := range 30 {
			m := &pb.Message{Meta: agentstate.Meta("message", nil, c, fmt.Sprint(k)), ConversationKey: "conversation/" + c, Position: uint64(k + 1), Role: pb.Role_ROLE_USER,
				Parts: []*pb.Part{{Body: &pb.Part_Text{Text: fmt.Sprint("hi ", k)}}}}
			if k%2 > 0 { // two items, with nothing between them
				m.Role = pb.Role_ROLE_ASSISTANT
				m.Parts = append(m.Parts, &pb.Part{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: fmt.Sprint(c, k), Name: "n", ArgumentsJson: []byte("{}")}}})
			}
			recs = append(recs, m)
		}
	}
	for name, c := range map[string]struct {
		m    *memstate.State
		has  []string
		most int64
	}{
		"empty":           {m, nil, 100},
		"others' ids":     {m, append(fill[:1:1], `INSERT INTO agent_sessions VALUES ('own', now(), now())`, `INSERT INTO agent_messages (session_id, message_data) SELECT 'own', '{}' FROM generate_series(1, 30) i`), 1400},
		"owner's rules":   {m, append(fill[:1:1], `ALTER TABLE agent_messages ADD CONSTRAINT mine CHECK (session_id <> 'nobody')`), 100},
		"another runtime": {memstate.Whole("elsewhere", recs...), nil, 100},
	} {
		t.Run(name, func(t *testing.T) {
			u, trips := pgtest.Trips(t, pgtest.Database(t, c.has...))
			drivertest.Trips(t, c.m, postgres(t, u), trips, c.most)
		})
	}
}
