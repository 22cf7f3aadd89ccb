package langgraph

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// sqliteDest writes one SQLite file in one transaction.
type sqliteDest struct {
	sqliteDB
}

// together has no trips to share.
func (d *sqliteDest) together(_ context.Context, n int, fn func(i int) error) error {
	for i := range n {
		if err := fn(i); err != nil {
			return err
		}
	}
	return nil
}

func (d *sqliteDest) each(ctx context.Context, q string, args []any, row func([]cell)) error {
	return d.rows(ctx, q, args, func(v []any) (bool, error) {
		cells := make([]cell, len(v))
		for i := range v {
			cells[i], _ = cellOf(v[i])
		}
		row(cells)
		return false, nil
	})
}

// openDest opens the store for a run. nil: a plan, and there is no store yet.
func (s *Store) openDest(ctx context.Context, dry bool) (dest, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	if s.server != nil {
		d, err := openPostgresDest(ctx, s.server, dry)
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	if sqlitefile.Missing(s.path) {
		if dir := filepath.Dir(s.path); !isFolder(dir) {
			return nil, fmt.Errorf("langgraph: no folder %s; make it first: %w", dir, fs.ErrNotExist)
		}
		if dry {
			return nil, nil
		}
	}
	if dry {
		d, err := openSQLite(ctx, s.path, s.wait)
		if err != nil {
			return nil, err
		}
		return &sqliteDest{sqliteDB: *d}, nil
	}
	db, err := sqlitefile.OpenWrite(ctx, s.path, s.wait)
	if err != nil {
		return nil, own(err)
	}
	return &sqliteDest{
		sqliteDB: sqliteDB{DB: db, f: facts{engine: "sqlite", location: s.path}},
	}, nil
}

func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func (d *sqliteDest) exec(ctx context.Context, q string) error {
	_, err := d.Conn.ExecContext(ctx, q)
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
	st, done, err := d.Prepared(ctx, q)
	if err != nil {
		return false, "", d.wrap(err)
	}
	defer done()
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return false, "", d.wrap(err)
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return false, "", d.wrap(err)
	}
	if len(cols) < len(t.cols) { // the table has defaults for the rest
		digest, err := d.digest(ctx, t, row)
		return true, digest, err
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
	if err != nil || have == nil || !asWritten(t, have, digest) {
		return false, err
	}
	var where []string
	var args []any
	for i, k := range t.key {
		where, args = append(where, quote(k)+" = ?"), append(args, pk[i].arg())
	}
	_, err = d.Put(ctx, "DELETE FROM "+t.ident+" WHERE "+strings.Join(where, " AND "), args...)
	return err == nil, own(err)
}

// asWritten tells whether row is as a run wrote it. A later release of the library adds columns when it opens the file, at the end;
// they hold nothing of the row.
func asWritten(t *table, row map[string]cell, digest string) bool {
	for old := *t; len(old.cols) > len(t.key); old.cols = old.cols[:len(old.cols)-1] {
		if rowDigest(&old, row) == digest {
			return true
		}
		if c := row[old.cols[len(old.cols)-1].name]; !c.isNull() && c.String() != "" {
			return false
		}
	}
	return false
}

func (d *sqliteDest) commit(ctx context.Context) error {
	return own(d.Commit(ctx))
}
