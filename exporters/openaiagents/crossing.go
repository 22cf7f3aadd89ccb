package openaiagents

import (
	"context"
	"slices"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/callid"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// What goes from a folder into PostgreSQL, or back, has other keys and gets new ids. Its items stay
// the same texts, and its sessions keep their ids.

// ownColumn is a text of the row that r was in a database of the SDK. ok is false where r was none.
func ownColumn(ctx context.Context, run *replay.Run, r agentstate.Record, table, column string) (v string, ok bool, err error) {
	ns := r.GetMeta().GetNative()
	if run.From.GetProduct() != product || len(ns) != 1 || ns[0].Type != table || ns[0].GetRow() == nil {
		return "", false, nil
	}
	cols := ns[0].GetRow().Columns
	i := slices.IndexFunc(cols, func(c *pb.Column) bool { return c.Name == column })
	if i < 0 {
		return "", false, nil
	}
	x, err := run.Source.Column(ctx, r, cols[i])
	if err != nil {
		return "", false, err
	}
	v, ok = x.(string)
	return v, ok, nil
}

// notTaken are the columns of an application that the row of r had: in a folder and in PostgreSQL they
// are columns of other types, so they do not go from one to the other.
func notTaken(from *pb.Origin, r agentstate.Record) []fidelity.Loss {
	ns := r.GetMeta().GetNative()
	if from.GetProduct() != product || len(ns) != 1 {
		return nil
	}
	own := map[string]int{"agent_sessions": 3, "agent_messages": 4}[ns[0].Type]
	cols := ns[0].GetRow().GetColumns()
	if own == 0 || len(cols) <= own {
		return nil
	}
	var out []fidelity.Loss
	for _, c := range cols[own:] {
		out = append(out, fidelity.Loss{Path: "native." + valid(c.Name), Grade: fidelity.Dropped, Why: "an application added this column: it goes to a store of the same kind alone"})
	}
	return out
}

// sessionIDs are the ids of calls, by session.
type sessionIDs map[string]*callid.IDs

func (s sessionIDs) of(session string) *callid.IDs {
	if s[session] == nil {
		s[session] = responses.CallIDs()
	}
	return s[session]
}

// itemsOf are the items that a message becomes: of the SDK the text that it was, of others the
// mapped fields. ids are of its session.
func itemsOf(ctx context.Context, run *replay.Run, ids *callid.IDs, m *pb.Message) ([][]byte, []fidelity.Loss, error) {
	text, ok, err := ownColumn(ctx, run, m, "agent_messages", "message_data")
	if err != nil {
		return nil, nil, err
	}
	if ok && utf8.ValidString(text) && text != "" {
		return [][]byte{[]byte(text)}, nil, nil
	}
	return responses.Items(ctx, run.Source, ids, m)
}

// sessionOf is the id of the session that a conversation, or that of a message, is or becomes. It
// is the salt of encrypted items: where the SDK gave it, it stays.
func sessionOf(ctx context.Context, run *replay.Run, r agentstate.Record) (string, error) {
	table, key := "agent_sessions", r.GetMeta().GetKey()
	if m, ok := r.(*pb.Message); ok {
		table, key = "agent_messages", m.ConversationKey
	}
	id, ok, err := ownColumn(ctx, run, r, table, "session_id")
	if err != nil {
		return "", err
	}
	if ok && utf8.ValidString(id) {
		return id, nil
	}
	if _, parts := agentstate.SplitKey(key); run.From.GetProduct() == product && len(parts) == 2 {
		key = agentstate.Key("conversation", parts[1]) // a session without a row
	}
	return sessionID(key), nil
}

// inView are the messages that the model sees, by conversation. Of one that does not say so it sees all.
type inView map[string]map[string]bool

func (v inView) hides(m *pb.Message) bool {
	seen := v[m.ConversationKey]
	return seen != nil && !seen[m.Meta.Key]
}

// session notes what the model sees of c, and gives what c loses as the session id, beside its times.
func (v inView) session(from *pb.Origin, c *pb.Conversation, id string) []fidelity.Loss {
	if len(c.ContextKeys) > 0 {
		v[c.Meta.Key] = map[string]bool{}
		for _, k := range c.ContextKeys {
			v[c.Meta.Key][k] = true
		}
	}
	losses := append(fidelity.Lost(c, "a session has an id and times", "title", "meta.created_unix_nano", "meta.updated_unix_nano"), notTaken(from, c)...)
	if c.Title != id {
		losses = append(losses, fidelity.Loss{Path: "title", Grade: fidelity.Transformed, Why: "a session is shown by its id"})
	}
	return losses
}
