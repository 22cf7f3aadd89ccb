package openaiagents

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"slices"

	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// reopen opens a database that a run wrote, and goes past tables that somebody dropped since.
func (w *writer) reopen(ctx context.Context, rel string) (*db, error) {
	path, err := w.inside(rel)
	if err != nil {
		return nil, err
	}
	made, err := layoutsOf(w.run.From, ofFolder(w.run.From))
	if err != nil {
		return nil, err
	}
	s, err := sqlitefile.OpenTarget(ctx, path, w.f.wait, false)
	if err != nil {
		return nil, err
	}
	d := &db{DB: s, rel: rel, layout: layout{File: rel}, there: map[string]bool{}, given: made[rel].Added}
	if err := d.left(ctx, s.Conn, orOwn(made[rel].Pairs)); err != nil {
		s.Close()
		return nil, d.Wrap(err)
	}
	w.dbs[rel] = d
	return d, nil
}

// orOwn are the pairs of tables that a run wrote: those that its Origin names, else those that the SDK makes. Others of
// the SDK's names may be another program's.
func orOwn(named []pair) []pair {
	if len(named) == 0 {
		return []pair{ownNames()}
	}
	return named
}

// left finds what is left of the tables of a run, whose pairs are made.
func (d *db) left(ctx context.Context, c *sql.Conn, made []pair) error {
	ts, err := readTables(ctx, c)
	if err != nil {
		return err
	}
	l := &d.layout
	for _, t := range ts.names {
		d.there[t] = true
		if !slices.Contains(ts.cols[t], "message_data") || !slices.Contains(ts.cols[t], "session_id") {
			continue
		}
		sessions, one, err := refersTo(ctx, c, t, "session_id")
		if err != nil {
			return err
		}
		if one {
			l.Pairs = append(l.Pairs, pair{sessions, t})
		}
	}
	for _, p := range made {
		if !slices.ContainsFunc(l.Pairs, func(have pair) bool { return have.Messages == p.Messages }) {
			l.Pairs = append(l.Pairs, p)
		}
	}
	for _, t := range ts.names {
		if columnsOf(t, nil) != nil {
			err = l.knows(t, nil, ts.cols[t])
		}
		for _, p := range l.Pairs {
			if err == nil && (t == p.Sessions || t == p.Messages) {
				err = l.knows(t, &p, ts.cols[t])
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rest finds what is left of the pairs of tables that a run wrote, where somebody dropped one of both since.
func (d *pg) rest(ctx context.Context, from *pb.Origin) error {
	var made []pair
	d.given = map[string][]string{}
	for _, l := range from.GetMeta().GetLabels() {
		var x layout
		if from.GetProduct() == product && from.GetFlavor() == flavorPostgres && l.Name == labelDatabase && json.Unmarshal([]byte(l.Value), &x) == nil {
			made = append(made, x.Pairs...)
			maps.Copy(d.given, x.Added)
		}
	}
	for _, names := range orOwn(made) {
		for _, schema := range d.path {
			if d.pair(names.Messages) != nil {
				break
			}
			p := newPGPair(schema, names)
			if err := d.still(ctx, &p.sessions, sessionColumns()); err != nil {
				return err
			}
			if err := d.still(ctx, &p.messages, messageColumns()); err != nil {
				return err
			}
			if !p.sessions.gone || !p.messages.gone {
				d.pairs = append(d.pairs, p)
			}
		}
	}
	return nil
}

// still looks whether a table is there, with the columns that it had.
func (d *pg) still(ctx context.Context, t *pgTable, want []string) (err error) {
	var cols string
	if _, err := d.one(ctx, "SELECT "+columnsIn("to_regclass($1::text)"), []any{t.ident}, &cols); err != nil {
		return err
	}
	if t.gone = cols == "[]"; !t.gone {
		_, t.added, err = checkColumns(t.name, cols, want)
	}
	return err
}
