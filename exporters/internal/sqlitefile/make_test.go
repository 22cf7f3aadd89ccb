package sqlitefile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fill writes more than memory keeps.
const fill = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) INSERT INTO t SELECT zeroblob(10000) FROM n"

// making opens a new file and runs a statement in it, after one that makes a table.
func making(t *testing.T, path, statement string) *DB {
	t.Helper()
	d, err := OpenWrite(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	for _, q := range []string{"CREATE TABLE t (v)", statement} {
		if _, err := d.Conn.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// rows is how many rows of t are in the file.
func rows(t *testing.T, path string) (n int) {
	t.Helper()
	d, err := Open(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Conn.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// alone fails where anything lies beside path.
func alone(t *testing.T, path string) {
	t.Helper()
	if es, err := os.ReadDir(filepath.Dir(path)); err != nil || len(es) != 1 || es[0].Name() != filepath.Base(path) {
		t.Error(es, err)
	}
}

// Of two that make one file, the second is told so and harms nothing; afterwards it goes on from there.
func TestMakeTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new.db")
	first := making(t, path, fill)
	if d, err := OpenWrite(t.Context(), path, 10*time.Millisecond); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another run is making") {
		t.Errorf("%v %v", d, err)
	}
	if err := first.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	alone(t, path)
	create(t, path, fill)
	if n := rows(t, path); n != 2000 {
		t.Errorf("%d rows", n)
	}
}

// One that waits gets the file when it is made, and makes it itself where the first gives up.
func TestMakeWaits(t *testing.T) {
	made := func(ctx context.Context, d *DB) error { return d.Commit(ctx) }
	for name, c := range map[string]struct {
		statement string
		end       func(context.Context, *DB) error
		rows      int
	}{
		"made":       {fill, made, 1001},
		"of one row": {"INSERT INTO t VALUES (0)", made, 2}, // nothing is in the file before the end
		"not made":   {fill, func(_ context.Context, d *DB) error { return d.Close() }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "new.db")
			first := making(t, path, c.statement)
			done := make(chan error)
			go func() {
				d, err := OpenWrite(t.Context(), path, 10*time.Second)
				if err == nil {
					_, err = d.Conn.ExecContext(t.Context(), "CREATE TABLE IF NOT EXISTS t (v)")
					if err == nil {
						_, err = d.Conn.ExecContext(t.Context(), "INSERT INTO t VALUES (1)")
					}
					err = errors.Join(err, d.Commit(t.Context()), d.Close())
				}
				done <- err
			}()
			select {
			case err := <-done:
				t.Error("it did not wait", err)
			case <-time.After(200 * time.Millisecond):
				if err := c.end(t.Context(), first); err != nil {
					t.Error(err)
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			alone(t, path)
			if n := rows(t, path); n != c.rows {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// What a broken run left is taken away, whatever it is.
func TestMakeAnew(t *testing.T) {
	for name, left := range map[string]string{"nothing": "", "torn": strings.Repeat("x", 5000), "made": "SQLite format 3\x00"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "new.db")
			if err := os.WriteFile(path+partSuffix, []byte(left), 0o600); err != nil {
				t.Fatal(err)
			}
			if name == "made" { // and not named yet
				if err := os.Remove(path + partSuffix); err != nil {
					t.Fatal(err)
				}
				create(t, path+partSuffix, "CREATE TABLE other (v)")
			}
			d := making(t, path, fill)
			if err := d.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			alone(t, path)
			if n := rows(t, path); n != 1000 {
				t.Errorf("%d rows", n)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "new.db")
	if err := os.Mkdir(path+partSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenWrite(t.Context(), path, time.Second); err == nil || !strings.Contains(err.Error(), "in the way") {
		t.Error(err)
	}
}

// TestPartUnnamed: what cannot be made is said by the name that was asked for.
func TestPartUnnamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "x.sqlite")
	_, err := OpenWrite(t.Context(), path, time.Second)
	if e := (*fs.PathError)(nil); !errors.As(err, &e) || e.Path != path || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want one about %s", err, path)
	}
}
