package openaiagents

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/nostore"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/underway"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A pgReading is one stream under way.
type pgReading struct {
	*pg
	reading // what it puts, and counts
	user    string
	stop    func() // ends the counting beside it; nil: there is none
}

// begin opens one snapshot and looks at the tables.
func (s *Store) begin(ctx context.Context) (_ *pgReading, o *pb.Origin, notes []string, err error) {
	d, err := s.open(ctx, readOnly)
	if err != nil {
		return nil, nil, nil, own(err)
	}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	at := "schema " + strings.Join(d.path, ",")
	if len(d.pairs) == 0 {
		return nil, nil, nil, nostore.Error(fmt.Errorf("%w: %s: no tables of SQLAlchemySession in %s; name their schema with ?search_path=", ErrSchema, s.server, at))
	}
	r := &pgReading{pg: d, reading: reading{n: map[string]uint64{}}}
	if _, err := d.one(ctx, "SELECT current_user::text || '@' || current_database()::text", nil, &r.user); err != nil {
		return nil, nil, nil, own(err)
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
				return nil, nil, nil, own(err)
			}
		}
	}
	b, err := json.Marshal(l)
	if err != nil {
		return nil, nil, nil, own(err)
	}
	o = &pb.Origin{Meta: agentstate.Meta("origin", nil, product), Product: product, Flavor: flavorPostgres, Location: s.server.String() + " " + at}
	enc, err := s.server.Encoding(ctx, d.Conn)
	if err != nil {
		return nil, nil, nil, own(err)
	}
	o.Meta.Labels = append(pgsnapshot.EncodingLabels(enc), &pb.Label{Name: labelDatabase, Value: string(b)})
	if notes, err = d.beside(ctx, o); err != nil {
		return nil, nil, nil, own(err)
	}
	return r, o, notes, nil
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
		r, o, _, err := s.begin(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.close()
		defer underway.Begin(&s.stream, r)()
		r.out = agentstate.NewEmitter(ctx, yield, o)
		counted, err := r.countBeside(ctx)
		if err == nil {
			err = r.run(ctx)
		}
		if err == nil {
			err = r.finish(ctx, counted)
		}
		r.out.End(own(err))
	}
}

func (r *pgReading) close() {
	if r.stop != nil {
		r.stop()
	}
	r.pg.close()
}

// room is the memory of the server that a sort may take before it writes to its disk: what it gives for an
// index unless somebody says otherwise. A server that gives more already is left alone.
const room = `SELECT set_config('work_mem', '64MB', true) WHERE pg_size_bytes(current_setting('work_mem')) < 64 * 1024 * 1024`

func (r *pgReading) run(ctx context.Context) error {
	for _, g := range r.denials() {
		if !r.out.Gap(g) {
			return r.out.Err()
		}
	}
	if err := r.exec(ctx, room); err != nil {
		return err
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
			n, err := r.count(ctx, fmt.Sprintf("SELECT count(*) FROM %s WHERE octet_length(convert_to(%s::text, 'UTF8')) > %d", t.ident, quote(a[0]), agentstate.SpillSize))
			if err != nil {
				return err
			}
			if n > 0 && !r.out.Gap(&pb.Gap{Kind: t.kind, Place: t.name + " column " + a[0], Reason: pb.Gap_REASON_LIMIT,
				Detail: fmt.Sprintf("%d values of a column that an application added are longer than %d bytes: their rows are carried without them", n, agentstate.SpillSize)}) {
				return r.out.Err()
			}
		}
	}
	return nil
}

// inPage is the length up to which items come with their rows, in bytes. Longer ones are read one by
// one, so that pages are small.
const inPage = 32 << 10

// rows are those of a query, made something of by work while those before are used.
func rowsOf[T any](ctx context.Context, r *pgReading, name, q string, work func(v []pgsnapshot.Row) []T) *feed[T] {
	return &feed[T]{queue: pgsnapshot.Ahead(ctx, &pgsnapshot.Cursor{Server: r.server, Conn: r.Conn, Lock: &r.mu, Name: name, Query: q}, work)}
}

// sessionRows reads the table of sessions in the order of their ids.
func (r *pgReading) sessionRows(ctx context.Context, p *pgPair) *feed[*sessionRecord] {
	q := `SELECT session_id, created_at, updated_at` + p.sessions.more() + ` FROM ` + p.sessions.ident + ` ORDER BY session_id COLLATE "C"`
	return rowsOf(ctx, r, "exitramp_s", q, p.sessionRecords)
}

// messageRows reads the table of messages in the order of sessions. The inner statement sorts rows
// whose long values still lie beside them.
func (r *pgReading) messageRows(ctx context.Context, p *pgPair) *feed[pgItem] {
	q := fmt.Sprintf(`SELECT id, session_id, CASE WHEN octet_length(message_data) <= %[1]d THEN message_data END, created_at%[2]s, CASE WHEN octet_length(message_data) > %[1]d THEN octet_length(message_data) END
		FROM (SELECT * FROM %[3]s ORDER BY session_id COLLATE "C", id OFFSET 0) x`, inPage, p.messages.more(), p.messages.ident)
	return rowsOf(ctx, r, "exitramp_m", q, p.items)
}

// walk reads the two tables side by side, in the order of session ids.
func (r *pgReading) walk(ctx context.Context, p *pgPair) error {
	sessions, messages := &feed[*sessionRecord]{}, &feed[pgItem]{}
	if p.sessions.denied == "" {
		sessions = r.sessionRows(ctx, p)
		defer sessions.queue.Close()
	}
	if p.messages.denied == "" {
		messages = r.messageRows(ctx, p)
		defer messages.queue.Close()
	}
	for {
		s, err := sessions.peek()
		if err != nil {
			return err
		}
		m, err := messages.peek()
		if err != nil || s == nil && m == nil {
			return err
		}
		var c *pb.Conversation
		if s != nil && (m == nil || (*s).Title <= string(m.session())) {
			c = &(*s).Conversation
			sessions.next()
		} else {
			c = p.orphan(string(m.session()))
		}
		sid, key := c.Title, c.Meta.Key // the consumer may change c
		if err := r.put(c); err != nil {
			return err
		}
		for m != nil && string(m.session()) == sid {
			if err := r.message(ctx, p, key, m); err != nil {
				return err
			}
			messages.next()
			if m, err = messages.peek(); err != nil {
				return err
			}
		}
	}
}
