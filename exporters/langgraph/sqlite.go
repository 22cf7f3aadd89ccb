package langgraph

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"

	"github.com/exitramp/exitramp/context/agentstate"
)

// sqliteDB reads one SQLite file in one transaction.
type sqliteDB struct {
	file *sqliteFile
	db   *sql.DB
	conn *sql.Conn
	f    facts
	id   string // identity of the state that is read; empty: it changed too often to tell
	// immutable: no lock protects the reading, so check compares the file afterwards.
	immutable bool
	stmts     map[string]*sql.Stmt // prepared and not in use
	wait      time.Duration        // for locks
	tmp       string               // private copy; empty: none
}

// openSQLite opens path for reading. It never writes to it, never checkpoints its log, and
// respects the log of an application that is writing.
func openSQLite(ctx context.Context, path string, wait time.Duration) (_ *sqliteDB, err error) {
	file, err := statSQLite(path)
	if err != nil {
		return nil, err
	}
	if file.size == 0 {
		return nil, fmt.Errorf("%w: %s is empty", ErrSchema, path)
	}
	d := &sqliteDB{file: file, wait: wait, stmts: map[string]*sql.Stmt{}, f: facts{
		engine: "sqlite", location: path, account: path, access: "whole database file",
		observer: "uid " + strconv.Itoa(os.Getuid()), basis: "process",
	}}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	d.notes()
	for range 5 {
		before := file.identity()
		if err := d.begin(ctx); err != nil {
			return nil, err
		}
		if file.identity() == before {
			d.id = before
			break
		}
		d.closeDB() // a writer was faster
	}
	if d.conn == nil {
		if err := d.begin(ctx); err != nil {
			return nil, err
		}
	}
	var enc string
	if err := d.conn.QueryRowContext(ctx, "PRAGMA encoding").Scan(&enc); err != nil {
		return nil, d.wrap(err)
	}
	if enc != "UTF-8" {
		return nil, errSchema("text encoding %s of %s; the runtime writes UTF-8", enc, path)
	}
	return d, nil
}

func (d *sqliteDB) notes() {
	switch {
	case d.file.noWAL():
		const n = "the file's header says write-ahead log and no -wal lies beside it: normal after a clean stop; if this is a copy, writes that were still in a -wal are missing, and nothing here can show it"
		d.f.notes = append(d.f.notes, n)
		d.f.labels = append(d.f.labels, [2]string{"wal", "absent: the header says write-ahead log; newer writes in a -wal that was not copied cannot be excluded"})
	case d.file.wal > 0:
		d.f.notes = append(d.f.notes, fmt.Sprintf("a -wal of %d bytes is read with the file", d.file.wal))
		d.f.labels = append(d.f.labels, [2]string{"wal", "read"})
	case !d.file.walMode:
		d.f.notes = append(d.f.notes, "the file has no write-ahead log: while it is read, an application's writes wait")
	}
}

// begin opens the file and starts the transaction that everything is read in.
func (d *sqliteDB) begin(ctx context.Context) error {
	d.immutable = d.file.noWAL()
	err := d.open(ctx, d.file.path)
	var se *sqlite.Error
	if d.file.wal > 0 && errors.As(err, &se) && (se.Code()&0xff == 14 || se.Code()&0xff == 8) {
		// The log needs an index beside it, and the place cannot hold one.
		d.closeDB()
		if d.tmp, err = os.MkdirTemp("", "exitramp-"); err != nil {
			return fmt.Errorf("langgraph: %w", err)
		}
		p, err := d.file.copyTo(d.tmp)
		if err != nil {
			return err
		}
		d.f.notes = append(d.f.notes, "the folder cannot be written to: file and -wal are read from a private copy")
		return d.wrap(d.open(ctx, p))
	}
	return d.wrap(err)
}

func (d *sqliteDB) open(ctx context.Context, path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	dsn := "file:" + (&url.URL{Path: abs}).EscapedPath() + fmt.Sprintf("?mode=ro&_pragma=busy_timeout(%d)&_pragma=query_only(1)&_pragma=trusted_schema(0)", d.wait.Milliseconds())
	if d.immutable {
		// A plain open would leave an empty -wal and -shm beside the source.
		dsn += "&immutable=1"
	}
	if d.db, err = sql.Open("sqlite", dsn); err != nil {
		return err
	}
	d.db.SetMaxOpenConns(1)
	if d.conn, err = d.db.Conn(ctx); err != nil {
		return err
	}
	if _, err = d.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	var n int64 // the snapshot starts with the first read
	return d.conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&n)
}

func (d *sqliteDB) facts() facts { return d.f }

func (d *sqliteDB) closeDB() {
	for _, st := range d.stmts {
		st.Close()
	}
	clear(d.stmts)
	if d.conn != nil {
		d.conn.ExecContext(context.Background(), "ROLLBACK")
		d.conn.Close()
		d.conn = nil
	}
	if d.db != nil {
		d.db.Close()
		d.db = nil
	}
	d.file.release()
}

func (d *sqliteDB) close() error {
	d.closeDB()
	if d.tmp != "" {
		return os.RemoveAll(d.tmp)
	}
	return nil
}

func (d *sqliteDB) check() error {
	if !d.immutable || d.id == "" {
		return nil
	}
	now, err := statSQLite(d.file.path)
	if err != nil {
		return err
	}
	// A log that appeared meanwhile does no harm: what was read is older than it.
	if now.size != d.file.size || now.header != d.file.header {
		return fmt.Errorf("%w: %s", ErrChanged, d.file.path)
	}
	return nil
}

func (d *sqliteDB) fingerprint(context.Context, map[string]*table) (string, error) { return d.id, nil }

// wrap says what an error of SQLite means and what to do.
func (d *sqliteDB) wrap(err error) error {
	return sqliteError(d.file.path, d.file.journal, err)
}

func sqliteError(path string, journal bool, err error) error {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return err
	}
	switch se.Code() & 0xff {
	case 5, 6:
		return fmt.Errorf("%w: %s is locked by another process; wait until it is done, or stop the application, and run again", ErrLocked, path)
	case 11:
		return fmt.Errorf("%w: %s: its pages contradict each other; copy it again with its -wal, or use sqlite3's .backup", ErrDamaged, path)
	case 26:
		return fmt.Errorf("%w: %s is not a SQLite database, or is encrypted as a whole", ErrDamaged, path)
	case 14, 8:
		if journal {
			return fmt.Errorf("%w: %s: a write was broken off (-journal lies beside it); open it once with the application or sqlite3, which rolls it back", ErrDamaged, path)
		}
		return fmt.Errorf("langgraph: %s cannot be opened: permission, or a missing folder", path)
	case 10:
		return fmt.Errorf("%w: %s: the disk does not give its pages: cut short, or a faulty medium", ErrDamaged, path)
	case 13:
		return fmt.Errorf("langgraph: %s: no space left", path)
	}
	return fmt.Errorf("langgraph: %s: SQLite: %w", path, err)
}

func (d *sqliteDB) query(ctx context.Context, q string, args ...any) ([][]cell, error) {
	var out [][]cell
	err := d.rows(ctx, q, args, func(v []any) (bool, error) {
		row := make([]cell, len(v))
		for i := range v {
			row[i], _ = cellOf(v[i])
		}
		out = append(out, row)
		return false, nil
	})
	return out, err
}

func (d *sqliteDB) rows(ctx context.Context, q string, args []any, fn func([]any) (bool, error)) error {
	st := d.stmts[q]
	delete(d.stmts, q) // one statement, one result at a time
	if st == nil {
		var err error
		if st, err = d.conn.PrepareContext(ctx, q); err != nil {
			return d.wrap(err)
		}
	}
	defer func() {
		if d.stmts == nil || d.stmts[q] != nil || len(d.stmts) > 100 {
			st.Close()
			return
		}
		d.stmts[q] = st
	}()
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return d.wrap(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return d.wrap(err)
	}
	v, p := make([]any, len(names)), make([]any, len(names))
	for i := range v {
		p[i] = &v[i]
	}
	for rows.Next() {
		clear(v)
		if err := rows.Scan(p...); err != nil {
			return d.wrap(err)
		}
		if stop, err := fn(v); stop || err != nil {
			return err
		}
	}
	return d.wrap(rows.Err())
}

func (d *sqliteDB) tables(ctx context.Context) (map[string]*table, error) {
	ts, others, err := sqliteTables(ctx, d.query)
	if len(others) > 0 {
		d.f.notes = append(d.f.notes, "not the runtime's, not carried: table "+strings.Join(others, ", "))
	}
	return ts, err
}

// sqliteTables reads the schema through query. others are the tables that are not the runtime's.
func sqliteTables(ctx context.Context, query func(context.Context, string, ...any) ([][]cell, error)) (map[string]*table, []string, error) {
	master, err := query(ctx, `SELECT +name, +type, +coalesce(sql, '') FROM sqlite_master WHERE type IN ('table','view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
	if err != nil {
		return nil, nil, err
	}
	ts := map[string]*table{}
	var others []string
	for _, m := range master {
		name := m[0].String()
		if !slices.Contains(sqliteNames(), name) {
			others = append(others, name)
			continue
		}
		if m[1].String() != "table" || strings.HasPrefix(strings.ToUpper(m[2].String()), "CREATE VIRTUAL") {
			return nil, nil, errSchema("%s is a %s made by somebody else, not the runtime's table", name, m[1])
		}
		t := &table{name: name, ident: quote(name)}
		info, err := query(ctx, `SELECT +name, +type, +pk FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid`, name)
		if err != nil {
			return nil, nil, err
		}
		key := map[int64]string{}
		for _, c := range info {
			t.cols = append(t.cols, column{name: c[0].String(), typ: c[1].String(), full: c[1].String()})
			if c[2].i > 0 {
				key[c[2].i] = c[0].String()
			}
		}
		for i := int64(1); i <= int64(len(key)); i++ {
			t.key = append(t.key, key[i])
		}
		ts[name] = t
	}
	return ts, others, nil
}

func sqliteNames() []string {
	return []string{"checkpoints", "writes", "store", "store_vectors", "store_migrations", "vector_migrations"}
}

func (d *sqliteDB) scan(ctx context.Context, t *table, prefix, after []cell, fn func([]cell) (bool, error)) error {
	var cols, where, order, marks []string
	var args []any
	for _, c := range t.cols {
		q := quote(c.name)
		if slices.Contains(t.key, c.name) {
			cols = append(cols, "+"+q, "NULL")
			continue
		}
		// The expressions keep the driver from turning TIMESTAMP text into times.
		big := fmt.Sprintf("octet_length(%s) > %d", q, agentstate.SpillSize)
		cols = append(cols, fmt.Sprintf("CASE WHEN %s THEN NULL ELSE %s END, CASE WHEN %s THEN typeof(%s) || octet_length(%s) END", big, q, big, q, q))
	}
	for i, n := range t.key {
		order = append(order, quote(n))
		if i < len(prefix) {
			where = append(where, quote(n)+" = ?")
			args = append(args, prefix[i].arg())
		}
	}
	if len(after) > 0 {
		for _, a := range after {
			marks = append(marks, "?")
			args = append(args, a.arg())
		}
		rest := order[len(prefix):]
		where = append(where, fmt.Sprintf("(%s) > (%s)", strings.Join(rest, ", "), strings.Join(marks, ", ")))
	}
	q := "SELECT " + strings.Join(cols, ", ") + " FROM " + t.ident
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	q += " ORDER BY " + strings.Join(order, ", ")
	return d.rows(ctx, q, args, func(v []any) (bool, error) {
		row := make([]cell, len(t.cols))
		for i := range row {
			row[i], _ = cellOf(v[2*i])
			s, _ := v[2*i+1].(string)
			if n, ok := strings.CutPrefix(s, "blob"); ok {
				row[i] = cell{kind: blob, big: true}
				row[i].size, _ = strconv.ParseInt(n, 10, 64)
			} else if n, ok := strings.CutPrefix(s, "text"); ok {
				row[i] = cell{kind: text, big: true}
				row[i].size, _ = strconv.ParseInt(n, 10, 64)
			}
		}
		return fn(row)
	})
}

func (d *sqliteDB) value(ctx context.Context, t *table, pk []cell, col string, off, n int64) ([]byte, error) {
	var where []string
	var args []any
	expr := "CAST(" + quote(col) + " AS BLOB)"
	if n >= 0 {
		expr = "substr(" + expr + ", ?, ?)"
		args = append(args, off+1, n)
	} else if off > 0 {
		expr = "substr(" + expr + ", ?)"
		args = append(args, off+1)
	}
	for i, k := range t.key {
		where = append(where, quote(k)+" = ?")
		args = append(args, pk[i].arg())
	}
	rows, err := d.query(ctx, "SELECT "+expr+" FROM "+t.ident+" WHERE "+strings.Join(where, " AND "), args...)
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, fmt.Errorf("%w: row of %s", agentstate.ErrNotFound, t.name)
	}
	return rows[0][0].b, nil
}
