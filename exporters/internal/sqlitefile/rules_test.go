package sqlitefile

import "testing"

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
