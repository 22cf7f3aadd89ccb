package sqlitefile

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRules: what keeps rows out is named, and neither what SQLite fills by itself nor what is on another table.
func TestRules(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{
		"CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL DEFAULT '', c TEXT NOT NULL GENERATED ALWAYS AS (a || b) STORED, d TEXT UNIQUE, CHECK (a <> 'x'))",
		"CREATE TABLE other (a TEXT UNIQUE NOT NULL CHECK (a <> ''))", "CREATE INDEX plain ON t(a)", "CREATE UNIQUE INDEX one ON t(a)",
		"CREATE TRIGGER looks BEFORE INSERT ON T BEGIN SELECT 1; END", "CREATE TRIGGER elsewhere BEFORE INSERT ON other BEGIN SELECT 1; END",
	} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Open(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	got, err := Rules(t.Context(), d.Conn, "t", func(what, rule string) bool { return what == "UNIQUE" && rule == "sqlite_autoindex_t_1" })
	if diff := cmp.Diff([]string{"CHECK on t", "NOT NULL a on t", "UNIQUE one on t", "trigger looks on t"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestChecks: the word alone is no CHECK where it stands in a name, a text or a comment.
func TestChecks(t *testing.T) {
	for _, c := range []struct {
		statement string
		want      bool
	}{
		{"CREATE TABLE t (a TEXT CHECK (a <> ''))", true},
		{"create table t (a text, check(a <> 'it''s'))", true},
		{"CREATE TABLE t (a TEXT, -- the user's\n CHECK (a <> ''))", true},
		{"CREATE TABLE t (a TEXT, /* \"quoted */ CHECK (a <> ''))", true},
		{"CREATE TABLE t (a TEXT -- CHECK (later)\n)", false},
		{"CREATE TABLE t (a TEXT /* CHECK (later) */)", false},
		{"CREATE TABLE t (a TEXT DEFAULT 'CHECK (')", false},
		{"CREATE TABLE t (\"check (\" TEXT, [check (] TEXT, `check (` TEXT, check_in TEXT)", false},
	} {
		if got := checks(c.statement); got != c.want {
			t.Errorf("%s: %v", c.statement, got)
		}
	}
}
