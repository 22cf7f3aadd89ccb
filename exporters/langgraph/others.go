package langgraph

import (
	"context"
	"fmt"
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

// left says which tables beside l's are in the database, none of which is carried; empty: there are none.
func left(ctx context.Context, e engine, l *layout) (string, error) {
	names, err := e.others(ctx, l.t)
	if err != nil || len(names) == 0 {
		return "", err
	}
	var cache string
	if i := slices.Index(names, "cache"); i >= 0 && l.engine == "sqlite" {
		rows, err := e.query(ctx, "SELECT name FROM pragma_table_xinfo('cache') ORDER BY cid")
		if err != nil {
			return "", err
		}
		if slices.EqualFunc(rows, nodeCache(), func(r []cell, want string) bool { return r[0].String() == want }) {
			names = slices.Delete(names, i, i+1)
			cache = "cache, LangGraph's cache of what nodes returned: they run again"
		}
	}
	var out []string
	if cache != "" {
		out = append(out, cache)
	}
	if n := len(names); n > 0 {
		s := fmt.Sprintf("%d of an application: %s", n, strings.Join(names[:min(n, maxOthers)], ", "))
		if n > maxOthers {
			s += ", …"
		}
		out = append(out, s)
	}
	return "not carried: " + valid(strings.Join(out, "; ")), nil
}

func (d *sqliteDB) others(ctx context.Context, ts map[string]*table) ([]string, error) {
	// Shadow tables are how a virtual one, which is named, keeps its rows.
	rows, err := d.query(ctx, `SELECT +name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
	var out []string
	for _, r := range rows {
		if n := r[0].String(); ts[n] == nil {
			out = append(out, n)
		}
	}
	return out, err
}

// others are named with their schemas. Those of extensions and the parts of one table are no table of
// their own.
func (d *postgresDB) others(ctx context.Context, ts map[string]*table) ([]string, error) {
	known := map[string]bool{}
	for _, t := range ts {
		known[t.ident] = true
	}
	var out []string
	for _, schema := range d.path {
		rows, err := d.query(ctx, `SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = ? AND c.relkind IN ('r','p','f') AND NOT c.relispartition AND NOT EXISTS (
				SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
			ORDER BY c.relname`, schema)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if n := r[0].String(); !known[quote(schema)+"."+quote(n)] {
				out = append(out, schema+"."+n)
			}
		}
	}
	return out, nil
}

// nothing is the error of a database that none of the runtime's tables is found in. In PostgreSQL they may lie in a
// schema that is not looked into: the library makes them in one that the program names.
func nothing(ctx context.Context, e engine) error {
	const none = "no LangGraph tables (checkpoints, store) found"
	if e.facts().engine != "postgres" {
		return nostore.Error(errSchema(none))
	}
	rows, err := e.query(ctx, `SELECT DISTINCT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relkind IN ('r','p') AND n.nspname <> ALL (current_schemas(false)) AND
			(c.relname, a.attname) IN (('checkpoints', 'checkpoint_ns'), ('store', 'namespace_path'), ('store', 'prefix')) ORDER BY 1`)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return nostore.Error(errSchema(none))
	}
	var names []string
	for _, r := range rows[:min(len(rows), maxOthers)] {
		names = append(names, r[0].String())
	}
	return nostore.Error(errSchema("%s, but there are some in the schema %s: want ?search_path=%s", none, strings.Join(names, ", "), url.QueryEscape(names[0])))
}
