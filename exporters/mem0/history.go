package mem0

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// history reads what happened to memories, and the last messages of each scope.
func (r *reading) history(ctx context.Context, d *db) error {
	n, err := d.one(ctx, "SELECT count(*) FROM "+d.main())
	if err != nil {
		return err
	}
	r.n["revision"] += uint64(n)
	cols := columnsOf(d.main())
	err = d.each(ctx, "SELECT "+d.selects(d.main(), cols)+" FROM "+d.main()+" ORDER BY rowid", nil, func(v []any) error {
		id := sqlitefile.Text(v[0])
		of, err := r.collectionOf(sqlitefile.Text(v[1]))
		if err != nil {
			return err
		}
		rev := &pb.Revision{OfKey: agentstate.Key("memory", of, sqlitefile.Text(v[1]))}
		rev.Operation, _ = v[4].(string)
		rev.Operation = strings.ToValidUTF8(rev.Operation, "\ufffd")
		if n, ok := v[0].(int64); ok && n > 0 {
			rev.Number = uint64(n)
		}
		row := &pb.Row{}
		for i, c := range cols {
			col := d.cell(c, id, v[i])
			if s, ok := v[i].(string); ok && (i == 2 || i == 3) {
				data := &pb.Data{MediaType: "text/plain", Body: &pb.Data_Inline{Inline: []byte(s)}}
				if len(s) > agentstate.SpillSize {
					data.Body = &pb.Data_Blob{Blob: &pb.Blob{Id: d.blobID(c, id)}}
				}
				field := "before"
				if i == 2 {
					rev.Before = data
				} else {
					rev.After, field = data, "after"
				}
				col = &pb.Column{Name: c, Value: &pb.Column_At{At: "#" + field}}
			}
			row.Columns = append(row.Columns, col)
		}
		rev.Meta = agentstate.Meta("revision", &pb.Native{Type: d.main(), Body: &pb.Native_Row{Row: row}}, d.layout.Place, id)
		created, _ := v[5].(string)
		updated, _ := v[6].(string)
		rev.Meta.CreatedUnixNano, rev.Meta.UpdatedUnixNano = timeOf(created), timeOf(updated)
		if d.layout.Form == pythonHistory {
			if who, ok := v[8].(string); ok && who != "" && utf8.ValidString(who) {
				rev.ByKey = agentstate.Key("principal", "actor", who)
			}
		}
		return r.put(rev)
	})
	if err != nil || !slices.Contains(d.layout.Tables, "messages") {
		return err
	}
	return r.messages(ctx, d)
}

// collections are those of memories, in the order in which they are read.
func (r *reading) collections() (out []string) {
	for _, d := range r.dbs {
		if !d.layout.Entities && !d.layout.Form.history() {
			out = append(out, d.layout.Place)
		}
	}
	return out
}

// remember notes in which collection a memory is: several share one history.
func (r *reading) remember(id, place string) error {
	if len(r.places) < 2 {
		return nil
	}
	if _, ok, err := r.seen.Get("collection of " + id); ok || err != nil {
		return err
	}
	return r.seen.Put("collection of "+id, []byte(place))
}

// collectionOf is the collection of a memory in the history, which does not say so itself: the one that
// holds it. Of one that is gone nobody knows: it is taken for one of the first.
func (r *reading) collectionOf(id string) (string, error) {
	if len(r.places) == 0 {
		return "", nil
	}
	if len(r.places) > 1 {
		if place, ok, err := r.seen.Get("collection of " + id); ok || err != nil {
			return string(place), err
		}
	}
	return r.places[0], nil
}

// messages reads the last messages of each scope: a conversation has no row of its own.
func (r *reading) messages(ctx context.Context, d *db) error {
	n, err := d.one(ctx, "SELECT count(*) FROM messages")
	if err != nil {
		return err
	}
	r.n["message"] += uint64(n)
	cols := columnsOf("messages")
	last, first := "", true
	at := uint64(0)
	var conversation string
	// Each scope is where its first message is.
	return d.each(ctx, "SELECT "+d.selects("messages", cols)+" FROM messages m JOIN (SELECT session_scope AS s, min(rowid) AS f FROM messages GROUP BY session_scope) g ON g.s IS m.session_scope ORDER BY g.f, m.rowid", nil, func(v []any) error {
		id, scope := sqlitefile.Text(v[0]), sqlitefile.Text(v[1])
		key := agentstate.Key("message", d.layout.Place, id)
		if first || scope != last {
			first, last, at = false, scope, 0
			c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, d.layout.Place, scope), Title: strings.ToValidUTF8(scope, "\ufffd")}
			c.Meta.ViewOfKeys = []string{key}
			c.ParticipantKeys = participants(scope)
			conversation = c.Meta.Key
			if err := r.put(c); err != nil {
				return err
			}
		}
		at++
		row := &pb.Row{}
		for i, c := range cols {
			row.Columns = append(row.Columns, d.cell(c, id, v[i]))
		}
		m := &pb.Message{Meta: &pb.Meta{Key: key, Native: []*pb.Native{{Type: "messages", Body: &pb.Native_Row{Row: row}}}}, ConversationKey: conversation, Position: at}
		if utf8.ValidString(id) {
			m.NativeId = id
		}
		created, _ := v[5].(string)
		m.Meta.CreatedUnixNano = timeOf(created)
		switch role, _ := v[2].(string); role {
		case "user":
			m.Role = pb.Role_ROLE_USER
		case "assistant":
			m.Role = pb.Role_ROLE_ASSISTANT
		case "system":
			m.Role = pb.Role_ROLE_SYSTEM
		case "tool":
			m.Role = pb.Role_ROLE_TOOL
		default:
			m.NativeRole = strings.ToValidUTF8(role, "\ufffd")
		}
		if name, ok := v[4].(string); ok && name != "" {
			m.AuthorPath = []string{strings.ToValidUTF8(name, "\ufffd")}
		}
		switch s, _ := v[3].(string); {
		case s == "":
		case !utf8.ValidString(s) || len(s) > agentstate.SpillSize:
			m.Meta.Labels = append(m.Meta.Labels, &pb.Label{Name: "content", Value: "in the native form alone: too long, or not UTF-8"})
		default:
			m.Parts = []*pb.Part{{Body: &pb.Part_Text{Text: s}}}
		}
		return r.put(m)
	})
}

// participants are the people of a scope, "agent_id=a&user_id=u".
func participants(scope string) []string {
	var out []string
	for part := range strings.SplitSeq(scope, "&") {
		name, v, _ := strings.Cut(part, "=")
		if id, err := url.PathUnescape(v); err == nil && id != "" {
			switch name {
			case "user_id":
				out = append(out, agentstate.Key("principal", "user", id))
			case "agent_id":
				out = append(out, agentstate.Key("principal", "agent", id))
			}
		}
	}
	return out
}
