package langgraph

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// sqliteDB reads one SQLite file in one transaction.
type sqliteDB struct {
	*sqlitefile.DB
	f facts
}

func openSQLite(ctx context.Context, path string, wait time.Duration) (*sqliteDB, error) {
	db, err := sqlitefile.Open(ctx, path, wait)
	if errors.Is(err, sqlitefile.ErrEmpty) {
		return nil, fmt.Errorf("%w: %s is empty", ErrSchema, path)
	}
	if err != nil {
		if err = own(err); ofServer(path) {
			err = fmt.Errorf("%w; `langgraph dev` keeps its state in .langgraph_api, in files of its own of which nothing is read: want the database of a saver", err)
		}
		return nil, err
	}
	d := &sqliteDB{DB: db, f: facts{
		engine: "sqlite", location: valid(path), account: valid(path), access: "whole database file",
		observer: "uid " + strconv.Itoa(os.Getuid()), basis: "process", notes: db.Notes, labels: db.Labels,
	}}
	var enc string
	err = d.wrap(d.Conn.QueryRowContext(ctx, "PRAGMA encoding").Scan(&enc))
	if err == nil && enc != "UTF-8" {
		err = errSchema("text encoding %s of %s; the runtime writes UTF-8", enc, path)
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// ofServer tells whether path is where the server for development keeps its state: its folder, a file in it, or the project
// that has the folder.
func ofServer(path string) bool {
	for _, at := range []string{filepath.Join(path, ".langgraph_api"), path, filepath.Dir(path)} {
		if st, err := os.Stat(at); filepath.Base(at) == ".langgraph_api" && err == nil && st.IsDir() {
			return true
		}
	}
	return false
}

func (d *sqliteDB) facts() facts { return d.f }

func (d *sqliteDB) close() error { return own(d.Close()) }

func (d *sqliteDB) check() error { return own(d.Check()) }

func (d *sqliteDB) fingerprint(context.Context, map[string]*table) (string, error) {
	return d.Fingerprint, nil
}

// wrap says what an error of SQLite means and what to do.
func (d *sqliteDB) wrap(err error) error {
	if said := d.Wrap(err); said != err {
		return own(said)
	}
	return err
}

// own puts the package's name before an error of a package that has none.
func own(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if errors.Is(err, pgsnapshot.ErrBusy) {
		return fmt.Errorf("langgraph: %w: %w", ErrLocked, err)
	}
	return fmt.Errorf("langgraph: %w", err)
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

var errEnough = errors.New("no more rows are wanted")

func (d *sqliteDB) rows(ctx context.Context, q string, args []any, fn func([]any) (stop bool, err error)) error {
	var inner error
	err := d.Each(ctx, q, args, func(v []any) error {
		stop, err := fn(v)
		if inner = err; stop && err == nil {
			return errEnough
		}
		return err
	})
	switch {
	case inner != nil:
		return inner
	case err == errEnough:
		return nil
	}
	return d.wrap(err)
}

func (d *sqliteDB) tables(ctx context.Context) (map[string]*table, error) {
	master, err := d.query(ctx, `SELECT +name, +type, +coalesce(sql, '') FROM sqlite_master WHERE type IN ('table','view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	ts := map[string]*table{}
	for _, m := range master {
		name := m[0].String()
		if !slices.Contains(sqliteNames(), name) {
			continue
		}
		if m[1].String() != "table" || strings.HasPrefix(strings.ToUpper(m[2].String()), "CREATE VIRTUAL") {
			return nil, errSchema("%s is a %s made by somebody else, not the runtime's table", name, m[1])
		}
		t := &table{name: name, ident: quote(name)}
		info, err := d.query(ctx, `SELECT +name, +type, +pk FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid`, name)
		if err != nil {
			return nil, err
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
	return ts, nil
}

func sqliteNames() []string {
	return []string{"checkpoints", "writes", "store", "store_vectors", "store_migrations", "vector_migrations"}
}

func (d *sqliteDB) scan(ctx context.Context, t *table, prefix, after []cell, fn func([]cell) (bool, error)) error {
	var cols, bigs, classes, where, order, marks []string
	var args []any
	for _, c := range t.cols {
		q := quote(c.name)
		if slices.Contains(t.key, c.name) {
			cols = append(cols, "+"+q)
			classes = append(classes, "''")
			continue
		}
		// The expressions keep the driver from turning TIMESTAMP text into times.
		big := fmt.Sprintf("octet_length(%s) > %d", q, agentstate.SpillSize)
		cols = append(cols, fmt.Sprintf("CASE WHEN %s THEN NULL ELSE %s END", big, q))
		bigs = append(bigs, big)
		classes = append(classes, fmt.Sprintf("coalesce(CASE WHEN %s THEN typeof(%s) || octet_length(%s) END, '')", big, q, q))
	}
	// One more column says what was left out, where something was.
	if len(bigs) == 0 {
		bigs = []string{"0"}
	}
	cols = append(cols, "CASE WHEN "+strings.Join(bigs, " OR ")+" THEN "+strings.Join(classes, " || ',' || ")+" END")
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
	if len(prefix) < len(t.key) { // of one row SQLite would still plan an order, anew for some values
		q += " ORDER BY " + strings.Join(order, ", ")
	}
	return d.rows(ctx, q, args, func(v []any) (bool, error) {
		row := make([]cell, len(t.cols))
		for i := range row {
			row[i], _ = cellOf(v[i])
		}
		if s, ok := v[len(row)].(string); ok {
			for i, s := range strings.Split(s, ",") {
				if n, ok := strings.CutPrefix(s, "blob"); ok {
					row[i] = cell{kind: blob, big: true}
					row[i].size, _ = strconv.ParseInt(n, 10, 64)
				} else if n, ok := strings.CutPrefix(s, "text"); ok {
					row[i] = cell{kind: text, big: true}
					row[i].size, _ = strconv.ParseInt(n, 10, 64)
				}
			}
		}
		return fn(row)
	})
}

func (d *sqliteDB) value(ctx context.Context, t *table, pk []cell, col string, off, n int64) ([]byte, error) {
	expr := "CAST(" + quote(col) + " AS BLOB)"
	if n >= 0 {
		expr = fmt.Sprintf("substr(%s, %d, %d)", expr, off+1, n)
	} else if off > 0 {
		expr = fmt.Sprintf("substr(%s, %d)", expr, off+1)
	}
	return valueOf(ctx, d, t, pk, expr)
}
