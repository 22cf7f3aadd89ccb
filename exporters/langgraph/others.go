package langgraph

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/nostore"
)

// labelTables is on the Origin of a database that holds more than the runtime's tables: people are
// told of it, in the preflight and by inspect.
const labelTables = "other tables"

// maxOthers is how many tables of others are named; the rest is counted.
const maxOthers = 5

// nodeCache is the table of the library's SqliteCache. Its rows are results of nodes, by their input.
func nodeCache() []string { return []string{"ns", "key", "expiry", "encoding", "val"} }

// A beside is what an application put beside the runtime's tables, by name: tables, triggers, which act on
// what the runtime writes, indexes of the runtime's tables, and views.
type beside struct {
	tables, triggers, indexes, views []string
}

// left says what is beside l's tables in the database, none of which is carried; empty: there is nothing.
func left(ctx context.Context, e engine, l *layout) (string, error) {
	b, err := e.others(ctx, l.t)
	if err != nil {
		return "", err
	}
	var out []string
	if i := slices.Index(b.tables, "cache"); i >= 0 && l.engine == "sqlite" {
		rows, err := e.query(ctx, "SELECT name FROM pragma_table_xinfo('cache') ORDER BY cid")
		if err != nil {
			return "", err
		}
		if slices.EqualFunc(rows, nodeCache(), func(r []cell, want string) bool { return r[0].String() == want }) {
			b.tables = slices.Delete(b.tables, i, i+1)
			out = append(out, "cache, LangGraph's cache of what nodes returned: they run again")
		}
	}
	vectors := func(name string) bool { return name == "store_vectors" || strings.HasSuffix(name, ".store_vectors") }
	if i := slices.IndexFunc(b.tables, vectors); i >= 0 && l.orphans {
		out = append(out, b.tables[i]+", vectors of items that no table has")
		b.tables = slices.Delete(b.tables, i, i+1)
	}
	own := ownName(l.flavor())
	b.triggers, b.indexes = slices.DeleteFunc(b.triggers, own), slices.DeleteFunc(b.indexes, own)
	for _, g := range []struct {
		what  string
		names []string
	}{{"%d of an application: %s", b.tables}, {"triggers (%d): %s", b.triggers}, {"indexes (%d): %s", b.indexes}, {"views (%d): %s", b.views}} {
		if n := len(g.names); n > 0 {
			s := fmt.Sprintf(g.what, n, strings.Join(g.names[:min(n, maxOthers)], ", "))
			if n > maxOthers {
				s += ", …"
			}
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return "", nil
	}
	return "not carried: " + valid(strings.Join(out, "; ")), nil
}

// ownName tells whether a trigger or an index is the library's own.
func ownName(flavor string) func(name string) bool {
	setup := setupText(flavor)
	return func(name string) bool { return strings.Contains(setup, " EXISTS "+name+" ON ") } // CREATE INDEX IF NOT EXISTS, DROP TRIGGER IF EXISTS
}

// setupText is what the runtime's setup of checkpoints and store says: it names the triggers and indexes that
// are its own.
func setupText(flavor string) string {
	var out []string
	for _, g := range []tableGroup{checkpointTables, storeTables} {
		if s, err := setupOf(flavor, g, newestVersion, nil); err == nil { // JavaScript has no store in SQLite
			out = append(out, s.statements()...)
		}
	}
	return strings.Join(strings.Fields(strings.Join(out, " ")), " ")
}

func (d *sqliteDB) others(ctx context.Context, ts map[string]*table) (beside, error) {
	// Shadow tables are how a virtual one, which is named, keeps its rows.
	rows, err := d.query(ctx, `SELECT +name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
	if err != nil {
		return beside{}, err
	}
	var out beside
	for _, r := range rows {
		if n := r[0].String(); ts[n] == nil {
			out.tables = append(out.tables, n)
		}
	}
	rows, err = d.query(ctx, `SELECT +type, +name, +tbl_name FROM sqlite_master WHERE type IN ('trigger', 'view') OR type = 'index' AND sql IS NOT NULL ORDER BY name`)
	for _, r := range rows {
		switch name, ours := r[1].String(), ts[strings.ToLower(r[2].String())] != nil; {
		case r[0].String() == "view":
			out.views = append(out.views, name)
		case ours && r[0].String() == "trigger":
			out.triggers = append(out.triggers, name)
		case ours:
			out.indexes = append(out.indexes, name)
		}
	}
	return out, err
}

// others are tables and views with their schemas, triggers and indexes without. Those of extensions and the
// parts of one table are nothing of their own.
func (d *postgresDB) others(ctx context.Context, ts map[string]*table) (out beside, err error) {
	known := map[string]bool{}
	for _, t := range ts {
		known[t.ident] = true
	}
	for _, schema := range d.path {
		rows, err := d.query(ctx, `SELECT c.relname::text, (c.relkind IN ('v','m'))::int4 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = ? AND c.relkind IN ('r','p','f','v','m') AND NOT c.relispartition AND NOT EXISTS (
				SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
			ORDER BY c.relname`, schema)
		if err != nil {
			return beside{}, err
		}
		for _, r := range rows {
			switch n := r[0].String(); {
			case r[1].i != 0:
				out.views = append(out.views, schema+"."+n)
			case !known[quote(schema)+"."+quote(n)]:
				out.tables = append(out.tables, schema+"."+n)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ts)) {
		rows, err := d.query(ctx, `WITH c AS (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relname = ?)
			SELECT 0, tgname::text FROM pg_trigger JOIN c ON c.oid = tgrelid WHERE NOT tgisinternal
			UNION ALL SELECT 1, x.relname::text FROM pg_index i JOIN c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
			WHERE NOT i.indisprimary ORDER BY 1, 2`, ts[name].home, name)
		if err != nil {
			return beside{}, err
		}
		for _, r := range rows {
			switch {
			case r[0].i == 0:
				out.triggers = append(out.triggers, r[1].String())
			case name != "store_vectors": // carried with the shape of vectors
				out.indexes = append(out.indexes, r[1].String())
			}
		}
	}
	return out, nil
}

// nothing is the error of a database that none of the runtime's tables is found in.
func nothing(ctx context.Context, e engine) error {
	const none = "no LangGraph tables (checkpoints, store) found"
	names, err := elsewhere(ctx, e)
	switch {
	case err != nil:
		return err
	case len(names) == 0:
		return nostore.Error(errSchema(none))
	}
	return nostore.Error(errSchema("%s, but there are some in the schema %s: want ?search_path=%s", none, strings.Join(names, ", "), url.QueryEscape(names[0])))
}

// elsewhere are the first schemas of PostgreSQL that have tables of the runtime and are not looked into: the library makes
// them in one that the program names.
func elsewhere(ctx context.Context, e engine) (names []string, err error) {
	var path []string // where we looked, which need not be where the connection does
	switch d := e.(type) {
	case *postgresDB:
		path = d.path
	case *postgresDest:
		path = d.path
	default:
		return nil, nil
	}
	rows, err := e.query(ctx, `SELECT DISTINCT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relkind IN ('r','p') AND n.nspname::text <> ALL (?::text[]) AND
			(c.relname, a.attname) IN (('checkpoints', 'checkpoint_ns'), ('store', 'namespace_path'), ('store', 'prefix')) ORDER BY 1`, path)
	if err != nil {
		return nil, err
	}
	for _, r := range rows[:min(len(rows), maxOthers)] {
		names = append(names, r[0].String())
	}
	return names, nil
}
