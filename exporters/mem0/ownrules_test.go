package mem0

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestOwnRules: a plan names what an application put on mem0's tables that may keep rows out, and nothing of mem0's own. What is kept
// out costs its record and the vector of it, which would be no memory alone.
func TestOwnRules(t *testing.T) {
	rules := func(t *testing.T, dst replay.Target, src agentstate.Source, want ...string) {
		t.Helper()
		rep, err := replay.Plan(t.Context(), dst, src, nil)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, rep.Rules); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	elsewhere := other(t, spaceOf("u", "u"), textIn("u", "a", "one"), vectorFor("u", "a", 1, 2, 3, 4, 5, 6, 7, 8), textIn("u", "b", "s3cret"), vectorFor("u", "b", 8, 7, 6, 5, 4, 3, 2, 1))
	t.Run("postgres", func(t *testing.T) {
		u := database(t, "pgvector-python.sql")
		exact, _ := drivertest.Export(t, store(t, u, "testdata/python/history.db"))
		dst := store(t, u, filepath.Join(t.TempDir(), "history.db"))
		rules(t, dst, exact)
		one := pgtest.Rows(t, u, "SELECT id::text FROM mem0 ORDER BY 1 LIMIT 1")[0]
		pgtest.Exec(t, u, "DELETE FROM mem0", "DELETE FROM mem0_entities", fmt.Sprintf("ALTER TABLE mem0 ADD CONSTRAINT named CHECK (id <> '%s' AND payload::text NOT LIKE '%%s3cret%%')", one))
		rules(t, dst, exact, "CHECK named on mem0")
		drivertest.Partly(t, dst, exact, oneAway(t, exact))
		drivertest.Partly(t, dst, elsewhere, map[string]uint64{"create memory": 1, "refuse memory": 1, "create embedding": 1, "refuse embedding": 1})
		pgtest.Exec(t, u, "ALTER TABLE mem0 DROP CONSTRAINT named", `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.payload::text LIKE '%s3cret%' THEN RETURN NULL; END IF; RETURN NEW; END $$`, "CREATE TRIGGER passes BEFORE INSERT ON mem0 FOR EACH ROW EXECUTE FUNCTION f()")
		drivertest.Partly(t, dst, elsewhere, map[string]uint64{"create memory": 1, "refuse memory": 1, "create embedding": 1, "refuse embedding": 1})
		pgtest.Exec(t, u, "DROP TRIGGER passes ON mem0", "CREATE INDEX own ON mem0 ((1 / (CASE WHEN payload::text LIKE '%s3cret%' THEN 0 ELSE 1 END)))")
		rules(t, dst, exact, "INDEX own on mem0")
		drivertest.Partly(t, dst, elsewhere, map[string]uint64{"create memory": 1, "refuse memory": 1, "create embedding": 1, "refuse embedding": 1})
	})
	t.Run("sqlite", func(t *testing.T) {
		src := copied(t, "js")
		exact, _ := drivertest.Export(t, Open(src))
		one := rowsOf(t, opens(t, filepath.Join(src, "vector_store.db")), "SELECT id FROM vectors ORDER BY 1 LIMIT 1")[0][0]
		rules(t, Open(src), exact)
		dst := t.TempDir()
		sqlOf(t, filepath.Join(dst, "vector_store.db"), create(vectorsForm, "vectors"), create(vectorsForm, "memory_migrations"), fmt.Sprintf("CREATE TRIGGER looks BEFORE INSERT ON vectors WHEN NEW.id = '%s' OR NEW.payload LIKE '%%s3cret%%' BEGIN SELECT RAISE(ABORT, 's3cret'); END", one))
		rules(t, Open(dst), exact, "trigger looks on vectors in vector_store.db")
		want := oneAway(t, exact)
		want["create opaque"] = 1 // the counters are there when the rows are
		drivertest.Partly(t, Open(dst), exact, want)
		sqlOf(t, filepath.Join(dst, "history.db"), create(jsHistory, string(jsHistory)), "CREATE TRIGGER looks BEFORE INSERT ON memory_history BEGIN SELECT RAISE(ABORT, ''); END")
		rules(t, Open(dst), elsewhere, "trigger looks on vectors in vector_store.db") // it writes no history
		for _, trigger := range []string{"", "BEFORE INSERT ON vectors WHEN NEW.payload LIKE '%s3cret%' BEGIN SELECT RAISE(IGNORE); END", "AFTER INSERT ON vectors WHEN NEW.payload LIKE '%s3cret%' BEGIN SELECT RAISE(FAIL, 's3cret'); END"} {
			file := filepath.Join(dst, "vector_store.db")
			if trigger != "" {
				sqlOf(t, file, "DROP TRIGGER looks", "CREATE TRIGGER looks "+trigger)
			}
			drivertest.Partly(t, Open(dst), elsewhere, map[string]uint64{"create memory": 1, "refuse memory": 1, "create embedding": 1, "refuse embedding": 1})
			if left := rowsOf(t, opens(t, file), "SELECT id FROM vectors"); len(left) > 0 {
				t.Errorf("%s: %d rows are left", trigger, len(left))
			}
		}
	})
}

// TestKept: a row that a trigger does not let go is not said to be removed.
func TestKept(t *testing.T) {
	dst := t.TempDir()
	exact, _ := drivertest.Export(t, Open(copied(t, "js")))
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := replay.Apply(t.Context(), Open(dst), exact, &replay.Options{Journal: j}); err != nil {
		t.Fatal(err)
	}
	sqlOf(t, filepath.Join(dst, "vector_store.db"), "CREATE TRIGGER keeps BEFORE DELETE ON vectors BEGIN SELECT RAISE(IGNORE); END")
	if rep, err := replay.Undo(t.Context(), Open(dst), j); !errors.Is(err, replay.ErrRule) {
		t.Errorf("%+v %v", rep, err)
	}
}

// TestOtherDimensions: a state whose vectors the target's column does not hold is refused before anything is written, in a plan too. What
// the server refuses and nobody looked for ends the run with its own words: the transaction is over.
func TestOtherDimensions(t *testing.T) {
	u := database(t, "pgvector-python.sql")
	exact, _ := drivertest.Export(t, store(t, u, "testdata/python/history.db"))
	pgtest.Exec(t, u, "DELETE FROM mem0", "DELETE FROM mem0_entities", "ALTER TABLE mem0 ALTER vector TYPE vector(4)")
	if _, err := replay.Plan(t.Context(), store(t, u, filepath.Join(t.TempDir(), "history.db")), exact, nil); !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), "mem0 keeps vectors of 4 numbers, those of the state have 8") {
		t.Errorf("%v", err)
	}
	w, l := begun(t, store(t, u, ""))
	rc, err := w.apart(t.Context(), w.dbs[l.Place], "mem0", 0, replay.Receipt{}, func() error {
		return w.pg.write(t.Context(), "INSERT INTO mem0 (id, vector) VALUES ('00000000-0000-4000-8000-000000000000', '[1]')")
	})
	if !errors.Is(err, replay.ErrRule) || rc.Action == replay.Refused {
		t.Errorf("%v %v", rc, err)
	}
}

// oneAway is what becomes of the records that have rows where one memory is refused.
func oneAway(t *testing.T, src agentstate.Source) map[string]uint64 {
	out := map[string]uint64{}
	for r, err := range src.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if agentstate.IsState(agentstate.KindOf(r)) && len(r.GetMeta().GetNative()) > 0 {
			out["create "+agentstate.KindOf(r)]++
		}
	}
	for _, kind := range []string{"memory", "embedding"} {
		out["create "+kind]--
		out["refuse "+kind]++
	}
	return out
}

// TestLongText: the index that mem0 makes of a text holds a mebibyte of words. One that has more is refused alone.
func TestLongText(t *testing.T) {
	u := database(t, "pgvector-python.sql")
	r := rand.New(rand.NewPCG(1, 2))
	var words strings.Builder
	for range 200_000 {
		fmt.Fprintf(&words, "%x ", r.Uint64()>>32)
	}
	mem := other(t, spaceOf("u", "u"), textIn("u", "a", "one"), textIn("u", "b", words.String()), textIn("u", "c", "three"))
	pgtest.Exec(t, u, "CREATE INDEX own ON mem0 USING gin(to_tsvector('simple', payload->>'data'))")
	drivertest.Partly(t, store(t, u, filepath.Join(t.TempDir(), "history.db")), mem, map[string]uint64{"create memory": 2, "refuse memory": 1})
}

// TestEncoding: a database that cannot hold most characters is read like any other, and refused as a target by the plan already, but
// for what comes from one of its kind.
func TestEncoding(t *testing.T) {
	latin := pgtest.Latin1(t)
	if len(pgtest.Rows(t, latin, "SELECT name FROM pg_available_extensions WHERE name = 'vector'")) == 0 {
		t.Skip("the server has no extension vector")
	}
	pgtest.Exec(t, latin, "CREATE EXTENSION vector", "CREATE TABLE mem0 (id UUID PRIMARY KEY, vector vector(8), payload JSONB)")
	dst := store(t, latin, "")
	plan := func(from *memstate.State) error {
		_, err := replay.Plan(t.Context(), dst, from, nil)
		return err
	}
	if err := plan(other(t, spaceOf("u", "u"), textIn("u", "a", "one"))); !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), "encoding LATIN1") {
		t.Error(err)
	}
	m, _ := drivertest.Export(t, store(t, database(t, "pgvector-python.sql"), ""))
	if err := plan(m); !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), "encoding LATIN1") {
		t.Errorf("its own rows: %v", err)
	}
	pgtest.Exec(t, latin, `INSERT INTO mem0 SELECT '00000000-0000-0000-0000-000000000001', '[1,2,3,4,5,6,7,8]', jsonb_build_object('data', chr(252) || 'ber', 'user_id', 'u')`)
	m, _ = drivertest.Export(t, dst)
	pgtest.Exec(t, latin, "TRUNCATE mem0")
	drivertest.Apply(t, dst, m)
	if got := pgtest.Rows(t, latin, "SELECT (payload->>'data' = chr(252) || 'ber')::text FROM mem0"); !slices.Equal(got, []string{"true"}) {
		t.Errorf("back: %q", got)
	}
}

// begun is a run that writes memories of another runtime, and where they go.
func begun(t *testing.T, dst *Store) (*writer, layout) {
	t.Helper()
	x, err := dst.Begin(t.Context(), &replay.Run{From: &pb.Origin{Product: "graph"}})
	if err != nil {
		t.Fatal(err)
	}
	w := x.(*writer)
	t.Cleanup(func() { w.Close() })
	l, err := w.placeFor("", false)
	if err == nil {
		_, err = w.open(context.Background(), l.Place)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w, l
}

// TestSavepointsEnd: a payload that JSONB takes, or does not, leaves no savepoint behind: those that are open slow down all that follows.
func TestSavepointsEnd(t *testing.T) {
	w, l := begun(t, store(t, database(t, "pgvector-python.sql"), ""))
	for raw, want := range map[string]bool{`{"data": 1}`: true, `{"data": 1e999999}`: false, "{\"data\": \"\xff\"}": false, strings.Repeat("[", 1<<20): false} {
		if _, why, err := w.held(t.Context(), l, raw); err != nil || (why == "") != want {
			t.Errorf("%.20s: %q %v", raw, why, err)
		}
	}
	for _, name := range []string{"held", "exitramp_apart"} {
		if _, err := w.pg.conn.Exec(t.Context(), "SAVEPOINT probe; RELEASE SAVEPOINT "+name); err == nil {
			t.Errorf("savepoint %s is left", name)
		} else if err := w.pg.exec(t.Context(), "ROLLBACK TO SAVEPOINT probe"); err != nil {
			t.Fatal(err)
		}
	}
}
