package openaiagents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/context/agentstate"
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
		for _, t := range []struct {
			pgTable
			name string
		}{{p.sessions, p.Sessions}, {p.messages, p.Messages}} {
			if len(t.added) > 0 {
				if l.Added == nil {
					l.Added = map[string][]string{}
				}
				l.Added[t.name] = t.has()
			}
		}
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
		if err := r.tooLong(ctx, p); err != nil {
			return err
		}
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
	added            []*string // columns of an application; nil: no value
}

// scan takes a row whose last columns are n that an application added.
func (x *pgRow) scan(c pgx.CollectableRow, n int, into ...any) error {
	if n > 0 {
		x.added = make([]*string, n)
	}
	for i := range x.added {
		into = append(into, &x.added[i])
	}
	return c.Scan(into...)
}

// tooLong names the values of an application's columns that no record holds.
func (r *pgReading) tooLong(ctx context.Context, p *pgPair) error {
	for _, t := range []struct {
		pgTable
		kind string
	}{{p.sessions, "conversation"}, {p.messages, "message"}} {
		for _, a := range t.added {
			if t.denied != "" {
				continue
			}
			n, err := r.count(ctx, fmt.Sprintf("SELECT count(*) FROM %s WHERE octet_length(%s::text) > %d", t.ident, quote(a[0]), agentstate.SpillSize))
			if err != nil {
				return err
			}
			if n > 0 && !r.out.Gap(&pb.Gap{Kind: t.kind, Place: t.name + " column " + a[0], Reason: pb.Gap_REASON_LIMIT,
				Detail: fmt.Sprintf("%d values of a column that an application added are longer than %d bytes: their rows are carried without them", n, agentstate.SpillSize)}) {
				return errStop
			}
		}
	}
	return nil
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
		q := `SELECT session_id::text, created_at::text, updated_at::text` + p.sessions.more() + ` FROM ` + p.sessions.ident + ` ORDER BY session_id COLLATE "C"`
		if sessions, err = r.cursor(ctx, "exitramp_s", q, func(c pgx.CollectableRow) (x pgRow, err error) {
			return x, x.scan(c, len(p.sessions.added), &x.session, &x.created, &x.updated)
		}); err != nil {
			return err
		}
	}
	if p.messages.denied == "" {
		// The inner statement sorts rows whose long values still lie beside them.
		q := fmt.Sprintf(`SELECT id::int8, session_id::text, octet_length(message_data)::int8, CASE WHEN octet_length(message_data) <= %d THEN message_data::text END, created_at::text%s
			FROM (SELECT * FROM %s ORDER BY session_id COLLATE "C", id OFFSET 0) x`, agentstate.SpillSize, p.messages.more(), p.messages.ident)
		if messages, err = r.cursor(ctx, "exitramp_m", q, func(c pgx.CollectableRow) (x pgRow, err error) {
			return x, x.scan(c, len(p.messages.added), &x.id, &x.session, &x.size, &x.data, &x.created)
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
