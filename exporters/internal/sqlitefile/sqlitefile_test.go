package sqlitefile

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func create(t *testing.T, path string, statements ...string) {
	t.Helper()
	d, err := OpenWrite(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, q := range statements {
		if _, err := d.Conn.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// What was deleted is not in the file any more, short or longer than a page.
func TestDeletedIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	create(t, path, "CREATE TABLE t (v)", "INSERT INTO t VALUES ('likes tea'), (printf('%.*c', 20000, 'x') || 'likes coffee')")
	create(t, path, "DELETE FROM t")
	b, err := os.ReadFile(path)
	if err != nil || bytes.Contains(b, []byte("likes tea")) || bytes.Contains(b, []byte("likes coffee")) {
		t.Error("it can still be read", err)
	}
}

// What is not committed leaves nothing; what is committed is read back; reading leaves no file.
func TestWriteAndRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a b%?#.db")
	if !Missing(path) {
		t.Error("there is no file")
	}
	d, err := OpenWrite(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Conn.ExecContext(t.Context(), "CREATE TABLE t (v)"); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if es, _ := os.ReadDir(dir); len(es) != 0 {
		t.Fatalf("left behind: %v", es)
	}
	create(t, path, "CREATE TABLE t (v)", "INSERT INTO t VALUES (7)")
	first, err := Open(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var v int
	if err := first.Conn.QueryRowContext(t.Context(), "SELECT v FROM t").Scan(&v); err != nil || v != 7 {
		t.Error(v, err)
	}
	if _, err := first.Conn.ExecContext(t.Context(), "INSERT INTO t VALUES (8)"); err == nil {
		t.Error("a reading wrote")
	}
	if err := first.Check(); err != nil {
		t.Error(err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if es, _ := os.ReadDir(dir); len(es) != 1 {
		t.Errorf("left behind: %v", es)
	}
	create(t, path, "INSERT INTO t VALUES (9)")
	second, err := Open(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if second.Fingerprint == "" || second.Fingerprint == first.Fingerprint {
		t.Errorf("fingerprint %q after %q", second.Fingerprint, first.Fingerprint)
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	create(t, good, "CREATE TABLE t (v)", "INSERT INTO t VALUES (zeroblob(20000))")
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	beside := write("beside", nil)
	write("beside-wal", []byte("log"))
	for _, c := range []struct {
		path string
		want error
	}{
		{filepath.Join(dir, "none"), os.ErrNotExist},
		{write("empty", nil), ErrEmpty},
		{beside, ErrDamaged},
		{write("text", []byte("this is no database at all")), ErrDamaged},
		{write("header", b[:60]), ErrDamaged},
		{write("cut", b[:len(b)-4096]), ErrDamaged},
	} {
		d, err := Open(t.Context(), c.path, time.Second)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", filepath.Base(c.path), err)
		}
		if err == nil {
			d.Close()
		}
	}
	if _, err := Open(t.Context(), os.DevNull, time.Second); err == nil || !strings.Contains(err.Error(), "a pipe or a device") {
		t.Errorf("%s: %v", os.DevNull, err)
	}
	w, err := OpenWrite(t.Context(), good, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if d, err := OpenWrite(t.Context(), good, time.Millisecond); !errors.Is(err, ErrLocked) {
		t.Errorf("second writer: %v", err)
		if err == nil {
			d.Close()
		}
	}
}

// What a -wal lacks that was cut short in copying was written and is not read: that it may be so is said. Behind what
// was written since a log began anew stands what is left of before, whose end says nothing.
func TestTornWAL(t *testing.T) {
	dir := t.TempDir()
	live := filepath.Join(dir, "live")
	app, err := sql.Open("sqlite", live)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	app.SetMaxOpenConns(1)
	exec := func(statements ...string) {
		t.Helper()
		for _, s := range statements {
			if _, err := app.Exec(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	look := func(name string, cut int64, want string) {
		t.Helper()
		path := filepath.Join(dir, name)
		for _, suffix := range []string{"", "-wal"} {
			if err := copyFile(path+suffix, live+suffix); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Truncate(path+"-wal", sizeOf(path+"-wal")-cut); err != nil {
			t.Fatal(err)
		}
		d, err := Open(t.Context(), path, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if got, _, _ := strings.Cut(d.Labels[0][1], ":"); got != want {
			t.Errorf("%s, %d bytes cut off: %q, want %q", name, cut, d.Labels, want)
		}
	}
	const torn = "read, its end absent"
	exec("PRAGMA journal_mode = WAL", "PRAGMA journal_size_limit = 10000", "CREATE TABLE t (v)", "INSERT INTO t VALUES (1)")
	look("whole", 0, "read")
	for _, cut := range []int64{100, 4110} {
		look("cut"+strconv.FormatInt(cut, 10), cut, torn)
	}
	exec("INSERT INTO t VALUES (zeroblob(50000))", "PRAGMA wal_checkpoint(RESTART)", "INSERT INTO t VALUES (2)")
	if n := sizeOf(live + "-wal"); n != 10000 {
		t.Fatalf("a log of %d bytes, want the limit", n)
	}
	look("limited", 0, "read")
}

// A database that this user may not write to is told from one that is damaged, so that somebody opens it.
func TestMayNotWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	create(t, path, "CREATE TABLE t (v)")
	d, err := Open(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	_, err = d.Conn.ExecContext(t.Context(), "INSERT INTO t VALUES (1)")
	if err = d.Wrap(err); !errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}
