package openaiagents

import (
	"bytes"
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// pair reads two tables side by side, in the order of session ids: each session, its messages
// behind it.
func (r *reading) pair(ctx context.Context, d *db, p *pair) error {
	if err := r.tally(ctx, d, p); err != nil {
		return err
	}
	own, items := d.layout.table(p.Sessions, p), &itemTable{d.layout.table(p.Messages, p), d, p, agentstate.Key("message", d.place(p)) + "/"}
	sessions := feedOf(ctx, d, "SELECT "+sqlitefile.Selects(own.cols)+" FROM "+quote(p.Sessions)+" ORDER BY session_id", func(v []any) []any { return v })
	defer sessions.queue.Close()
	messages := feedOf(ctx, d, "SELECT +id, +session_id, "+shortItem+", +created_at"+more(items.table)+" FROM "+quote(p.Messages)+" ORDER BY session_id, id", func(v []any) item {
		if v[2] == nil {
			return item{v, nil} // it asks the database, which is read
		}
		return item{v, items.message(v)}
	})
	defer messages.queue.Close()
	for {
		s, err := sessions.peek()
		if err != nil {
			return err
		}
		m, err := messages.peek()
		if err != nil || s == nil && m == nil {
			return err
		}
		var id any
		var c *pb.Conversation
		if s != nil && (m == nil || compare((*s)[0], m.row[1]) <= 0) {
			v := *s
			id, c = v[0], d.session(p, v[0])
			c.Meta.Native = []*pb.Native{d.row(own, v)}
			c.Meta.CreatedUnixNano, c.Meta.UpdatedUnixNano = timeOf(v[1]), timeOf(v[2])
			sessions.next()
		} else { // somebody deleted its row with foreign keys off
			id, c = m.row[1], d.session(p, m.row[1])
			c.Meta.Labels = []*pb.Label{rowless()}
		}
		if err := r.session(ctx, items, c, id, messages); err != nil {
			return err
		}
	}
}

// more are the columns of t that an application added, behind others.
func more(t *table) string {
	if len(t.cols) == t.own {
		return ""
	}
	return ", " + sqlitefile.Selects(t.cols[t.own:])
}

// tally counts by other routes.
func (r *reading) tally(ctx context.Context, d *db, p *pair) error {
	sessions, messages, err := d.count(ctx, p)
	r.n["conversation"] += uint64(sessions)
	r.n["message"] += uint64(messages)
	return err
}

// count counts the sessions of a pair, also those that have messages and no row, and its messages.
func (d *db) count(ctx context.Context, p *pair) (sessions, messages int64, err error) {
	s, m := quote(p.Sessions), quote(p.Messages)
	n, err := sqlitefile.Query(ctx, d.Conn, "SELECT (SELECT count(*) FROM "+s+") + (SELECT count(*) FROM (SELECT session_id FROM "+m+" EXCEPT SELECT session_id FROM "+s+")), (SELECT count(*) FROM "+m+")")
	if err != nil {
		return 0, 0, err
	}
	return n[0][0].(int64), n[0][1].(int64), nil
}

// compare orders ids as SQLite does: no value, numbers, text, bytes.
func compare(a, b any) int {
	rank := func(v any) int {
		switch v.(type) {
		case nil:
			return 0
		case string:
			return 2
		case []byte:
			return 3
		}
		return 1
	}
	if n := cmp.Compare(rank(a), rank(b)); n != 0 {
		return n
	}
	switch a := a.(type) {
	case nil:
		return 0
	case string:
		return strings.Compare(a, b.(string))
	case []byte:
		return bytes.Compare(a, b.([]byte))
	}
	number := func(v any) float64 {
		if n, ok := v.(int64); ok {
			return float64(n)
		}
		f, _ := v.(float64)
		return f
	}
	return cmp.Compare(number(a), number(b))
}

func (d *db) session(p *pair, id any) *pb.Conversation {
	sid := sqlitefile.Text(id)
	return &pb.Conversation{Meta: agentstate.Meta("conversation", nil, d.place(p), sid), Title: valid(sid)}
}

// An itemTable is a table of messages, and how the keys of its records begin.
type itemTable struct {
	*table
	db     *db
	pair   *pair
	prefix string
}

// An item is a row of such a table, and its record; nil: it is too long, or NULL.
type item struct {
	row []any
	rec *pb.Message
}

// session puts a conversation and the messages that have its id, which are next.
func (r *reading) session(ctx context.Context, t *itemTable, c *pb.Conversation, id any, messages *feed[item]) error {
	key := c.Meta.Key
	if err := r.branches(ctx, t.db, t.pair, c, id); err != nil {
		return err
	}
	if err := r.put(c); err != nil {
		return err
	}
	for {
		x, err := messages.peek()
		if err != nil || x == nil || compare(x.row[1], id) != 0 {
			return err
		}
		m := x.rec
		if m == nil {
			if m, err = t.longMessage(ctx, x.row); err != nil {
				return err
			}
		}
		m.ConversationKey = key
		if text, ok := x.row[2].(string); ok && strings.HasPrefix(text, sealed) {
			r.sealed++
		}
		messages.next()
		if err := r.put(m); err != nil {
			return err
		}
	}
}

// branches names the heads of a session of AdvancedSQLiteSession, and of several branches what the model sees:
// a program that opens the session is on the main one.
func (r *reading) branches(ctx context.Context, d *db, p *pair, c *pb.Conversation, id any) error {
	if !slices.Contains(d.layout.Extra, "message_structure") || p != d.layout.structured() {
		return nil
	}
	heads, err := sqlitefile.Query(ctx, d.Conn, `SELECT +branch_id, +message_id, max(sequence_number) FROM message_structure WHERE session_id IS ? GROUP BY branch_id ORDER BY branch_id`, id)
	for _, h := range heads {
		c.Branches = append(c.Branches, &pb.Branch{Name: valid(sqlitefile.Text(h[0])), HeadKey: agentstate.Key("message", d.place(p), sqlitefile.Text(h[1]))})
	}
	if err != nil || len(heads) < 2 {
		return err
	}
	rows, err := sqlitefile.Query(ctx, d.Conn, "SELECT +m.id FROM "+quote(p.Messages)+" m JOIN message_structure s ON s.message_id = m.id WHERE s.session_id IS ? AND s.branch_id = 'main' ORDER BY s.sequence_number", id)
	for _, m := range rows {
		c.HeadKey = agentstate.Key("message", d.place(p), sqlitefile.Text(m[0]))
		c.ContextKeys = append(c.ContextKeys, c.HeadKey)
	}
	return err
}

// rowless marks a conversation of messages whose session has no row: it comes with them.
func rowless() *pb.Label {
	return &pb.Label{Name: "session", Value: "has no row of its own; its messages have"}
}

func isRowless(r agentstate.Record) bool {
	return slices.ContainsFunc(r.GetMeta().GetLabels(), func(l *pb.Label) bool { return l.Name == rowless().Name && l.Value == rowless().Value })
}

// A message is a record with its parts, made at once: there is one for each row.
type message struct {
	pb.Message
	meta    pb.Meta
	native  nativeRow
	natives [1]*pb.Native
}

// longMessage reads a row that has no value for its item.
func (t *itemTable) longMessage(ctx context.Context, v []any) (_ *pb.Message, err error) {
	if v[2], err = t.db.longItem(ctx, t.name, v[0]); err != nil {
		return nil, err
	}
	m := t.message(v)
	if v[2] != nil {
		err = t.db.readLong(ctx, m, t.pair, v[0])
	}
	return m, err
}

// numbered is the key of a row, made at once.
func numbered(prefix string, id int64) string {
	var room [128]byte
	return string(strconv.AppendInt(append(room[:0], prefix...), id, 10))
}

// message is the record of a row. It is called for several rows at once.
func (t *itemTable) message(v []any) *pb.Message {
	m := &message{}
	m.Meta, m.meta.Native = &m.meta, m.natives[:]
	m.natives[0] = m.native.fill(t.table, v, func(col string) *pb.Blob { return t.db.blob(t.table, col, v) })
	if id, ok := v[0].(int64); ok {
		m.meta.Key = numbered(t.prefix, id)
	} else {
		m.meta.Key = t.prefix + url.PathEscape(sqlitefile.Text(v[0]))
	}
	m.meta.CreatedUnixNano = timeOf(v[3])
	switch data := v[2].(type) {
	case string:
		b := m.native.row.Columns[2].GetText()
		if b == nil {
			b = []byte(data) // it lies beside
		}
		responses.Read(&m.Message, b)
	case []byte:
		responses.Read(&m.Message, data)
	}
	return &m.Message
}
