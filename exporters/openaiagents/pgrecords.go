package openaiagents

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A sessionRecord is a conversation with its parts, made at once.
type sessionRecord struct {
	pb.Conversation
	meta    pb.Meta
	native  nativeRow
	natives [1]*pb.Native
}

// sessionRecords makes records of rows. It is called for several pages at once.
func (p *pgPair) sessionRecords(rows []pgsnapshot.Row) []*sessionRecord {
	out := make([]*sessionRecord, len(rows))
	t := tableOf(p.Sessions, &p.pair, p.sessions.has()...)
	v := make([]any, len(t.cols))
	for i, row := range rows {
		c := &sessionRecord{}
		c.Meta, c.meta.Native, c.Title = &c.meta, c.natives[:], string(row[0])
		c.meta.Key = agentstate.Key("conversation", p.Messages, c.Title)
		c.natives[0] = c.native.fill(t, values(v, row), nil) // what is long does not come
		c.meta.CreatedUnixNano, c.meta.UpdatedUnixNano = timeIn(string(row[1])), timeIn(string(row[2]))
		out[i] = c
	}
	return out
}

// orphan is the conversation of messages whose session has no row, or none that the observer sees.
func (p *pgPair) orphan(sid string) *pb.Conversation {
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, p.Messages, sid), Title: sid}
	c.Meta.Labels = []*pb.Label{rowless()}
	return c
}

// values puts what is in a row into v, for nativeRow.fill.
func values(v []any, row pgsnapshot.Row) []any {
	clear(v)
	for i := range v {
		if row[i] != nil {
			v[i] = &row[i]
		}
	}
	return v
}

// A pgItem is a row of messages: id, session, item, time, columns of an application, size of an item that
// is not in it.
type pgItem struct {
	row pgsnapshot.Row
	id  int64
	rec *message // nil: the item is to be read
	err error
}

func (x *pgItem) session() []byte { return x.row[1] }

// items makes records of rows. It is called for several pages at once.
func (p *pgPair) items(rows []pgsnapshot.Row) []pgItem {
	out := make([]pgItem, len(rows))
	v := make([]any, len(p.table.cols))
	for i, row := range rows {
		x := &out[i]
		x.row = row
		if x.id, x.err = strconv.ParseInt(string(row[0]), 10, 64); x.err != nil || row[1] == nil {
			x.err = fmt.Errorf("%w: table %s: a row has no id or no session_id; supported: rows that have both (openai-agents %s)", ErrSchema, p.messages.name, releases)
			continue
		}
		if row[len(row)-1] != nil {
			continue
		}
		if x.rec = p.record(x, v, nil); row[2] != nil {
			responses.Read(&x.rec.Message, row[2])
		}
	}
	return out
}

// record is the record of x, without what its item says. v is room for its values; item stands for one
// that is not in the row.
func (p *pgPair) record(x *pgItem, v []any, item any) *message {
	if values(v, x.row)[0] = x.id; item != nil {
		v[2] = item
	}
	m := &message{}
	m.Meta, m.meta.Native = &m.meta, m.natives[:]
	m.meta.Key = numbered(p.prefix, x.id)
	m.natives[0] = m.native.fill(p.table, v, func(string) *pb.Blob {
		id, _ := json.Marshal([]any{p.Messages, x.id}) // names are valid text
		return &pb.Blob{Id: "row:" + string(id)}
	})
	m.meta.CreatedUnixNano = timeIn(string(x.row[3]))
	return m
}

// message puts the record of a row.
func (r *pgReading) message(ctx context.Context, p *pgPair, conversation string, x *pgItem) error {
	m, err := x.rec, x.err
	if m == nil && err == nil {
		m, err = r.long(ctx, p, x)
	}
	if err != nil {
		return err
	}
	m.ConversationKey = conversation
	if bytes.HasPrefix(x.row[2], []byte(sealed)) {
		r.sealed++
	}
	return r.put(&m.Message)
}

// long reads an item that did not come with its row.
func (r *pgReading) long(ctx context.Context, p *pgPair, x *pgItem) (*message, error) {
	v := make([]any, len(p.table.cols))
	size, err := strconv.ParseInt(string(x.row[len(x.row)-1]), 10, 64)
	if err != nil {
		return nil, err
	}
	if size > maxItem {
		m := p.record(x, v, beside{})
		return m, readLong(&m.Message, &pgValue{ctx: ctx, r: r, p: p, id: x.id})
	}
	b, err := r.value(ctx, p, x.id, 0, maxItem)
	if err != nil {
		return nil, err
	}
	var item any = &b
	if size > agentstate.SpillSize {
		item = beside{}
	}
	m := p.record(x, v, item)
	responses.Read(&m.Message, b)
	return m, nil
}

// value is n bytes of the text of a message, from off on.
func (r *pgReading) value(ctx context.Context, p *pgPair, id, off, n int64) ([]byte, error) {
	var b []byte
	ok, err := r.one(ctx, "SELECT substring(convert_to(message_data, 'UTF8') FROM $2::int4 FOR $3::int4) FROM "+p.messages.ident+" WHERE id = $1::int8", []any{id, off + 1, n}, &b)
	if err == nil && !ok {
		err = fmt.Errorf("%w: message %d", agentstate.ErrNotFound, id)
	}
	return b, err
}

// pgPiece is the size of a piece. The server unpacks the whole text for each.
const pgPiece = 8 << 20

// A pgValue reads the text of a message piece by piece.
type pgValue struct {
	ctx     context.Context
	r       *pgReading
	p       *pgPair
	id, off int64
	buf     []byte
	last    bool
}

func (v *pgValue) Read(p []byte) (int, error) {
	if len(v.buf) == 0 {
		if v.last {
			return 0, io.EOF
		}
		b, err := v.r.value(v.ctx, v.p, v.id, v.off, pgPiece)
		if err != nil {
			return 0, own(err)
		}
		v.buf, v.last = b, len(b) < pgPiece
		v.off += int64(len(b))
		if len(b) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, v.buf)
	v.buf = v.buf[n:]
	return n, nil
}

func (v *pgValue) Close() error { return nil }

func (r *pgReading) OpenBlob(ctx context.Context, id string) (io.ReadCloser, error) {
	var parts []any
	dec := json.NewDecoder(strings.NewReader(strings.TrimPrefix(id, "row:")))
	dec.UseNumber()
	if dec.Decode(&parts) == nil && len(parts) == 2 {
		table, _ := parts[0].(string)
		n, _ := parts[1].(json.Number)
		if row, err := n.Int64(); err == nil && r.pg.pair(table) != nil {
			return &pgValue{ctx: ctx, r: r, p: r.pg.pair(table), id: row}, nil
		}
	}
	return nil, fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, id)
}

// counter carries the last id that was given: those of deleted messages must not be given again.
func (r *pgReading) counter(ctx context.Context, p *pgPair) error {
	if p.sequence == "" || !p.readSeq || p.messages.denied != "" {
		return nil
	}
	last, err := r.last(ctx, p)
	if err != nil {
		return err
	}
	highest, err := r.count(ctx, "SELECT coalesce(max(id), 0)::int8 FROM "+p.messages.ident)
	if err != nil {
		return err
	}
	last = max(last, highest) // somebody inserted ids of their own
	r.n["opaque"]++
	return r.put(&pb.Opaque{Meta: agentstate.Meta("opaque", &pb.Native{Type: "sequence", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{
		{Name: "last_id", Value: &pb.Column_Integer{Integer: last}}}}}}, p.Messages, "sequence")})
}

// last is the last id that the sequence of p gave.
func (d *pg) last(ctx context.Context, p *pgPair) (int64, error) {
	return d.count(ctx, "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM "+p.sequence)
}
