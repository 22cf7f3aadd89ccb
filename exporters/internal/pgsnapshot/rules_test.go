package pgsnapshot

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestTimeouts: no timeout of the role or the database ends a transaction that takes its time.
func TestTimeouts(t *testing.T) {
	u := pgtest.Database(t)
	pgtest.Exec(t, u, `DO $$ DECLARE s text; BEGIN
		FOR s IN SELECT name FROM pg_settings WHERE name IN ('transaction_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout') LOOP
			EXECUTE format('ALTER DATABASE %I SET %s = ''200ms''', current_database(), s);
		END LOOP; END $$`)
	s, err := Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	time.Sleep(400 * time.Millisecond)
	if _, err := conn.Exec(t.Context(), "SELECT pg_sleep(0.4)"); err != nil {
		t.Error(err)
	}
}

// TestLocked: who holds a lock is waited for, but not for ever, where nobody says so.
func TestLocked(t *testing.T) {
	u := pgtest.Database(t)
	for _, c := range [][3]string{{"", "", "1min"}, {"?lock_timeout=300ms", "", "300ms"}, {"?lock_timeout=0", "", "0"}, {"", "-c lock_timeout=10min", "10min"}} {
		t.Setenv("PGOPTIONS", c[1])
		s, err := Parse(u + c[0])
		if err != nil {
			t.Fatal(err)
		}
		conn, err := s.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := conn.QueryRow(t.Context(), "SHOW lock_timeout").Scan(&got); err != nil || got != c[2] {
			t.Errorf("%q: %q, %v", c, got, err)
		}
		conn.Close(t.Context())
	}
}

// TestBusy: what is in the way of a table, and of a row, is said, with how to wait longer; a rule that raises the same is not quoted.
func TestBusy(t *testing.T) {
	u := pgtest.Database(t, "CREATE TABLE t (a text PRIMARY KEY)", "INSERT INTO t VALUES ('s3cret')", "CREATE TABLE u (a text REFERENCES t)",
		"CREATE FUNCTION raises() RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''while s3cret'' USING ERRCODE = ''55P03''; END'")
	s, err := Parse(u + "?lock_timeout=200ms")
	if err != nil {
		t.Fatal(err)
	}
	other := pgtest.Connect(t, u)
	defer other.Close(t.Context())
	for _, c := range [][3]string{
		{"LOCK TABLE t IN ACCESS EXCLUSIVE MODE", "SELECT * FROM t", "lock timeout"},
		{"INSERT INTO t VALUES ('s3cret too')", "INSERT INTO t VALUES ('s3cret too') ON CONFLICT DO NOTHING", "lock timeout"},
		{"UPDATE t SET a = a || 'x'", "DELETE FROM t", "lock timeout"},
		{"UPDATE t SET a = a || 'x'", "INSERT INTO u VALUES ('s3cret')", "lock timeout"},
		{"SELECT 1", "SELECT raises()", "it was refused"},
	} {
		if _, err := other.Exec(t.Context(), "BEGIN; "+c[0]); err != nil {
			t.Fatal(err)
		}
		conn, err := s.Begin(t.Context(), "BEGIN")
		if err != nil {
			t.Fatal(err)
		}
		err = s.Apart(t.Context(), conn, func() error {
			_, err := conn.Exec(t.Context(), c[1])
			return s.Wrap(err)
		})
		conn.Close(t.Context())
		if err == nil || !errors.Is(err, ErrBusy) || errors.Is(err, replay.ErrRule) || !strings.Contains(err.Error(), c[2]) || !strings.Contains(err.Error(), "PGOPTIONS") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s, %s: %v", c[0], c[1], err)
		}
		if _, err := other.Exec(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRules: a rule of the database that keeps a row out, or in, is named, with what to do and without the row's values.
func TestRules(t *testing.T) {
	u := pgtest.Database(t, "CREATE TABLE users (id text PRIMARY KEY)",
		`CREATE TABLE t (a text CONSTRAINT known REFERENCES users, b text CONSTRAINT short CHECK (length(b) < 3), c text NOT NULL, d text, CONSTRAINT apart EXCLUDE (d WITH =))`,
		"CREATE TABLE away (a text)", "CREATE RULE away AS ON INSERT TO away DO INSTEAD NOTHING", "INSERT INTO t VALUES (NULL, NULL, '', 's3cret')", "INSERT INTO users VALUES ('x')", "INSERT INTO t VALUES ('x', NULL, '')")
	s, err := Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	const into = "INSERT INTO t VALUES "
	for statement, want := range map[string]string{
		"INSERT INTO away VALUES ('s3cret') RETURNING a":                                                   `relation "away"`,
		"INSERT INTO users SELECT 's3cret' || string_agg(md5(g::text), '') FROM generate_series(1, 100) g": `index "users_pkey"`,
		into + "('s3cret', '', '')": `"known"`, into + "(NULL, 's3cret', '')": `"short"`, into + "(NULL, 's3', NULL)": `"c"`,
		into + "(NULL, '', '', 's3cret')": `"apart"`, "DELETE FROM users": `"known"`, // an undo
	} {
		conn := pgtest.Connect(t, u)
		_, err := conn.Exec(t.Context(), statement)
		conn.Close(t.Context())
		rule := "is satisfied or dropped"
		if strings.Contains(want, "_pkey") { // which nobody can drop
			rule = "fits no database"
		}
		if err = s.Wrap(err); !errors.Is(err, replay.ErrRule) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), rule) || strings.Contains(err.Error(), "comes only") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %s", statement, err, want)
		}
	}
}

// TestSaysNoValue: what a type does not take and what a function raises is told by its place, never by the words of the
// server, which quote the value.
func TestSaysNoValue(t *testing.T) {
	u := pgtest.Database(t, "CREATE TABLE t (a jsonb, n int, b text)", "CREATE INDEX whole ON t ((b::int))", "CREATE TABLE seen (b text CONSTRAINT short CHECK (length(b) < 3))",
		`CREATE FUNCTION raises() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.n = 1 THEN RAISE EXCEPTION 'not %', NEW.b; END IF;
			IF NEW.n = 2 THEN RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = NEW.b, CONSTRAINT = NEW.b, TABLE = NEW.b; END IF;
			IF NEW.n = 3 THEN RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = NEW.b; END IF;
			IF NEW.n = 4 THEN EXECUTE 'SELECT ' || NEW.b || ' s3cret'; END IF;
			IF NEW.n = 5 THEN INSERT INTO seen VALUES (NEW.b); END IF;
			RETURN NEW; END $$`, "CREATE TRIGGER before BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION raises()")
	s, err := Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	const raised = `by the function or trigger function "raises"`
	for statement, want := range map[string]string{
		`(n, b) VALUES (1, 's3cret')`: raised, `(n, b) VALUES (2, 's3cret')`: raised, `(n, b) VALUES (3, 's3cret')`: raised, `(n, b) VALUES (4, 's3cret')`: "(SQLSTATE 42703)",
		`(n, b) VALUES (5, 's3cret')`: `table "seen", constraint "short" (SQLSTATE 23514)`, `(a) VALUES ('s3cret')`: "(SQLSTATE 22P02)", `(b) VALUES ('s3cret')`: "(SQLSTATE 22P02)",
	} {
		conn := pgtest.Connect(t, u)
		_, err := conn.Exec(t.Context(), "INSERT INTO t "+statement)
		conn.Close(t.Context())
		err = s.Wrap(err)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") || !errors.Is(err, replay.ErrRule) && !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v, want %s", statement, err, want)
		}
	}
}

// TestTroubled: what a server in trouble says is kept, and is no rule; words that a function raises under its codes are not.
func TestTroubled(t *testing.T) {
	s, err := Parse("postgres://u@h/d")
	if err != nil {
		t.Fatal(err)
	}
	pe := &pgconn.PgError{Code: "XX001", Message: "invalid page in block 3", Where: "while scanning block 3 of relation t"}
	if err := s.Wrap(pe); errors.Is(err, replay.ErrRule) || !strings.Contains(err.Error(), pe.Message) {
		t.Error(err)
	}
	if agentstate.IsUnanswered(s.Wrap(pe)) {
		t.Error("a page that is damaged passes for no answer")
	}
	for _, code := range []string{"53100", "53200", "53300", "57014", "57P01", "57P03"} {
		if err := s.Wrap(&pgconn.PgError{Code: code, Message: "out of memory"}); !agentstate.IsUnanswered(err) {
			t.Errorf("%s: %v", code, err)
		}
	}
	pe.Message, pe.Where = "s3cret", "PL/pgSQL function raises() line 3 at RAISE"
	if err := s.Wrap(pe); !errors.Is(err, replay.ErrRule) || strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}

// TestLacksCharacter: where the database's encoding has no such character, or has no text, the error says what to want, and not the bytes.
func TestLacksCharacter(t *testing.T) {
	u := pgtest.Database(t)
	s, err := Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	conn := pgtest.Connect(t, u)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), `SELECT convert('\xe282ac', 'UTF8', 'LATIN1')`)
	if err = s.Wrap(err); err == nil || !strings.Contains(err.Error(), "(SQLSTATE 22P05): want a database") || strings.Contains(err.Error(), "0xe2") {
		t.Error(err)
	}
	_, err = conn.Exec(t.Context(), `SELECT '"\u0000"'::jsonb`) // of no encoding
	if err = s.Wrap(err); err == nil || !strings.Contains(err.Error(), "(SQLSTATE 22P05)") || strings.Contains(err.Error(), "want a database") {
		t.Error(err)
	}
	_, err = conn.Exec(t.Context(), `SELECT convert_from('\xfc', 'UTF8')`) // as a column of SQL_ASCII gives it
	if err = s.Wrap(err); err == nil || errors.Is(err, replay.ErrRule) || !strings.Contains(err.Error(), "(SQLSTATE 22021): where the database's encoding is SQL_ASCII") || strings.Contains(err.Error(), "0xfc") {
		t.Error(err)
	}
}

// TestIndexes: an index may keep a row out where it computes something, or holds values of any length that no key holds.
func TestIndexes(t *testing.T) {
	u := pgtest.Database(t, "CREATE TABLE t (id text PRIMARY KEY, n int, b text, j jsonb)", "CREATE INDEX long ON t (b)", "CREATE INDEX beside ON t (n) INCLUDE (j)", "CREATE INDEX cast_of ON t ((b::int))",
		"CREATE INDEX few ON t (n) WHERE b::int > 1", "CREATE INDEX number ON t (n)", "CREATE INDEX of_key ON t (id, n)", "CREATE INDEX hashed ON t USING hash (b)", "CREATE INDEX words ON t USING gin (j)")
	s, err := Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	conn := pgtest.Connect(t, u)
	defer conn.Close(t.Context())
	got, err := s.Rules(t.Context(), conn, "t", "t", func(what, rule, _ string) bool { return what == "NOT NULL" })
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"INDEX beside on t", "INDEX cast_of on t", "INDEX few on t", "INDEX long on t"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestAtOnce: what an application has asked at the end of the transaction refuses its own row, and the others stay.
func TestAtOnce(t *testing.T) {
	u := pgtest.Database(t, "CREATE TABLE users (id text PRIMARY KEY)", `CREATE TABLE "T" (a text CONSTRAINT "known user" REFERENCES users DEFERRABLE INITIALLY DEFERRED)`,
		`CREATE FUNCTION raises() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.a IS NULL THEN RAISE 'none'; END IF; RETURN NEW; END $$`,
		`CREATE CONSTRAINT TRIGGER late AFTER INSERT ON "T" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION raises()`, "INSERT INTO users VALUES ('x')")
	s, err := Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.Begin(t.Context(), "BEGIN")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if got, err := s.Rules(t.Context(), conn, `"T"`, "T", func(string, string, string) bool { return false }); err != nil || len(got) != 2 {
		t.Fatalf("%q, %v", got, err)
	}
	for row, want := range map[string]bool{"'y'": false, "'x'": true, "NULL": false} {
		err := s.Apart(t.Context(), conn, func() error {
			_, err := conn.Exec(t.Context(), `INSERT INTO "T" VALUES (`+row+`)`)
			return s.Wrap(err)
		})
		if (err == nil) != want || err != nil && !errors.Is(err, replay.ErrRule) {
			t.Errorf("%s: %v", row, err)
		}
	}
	if _, err := conn.Exec(t.Context(), "COMMIT"); err != nil {
		t.Error(err)
	}
	if got := pgtest.Rows(t, u, `SELECT a FROM "T"`); !slices.Equal(got, []string{"x"}) {
		t.Errorf("there is %q", got)
	}
}
