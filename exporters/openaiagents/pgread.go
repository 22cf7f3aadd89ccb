package openaiagents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A pgReading is one stream under way.
type pgReading struct {
	*pg
	reading // what it puts, and counts
	user    string
}

// begin opens one snapshot and looks at the tables.
func (s *Store) begin(ctx context.Context) (_ *pgReading, _ *pb.Origin, err error) {
	d, err := s.open(ctx, readOnly)
	if err != nil {
		return nil, nil, own(err)
	}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	at := "schema " + strings.Join(d.path, ",")
	if len(d.pairs) == 0 {
		return nil, nil, fmt.Errorf("%w: %s: no tables of SQLAlchemySession in %s; name their schema with ?search_path=", ErrSchema, s.server, at)
	}
	r := &pgReading{pg: d, reading: reading{n: map[string]uint64{}}}
	if _, err := d.one(ctx, "SELECT current_user::text || '@' || current_database()::text", nil, &r.user); err != nil {
		return nil, nil, own(err)
	}
	l := layout{Dialect: sqlAlchemy}
	for _, p := range d.pairs {
		l.Pairs = append(l.Pairs, p.pair)
		if p.sessions.partial || p.messages.partial {
			// What the policy shows is still worth having; the gap says that it is not all.
			if err := d.exec(ctx, "SET LOCAL row_security = on"); err != nil {
				return nil, nil, own(err)
			}
		}
	}
	b, err := json.Marshal(l)
	if err != nil {
		return nil, nil, own(err)
	}
	o := &pb.Origin{Meta: agentstate.Meta("origin", nil, product), Product: product, Flavor: flavorPostgres, Location: s.server.String() + " " + at}
	o.Meta.Labels = []*pb.Label{{Name: labelDatabase, Value: string(b)}}
	return r, o, nil
}

// denials are the gaps of tables that cannot be read, or not in full.
func (d *pg) denials() (out []*pb.Gap) {
	add := func(kind, place, permission, detail string) {
		out = append(out, &pb.Gap{Meta: agentstate.Meta("gap", nil, kind, place), Kind: kind, Place: place, Reason: pb.Gap_REASON_FORBIDDEN, Permission: permission, Detail: detail})
	}
	for _, p := range d.pairs {
		for _, t := range []struct {
			pgTable
			kind, place string
		}{{p.sessions, "conversation", p.Sessions}, {p.messages, "message", p.Messages}} {
			if t.denied != "" {
				add(t.kind, t.place, t.denied, "the observer may not read the table")
			} else if t.partial {
				add(t.kind, t.place, "BYPASSRLS", "row-level security shows the observer some rows; how many it hides cannot be seen")
			}
		}
		if p.sequence != "" && !p.readSeq && p.messages.denied == "" {
			add("opaque", p.Messages+" sequence", "SELECT on sequence "+p.sequence, "the observer may not read the counter of ids; ids that were deleted may be given again")
		}
	}
	return out
}

// Records reads the sessions in one snapshot, the messages of each behind it.
func (s *Store) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		if opts != nil && len(opts.Cursor) > 0 {
			yield(nil, fmt.Errorf("openaiagents: %w", agentstate.ErrCursor)) // another snapshot: read anew
			return
		}
		r, o, err := s.begin(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.close()
		s.mu.Lock()
		s.reading = r
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			s.reading = nil
			s.mu.Unlock()
		}()
		r.out = agentstate.NewEmitter(ctx, yield, o)
		err = r.run(ctx)
		if errors.Is(err, errStop) {
			return
		}
		if err == nil {
			err = r.finish(ctx)
		}
		r.out.End(own(err))
	}
}

func (r *pgReading) close() { r.pg.close() }

func (r *pgReading) run(ctx context.Context) error {
	for _, g := range r.denials() {
		if !r.out.Gap(g) {
			return errStop
		}
	}
	for _, p := range r.pairs {
		if err := r.walk(ctx, p); err != nil {
			return err
		}
		if err := r.counter(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// A pgRow is a row of either table.
type pgRow struct {
	id               int64
	session          string
	data             *string // nil: above the limit, of size bytes
	size             int64
	created, updated *string
}

// fetched is the number of rows that one FETCH brings. Between two of them the connection is free
// for the consumer's blobs, and memory stays bounded.
const fetched = 200

// cursor reads the rows of a statement through a cursor of the server. next is nil at the end.
func (r *pgReading) cursor(ctx context.Context, name, q string, scan func(pgx.CollectableRow) (pgRow, error)) (next func() (*pgRow, error), err error) {
	if err := r.exec(ctx, "DECLARE "+name+" NO SCROLL CURSOR FOR "+q); err != nil {
		return nil, err
	}
	var page []pgRow
	end := false
	return func() (*pgRow, error) {
		if len(page) == 0 && !end {
			rows, err := r.Query(ctx, fmt.Sprintf("FETCH %d FROM %s", fetched, name), pgx.QueryExecModeSimpleProtocol)
			if err != nil {
				return nil, r.server.Wrap(err)
			}
			if page, err = pgx.CollectRows(rows, scan); err != nil {
				return nil, r.server.Wrap(err)
			}
			if end = len(page) < fetched; end {
				if err := r.exec(ctx, "CLOSE "+name); err != nil {
					return nil, err
				}
			}
		}
		if len(page) == 0 {
			return nil, nil
		}
		row := &page[0]
		page = page[1:]
		return row, nil
	}, nil
}

func nothing() (*pgRow, error) { return nil, nil }

// walk reads the two tables side by side, in the order of session ids.
func (r *pgReading) walk(ctx context.Context, p *pgPair) (err error) {
	sessions, messages := nothing, nothing
	if p.sessions.denied == "" {
		q := `SELECT session_id::text, created_at::text, updated_at::text FROM ` + p.sessions.ident + ` ORDER BY session_id COLLATE "C"`
		if sessions, err = r.cursor(ctx, "exitramp_s", q, func(c pgx.CollectableRow) (x pgRow, err error) {
			return x, c.Scan(&x.session, &x.created, &x.updated)
		}); err != nil {
			return err
		}
	}
	if p.messages.denied == "" {
		// The inner statement sorts rows whose long values still lie beside them.
		q := fmt.Sprintf(`SELECT id::int8, session_id::text, octet_length(message_data)::int8, CASE WHEN octet_length(message_data) <= %d THEN message_data::text END, created_at::text
			FROM (SELECT * FROM %s ORDER BY session_id COLLATE "C", id OFFSET 0) x`, agentstate.SpillSize, p.messages.ident)
		if messages, err = r.cursor(ctx, "exitramp_m", q, func(c pgx.CollectableRow) (x pgRow, err error) {
			return x, c.Scan(&x.id, &x.session, &x.size, &x.data, &x.created)
		}); err != nil {
			return err
		}
	}
	s, err := sessions()
	if err != nil {
		return err
	}
	m, err := messages()
	key := "" // of the conversation
	for err == nil && (s != nil || m != nil) {
		sid := ""
		if s != nil && (m == nil || s.session <= m.session) {
			sid = s.session
			err = r.conversation(p, sid, s)
			if err == nil {
				s, err = sessions()
			}
		} else { // its session has no row, or none that the observer sees
			sid = m.session
			err = r.conversation(p, sid, nil)
		}
		key = agentstate.Key("conversation", p.Messages, sid)
		for err == nil && m != nil && m.session == sid {
			if err = r.message(ctx, p, key, m); err == nil {
				m, err = messages()
			}
		}
	}
	return err
}

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
	c.Meta.Native = []*pb.Native{{Type: "agent_sessions", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{
		textColumn("session_id", &sid), textColumn("created_at", row.created), textColumn("updated_at", row.updated)}}}}}
	c.Meta.CreatedUnixNano, c.Meta.UpdatedUnixNano = timeIn(row.created), timeIn(row.updated)
	return r.put(c)
}

func (r *pgReading) message(ctx context.Context, p *pgPair, conversation string, row *pgRow) error {
	v := [4]any{row.id, row.session, beside{}, nil}
	if row.data != nil {
		v[2] = *row.data
	}
	if row.created != nil {
		v[3] = *row.created
	}
	m := &message{}
	m.Meta, m.meta.Native, m.ConversationKey = &m.meta, m.natives[:], conversation
	m.meta.Key = p.prefix + strconv.FormatInt(row.id, 10)
	m.natives[0] = m.native.fill(p.table, v[:], func(string) *pb.Blob {
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

// counts counts by other routes.
func (r *pgReading) counts(ctx context.Context) error {
	for _, p := range r.pairs {
		if p.sessions.denied == "" {
			n, err := r.count(ctx, "SELECT count(*) FROM "+p.sessions.ident)
			if err != nil {
				return err
			}
			r.n["conversation"] += uint64(n)
		}
		if p.messages.denied != "" {
			continue
		}
		n, err := r.count(ctx, "SELECT count(*) FROM "+p.messages.ident)
		if err != nil {
			return err
		}
		r.n["message"] += uint64(n)
		q := "SELECT count(DISTINCT session_id) FROM " + p.messages.ident
		if p.sessions.denied == "" {
			q += " m WHERE NOT EXISTS (SELECT FROM " + p.sessions.ident + " s WHERE s.session_id = m.session_id)"
		}
		if n, err = r.count(ctx, q); err != nil {
			return err
		}
		r.n["conversation"] += uint64(n)
	}
	return nil
}

func (r *pgReading) finish(ctx context.Context) error {
	if err := r.counts(ctx); err != nil {
		return err
	}
	access := map[string]string{}
	const whole = "row_security off accepted"
	for _, k := range []string{"conversation", "message", "opaque"} {
		access[k] = whole
	}
	for _, p := range r.pairs {
		if !p.messages.whole() {
			access["message"], access["conversation"] = "", ""
		}
		if !p.sessions.whole() {
			access["conversation"] = ""
		}
		if p.sequence != "" && !p.readSeq || p.messages.denied != "" {
			access["opaque"] = ""
		}
	}
	for _, k := range []string{"conversation", "message", "opaque"} {
		r.out.Reference(k, r.n[k], "count(*) and number of sequences", access[k])
	}
	r.out.AbsentOthers()
	st := r.out.Statement()
	st.Observer, st.ObserverBasis, st.Account, st.Consistent = r.user, "current_user", r.server.String(), true
	return nil
}

// Preflight counts what the database holds; it reads only.
func (s *Store) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	r, o, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.counts(ctx); err != nil {
		return nil, own(err)
	}
	p := &agentstate.Preflight{Origin: o, Observer: r.user, Gaps: r.denials(), Counts: map[string]int64{"conversation": int64(r.n["conversation"]), "message": int64(r.n["message"])},
		Never: []string{"the agents' code and tools; keys of encrypted sessions; run states, which programs keep elsewhere"}}
	sealed := int64(0)
	for _, x := range r.pairs {
		if x.sessions.denied != "" {
			p.Counts["conversation"] = -1
		}
		if x.messages.denied != "" {
			p.Counts["message"] = -1
			continue
		}
		n, err := r.count(ctx, "SELECT count(*) FROM "+x.messages.ident+` WHERE message_data LIKE '{"__enc__"%'`)
		if err != nil {
			return nil, own(err)
		}
		sealed += n
	}
	if sealed > 0 {
		p.Notes = append(p.Notes, sealedNote(sealed))
	}
	return p, nil
}
