package langgraph

import (
	"context"
	"slices"
	"strings"
)

func (d *postgresDB) tables(ctx context.Context) (map[string]*table, error) {
	ts, err := pgTables(ctx, d.query, d.path)
	if err != nil {
		return nil, err
	}
	for _, t := range ts {
		if t.partial != "" {
			// What the policy shows is still worth having; the gap says that it is not all.
			return ts, d.exec(ctx, "SET LOCAL row_security = on")
		}
	}
	return ts, nil
}

func pgNames() []string {
	return []string{
		"checkpoints", "checkpoint_blobs", "checkpoint_writes", "checkpoint_migrations",
		"store", "store_vectors", "store_migrations", "vector_migrations",
	}
}

// pgTables finds each table in the first schema of path that has it.
func pgTables(ctx context.Context, query queryFunc, path []string) (map[string]*table, error) {
	ts, home := map[string]*table{}, map[string]int{}
	names := "'" + strings.Join(pgNames(), "','") + "'"
	for i, schema := range path {
		rows, err := query(ctx, `SELECT c.oid::int8, c.relname::text, c.relkind::text,
			has_schema_privilege(n.oid, 'USAGE')::int4, has_table_privilege(c.oid, 'SELECT')::int4, row_security_active(c.oid)::int4
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = ? AND c.relkind IN ('r','p','v','m','f') AND c.relname IN (`+names+`) ORDER BY c.relname`, schema)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			name := r[1].String()
			if _, dup := home[name]; dup {
				continue
			}
			home[name] = i
			if k := r[2].String(); k != "r" && k != "p" {
				return nil, errSchema("%s.%s is not a table", schema, name)
			}
			t := &table{name: name, home: schema, ident: quote(schema) + "." + quote(name)}
			switch {
			case r[3].i == 0:
				t.denied = "USAGE on schema " + schema
			case r[4].i == 0:
				t.denied = "SELECT on " + schema + "." + name
			case r[5].i != 0:
				t.partial = "BYPASSRLS"
			}
			if err := pgColumns(ctx, query, t, r[0].i); err != nil {
				return nil, err
			}
			ts[name] = t
		}
	}
	return ts, nil
}

func pgColumns(ctx context.Context, query queryFunc, t *table, oid int64) error {
	rows, err := query(ctx, `SELECT a.attname::text, y.typname::text, format_type(a.atttypid, a.atttypmod), (a.attidentity = 'a')::int4
		FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
		WHERE a.attrelid = (?::int8)::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum`, oid)
	if err != nil {
		return err
	}
	for _, r := range rows {
		t.cols = append(t.cols, column{name: r[0].String(), typ: r[1].String(), full: r[2].String(), own: r[3].i != 0})
	}
	rows, err = query(ctx, `SELECT a.attname::text FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k(n, o), pg_attribute a
		WHERE i.indrelid = (?::int8)::oid AND i.indisprimary AND a.attrelid = i.indrelid AND a.attnum = k.n ORDER BY k.o`, oid)
	if err != nil {
		return err
	}
	for _, r := range rows {
		t.key = append(t.key, r[0].String())
	}
	return pgUnique(ctx, query, t, oid)
}

// pgUnique takes a unique index over the runtime's key for the primary key, where an application gave
// the table another: the runtime is content with either.
func pgUnique(ctx context.Context, query queryFunc, t *table, oid int64) error {
	want := keyColumns(t.name, t.col("namespace_path") >= 0)
	if slices.Equal(t.key, want) {
		return nil
	}
	rows, err := query(ctx, `SELECT string_agg(a.attname::text, ',' ORDER BY k.o) FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k(n, o), pg_attribute a
		WHERE i.indrelid = (?::int8)::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = i.indnatts
		AND a.attrelid = i.indrelid AND a.attnum = k.n AND a.attnotnull GROUP BY i.indexrelid HAVING count(*) = max(i.indnatts)`, oid)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r[0].String() == strings.Join(want, ",") {
			t.key = want
		}
	}
	return nil
}
