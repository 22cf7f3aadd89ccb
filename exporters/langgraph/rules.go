package langgraph

import (
	"context"
	"maps"
	"slices"

	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// ownRules finds, for a plan, what may keep rows out of the target and is not the library's.
func (w *writer) ownRules(ctx context.Context) error {
	if !w.run.DryRun || w.d == nil || len(w.lay.t) == 0 {
		return nil
	}
	flavor := w.lay.flavor()
	known := map[string]*table{}
	for _, g := range []tableGroup{checkpointTables, storeTables} {
		maps.Copy(known, tablesOf(flavor, g, newestVersion, nil))
	}
	fills := func(table, column string) bool {
		t := known[table]
		return t == nil || t.col(column) >= 0
	}
	found, err := w.d.rules(ctx, w.lay.t, ownName(flavor), fills)
	for _, r := range found {
		w.rules = append(w.rules, valid(r))
	}
	return err
}

// Rules are the target's own, in a plan.
func (w *writer) Rules() []string { return w.rules }

// rules leaves out keys of the library's own: the primary ones, and that of vectors to their items.
func (d *postgresDest) rules(ctx context.Context, ts map[string]*table, mine func(string) bool, fills func(table, column string) bool) ([]string, error) {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(ts)) {
		found, err := d.cfg.Rules(ctx, d.conn, ts[name].ident, name, func(what, rule, refers string) bool {
			return mine(rule) || what == "NOT NULL" && fills(name, rule) || what == "FOREIGN KEY" && name == "store_vectors" && refers == "store"
		})
		if err != nil {
			return nil, own(err)
		}
		out = append(out, found...)
	}
	return out, nil
}

func (d *sqliteDest) rules(ctx context.Context, ts map[string]*table, mine func(string) bool, fills func(table, column string) bool) ([]string, error) {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(ts)) {
		found, err := sqlitefile.Rules(ctx, d.Conn, name, func(what, rule string) bool { return mine(rule) || what == "NOT NULL" && fills(name, rule) })
		if err != nil {
			return nil, d.wrap(err)
		}
		out = append(out, found...)
	}
	return out, nil
}
