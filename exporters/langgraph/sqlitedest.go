package langgraph

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sqliteDest writes one SQLite file in one transaction. A file that is not there is made under
// another name and gets its own with the commit.
type sqliteDest struct {
	sqliteDB
	part    string // name until the commit; empty: the file was there
	inserts map[string]*sql.Stmt
}

// openDest opens the store for a run. nil: a plan, and there is no store yet.
func (s *Store) openDest(ctx context.Context, dry bool) (dest, error) {
	if s.server != nil {
		d, err := openPostgresDest(ctx, s.server, dry)
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	st, err := os.Stat(s.path)
	missing := errors.Is(err, fs.ErrNotExist) || err == nil && st.Mode().IsRegular() && st.Size() == 0 && sizeOf(s.path+"-wal") <= 0
	if dry && missing {
		if _, err := os.Stat(filepath.Dir(s.path)); err != nil {
			return nil, fmt.Errorf("langgraph: no folder %s", filepath.Dir(s.path))
		}
		return nil, nil
	}
	if dry {
		d, err := openSQLite(ctx, s.path, s.wait)
		if err != nil {
			return nil, err
		}
		return &sqliteDest{sqliteDB: *d}, nil
	}
	d, err := openSQLiteDest(ctx, s.path, missing && err != nil, s.wait)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func openSQLiteDest(ctx context.Context, path string, create bool, wait time.Duration) (_ *sqliteDest, err error) {
	d := &sqliteDest{inserts: map[string]*sql.Stmt{}}
	d.stmts = map[string]*sql.Stmt{}
	d.f = facts{engine: "sqlite", location: path}
	open := path
	if create {
		d.part = path + ".exitramp-part"
		if err := os.Remove(d.part); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("langgraph: %w", err)
		}
		os.Remove(d.part + "-journal")
		f, err := os.OpenFile(d.part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // conversations are nobody else's business
		if err != nil {
			return nil, fmt.Errorf("langgraph: %w", err)
		}
		f.Close()
		open = d.part
		d.file = &sqliteFile{path: path}
	} else if d.file, err = statSQLite(path); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(open)
	if err != nil {
		return nil, fmt.Errorf("langgraph: %w", err)
	}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	dsn := "file:" + (&url.URL{Path: abs}).EscapedPath() + fmt.Sprintf("?mode=rw&_pragma=busy_timeout(%d)&_pragma=trusted_schema(0)&_pragma=synchronous(full)", wait.Milliseconds())
	if d.db, err = sql.Open("sqlite", dsn); err != nil {
		return nil, d.wrap(err)
	}
	d.db.SetMaxOpenConns(1)
	if d.conn, err = d.db.Conn(ctx); err != nil {
		return nil, d.wrap(err)
	}
	if _, err = d.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, d.wrap(err)
	}
	return d, nil
}

func (d *sqliteDest) exec(ctx context.Context, q string) error {
	_, err := d.conn.ExecContext(ctx, q)
	return d.wrap(err)
}

func (d *sqliteDest) insert(ctx context.Context, t *table, row map[string]cell) (bool, string, error) {
	var cols, marks []string
	var args []any
	for _, c := range t.cols {
		if v, ok := row[c.name]; ok {
			cols, marks, args = append(cols, quote(c.name)), append(marks, "?"), append(args, v.arg())
		}
	}
	q := "INSERT INTO " + t.ident + " (" + strings.Join(cols, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ") ON CONFLICT DO NOTHING"
	st := d.inserts[q]
	if st == nil {
		var err error
		if st, err = d.conn.PrepareContext(ctx, q); err != nil {
			return false, "", d.wrap(err)
		}
		d.inserts[q] = st
	}
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return false, "", d.wrap(err)
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return false, "", d.wrap(err)
	}
	return true, rowDigest(t, row), nil
}

// read is the row of t with the key pk, whole; nil: there is none.
func (d *sqliteDest) read(ctx context.Context, t *table, pk []cell) (map[string]cell, error) {
	var out map[string]cell
	err := d.scan(ctx, t, pk, nil, func(row []cell) (bool, error) {
		out = map[string]cell{}
		for i, c := range t.cols {
			v := row[i]
			if v.big {
				b, err := d.value(ctx, t, pk, c.name, 0, -1)
				if err != nil {
					return true, err
				}
				v = cell{kind: v.kind, b: b}
			}
			out[c.name] = v
		}
		return true, nil
	})
	return out, err
}

func (d *sqliteDest) differs(ctx context.Context, t *table, row map[string]cell) (bool, []string, error) {
	var pk []cell
	for _, k := range t.key {
		pk = append(pk, row[k])
	}
	have, err := d.read(ctx, t, pk)
	if err != nil || have == nil {
		return false, nil, err
	}
	var cols []string
	for _, c := range t.cols {
		if want, ok := row[c.name]; ok && !want.equal(have[c.name]) {
			cols = append(cols, c.name)
		}
	}
	return true, cols, nil
}

func (d *sqliteDest) digest(ctx context.Context, t *table, row map[string]cell) (string, error) {
	var pk []cell
	for _, k := range t.key {
		pk = append(pk, row[k])
	}
	have, err := d.read(ctx, t, pk)
	return rowDigest(t, have), err
}

func (d *sqliteDest) version(_ context.Context, t *table, row map[string]cell) (string, error) {
	return rowDigest(t, row), nil
}

func (d *sqliteDest) remove(ctx context.Context, t *table, pk []cell, digest string) (bool, error) {
	have, err := d.read(ctx, t, pk)
	if err != nil || have == nil || rowDigest(t, have) != digest {
		return false, err
	}
	var where []string
	var args []any
	for i, k := range t.key {
		where, args = append(where, quote(k)+" = ?"), append(args, pk[i].arg())
	}
	_, err = d.conn.ExecContext(ctx, "DELETE FROM "+t.ident+" WHERE "+strings.Join(where, " AND "), args...)
	return err == nil, d.wrap(err)
}

func (d *sqliteDest) commit(ctx context.Context) error {
	for _, m := range []map[string]*sql.Stmt{d.inserts, d.stmts} {
		for _, st := range m {
			st.Close()
		}
		clear(m)
	}
	if _, err := d.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return d.wrap(err)
	}
	d.closeDB()
	if d.part == "" {
		return nil
	}
	// A link fails where a rename would replace a file that appeared meanwhile.
	if err := os.Link(d.part, d.file.path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("langgraph: %s appeared while it was being made; nothing was written", d.file.path)
		}
		if err := os.Rename(d.part, d.file.path); err != nil {
			return fmt.Errorf("langgraph: %w", err)
		}
	}
	os.Remove(d.part)
	d.part = ""
	if dir, err := os.Open(filepath.Dir(d.file.path)); err == nil {
		dir.Sync()
		dir.Close()
	}
	return nil
}

func (d *sqliteDest) close() error {
	err := d.sqliteDB.close()
	if d.part != "" {
		os.Remove(d.part)
		os.Remove(d.part + "-journal")
	}
	return err
}
