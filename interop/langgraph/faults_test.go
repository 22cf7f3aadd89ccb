package langgraph

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRowLevelSecurity exports as a role that sees half of the rows, where count(*) agrees with what it sees.
func TestRowLevelSecurity(t *testing.T) {
	tables := map[string]string{"checkpoints": "thread_id < 't-f'", "checkpoint_writes": "thread_id < 't-f'", "checkpoint_blobs": "thread_id < 't-f'", "store": "key < 'mem-2'"}
	for table, visible := range tables {
		t.Run(table, func(t *testing.T) {
			s := made(t, python(t), "trip", "pg")
			psql(t, s.db, "drop role if exists half", "create role half login", "grant usage on schema public to half", "grant select on all tables in schema public to half",
				"alter table "+table+" enable row level security", "create policy half_of_it on "+table+" for select to half using ("+visible+")")
			defer psql(t, s.db, "drop owned by half", "drop role half")
			archive := filepath.Join(t.TempDir(), "half.ctxa")
			r := exitramp(t, []int{0, 3}, "export", strings.Replace(s.place.exitramp, "postgres@", "half@", 1), archive)
			if i := inspect(t, archive); i.Coverage == "RECONCILED" || i.Coverage == "LISTED" {
				t.Errorf("coverage %s of a store of which half was hidden by row-level security\n%s", i.Coverage, tail(r.all()))
			}
		})
	}
}

// TestMissingPermission exports as a role that may not read one table.
func TestMissingPermission(t *testing.T) {
	s := made(t, python(t), "trip", "pg")
	psql(t, s.db, "drop role if exists partial", "create role partial login", "grant usage on schema public to partial", "grant select on all tables in schema public to partial",
		"revoke select on store from partial")
	defer psql(t, s.db, "drop owned by partial", "drop role partial")
	archive := filepath.Join(t.TempDir(), "gaps.ctxa")
	r := exitramp(t, []int{3}, "export", strings.Replace(s.place.exitramp, "postgres@", "partial@", 1), archive)
	if !strings.Contains(r.all(), "SELECT") || !strings.Contains(r.all(), "store") {
		t.Errorf("the missing permission (SELECT on store) is not named\n%s", tail(r.all()))
	}
	if i := inspect(t, archive); i.Coverage != "GAPS" {
		t.Errorf("coverage %s, want GAPS", i.Coverage)
	}
	exitramp(t, done, "verify", archive, "--integrity-only")
}

// TestPasswordNotPrinted looks for the password in everything that is printed and stored.
func TestPasswordNotPrinted(t *testing.T) {
	s := made(t, python(t), "trip", "pg")
	const right, wrong = "right-pa55word-a", "wrong-pa55word-b"
	psql(t, s.db, "drop role if exists guarded", "create role guarded login password '"+right+"'", "grant usage on schema public to guarded", "grant select on all tables in schema public to guarded")
	defer psql(t, s.db, "drop owned by guarded", "drop role guarded")
	at := func(password string) string {
		return strings.Replace(s.place.exitramp, "postgres@", "guarded:"+password+"@", 1)
	}
	for _, c := range []struct {
		name, source string
		ok           bool
	}{
		{"right", at(right), true},
		{"wrong", at(wrong), false},
		{"no such host", "langgraph+postgres://guarded:" + wrong + "@127.0.0.1:1/db", false},
		{"not a URL", "langgraph+postgres://guarded:" + wrong + "%zz@127.0.0.1:1/db", false},
		{"in the query", "langgraph+postgres://127.0.0.1:1/db?user=guarded&password=" + wrong, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			archive := filepath.Join(t.TempDir(), "x.ctxa")
			r := run(t, "", env.exitramp, "export", c.source, archive)
			if (r.code == 0) != c.ok {
				t.Errorf("exit code %d\n%s", r.code, tail(r.all()))
			}
			if !c.ok && exists(archive) {
				t.Error("an archive was sealed without a connection")
			}
			seen := r.all()
			if c.ok {
				seen += exitramp(t, done, "inspect", archive, "--json").all() + exitramp(t, done, "cat", archive).all()
			}
			if i := strings.Index(seen, "pa55word"); i >= 0 {
				t.Errorf("the password is printed: …%q…", seen[max(0, i-80):i+8])
			}
		})
	}
}

// hold starts a Python process that does something to a SQLite file, says 'ready' and waits until the test ends.
func hold(t *testing.T, code, file string) {
	t.Helper()
	cmd := exec.Command(env.python, "-c", "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n"+code+"\nprint('ready', flush=True)\nsys.stdin.read()", file)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	buf := make([]byte, 5)
	if n, err := out.Read(buf); err != nil || string(buf[:n]) != "ready" {
		t.Fatalf("%q: %v", buf[:n], err)
	}
}

// TestSQLiteLocked exports while another process holds the file.
func TestSQLiteLocked(t *testing.T) {
	s := made(t, python(t), "trip", "sqlite")
	for _, c := range []struct {
		name, code string
		readable   bool
	}{
		{"WAL, one writes", "c.execute('pragma journal_mode=wal'); c.execute('begin immediate'); c.execute(\"update checkpoints set type='msgpack' where thread_id='t-done'\")", true},
		{"rollback journal, exclusive", "c.execute('pragma journal_mode=delete'); c.execute('begin exclusive')", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "locked.sqlite")
			copyFile(t, s.file, file)
			hold(t, c.code, file)
			archive, begin := filepath.Join(t.TempDir(), "x.ctxa"), time.Now()
			r := run(t, "", env.exitramp, "export", "langgraph+sqlite:"+file, archive)
			if c.readable && r.code != 0 {
				t.Errorf("exit code %d although a WAL can be read beside a writer\n%s", r.code, tail(r.all()))
			}
			if !c.readable && (r.code == 0 || exists(archive) || !strings.Contains(r.all(), "lock")) {
				t.Errorf("exit code %d, sealed %v; want an error that says that the file is locked\n%s", r.code, exists(archive), tail(r.all()))
			}
			t.Logf("exit code %d after %v", r.code, time.Since(begin).Round(time.Millisecond))
		})
	}
}

// TestSQLiteWithoutWAL exports a main file that was copied without its -wal, where the newest state is. A file that was closed in order
// looks the same, so nothing can be refused; but it must be said.
func TestSQLiteWithoutWAL(t *testing.T) {
	f := python(t)
	file, copied := filepath.Join(t.TempDir(), "live.sqlite"), filepath.Join(t.TempDir(), "copied.sqlite")
	f.script(t, "make", "setup", "sqlite:"+file, "odd")
	hold(t, "c.execute('pragma journal_mode=wal'); c.execute('pragma wal_autocheckpoint=0'); c.execute('select * from checkpoints').fetchall()", file)
	write(t, f, "sqlite:"+file, "50")() // the process above keeps the file open, so the WAL stays
	if i, err := os.Stat(file + "-wal"); err != nil || i.Size() == 0 {
		t.Fatalf("no WAL to leave behind: %v", err)
	}
	copyFile(t, file, copied)
	archive := filepath.Join(t.TempDir(), "x.ctxa")
	r := run(t, "", env.exitramp, "export", "langgraph+sqlite:"+copied, archive)
	if !strings.Contains(strings.ToLower(r.all()), "wal") {
		t.Errorf("exit code %d and not a word of the missing WAL\n%s", r.code, tail(r.all()))
	}
}

// copyFile copies the bytes of one file, and nothing that lies beside it.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(b) < 20 || !strings.HasPrefix(string(b), "SQLite format 3") {
		t.Fatalf("%s is no SQLite file: %s", from, hex.EncodeToString(b[:min(len(b), 16)]))
	}
}
