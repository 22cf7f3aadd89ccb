package openaiagents

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// fills tells whether a run writes a column of a table: those of the SDK, and what an application added in the source too.
func fills(column string, own, added []string) bool {
	return slices.Contains(own, column) || slices.Contains(added, column)
}

// ownRules finds what may keep rows out of the tables that the run may write, and is not the SDK's.
func (w *pgWriter) ownRules(ctx context.Context) error {
	names := w.names
	if !w.exact {
		names = []pair{ownNames()}
	}
	for _, n := range names {
		p := w.pair(n.Messages)
		if p == nil {
			continue
		}
		for _, t := range []struct {
			pgTable
			cols, added []string
			key         string // of the SDK, to another table
		}{
			{p.sessions, columnsOf(p.Sessions, &p.pair), w.added[p.Sessions], ""},
			{p.messages, columnsOf(p.Messages, &p.pair), w.added[p.Messages], p.Sessions},
		} {
			found, err := w.server.Rules(ctx, w.Conn, t.ident, t.name, func(what, rule, refers string) bool {
				return what == "INDEX" && rule == timeIndex(p.Messages) || what == "NOT NULL" && fills(rule, t.cols, t.added) || what == "FOREIGN KEY" && t.key != "" && refers == t.key
			})
			if err != nil {
				return err
			}
			w.rules[t.ident] = found
		}
	}
	return nil
}

// Rules are the target's own.
func (w *pgWriter) Rules() (out []string) {
	for _, t := range slices.Sorted(maps.Keys(w.rules)) {
		for _, r := range w.rules[t] {
			out = append(out, valid(r))
		}
	}
	return out
}

// triggers tells whether a trigger of an application sees the rows of t.
func (w *pgWriter) triggers(t pgTable) bool {
	return slices.ContainsFunc(w.rules[t.ident], func(r string) bool { return strings.HasPrefix(r, "trigger ") })
}

// apart runs fn, which writes a row of a table with a key of so many bytes. why is what the server does not take in it:
// nothing of it is written then, and the run goes on. A savepoint is made where something may keep the row out.
func (w *pgWriter) apart(ctx context.Context, t pgTable, keyBytes int, guard bool, fn func() error) (why error, err error) {
	if !guard && keyBytes <= pgsnapshot.SureKey && len(w.rules[t.ident]) == 0 {
		return nil, fn()
	}
	turns := w.turns
	if turns == nil {
		turns = &pgsnapshot.Turns{Conn: w.Conn, Server: w.server}
	}
	err = turns.Apart(ctx, fn)
	if errors.Is(err, replay.ErrRule) {
		return err, nil
	}
	return nil, err
}

// ownRules finds what may keep rows out of the tables of the files that the run may write, and is not the SDK's.
func (w *writer) ownRules(ctx context.Context) error {
	layouts := w.layouts
	if _, ok := layouts[foreignFile]; !w.exact && !ok {
		layouts = map[string]layout{foreignFile: {Pairs: []pair{ownNames()}}}
	}
	for _, rel := range sorted(layouts) {
		path, err := w.inside(rel)
		if err != nil || sqlitefile.Missing(path) {
			continue // the run says so
		}
		d, err := sqlitefile.Open(ctx, path, w.f.wait)
		if err != nil {
			return err
		}
		rules, err := fileRules(ctx, d, rel, layouts[rel])
		if err := errors.Join(d.Wrap(err), d.Close()); err != nil {
			return err
		}
		w.rules = append(w.rules, rules...)
	}
	return nil
}

// fileRules finds what may keep rows out of the tables of a layout, and is not the SDK's.
func fileRules(ctx context.Context, d *sqlitefile.DB, rel string, l layout) (out []string, err error) {
	look := func(table string, p *pair) error {
		found, err := sqlitefile.Rules(ctx, d.Conn, table, func(what, rule string) bool {
			return what == "NOT NULL" && fills(rule, columnsOf(table, p), l.Added[table]) || what == "UNIQUE" && p == nil && strings.HasPrefix(rule, "sqlite_autoindex_")
		})
		for _, r := range found {
			out = append(out, valid(r+" in "+rel))
		}
		return err
	}
	for _, p := range l.Pairs {
		for _, t := range []string{p.Sessions, p.Messages} {
			if err := look(t, &p); err != nil {
				return nil, err
			}
		}
	}
	for _, t := range l.Extra {
		if err := look(t, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Rules are the target's own, in a plan.
func (w *writer) Rules() []string { return w.rules }
