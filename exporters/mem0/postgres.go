package mem0

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/nostore"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
)

// page is the number of rows that one statement fetches: between pages the connection is free for
// the consumer's blobs, and memory stays bounded.
const page = 128

// historyFile names the history of a store in PostgreSQL, in keys and layouts: where it lies is the
// caller's choice.
const historyFile = "history.db"

// pg is one schema of PostgreSQL in one transaction. All collections of a store share it.
type pg struct {
	conn               *pgx.Conn
	server             *pgsnapshot.Server
	schema             string
	location, observer string
	flavor, encoding   string
	migrations         bool   // there is a table memory_migrations
	denied             []link // tables of mem0 that the role may not read
	ended              bool
	children           map[string]*pgsnapshot.Children // of an undo, by table
	turns              *pgsnapshot.Turns
}

// openPG connects; begin is the statement that starts the transaction, empty for reading.
func (s *Store) openPG(ctx context.Context, begin string) (_ *pg, err error) {
	if begin == "" {
		begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
	}
	conn, err := s.server.Begin(ctx, begin)
	if err != nil {
		return nil, err
	}
	p := &pg{conn: conn, server: s.server, children: map[string]*pgsnapshot.Children{}, turns: &pgsnapshot.Turns{Conn: conn, Server: s.server}}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	path, err := s.server.Schemas(ctx, conn)
	if err != nil {
		return nil, err
	}
	p.schema, p.location = path[0], s.server.String()+" schema "+path[0]
	if err := p.exec(ctx, "SET LOCAL search_path = "+quote(p.schema)+`, "public"`); err != nil { // where extensions usually are
		return nil, p.wrap(err)
	}
	if p.encoding, err = s.server.Encoding(ctx, conn); err != nil {
		return nil, err
	}
	err = p.each(ctx, "SELECT current_user::text || '@' || current_database()::text", nil, func(v []any) error {
		p.observer, _ = v[0].(string)
		return nil
	})
	return p, p.wrap(err)
}

// each reads the whole result before it calls fn, so that the connection is free.
func (p *pg) each(ctx context.Context, q string, args []any, fn func([]any) error) error {
	var all [][]any
	if err := p.glance(ctx, q, args, func(v []any) error { all = append(all, v); return nil }); err != nil {
		return err
	}
	for _, v := range all {
		if err := fn(v); err != nil {
			return err
		}
	}
	return nil
}

func (p *pg) glance(ctx context.Context, q string, args []any, fn func([]any) error) error {
	return p.turns.Ask(ctx, pgsnapshot.Rebind(q), args, func(rows pgx.Rows) error {
		for rows.Next() {
			v, err := rows.Values()
			if err == nil {
				err = fn(v)
			}
			if err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

func (p *pg) exec(ctx context.Context, q string, args ...any) error {
	_, err := p.conn.Exec(ctx, pgsnapshot.Rebind(q), args...)
	return err
}

func (p *pg) write(ctx context.Context, q string, args ...any) error {
	err := p.turns.Ask(ctx, pgsnapshot.Rebind(q), args, func(rows pgx.Rows) error {
		rows.Close()
		if rows.Err() == nil && rows.CommandTag().RowsAffected() == 0 {
			return p.server.PassedOver()
		}
		return rows.Err()
	})
	return p.wrap(err)
}

// column is a column as text, in which values have one form whatever the server says.
func (p *pg) column(table, name string) string {
	if table == "memory_migrations" && name == "id" {
		return "id::int8"
	}
	return quote(name) + "::text"
}

func (p *pg) param(table, name string) string {
	switch {
	case table == "memory_migrations" && name == "id":
		return "?::int8"
	case table == "memory_migrations":
		return "?::text"
	}
	return "(?::text)::" + map[string]string{"id": "uuid", "vector": "vector", "payload": "jsonb"}[name]
}

func (p *pg) commit(ctx context.Context) error {
	if p.ended {
		return nil
	}
	p.ended = true
	_, err := p.conn.Exec(ctx, "COMMIT", pgx.QueryExecModeSimpleProtocol)
	return errors.Join(p.wrap(err), p.conn.Close(ctx))
}

func (p *pg) check() error { return nil }

func (p *pg) close() {
	if !p.ended {
		p.ended = true
		p.conn.Exec(context.Background(), "ROLLBACK")
		p.conn.Close(context.Background())
	}
}

// wrap says what an error of the server means; others, and those that it has seen, stay.
func (p *pg) wrap(err error) error {
	if err == nil || errors.Is(err, agentstate.ErrStopped) || errors.Is(err, ErrSchema) {
		return err
	}
	return p.server.Wrap(err)
}

// collections are the tables of the schema that mem0 made, by their columns. Others are named in
// notes, as are those of the other package than flavor, where that is not empty.
func (p *pg) collections(ctx context.Context, flavor string) (dbs []*db, notes []string, err error) {
	cols, types, readable := map[string][]string{}, map[string][]string{}, map[string]bool{}
	var names []string
	err = p.each(ctx, `SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)::text, has_table_privilege(c.oid, 'SELECT')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE n.nspname = ? AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum`, []any{p.schema}, func(v []any) error {
		t := v[0].(string)
		if cols[t] == nil {
			names = append(names, t)
		}
		typ, may := v[2].(string), v[3].(bool)
		readable[t] = may
		cols[t], types[t] = append(cols[t], v[1].(string)), append(types[t], typ[strings.LastIndexByte(typ, '.')+1:])
		return nil
	})
	if err != nil {
		return nil, nil, p.wrap(err)
	}
	for _, t := range names {
		switch {
		case t == "memory_migrations" && slices.Equal(cols[t], columnsOf(t)):
			if p.migrations = readable[t]; !p.migrations {
				p.denied = append(p.denied, link{rel: t, denied: []string{"opaque"}})
			}
			continue
		case !slices.Contains(cols[t], "vector") || !slices.Contains(cols[t], "payload") || !slices.Contains(types[t], "jsonb"):
			notes = append(notes, fmt.Sprintf("table %s is not mem0's: not carried", t))
			continue
		}
		got := strings.Join(cols[t], ", ") + " of " + strings.Join(types[t], ", ")
		odd, ok := beyond(cols[t], columnsOf("pgvector"))
		typ := func(c string) string { return types[t][slices.Index(cols[t], c)] }
		if !ok || typ("id") != "uuid" || !vectorType(typ("vector")) || typ("payload") != "jsonb" {
			return nil, nil, fmt.Errorf("%w: %s: table %s has the columns %s; supported: id, vector, payload of uuid, vector(N) or halfvec(N), jsonb (%s)", ErrSchema, p.location, t, got, supported)
		}
		if !readable[t] {
			p.denied = append(p.denied, deniedTable(t))
			continue
		}
		l := layout{File: t, Place: t, Form: pgForm, there: true}
		l.note(string(pgForm), "table "+t, odd)
		numbers, dims, _ := strings.Cut(strings.TrimSuffix(typ("vector"), ")"), "(")
		l.Dims, _ = strconv.Atoi(dims)
		l.Half = numbers == "halfvec"
		err := p.each(ctx, "SELECT indexdef::text FROM pg_indexes WHERE schemaname = ? AND tablename = ? ORDER BY indexname", []any{p.schema, t}, func(v []any) error {
			for _, kind := range []string{"hnsw", "diskann", "gin"} {
				if strings.Contains(v[0].(string), " USING "+kind+" ") {
					l.Indexes = append(l.Indexes, kind)
				}
			}
			return nil
		})
		if err != nil {
			return nil, nil, p.wrap(err)
		}
		d := &db{engine: p, layout: l}
		if err := d.look(ctx); err != nil {
			return nil, nil, err
		}
		dbs = append(dbs, d)
	}
	dbs, more, err := p.language(ctx, dbs, flavor)
	classify(dbs)
	return dbs, append(notes, more...), err
}

// deniedTable is a collection that the role may not read: of its name alone it is one of memories or of entities.
func deniedTable(t string) link {
	if strings.HasSuffix(t, "_entities") {
		return link{rel: t, denied: []string{"entity", "relation", "embedding"}}
	}
	return link{rel: t, denied: []string{"memory", "embedding", "opaque"}}
}

// forbidden is the error of tables that have to be read; nil: there are none.
func (p *pg) forbidden() error {
	if len(p.denied) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s: %s", pgsnapshot.ErrForbidden, p.location, p.denied[0].grant())
}

func vectorType(s string) bool {
	typ, _, _ := strings.Cut(s, "(")
	return typ == "vector" || typ == "halfvec"
}

// language finds out which package made the collections: Python's has an index of the lemmatised
// text, JavaScript's a table of migrations; else the names in the payloads tell. One without a payload is of the
// package of the others.
func (p *pg) language(ctx context.Context, all []*db, flavor string) (dbs []*db, notes []string, err error) {
	var first string
	for _, d := range all {
		lang, err := p.languageOf(ctx, d)
		switch {
		case err != nil:
			return nil, nil, p.wrap(err)
		case lang != "" && flavor != "" && lang != flavor:
			notes = append(notes, "table "+d.layout.Place+" is of the other package: not carried")
			continue
		case lang == "":
		case p.flavor == "":
			p.flavor, first = lang+"+pgvector", d.layout.Place
		case p.flavor != lang+"+pgvector":
			return nil, nil, fmt.Errorf("%w: %s: table %s is of %s, table %s of %s; add ?flavor=js or ?flavor=python, or put them into schemas of their own", ErrSchema, p.location, first, p.flavor, d.layout.Place, lang)
		}
		dbs = append(dbs, d)
	}
	if len(dbs) > 0 && p.flavor == "" {
		p.flavor = cmp.Or(flavor, "js") + "+pgvector"
	}
	if p.migrations = p.migrations && flavor != "python"; p.migrations {
		at := -1
		for i, d := range dbs { // of a table that may be an application's only where there is no other
			if d.layout.Place == d.layout.memories() && (at < 0 || len(d.layout.odd) < len(dbs[at].layout.odd)) {
				at = i
			}
		}
		if at >= 0 {
			dbs[at].layout.Tables = []string{"memory_migrations"}
		}
	}
	return dbs, notes, nil
}

// languageOf is the package that made a collection; empty: nothing tells.
func (p *pg) languageOf(ctx context.Context, d *db) (string, error) {
	if d.layout.uses() || slices.Contains(d.layout.Indexes, "gin") {
		return "python", nil
	}
	for _, x := range []struct{ lang, where string }{
		{"js", fmt.Sprint("WHERE ", p.migrations, " AND jsonb_exists_any(payload, ARRAY['createdAt', 'textLemmatized', 'linkedMemoryIds'])")},
		{"python", "WHERE jsonb_exists_any(payload, ARRAY['created_at', 'text_lemmatized', 'linked_memory_ids'])"},
		{"js", ""},
	} {
		n, err := d.one(ctx, "SELECT count(*) FROM (SELECT 1 FROM "+quote(d.layout.File)+" "+x.where+" LIMIT 1) x")
		if err != nil || n > 0 {
			return x.lang, err
		}
	}
	return "", nil
}

// openAllPG opens the schema, and the file of the history.
func (s *Store) openAllPG(ctx context.Context) (dbs []*db, denied []link, notes []string, err error) {
	p, err := s.openPG(ctx, "")
	if err != nil {
		return nil, nil, nil, own(err)
	}
	dbs, notes, err = p.collections(ctx, s.flavor)
	if err == nil && len(dbs) == 0 {
		err = p.forbidden()
	}
	if err == nil && len(dbs) == 0 {
		err = fmt.Errorf("%w: %s has no collection; ?search_path= names the schema of one; supported: %s", ErrSchema, p.location, supported)
		if len(notes) > 0 {
			err = fmt.Errorf("%w (%s)", err, strings.Join(notes, "; "))
		} else {
			err = nostore.Error(err)
		}
	}
	if err == nil && s.beside != "" {
		var d *db
		d, err = s.openRead(ctx, historyFile)
		if err == nil && (d == nil || !d.layout.Form.history()) {
			err = fmt.Errorf("%w: %s is no history of mem0; supported: %s", ErrSchema, s.beside, supported)
		}
		if d != nil {
			dbs = append(dbs, d)
		}
	}
	if err != nil {
		p.close()
		closeAll(dbs)
		return nil, nil, nil, own(err)
	}
	return dbs, p.denied, notes, nil
}

// rows reads the rows of a collection: id, vector, payload, and 1 where the database says that there is
// a vector, in the order in which mem0 lists them:
// it asks for none, and gets that of the table.
func (d *db) rows(ctx context.Context, fn func(vectorRow) error) error {
	one := "1"
	if d.layout.Form == pgForm {
		one = "1::int8"
	}
	cols := d.selects(d.main(), columnsOf("vectors"))
	if d.layout.Form == pgForm { // the numbers themselves, which are shorter than their text
		cols = `"id"::text, vector_send("vector"::vector), "payload"::text`
	}
	q := "SELECT " + cols + ", CASE WHEN " + d.withVector() + " THEN " + one + " END FROM " + quote(d.main())
	if d.layout.Form != pgForm {
		return ahead(ctx, d, q+" ORDER BY rowid", d.vectorRow, fn)
	}
	if err := d.exec(ctx, "SET LOCAL synchronize_seqscans = off"); err != nil {
		return err
	}
	if err := d.exec(ctx, "DECLARE mem0_rows NO SCROLL CURSOR FOR "+q); err != nil {
		return err
	}
	s := &scratch{}
	for {
		n := 0
		err := d.each(ctx, fmt.Sprintf("FETCH %d FROM mem0_rows", page), nil, func(v []any) error {
			n++
			return fn(d.vectorRow(s, v))
		})
		if err != nil {
			return err
		}
		if n < page {
			return d.exec(ctx, "CLOSE mem0_rows")
		}
	}
}
