package langgraph

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// readErr is the error of reading all of s; nil: it went well.
func readErr(ctx context.Context, s *Store) error {
	var last error
	for _, err := range s.Records(ctx, nil) {
		last = err
	}
	return last
}

// run executes statements on the file path as another program would, and leaves the connection
// open until the end of the test where hold is set.
func run(t testing.TB, path string, hold bool, statements ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=synchronous(0)") // no wait for the disk
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	for _, q := range statements {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%.100s: %v", q, err)
		}
	}
	if hold {
		t.Cleanup(func() { db.Close() })
		return db
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return nil
}

// TestBadFile gives a file that is not what it should be. The error says what it is and what to
// do, for an operator late at night.
func TestBadFile(t *testing.T) {
	write := func(t *testing.T, b []byte) string {
		p := filepath.Join(t.TempDir(), "bad.sqlite")
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	good, err := os.ReadFile("testdata/python.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		path func(t *testing.T) string
		is   error
		says string
	}{
		{"no file", func(t *testing.T) string { return filepath.Join(t.TempDir(), "none.sqlite") }, fs.ErrNotExist, "no file"},
		{"home folder", func(t *testing.T) string { return "~/state.db" }, nil, "write the path in full"},
		{"a folder", func(t *testing.T) string { return t.TempDir() }, nil, "is a folder"},
		{"empty", func(t *testing.T) string { return write(t, nil) }, ErrSchema, "is empty"},
		{"text", func(t *testing.T) string { return write(t, []byte(strings.Repeat("not a database. ", 100))) }, ErrDamaged, "not a SQLite database"},
		{"short text", func(t *testing.T) string { return write(t, []byte("hello")) }, ErrDamaged, "not a SQLite database"},
		{"cut in the header", func(t *testing.T) string { return write(t, good[:60]) }, ErrDamaged, "ends inside its header"},
		{"cut at half", func(t *testing.T) string { return write(t, good[:len(good)/2]) }, ErrDamaged, "cut short"},
		{"cut by one page", func(t *testing.T) string { return write(t, good[:len(good)-4096]) }, ErrDamaged, "copy it again"},
		{"pages zeroed", func(t *testing.T) string {
			b := append([]byte(nil), good...)
			clear(b[4096*6 : 4096*30])
			return write(t, b)
		}, ErrDamaged, "contradict"},
		{"empty beside a log", func(t *testing.T) string {
			p := write(t, nil)
			if err := os.WriteFile(p+"-wal", []byte("everything is in here"), 0o600); err != nil {
				t.Fatal(err)
			}
			return p
		}, ErrDamaged, "bring the right one back"},
		{"no tables", func(t *testing.T) string {
			p := filepath.Join(t.TempDir(), "x.sqlite")
			run(t, p, false, "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)")
			return p
		}, ErrSchema, "no LangGraph tables"},
		{"somebody's checkpoints", func(t *testing.T) string {
			p := filepath.Join(t.TempDir(), "x.sqlite")
			run(t, p, false, "CREATE TABLE checkpoints (id INTEGER PRIMARY KEY, epoch INT, loss REAL)")
			return p
		}, ErrSchema, "has no column thread_id"},
		{"somebody's store", func(t *testing.T) string {
			p := filepath.Join(t.TempDir(), "x.sqlite")
			run(t, p, false, "CREATE TABLE store (sku TEXT PRIMARY KEY, amount INT)")
			return p
		}, ErrSchema, "no LangGraph tables"},
		{"LangGraph 0.1", func(t *testing.T) string {
			p := filepath.Join(t.TempDir(), "x.sqlite")
			run(t, p, false, "CREATE TABLE checkpoints (thread_id TEXT NOT NULL, thread_ts TEXT NOT NULL, parent_ts TEXT, checkpoint BLOB, metadata BLOB, PRIMARY KEY (thread_id, thread_ts))")
			return p
		}, ErrSchema, "LangGraph 0.1"},
		{"without writes", func(t *testing.T) string {
			p := sample(t, "python.sqlite")
			run(t, p, false, "DROP TABLE writes")
			return p
		}, ErrSchema, "without writes"},
		{"newer store", func(t *testing.T) string {
			p := sample(t, "python.sqlite")
			run(t, p, false, "INSERT INTO store_migrations VALUES (5)")
			return p
		}, ErrSchema, "store_migrations is at version 5; this release knows python+sqlite up to 4"},
		{"a view", func(t *testing.T) string {
			p := sample(t, "python.sqlite")
			run(t, p, false, "ALTER TABLE writes RENAME TO w", "CREATE VIEW writes AS SELECT * FROM w")
			return p
		}, ErrSchema, "writes is a view"},
		{"another key", func(t *testing.T) string {
			p := sample(t, "python.sqlite")
			run(t, p, false, "CREATE TABLE w2 AS SELECT * FROM writes", "DROP TABLE writes", "ALTER TABLE w2 RENAME TO writes")
			return p
		}, ErrSchema, "primary key"},
		{"UTF-16", func(t *testing.T) string {
			p := filepath.Join(t.TempDir(), "x.sqlite")
			run(t, p, false, "PRAGMA encoding = 'UTF-16le'", "CREATE TABLE checkpoints (x)")
			return p
		}, ErrSchema, "UTF-16"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := SQLite(c.path(t))
			for name, err := range map[string]error{"export": readErr(t.Context(), s), "preflight": second(s.Preflight(t.Context()))} {
				if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: %v; want %q", name, err, c.says)
				}
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// TestLocked holds a lock that a reader cannot pass.
func TestLocked(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, true, "PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE")
	locked := SQLite(p)
	locked.wait = 50 * time.Millisecond
	if err := readErr(t.Context(), locked); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "stop the application") {
		t.Errorf("export: %v", err)
	}
	m, _ := drivertest.Export(t, SQLite(sample(t, "python.sqlite")))
	if _, err := tryApply(t, locked, m, false); !errors.Is(err, ErrLocked) || !errors.Is(err, replay.ErrTarget) {
		t.Errorf("replay: %v", err)
	}
	if _, err := drivertest.Undo(t.Context(), locked, &replay.Run{}, []replay.Receipt{{Target: "conversation/x"}}); !errors.Is(err, ErrLocked) || !errors.Is(err, replay.ErrUntouched) {
		t.Errorf("undo: %v", err)
	}
}

// TestBadURL never prints what may be a password.
func TestBadURL(t *testing.T) {
	reg := exporters.NewRegistry(Drivers()...)
	for _, c := range []struct{ url, says string }{
		{"langgraph+sqlite:", "no file or folder is named"},
		{"langgraph+sqlite://state.db", "no host in it"},
		{"langgraph+sqlite:state.db?mode=rw", "unknown options"},
		{"langgraph+sqlite:50%", "malformed"},
		{"langgraph+sqlite:50%zz", "malformed"},
		{"langgraph+postgres:lost", "want RUNTIME+postgres://user@host:port/database"},
		{"langgraph+postgres://u:hunter2@host:port/db", "malformed"},
		{"langgraph+postgres://u:hunter2@host/db?sslmode=hunter2", "want RUNTIME+postgres://"},
		{"langgraph+mysql://u:hunter2@host/db", "no driver"},
	} {
		rt, err := reg.Open(t.Context(), c.url)
		if err == nil {
			rt.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v; want %q", c.url, err, c.says)
		}
	}
	dir := t.TempDir()
	for _, u := range []string{"langgraph+sqlite://" + dir + "/a%20b%3F%23.db", "langgraph+sqlite:" + dir + "/a%20b%3F%23.db"} {
		rt, err := reg.Open(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		if got := rt.(*Store).path; got != dir+"/a b?#.db" {
			t.Errorf("%s names %s", u, got)
		}
	}
}

// TestOddName reads and writes a file whose name means something in a URI.
func TestOddName(t *testing.T) {
	dir := t.TempDir()
	b, err := os.ReadFile("testdata/js.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(dir, "50% ?mode=memory&x#y.db")
	if err := os.WriteFile(p, b, 0o600); err != nil {
		t.Fatal(err)
	}
	m, rep := drivertest.Export(t, SQLite(p))
	if rep.Records["checkpoint"] != 37 {
		t.Errorf("%v", rep.Records)
	}
	apply(t, SQLite(p+"2"), m, false)
	if _, err := os.Stat(p + "2"); err != nil {
		t.Error(err)
	}
}

// TestOneReading refuses a second stream of one Store instead of mixing their blobs.
func TestOneReading(t *testing.T) {
	s := SQLite(sample(t, "python.sqlite"))
	for range s.Records(t.Context(), nil) {
		if err := readErr(t.Context(), s); err == nil || !strings.Contains(err.Error(), "under way") {
			t.Errorf("second reading: %v", err)
		}
		break
	}
	if err := readErr(t.Context(), s); err != nil {
		t.Error(err)
	}
	if _, err := s.OpenBlob(t.Context(), nil); !errors.Is(err, agentstate.ErrNotFound) {
		t.Errorf("blob after the stream: %v", err)
	}
}

// TestTargetRefused is a target that cannot take the state: Begin says so before anything is
// written.
func TestTargetRefused(t *testing.T) {
	m, _ := drivertest.Export(t, SQLite(sample(t, "python.sqlite")))
	foreign := filepath.Join(t.TempDir(), "x.sqlite")
	run(t, foreign, false, "CREATE TABLE checkpoints (id INTEGER PRIMARY KEY, epoch INT)")
	newer := sample(t, "python.sqlite")
	run(t, newer, false, "INSERT INTO store_migrations VALUES (99)")
	older := sample(t, "python.sqlite")
	run(t, older, false, "DELETE FROM store_migrations WHERE v > 2")
	for _, c := range []struct{ name, path, says string }{
		{"no folder", filepath.Join(t.TempDir(), "no", "x.sqlite"), "no; make it first"},
		{"foreign", foreign, "another program's table"},
		{"newer", newer, "use a newer exitramp"},
		{"older", older, "run setup() of the newer library on it first"},
		{"no database", "testdata/js.pg.sql", "not a SQLite database"},
	} {
		for _, dry := range []bool{true, false} {
			_, err := tryApply(t, SQLite(c.path), m, dry)
			if !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, dry %v: %v; want %q", c.name, dry, err, c.says)
			}
		}
	}
}

// An empty database is no store to read, and holds nothing that a run wrote.
func TestNoStore(t *testing.T) {
	p := filepath.Join(t.TempDir(), "x.sqlite")
	run(t, p, false, "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)")
	for name, s := range map[string]func(t *testing.T) *Store{
		"SQLite":     func(*testing.T) *Store { return SQLite(p) },
		"PostgreSQL": func(t *testing.T) *Store { return postgres(t, pgtest.Database(t, "CREATE TABLE notes (id int)")) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := readErr(t.Context(), s(t)); !errors.Is(err, ErrSchema) || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no LangGraph tables") {
				t.Errorf("%v", err)
			}
		})
	}
	run(t, p, false, "CREATE TABLE checkpoints (id INTEGER PRIMARY KEY, epoch INT, loss REAL)")
	if err := readErr(t.Context(), SQLite(p)); errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a table that is not understood: %v", err)
	}
}

// TestStateOfDev: the server for development keeps its state beside the program, in no database.
func TestStateOfDev(t *testing.T) {
	project := t.TempDir()
	folder := filepath.Join(project, ".langgraph_api")
	kept, other := filepath.Join(folder, ".langgraph_checkpoint.1.pckl"), filepath.Join(project, "other.db")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(kept, []byte("\x80\x05}\x94."), 0o600), os.WriteFile(other, []byte("\x80\x05}\x94."), 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{project: true, folder: true, kept: true, other: false, filepath.Join(project, "none.db"): false} {
		if _, err := SQLite(path).Preflight(t.Context()); err == nil || strings.Contains(err.Error(), "langgraph dev") != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}
