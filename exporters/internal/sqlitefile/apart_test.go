package sqlitefile

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/replay"
)

// TestPut: whatever keeps a row out, it is refused alone: no other row goes for it, nothing of it stays, and what was written before
// it is committed. Where a trigger takes all of it back, the run ends.
func TestPut(t *testing.T) {
	trigger := func(when, raise string) string {
		return "CREATE TRIGGER looks " + when + " INSERT ON t WHEN NEW.b = 'bad' BEGIN SELECT RAISE(" + raise + "); END"
	}
	for name, c := range map[string]struct{ make, want string }{
		"passed over": {trigger("BEFORE", "IGNORE"), "good,old"},
		"refused":     {trigger("BEFORE", "ABORT, 's3cret'"), "good,old"},
		"left there":  {trigger("AFTER", "FAIL, 's3cret'"), "good,old"},
		"takes a row": {"SELECT 1", "good,old"}, // as its column says ON CONFLICT REPLACE
		"ends it all": {trigger("BEFORE", "ROLLBACK, 's3cret'"), "old"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.db")
			db, err := sql.Open("sqlite", "file:"+path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for _, q := range []string{"CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c TEXT UNIQUE ON CONFLICT REPLACE)", c.make, "INSERT INTO t(b, c) VALUES ('old', 'taken')"} {
				if _, err := db.Exec(q); err != nil {
					t.Fatal(err)
				}
			}
			d, err := OpenWrite(t.Context(), path, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			id, err := d.Put(t.Context(), "INSERT INTO t(b) VALUES (?)", "good")
			if err != nil || id != 2 {
				t.Fatal(id, err)
			}
			err = d.Apart(t.Context(), func() error {
				if _, err := d.Put(t.Context(), "INSERT INTO t(b) VALUES ('before it')"); err != nil {
					return err
				}
				_, err := d.Put(t.Context(), "INSERT INTO t(b, c) VALUES ('bad', 'taken')")
				return err
			})
			if err == nil || !errors.Is(err, replay.ErrRule) || Alone(err) != (c.want != "old") || strings.Contains(err.Error(), "s3cret") {
				t.Fatal(err)
			}
			if c.want == "old" {
				d.Close()
			} else if err := d.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			var got string
			if err := db.QueryRow("SELECT group_concat(b) FROM (SELECT b FROM t ORDER BY b)").Scan(&got); err != nil || got != c.want {
				t.Errorf("%q %v, want %q", got, err, c.want)
			}
		})
	}
}

// TestPutLeavesTriggers: what an application's trigger does on a conflict of its own stays its own.
func TestPutLeavesTriggers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); CREATE TABLE seen (b TEXT PRIMARY KEY, n INTEGER);
		CREATE TRIGGER notes AFTER INSERT ON t BEGIN INSERT OR IGNORE INTO seen VALUES (NEW.b, 1); END;
		CREATE TRIGGER counts AFTER UPDATE ON t BEGIN INSERT OR REPLACE INTO seen VALUES (NEW.b, 2); END`); err != nil {
		t.Fatal(err)
	}
	d, err := OpenWrite(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, q := range []string{"INSERT INTO t(b) VALUES ('one')", "INSERT INTO t(b) VALUES ('one')", "UPDATE t SET a = 3 WHERE a = 2"} {
		if _, err := d.Put(t.Context(), q); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
}
