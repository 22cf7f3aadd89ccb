package openaiagents

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// open opens the database of a file, and makes what is missing in it. nil in a plan: it is not there.
func (w *writer) open(ctx context.Context, rel string, l layout) (*db, error) {
	if d, ok := w.dbs[rel]; ok {
		return d, nil
	}
	path, err := w.inside(rel)
	if err != nil {
		return nil, err
	}
	s, err := sqlitefile.OpenTarget(ctx, path, w.f.wait, w.run.DryRun)
	if s == nil {
		if err == nil {
			w.dbs[rel] = nil
		}
		return nil, err
	}
	d := &db{DB: s, rel: rel, layout: l}
	have, err := readLayout(ctx, s.Conn, rel)
	d.layout.Added, d.layout.filled = have.Added, have.filled // the target's, never the archive's
	if err == nil {
		err = w.setup(ctx, d, have)
	}
	if err == nil && !w.run.DryRun {
		var rules []string
		rules, err = fileRules(ctx, s, rel, l)
		d.ruled = len(rules) > 0
	}
	if err != nil {
		s.Close()
		return nil, d.Wrap(err)
	}
	w.dbs[rel] = d
	return d, nil
}

// setup makes the tables that are missing, as the SDK makes them.
func (w *writer) setup(ctx context.Context, d *db, have layout) error {
	for _, p := range d.layout.Pairs {
		if slices.Contains(have.Pairs, p) {
			continue
		}
		if err := have.otherCase(p); err != nil {
			return err
		}
		if w.run.DryRun {
			continue
		}
		for _, q := range createPair(d.layout.dialectOf(p), p) {
			if slices.Contains(d.layout.ByTime, p.Messages) {
				q = strings.Replace(q, "(session_id, id)", "(session_id, created_at)", 1)
			}
			if _, err := d.Conn.ExecContext(ctx, q); err != nil {
				return err
			}
		}
	}
	for _, t := range d.layout.Extra {
		if slices.Contains(have.Extra, t) || w.run.DryRun {
			continue
		}
		for _, q := range createExtra(t, *d.layout.structured()) {
			if _, err := d.Conn.ExecContext(ctx, q); err != nil {
				return err
			}
		}
	}
	return nil
}

// otherCase refuses a pair whose tables the target has in another case: SQLite takes them for the same, and rows would arrive under keys that
// the archive does not know.
func (l *layout) otherCase(p pair) error {
	there := slices.Clone(l.others)
	for _, have := range l.Pairs {
		there = append(there, have.Sessions, have.Messages)
	}
	for _, name := range there {
		for _, want := range []string{p.Sessions, p.Messages} {
			if name != want && strings.EqualFold(name, want) {
				return fmt.Errorf("%w: openaiagents: the target's %s has the table %.60q, the archive has %.60q, which SQLite takes for the same: rename the target's, or name another folder", replay.ErrTarget, l.File, name, want)
			}
		}
	}
	return nil
}

// insert puts a row with this primary key, unless one is there.
func (w *writer) insert(ctx context.Context, d *db, table string, pk []string, r newRow) (replay.Receipt, error) {
	rc := r.made()
	cols, vals := r.whole()
	if d == nil {
		return w.plan(rc, table, cols, vals)
	}
	have, err := d.find(ctx, table, cols, pk, vals)
	switch {
	case err != nil && w.run.DryRun && strings.Contains(err.Error(), "no such table"):
		return w.plan(rc, table, cols, vals)
	case err != nil:
		return replay.Receipt{}, d.Wrap(err)
	case table == "sqlite_sequence":
		return w.counter(ctx, d, rc, have, vals)
	case have != nil && sqlitefile.Digest(have...) == sqlitefile.Digest(vals...):
		if !w.run.Doubts(r.key) {
			rc.Action = replay.Same
		}
		return rc, nil
	case have != nil:
		return sqlitefile.Conflict(table, cols, have, vals), nil
	case w.run.DryRun:
		return w.plan(rc, table, cols, vals)
	}
	q := "INSERT INTO " + quote(table) + " (" + quoted(cols) + ") VALUES (" + strings.TrimSuffix(strings.Repeat("?, ", len(cols)), ", ") + ")"
	if err := d.apart(ctx, false, func() error {
		_, err := d.Put(ctx, q, vals...)
		return err
	}); err != nil {
		return d.notTaken(table, err)
	}
	return rc, nil
}

// apart runs fn, which writes the rows of one record, several or in a file with rules behind a savepoint: a trigger may refuse a row
// that it leaves there.
func (d *db) apart(ctx context.Context, several bool, fn func() error) error {
	if several || d.ruled {
		return d.Apart(ctx, fn)
	}
	return fn()
}

// notTaken is the receipt of a row that a rule of the database keeps out of a table. Another error ends the run.
func (d *db) notTaken(table string, err error) (replay.Receipt, error) {
	if sqlitefile.Alone(err) {
		return refused("table %s does not take the row: %v", table, err)
	}
	return replay.Receipt{}, err
}

// plan answers for a row that the run would make. Rows with ids raise SQLite's counter.
func (w *writer) plan(rc replay.Receipt, table string, cols []string, vals []any) (replay.Receipt, error) {
	_, parts := agentstate.SplitKey(rc.Key)
	rel, _ := w.split(parts[0])
	if table == "sqlite_sequence" {
		seq, _ := vals[1].(int64)
		rc, _ = w.counters.Answer(rc, rel, sqlitefile.Text(vals[0]), -1, seq)
	} else if id, ok := vals[0].(int64); ok && cols[0] == "id" {
		w.counters.Planned(rel, table, id)
	}
	return rc, nil
}

func quoted(cols []string) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = quote(c)
	}
	return strings.Join(out, ", ")
}

// find is the row with the key of vals; nil: there is none.
func (d *db) find(ctx context.Context, table string, cols, pk []string, vals []any) ([]any, error) {
	var where []string
	var args []any
	for _, k := range pk {
		where, args = append(where, quote(k)+" IS ?"), append(args, vals[slices.Index(cols, k)])
	}
	rows, err := sqlitefile.Query(ctx, d.Conn, "SELECT "+sqlitefile.Selects(cols)+" FROM "+quote(table)+" WHERE "+strings.Join(where, " AND "), args...)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// counter raises SQLite's counter of ids.
func (w *writer) counter(ctx context.Context, d *db, rc replay.Receipt, have, vals []any) (replay.Receipt, error) {
	want, ok := vals[1].(int64)
	if _, name := vals[0].(string); !ok || !name {
		return refused("no counter")
	}
	n := int64(-1)
	if have != nil {
		n, _ = have[1].(int64)
	}
	rc, raise := w.counters.Answer(rc, d.rel, sqlitefile.Text(vals[0]), n, want)
	if !raise || w.run.DryRun {
		return rc, nil
	}
	_, err := d.Conn.ExecContext(ctx, sqlitefile.CounterQuery(have != nil), want, vals[0])
	return rc, d.Wrap(err)
}
