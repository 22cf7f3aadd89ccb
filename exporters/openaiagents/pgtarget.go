package openaiagents

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A pgWriter writes one run, in one transaction.
type pgWriter struct {
	*pg
	run   *replay.Run
	exact bool
	names []pair               // exact: of the source
	added map[string][]string  // exact: the columns of an application that its tables had
	moves *moves               // exact
	top   map[string]int64     // by table of messages: the highest id that the run gave, or would
	there map[[2]string]bool   // table of messages and session: has a row, or would
	owner map[string]string    // foreign: the conversation that a session is
	seen  inView               // foreign
	ids   sessionIDs           // foreign
	ends  map[string]time.Time // foreign: of a session, the time of its last item
	now   time.Time
	next  int64               // foreign: the last id that was given or found
	rules map[string][]string // by table, as it stands in SQL: what may keep rows out and is not the SDK's
}

// Begin connects, and refuses tables that are not the SDK's.
func (s *Store) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w := &pgWriter{run: run, exact: run.From.GetProduct() == product && run.From.GetFlavor() == flavorPostgres, moves: newMoves(), top: map[string]int64{}, there: map[[2]string]bool{},
		owner: map[string]string{}, seen: inView{}, ids: sessionIDs{}, ends: map[string]time.Time{}, rules: map[string][]string{}, now: time.Now().UTC().Truncate(time.Microsecond)}
	for _, l := range run.From.GetMeta().GetLabels() {
		var x layout
		if !w.exact || l.Name != labelDatabase {
			continue
		}
		if err := json.Unmarshal([]byte(l.Value), &x); err != nil || !validNames(x.Pairs) {
			return nil, fmt.Errorf("%w: %w: the archive names tables that the SDK does not make", replay.ErrTarget, ErrSchema)
		}
		w.names, w.added = x.Pairs, x.Added
	}
	err := w.connect(ctx, s)
	if err == nil {
		err = w.ownRules(ctx)
	}
	if err != nil {
		if w.pg != nil {
			w.close()
		}
		return nil, fmt.Errorf("%w: %w", replay.ErrTarget, own(err))
	}
	return w, nil
}

func (w *pgWriter) connect(ctx context.Context, s *Store) (err error) {
	begin := "BEGIN ISOLATION LEVEL READ COMMITTED"
	if w.run.DryRun {
		begin = readOnly
	}
	if w.pg, err = s.open(ctx, begin); err != nil {
		return err
	}
	if err := w.server.TakesRows(ctx, w.Conn); err != nil {
		return err
	}
	var same *pb.Origin
	if w.exact {
		same = w.run.From
	}
	enc, err := w.server.Encoding(ctx, w.Conn)
	if err == nil {
		err = w.server.TakesText(enc, same)
	}
	if err != nil {
		return err
	}
	for _, p := range w.pairs {
		for _, t := range []pgTable{p.sessions, p.messages} {
			switch {
			case !t.whole():
				why := t.denied
				if t.partial {
					why = "BYPASSRLS"
				}
				return fmt.Errorf("%w: %s: %s", ErrForbidden, w.server, why)
			case !t.insert:
				return fmt.Errorf("%w: %s: INSERT on %s", ErrForbidden, w.server, t.name)
			}
		}
		if p.sequence != "" && !(p.writeSeq && p.readSeq) {
			return fmt.Errorf("%w: %s: SELECT and UPDATE on sequence %s, which the next id of the runtime comes from", ErrForbidden, w.server, p.sequence)
		}
	}
	schema, may := int64(0), false
	if _, err := w.one(ctx, `SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = $1), has_database_privilege(current_database(), 'CREATE')`, []any{w.path[0]}, &schema, &may); err != nil {
		return err
	}
	switch {
	case schema > 0:
		return nil
	case !may:
		return fmt.Errorf("%w: %s: no schema %s, and CREATE on the database is missing", ErrForbidden, w.server, w.path[0])
	case w.run.DryRun:
		return nil
	}
	return w.exec(ctx, "CREATE SCHEMA "+quote(w.path[0]))
}

func validNames(pairs []pair) bool {
	for _, p := range pairs {
		if !p.valid(sqlAlchemy) || len(p.Sessions) > 63 || len(p.Messages) > 63 {
			return false
		}
	}
	return len(pairs) > 0
}

// Deferred: nothing is in the target before Commit.
func (w *pgWriter) Deferred() bool { return true }

// Exact tells whether the rows go back as they are.
func (w *pgWriter) Exact() bool { return w.exact }

// table is the pair of tables that the run writes: if need be, it is made as SQLAlchemySession
// makes it. made is false in a plan for tables that are not there.
func (w *pgWriter) table(ctx context.Context, p pair) (_ *pgPair, made bool, err error) {
	if x := w.pair(p.Messages); x != nil {
		if x.Sessions != p.Sessions {
			return nil, false, fmt.Errorf("%w: table %s belongs to sessions of table %s; want %s", ErrSchema, x.messages.name, x.Sessions, p.Sessions)
		}
		return x, !x.planned, nil
	}
	x := newPGPair(w.path[0], p)
	if err := w.free(ctx, p); err != nil {
		return nil, false, err
	}
	if w.run.DryRun {
		x.planned = true
		w.pairs = append(w.pairs, x)
		return x, false, nil
	}
	for _, q := range createPostgres(x) {
		if err := w.exec(ctx, q); err != nil {
			return nil, false, err
		}
	}
	if err := w.atOnce(func() error {
		_, err := w.one(ctx, "SELECT pg_get_serial_sequence($1::text, 'id')", []any{x.messages.ident}, &x.sequence)
		return err
	}); err != nil {
		return nil, false, err
	}
	w.pairs = append(w.pairs, x)
	return x, true, nil
}

// Write takes one record.
func (w *pgWriter) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	f := w.foreign
	if w.exact {
		f = w.row
	}
	rc, err := f(ctx, r)
	return rc, own(err)
}

// A pgRow is a row on its way into a pair of tables.
type pgRow struct {
	newRow
	kind string
	p    *pgPair
	made bool     // its table is there
	is   standing // of an item: what stands under its id
}

// row writes a record of this runtime as the row that it was.
func (w *pgWriter) row(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	row, rc, err := w.rowOf(ctx, r)
	if row == nil || err != nil {
		return rc, err
	}
	switch row.kind {
	case "opaque":
		return w.counter(ctx, row.p, row.made, row.key, row.vals[0].(int64))
	case "message":
		if rc, err := w.look(ctx, row); rc.Action != 0 || err != nil {
			return rc, err
		}
		moved, rc, err := w.place(ctx, row)
		if rc.Action != 0 || err != nil {
			return rc, err
		}
		return w.item(ctx, row, moved)
	}
	rc, err = w.insertWhole(ctx, row.made, row.p.sessions, w.added[row.p.Sessions], row.newRow)
	if rc.Action == replay.Created {
		w.moves.fresh[sessionIn(row.p, row.vals[0].(string))] = true
	}
	if err == nil && rc.Action != replay.Refused {
		w.there[[2]string{row.p.Messages, row.vals[0].(string)}] = true
	}
	return rc, err
}

// rowOf is the row that a record was; nil: it is answered.
func (w *pgWriter) rowOf(ctx context.Context, r agentstate.Record) (*pgRow, replay.Receipt, error) {
	no := func(rc replay.Receipt, err error) (*pgRow, replay.Receipt, error) { return nil, rc, err }
	ns := r.GetMeta().GetNative()
	if len(ns) != 1 || ns[0].GetRow() == nil {
		return no(replay.Receipt{Action: replay.Skipped, Why: "has no row of its own", NoLoss: isRowless(r)}, nil)
	}
	kind, parts := agentstate.SplitKey(r.GetMeta().GetKey())
	i := slices.IndexFunc(w.names, func(p pair) bool { return len(parts) == 2 && p.Messages == parts[0] })
	if i < 0 {
		return no(refused("its key does not say which table it belongs to"))
	}
	cols := map[string][]string{
		"conversation agent_sessions": {"session_id", "created_at", "updated_at"},
		"message agent_messages":      {"id", "session_id", "message_data", "created_at"},
		"opaque sequence":             {"last_id"},
	}[kind+" "+ns[0].Type]
	if cols == nil {
		return no(refused("a %s cannot be a row of %.40q", kind, ns[0].Type))
	}
	vals, err := (&writer{run: w.run}).values(ctx, r, ns[0].GetRow(), cols)
	if err != nil {
		return no(replay.Receipt{}, err)
	}
	all, ok, err := additions(ctx, w.run.Source, r, ns[0].GetRow(), len(cols))
	if err != nil {
		return no(replay.Receipt{}, err)
	}
	if vals == nil || !ok || slices.ContainsFunc(all, func(a addition) bool { s, text := a.value.(string); return unfit(s, text) != "" }) {
		return no(refused("want the columns %s, each once, first, and further ones as texts", strings.Join(cols, ", ")))
	}
	for i, c := range cols {
		if why := fits(c, &vals[i]); why != "" {
			return no(refused("column %s: %s", c, why))
		}
	}
	p, made, err := w.table(ctx, w.names[i])
	if err != nil {
		return no(replay.Receipt{}, err)
	}
	return &pgRow{newRow: newRow{key: r.GetMeta().GetKey(), cols: cols, vals: vals, added: all}, kind: kind, p: p, made: made}, replay.Receipt{}, nil
}

// insertWhole puts a row, with all that an application added to it; had are the columns of one that its table had in the source.
func (w *pgWriter) insertWhole(ctx context.Context, made bool, t pgTable, had []string, r newRow) (replay.Receipt, error) {
	var losses []fidelity.Loss
	r.added, losses = carry(r.added, t.name, t.has(), had, t.filled())
	rc, err := w.insert(ctx, made, t, r)
	if rc.Action == replay.Created || rc.Action == replay.Same {
		rc.Losses = losses
	}
	return rc, err
}

// fits checks a value before the server does: an error there would end the transaction.
func fits(column string, v *any) (why string) {
	switch column {
	case "id", "last_id":
		if _, ok := (*v).(int64); !ok {
			return "no integer"
		}
		return ""
	case "created_at", "updated_at":
		s, ok := (*v).(string)
		if ok && (s == "infinity" || s == "-infinity") {
			return ""
		}
		t, err := time.Parse(pgStamp, s)
		if !ok || err != nil || t.Year() < 1 {
			return "no timestamp"
		}
		*v = t.Format(pgStamp)
		return ""
	}
	s, ok := (*v).(string)
	return unfit(s, ok)
}

// unfit says why PostgreSQL cannot hold a text.
func unfit(s string, text bool) string {
	switch {
	case !text:
		return "no text"
	case strings.Contains(s, "\x00"):
		return "PostgreSQL cannot hold NUL in a text"
	case !utf8.ValidString(s):
		return "no valid UTF-8"
	}
	return ""
}

// pgStamp is the form in which PostgreSQL prints a timestamp.
const pgStamp = "2006-01-02 15:04:05.999999"

func pgMark(column string, n int) string {
	switch column {
	case "id":
		return fmt.Sprintf("$%d::int8", n)
	case "created_at", "updated_at":
		return fmt.Sprintf("$%d::text::timestamp", n)
	}
	return fmt.Sprintf("$%d::text", n)
}

// printed are columns as texts, and ids as numbers.
func printed(cols []string) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = quote(c) + "::text"
		if c == "id" {
			out[i] = quote(c) + "::int8"
		}
	}
	return strings.Join(out, ", ")
}

// counter raises the sequence that ids come from. It never lowers it.
func (w *pgWriter) counter(ctx context.Context, p *pgPair, made bool, key string, want int64) (replay.Receipt, error) {
	rc := replay.Receipt{Key: key, Action: replay.Same, Target: key}
	have := w.top[p.Messages]
	if made && p.sequence != "" {
		last, err := w.pg.last(ctx, p)
		if err != nil {
			return rc, err
		}
		have = max(have, last)
	}
	switch {
	case want <= have:
		if want < have {
			rc.Losses = []fidelity.Loss{{Path: "native.last_id", Grade: fidelity.Transformed, Why: sqlitefile.Counted}}
		}
		return rc, nil
	case want > p.maxID:
		return refused("last id %d is out of the range of table %s", want, p.messages.name)
	case made && p.sequence == "":
		return refused("table %s has no sequence", p.messages.name)
	}
	rc.Action = replay.Created
	w.top[p.Messages] = want
	return rc, nil
}

// Commit raises the sequences, so that the runtime's next id is a free one, and commits.
func (w *pgWriter) Commit(ctx context.Context) error {
	if w.run.DryRun {
		return nil
	}
	for _, messages := range sorted(w.top) {
		p := w.pair(messages)
		if p == nil || p.sequence == "" {
			continue
		}
		// Nobody takes an id between the look and the step. Whoever writes waits behind this: not for the minute that pgsnapshot gives.
		if err := w.exec(ctx, "SELECT set_config('lock_timeout', '10s', true) WHERE current_setting('lock_timeout') = '1min'; LOCK TABLE "+p.messages.ident+" IN SHARE ROW EXCLUSIVE MODE"); err != nil {
			return own(err)
		}
		last, err := w.pg.last(ctx, p)
		if err == nil && last < w.top[messages] {
			_, err = w.one(ctx, "SELECT setval($1::text::regclass, $2::int8)", []any{p.sequence, w.top[messages]}, new(int64))
		}
		if err != nil {
			return own(err)
		}
	}
	return own(w.exec(ctx, "COMMIT"))
}

// Close gives up what was not committed.
func (w *pgWriter) Close() error {
	w.pg.close()
	return nil
}
