package openaiagents

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func textColumn(name string, s *string) *pb.Column {
	c := &pb.Column{Name: name}
	if s != nil {
		c.Value = &pb.Column_Text{Text: []byte(*s)}
	}
	return c
}

func timeIn(s *string) int64 {
	if s == nil {
		return 0
	}
	return timeOf(*s)
}

func (r *pgReading) conversation(p *pgPair, sid string, row *pgRow) error {
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, p.Messages, sid), Title: sid}
	if row == nil {
		c.Meta.Labels = []*pb.Label{{Name: "session", Value: "has no row of its own; its messages have"}}
		return r.put(c)
	}
	cols := []*pb.Column{textColumn("session_id", &sid), textColumn("created_at", row.created), textColumn("updated_at", row.updated)}
	for i, v := range row.added {
		if v != nil {
			cols = append(cols, textColumn(p.sessions.added[i][0], v))
		}
	}
	c.Meta.Native = []*pb.Native{{Type: "agent_sessions", Body: &pb.Native_Row{Row: &pb.Row{Columns: cols}}}}
	c.Meta.CreatedUnixNano, c.Meta.UpdatedUnixNano = timeIn(row.created), timeIn(row.updated)
	return r.put(c)
}

func (r *pgReading) message(ctx context.Context, p *pgPair, conversation string, row *pgRow) error {
	v := append(make([]any, 0, 4+len(row.added)), row.id, row.session, beside{}, nil)
	if row.data != nil {
		v[2] = *row.data
	}
	if row.created != nil {
		v[3] = *row.created
	}
	for _, a := range row.added {
		if a != nil {
			v = append(v, *a)
		} else {
			v = append(v, nil)
		}
	}
	m := &message{}
	m.Meta, m.meta.Native, m.ConversationKey = &m.meta, m.natives[:], conversation
	m.meta.Key = p.prefix + strconv.FormatInt(row.id, 10)
	m.natives[0] = m.native.fill(p.table, v, func(string) *pb.Blob {
		id, _ := json.Marshal([]any{p.Messages, row.id}) // names are valid text
		return &pb.Blob{Id: "row:" + string(id)}
	})
	m.meta.CreatedUnixNano = timeIn(row.created)
	switch {
	case row.data != nil:
		responses.Read(&m.Message, m.native.row.Columns[2].GetText())
	case row.size <= maxItem:
		b, err := r.value(ctx, p, row.id, 0, maxItem)
		if err != nil {
			return err
		}
		responses.Read(&m.Message, b)
	default:
		if err := readLong(&m.Message, &pgValue{ctx: ctx, r: r, p: p, id: row.id}); err != nil {
			return err
		}
	}
	return r.put(&m.Message)
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

func (r *pgReading) openBlob(ctx context.Context, id string) (io.ReadCloser, error) {
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
