package openaiagents

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
)

// Errors of PostgreSQL that callers act on.
var (
	ErrLogin       = pgsnapshot.ErrLogin
	ErrNoDatabase  = pgsnapshot.ErrNoDatabase
	ErrUnreachable = pgsnapshot.ErrUnreachable
	ErrForbidden   = pgsnapshot.ErrForbidden
)

const flavorPostgres = "postgres"

func postgresDriver() exporters.Driver {
	return exporters.Driver{
		Scheme: "openaiagents+postgres", URL: "openaiagents+postgres://user@host/database?search_path=schema",
		Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			v := *u
			v.Scheme = "postgres"
			return Postgres(v.String())
		},
	}
}

// A Store is the sessions of SQLAlchemySession in a PostgreSQL database: an agentstate.Source with
// blobs and preflight, and a replay.Target that can undo. It connects when it is read or written.
type Store struct {
	server *pgsnapshot.Server

	stream // under way: opens blobs
}

var (
	_ exporters.Runtime      = (*Store)(nil)
	_ agentstate.BlobSource  = (*Store)(nil)
	_ agentstate.Preflighter = (*Store)(nil)
	_ replay.Target          = (*Store)(nil)
	_ replay.Undoer          = (*Store)(nil)
)

// Postgres is the store behind a postgres:// URL. ?search_path= names the schemas in which its
// tables are. As in every client of PostgreSQL, PGPASSWORD and ~/.pgpass count where the URL has no
// password.
func Postgres(rawURL string) (*Store, error) {
	s, err := pgsnapshot.Parse(rawURL)
	if err != nil {
		return nil, own(err)
	}
	return &Store{server: s}, nil
}

// Close does nothing: a Store is connected only while it is read or written.
func (s *Store) Close() error { return nil }

// A pg is one connection in one transaction.
type pg struct {
	*pgx.Conn
	mu     sync.Mutex // held while a statement runs: rows are read ahead
	server *pgsnapshot.Server
	path   []string // schemas, in the order in which tables are looked up
	pairs  []*pgPair

	turns    *pgsnapshot.Turns               // of a run or an undo; nil: rows are read ahead
	children map[string]*pgsnapshot.Children // of an undo, by table
	given    map[string][]string             // of an undo: the columns of an application that the source had, by table
}

// A pgPair is a pair of tables in PostgreSQL.
type pgPair struct {
	pair
	sessions, messages pgTable
	maxID              int64  // that the type of the id holds
	sequence           string // gives the ids; empty: none
	readSeq, writeSeq  bool   // what the role may do with it
	planned            bool   // a run would make it
	table              *table // of messages
	prefix             string // of the keys of messages
}

// A pgTable is a table, and what the role may do with it.
type pgTable struct {
	ident   string // quoted, with its schema
	name    string // for messages
	denied  string // the permission that reading needs and the role lacks
	partial bool   // row-level security shows a part of the rows
	gone    bool   // of an undo: somebody dropped it since
	insert  bool
	added   [][3]string // columns of an application, with their types, and whether they have a DEFAULT
}

// has are the names of the columns that an application added.
func (t pgTable) has() (out []string) {
	for _, a := range t.added {
		out = append(out, a[0])
	}
	return out
}

// filled are those of them with a DEFAULT.
func (t pgTable) filled() (out []string) {
	for _, a := range t.added {
		if a[2] != "" {
			out = append(out, a[0])
		}
	}
	return out
}

// more are the columns that an application added, as texts behind others. What is longer than a record
// holds is NULL here: see tooLong.
func (t pgTable) more() (out string) {
	for _, a := range t.added {
		out += fmt.Sprintf(", CASE WHEN octet_length(convert_to(%[1]s::text, 'UTF8')) <= %[2]d THEN %[1]s::text END", quote(a[0]), agentstate.SpillSize)
	}
	return out
}

func (t pgTable) whole() bool { return t.denied == "" && !t.partial }

func newPGPair(schema string, p pair) *pgPair {
	ident := func(name string) pgTable {
		return pgTable{ident: quote(schema) + "." + quote(name), name: schema + "." + name, insert: true}
	}
	return &pgPair{pair: p, table: tableOf(p.Messages, &p), prefix: agentstate.Key("message", p.Messages) + "/", sessions: ident(p.Sessions), messages: ident(p.Messages), maxID: 1<<31 - 1, readSeq: true, writeSeq: true}
}

// open begins a transaction and looks at the tables.
func (s *Store) open(ctx context.Context, begin string) (_ *pg, err error) {
	conn, err := s.server.Begin(ctx, begin)
	if err != nil {
		return nil, err
	}
	d := &pg{Conn: conn, server: s.server, children: map[string]*pgsnapshot.Children{}}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if d.path, err = s.server.Schemas(ctx, conn); err != nil {
		return nil, err
	}
	return d, d.find(ctx)
}

const readOnly = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"

func (d *pg) close() {
	d.Conn.Exec(context.Background(), "ROLLBACK")
	d.Conn.Close(context.Background())
}

// exec runs a statement without parameters.
func (d *pg) exec(ctx context.Context, q string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.Conn.Exec(ctx, q, pgx.QueryExecModeSimpleProtocol)
	return d.server.Wrap(err)
}

// one reads one row. ok is false where there is none.
func (d *pg) one(ctx context.Context, q string, args []any, into ...any) (ok bool, err error) {
	err = d.ask(ctx, q, args, func(rows pgx.Rows) error {
		if ok = rows.Next(); !ok {
			return rows.Err()
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		rows.Close()
		return rows.Err()
	})
	return ok && err == nil, err
}

// ask reads an answer; with turns it may be that others have theirs until it is there.
func (d *pg) ask(ctx context.Context, q string, args []any, read func(pgx.Rows) error) error {
	if d.turns != nil {
		return d.server.Wrap(d.turns.Ask(ctx, q, args, read))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	rows, _ := d.Query(ctx, q, args...) // rows has the error
	defer rows.Close()
	if err := read(rows); err != nil {
		return d.server.Wrap(err)
	}
	rows.Close()
	return d.server.Wrap(rows.Err())
}

// change carries out a statement with parameters, and tells how many rows it is about.
func (d *pg) change(ctx context.Context, q string, args ...any) (n int64, err error) {
	err = d.ask(ctx, q, args, func(rows pgx.Rows) error {
		rows.Close()
		n = rows.CommandTag().RowsAffected()
		return rows.Err()
	})
	return n, err
}

// together runs fn for 0 to n-1, which are of single rows: they share their trips to the server.
func (d *pg) together(ctx context.Context, n int, fn func(i int) error) error {
	d.turns = &pgsnapshot.Turns{Conn: d.Conn, Server: d.server}
	defer func() { d.turns = nil }()
	return d.turns.Run(ctx, n, fn)
}

// atOnce runs fn, whose asks do not wait for others.
func (d *pg) atOnce(fn func() error) error {
	if d.turns == nil {
		return fn()
	}
	return d.turns.AtOnce(fn)
}

func (d *pg) count(ctx context.Context, q string, args ...any) (n int64, err error) {
	_, err = d.one(ctx, q, args, &n)
	return n, err
}

// findTables lists the tables that look like those of messages, with the tables that their
// session_id points at.
const findTables = `SELECT c.relname::text, coalesce(fn.nspname::text, ''), coalesce(f.relname::text, ''), cols(c.oid), cols(f.oid),
	has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'), row_security_active(c.oid),
	coalesce(has_schema_privilege(fn.oid, 'USAGE'), false), coalesce(has_table_privilege(f.oid, 'SELECT'), false),
	coalesce(has_table_privilege(f.oid, 'INSERT'), false), coalesce(row_security_active(f.oid), false),
	coalesce(CASE WHEN has(c.oid, 'id') AND has_schema_privilege(n.oid, 'USAGE') THEN pg_get_serial_sequence(quote_ident(n.nspname) || '.' || quote_ident(c.relname), 'id') END, '')
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f'
		AND k.conkey = ARRAY(SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'session_id')
	LEFT JOIN pg_class f ON f.oid = k.confrelid LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
	WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND has(c.oid, 'message_data') AND has(c.oid, 'session_id')
	ORDER BY c.relname`

// findQuery spells out what findTables only names.
func findQuery() string {
	q := findTables
	for _, t := range []string{"c", "f"} {
		q = strings.ReplaceAll(q, "cols("+t+".oid)", columnsIn(t+".oid"))
	}
	for _, c := range []string{"id", "message_data", "session_id"} {
		q = strings.ReplaceAll(q, "has(c.oid, '"+c+"')", `EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = '`+c+`' AND a.attnum > 0 AND NOT a.attisdropped)`)
	}
	return q
}

// columnsIn are the columns of a table, with their types, as an expression; [] where there is none.
func columnsIn(oid string) string {
	return `(SELECT coalesce(json_agg(json_build_array(a.attname, y.typname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.atthasdef OR a.attidentity <> '' THEN 'DEFAULT' ELSE '' END) ORDER BY a.attnum), '[]')::text
			FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid WHERE a.attrelid = ` + oid + ` AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')`
}

func sessionColumns() []string {
	return []string{"session_id varchar text", "created_at timestamp", "updated_at timestamp"}
}

func messageColumns() []string {
	return []string{"id int4 int8 int2", "session_id varchar text", "message_data text varchar", "created_at timestamp"}
}

// find finds the pairs of tables by their columns, each name in the first schema that has it.
func (d *pg) find(ctx context.Context) error {
	type row struct {
		name, fschema, fname, cols, fcols, seq               string
		usage, sel, insert, rls, fusage, fsel, finsert, frls bool
	}
	for _, schema := range d.path {
		rows, err := d.Query(ctx, findQuery(), schema)
		if err != nil {
			return d.server.Wrap(err)
		}
		found, err := pgx.CollectRows(rows, func(c pgx.CollectableRow) (r row, err error) {
			return r, c.Scan(&r.name, &r.fschema, &r.fname, &r.cols, &r.fcols, &r.usage, &r.sel, &r.insert, &r.rls, &r.fusage, &r.fsel, &r.finsert, &r.frls, &r.seq)
		})
		if err != nil {
			return d.server.Wrap(err)
		}
		for _, r := range found {
			if slices.ContainsFunc(d.pairs, func(p *pgPair) bool { return p.Messages == r.name }) {
				continue
			}
			p := newPGPair(schema, pair{r.fname, r.name})
			if r.fname == "" && r.name != ownNames().Messages {
				continue // not one of the SDK's
			}
			idType, added, err := checkColumns(schema+"."+r.name, r.cols, messageColumns())
			if err != nil {
				return err
			}
			if r.fname == "" {
				continue
			}
			p.messages.added = added
			p.table = tableOf(p.Messages, &p.pair, p.messages.has()...)
			p.sessions.ident, p.sessions.name = quote(r.fschema)+"."+quote(r.fname), r.fschema+"."+r.fname
			if _, p.sessions.added, err = checkColumns(p.sessions.name, r.fcols, sessionColumns()); err != nil {
				return err
			}
			p.maxID = map[string]int64{"int2": 1<<15 - 1, "int4": 1<<31 - 1, "int8": 1<<63 - 1}[idType]
			p.messages.may(schema, r.usage, r.sel, r.insert, r.rls)
			p.sessions.may(r.fschema, r.fusage, r.fsel, r.finsert, r.frls)
			if p.sequence = r.seq; r.seq != "" && r.usage {
				if _, err := d.one(ctx, "SELECT has_sequence_privilege($1::text, 'SELECT'), has_sequence_privilege($1::text, 'UPDATE')", []any{r.seq}, &p.readSeq, &p.writeSeq); err != nil {
					return err
				}
			}
			d.pairs = append(d.pairs, p)
		}
	}
	return nil
}

func (t *pgTable) may(schema string, usage, sel, insert, rls bool) {
	switch {
	case !usage:
		t.denied = "USAGE on schema " + schema
	case !sel:
		t.denied = "SELECT on " + t.name
	}
	t.partial, t.insert = rls && t.denied == "", insert && usage
}

// checkColumns looks for the columns of the SDK in those of a table, each with the types that will do.
// It gives the type of the first, and the columns that an application added.
func checkColumns(table, have string, want []string) (first string, added [][3]string, err error) {
	var cols [][4]string
	if err := json.Unmarshal([]byte(have), &cols); err != nil {
		return "", nil, err
	}
	var got, names []string
	found := 0
	for _, c := range cols {
		got = append(got, c[0]+" "+c[1])
		i := slices.IndexFunc(want, func(w string) bool { return strings.HasPrefix(w, c[0]+" ") })
		switch {
		case i < 0:
			added = append(added, [3]string{c[0], c[2], c[3]})
		case slices.Contains(strings.Fields(want[i])[1:], c[1]):
			if found++; i == 0 {
				first = c[1]
			}
		}
	}
	if found == len(want) {
		return first, added, nil
	}
	for _, w := range want {
		names = append(names, strings.Join(strings.Fields(w)[:2], " "))
	}
	return "", nil, fmt.Errorf("%w: table %s has the columns %s; supported: %s (openai-agents %s)", ErrSchema, table, strings.Join(got, ", "), strings.Join(names, ", "), releases)
}

// pair is the pair with this table of messages; nil: there is none.
func (d *pg) pair(messages string) *pgPair {
	for _, p := range d.pairs {
		if p.Messages == messages {
			return p
		}
	}
	return nil
}
