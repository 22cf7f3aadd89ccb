package langgraph

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// rulesOf is what a plan of m into dst says of the target's own rules.
func rulesOf(t *testing.T, dst *Store, m *memstate.State) []string {
	t.Helper()
	rep, err := replay.Plan(t.Context(), dst, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rep.Rules
}

// kept looks for checkpoints that a rule keeps out of dst, all of them, and what is said of the first.
func kept(t *testing.T, dst *Store, m *memstate.State, why string) {
	t.Helper()
	rcs, err := tryApply(t, dst, m, false)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, rc := range rcs {
		if strings.Contains(rc.Why, "s3cret") {
			t.Errorf("%s: %s", rc.Key, rc.Why)
		}
		if agentstate.KindOfKey(rc.Key) != "checkpoint" {
			continue
		}
		if n++; rc.Action != replay.Refused || !strings.Contains(rc.Why, why) && !strings.Contains(rc.Why, "newest checkpoint") {
			t.Errorf("%s: %v %s", rc.Key, rc.Action, rc.Why)
		}
	}
	if n == 0 {
		t.Error("no checkpoint came")
	}
}

// TestRules: a plan names what an application put on the target's tables that may keep rows out, and nothing of the
// library's own. What is named does keep a row out, and the refusal has nothing of the row.
func TestRules(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		m, _ := drivertest.Export(t, SQLite(sample(t, "js.sqlite")))
		dst := SQLite(filepath.Join(t.TempDir(), "copy.sqlite"))
		if got := rulesOf(t, dst, m); len(got) > 0 {
			t.Errorf("no store: %q", got)
		}
		apply(t, dst, m, false)
		if got := rulesOf(t, dst, m); len(got) > 0 {
			t.Errorf("the library's own: %q", got)
		}
		change(t, dst, `DELETE FROM checkpoints; DELETE FROM writes; DROP TABLE writes; CREATE UNIQUE INDEX once ON checkpoints (checkpoint_id);
			CREATE TABLE writes (thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', checkpoint_id TEXT NOT NULL, task_id TEXT NOT NULL, idx INTEGER NOT NULL, channel TEXT NOT NULL,
				type TEXT, value BLOB, tenant TEXT NOT NULL, more TEXT DEFAULT 'check (', -- it's one that
				check (length(type) < 9), PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx));
			CREATE TRIGGER keep_out BEFORE INSERT ON CheckPoints BEGIN SELECT RAISE(ABORT, 's3cret'); END`)
		want := []string{"UNIQUE once on checkpoints", "trigger keep_out on checkpoints", "CHECK on writes", "NOT NULL tenant on writes"}
		if d := gocmp.Diff(want, rulesOf(t, dst, m)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		kept(t, dst, m, "a trigger refused it")
	})
	t.Run("postgres", func(t *testing.T) {
		for _, name := range []string{"js.pg.sql", "python.pg.sql"} {
			u := pgtest.Database(t)
			load(t, u, name)
			dst := postgres(t, u)
			m, _ := drivertest.Export(t, dst)
			if got := rulesOf(t, dst, m); len(got) > 0 {
				t.Errorf("the library's own: %q", got)
			}
			pgtest.Exec(t, u, "CREATE TABLE tenants (id text PRIMARY KEY)", "DELETE FROM checkpoints; DELETE FROM checkpoint_blobs",
				"ALTER TABLE checkpoints ADD CONSTRAINT known FOREIGN KEY (thread_id) REFERENCES tenants, ADD CONSTRAINT short CHECK (length(thread_id) < 3) NOT VALID, ADD tenant text NOT NULL, ADD later text NOT NULL DEFAULT ''",
				"CREATE UNIQUE INDEX once ON checkpoint_blobs (md5(blob))", "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
				"CREATE TRIGGER looks BEFORE INSERT ON checkpoint_blobs FOR EACH ROW EXECUTE FUNCTION nothing()", "CREATE TRIGGER off BEFORE INSERT ON checkpoint_blobs FOR EACH ROW EXECUTE FUNCTION nothing()",
				"ALTER TABLE checkpoint_blobs DISABLE TRIGGER off", "CREATE DOMAIN tag AS text CHECK (length(value) < 20)", "ALTER TABLE checkpoint_writes ALTER type TYPE tag, ALTER channel TYPE tag",
				"CREATE RULE away AS ON INSERT TO checkpoint_writes DO INSTEAD NOTHING", "CREATE RULE kept AS ON DELETE TO checkpoint_writes DO INSTEAD NOTHING",
				"CREATE RULE changes AS ON UPDATE TO checkpoint_writes DO ALSO NOTHING", "ALTER TABLE checkpoint_writes DISABLE RULE changes", "CREATE RULE idle AS ON INSERT TO checkpoint_writes DO ALSO NOTHING", "ALTER TABLE checkpoint_writes DISABLE RULE idle")
			want := []string{"UNIQUE once on checkpoint_blobs", "trigger looks on checkpoint_blobs", "DOMAIN tag on checkpoint_writes", "RULE away on checkpoint_writes", "RULE changes on checkpoint_writes", "CHECK short on checkpoints", "FOREIGN KEY known on checkpoints", "NOT NULL tenant on checkpoints"}
			if d := gocmp.Diff(want, rulesOf(t, dst, m)); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
			pgtest.Exec(t, u, "DROP INDEX once")
			kept(t, dst, m, `"tenant"`)
		}
	})
}

// TestRuleTakesAllBack: a trigger may end the transaction, and all that was written with it. Then the run ends.
func TestRuleTakesAllBack(t *testing.T) {
	m, _ := drivertest.Export(t, SQLite(sample(t, "python.sqlite")))
	dst := SQLite(sample(t, "python.sqlite"))
	change(t, dst, "DELETE FROM checkpoints; DELETE FROM writes; DELETE FROM store; CREATE TRIGGER gone BEFORE INSERT ON store WHEN NEW.key = 'mem-2' BEGIN SELECT RAISE(ROLLBACK, 's3cret'); END")
	if _, err := tryApply(t, dst, m, false); !errors.Is(err, replay.ErrRule) || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "took back all") {
		t.Error(err)
	}
	for table, n := range tableRows(t, dst) {
		if len(n) > 0 && (table == "checkpoints" || table == "store") {
			t.Errorf("%d rows are left in %s", len(n), table)
		}
	}
}

// ruledStore is an empty store with rules: one old checkpoint, one question, in PostgreSQL the messages of one thread, and one
// item do not come in.
func ruledStore(t *testing.T, name string) *Store {
	t.Helper()
	dst := storeNamed(t, name).load(t)
	if dst.server == nil {
		change(t, dst, `DELETE FROM checkpoints; DELETE FROM writes; DELETE FROM store; DELETE FROM store_vectors;
			CREATE TRIGGER old BEFORE INSERT ON checkpoints WHEN NEW.thread_id = 't-types' AND CAST(NEW.metadata AS TEXT) ->> '$.step' = 0 BEGIN SELECT RAISE(ABORT, 's3cret'); END;
			CREATE TRIGGER asks BEFORE INSERT ON writes WHEN NEW.thread_id = 't-interrupt' AND NEW.channel = '__interrupt__' BEGIN SELECT RAISE(FAIL, 's3cret'); END;
			CREATE TRIGGER item BEFORE INSERT ON store WHEN NEW.key = 'mem-2' BEGIN SELECT RAISE(ABORT, 's3cret'); END`)
		return dst
	}
	change(t, dst, `TRUNCATE checkpoints, checkpoint_writes, checkpoint_blobs, store, store_vectors;
		ALTER TABLE checkpoints ADD CONSTRAINT old CHECK (thread_id <> 't-types' OR metadata ->> 'step' <> '0');
		ALTER TABLE checkpoint_blobs ADD CONSTRAINT said CHECK (thread_id <> 't-done' OR channel <> 'messages');
		ALTER TABLE checkpoint_writes ADD CONSTRAINT asks CHECK (thread_id <> 't-interrupt' OR channel <> '__interrupt__');
		CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.key = 'mem-2' THEN RAISE EXCEPTION 's3cret'; END IF; RETURN NEW; END$$;
		CREATE CONSTRAINT TRIGGER item AFTER INSERT ON store DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION no()`)
	return dst
}

// free takes the rules of a ruledStore away.
func free(t *testing.T, dst *Store) {
	t.Helper()
	if dst.server == nil {
		change(t, dst, "DROP TRIGGER old; DROP TRIGGER asks; DROP TRIGGER item")
		return
	}
	change(t, dst, "ALTER TABLE checkpoints DROP CONSTRAINT old; ALTER TABLE checkpoint_blobs DROP CONSTRAINT said; ALTER TABLE checkpoint_writes DROP CONSTRAINT asks; DROP TRIGGER item ON store")
}

// TestRuledRecords: what a rule keeps out is refused alone, and a thread whole whose newest state needs it: all that was planned
// is written or refused.
func TestRuledRecords(t *testing.T) {
	for _, from := range []string{"python.sqlite", "python.pgvector.sql"} {
		m, _ := drivertest.Export(t, storeNamed(t, from).load(t))
		for _, to := range []string{"python.sqlite", "python.pgvector.sql"} {
			t.Run(from+" to "+to, func(t *testing.T) {
				dst, whole := ruledStore(t, to), []string{"t-interrupt"}
				if dst.server != nil {
					whole = []string{"t-done", "t-interrupt"}
				}
				planned := map[string]replay.Action{}
				for _, rc := range apply(t, dst, m, true) {
					planned[rc.Key] = rc.Action
				}
				j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
				if err != nil {
					t.Fatal(err)
				}
				defer j.Close()
				none, partly := map[string]bool{}, map[string]int{}
				if _, err := replay.Apply(t.Context(), dst, m, &replay.Options{Journal: j, OnReceipt: func(rc replay.Receipt) {
					if want, ok := planned[rc.Key]; ok && rc.Action != want && (want != replay.Created || rc.Action != replay.Refused) || strings.Contains(rc.Why, "s3cret") {
						t.Errorf("%s: %v %s, planned %v", rc.Key, rc.Action, rc.Why, want)
					}
					kind, rest, _ := strings.Cut(rc.Key, "/")
					thread, _, _ := strings.Cut(rest, "/")
					switch of := kind + " " + thread; {
					case rc.Action == replay.Created && kind != "memory" && kind != "embedding":
						none[thread] = false
					case rc.Action == replay.Refused && planned[rc.Key] == replay.Created:
						if _, ok := none[thread]; !ok {
							none[thread] = true
						}
						partly[of]++
					}
				}}); err != nil {
					t.Fatal(err)
				}
				maps.DeleteFunc(none, func(thread string, is bool) bool { return !is || !strings.HasPrefix(thread, "t-") })
				if d := gocmp.Diff(whole, slices.Sorted(maps.Keys(none))); d != "" {
					t.Errorf("refused as a whole (-want +got):\n%s", d)
				}
				for of, want := range map[string]int{"checkpoint t-types": 1, "memory users.u-1.memories": 1, "embedding users.u-1.memories": 1} {
					if partly[of] != want {
						t.Errorf("%s: %d refused, want %d", of, partly[of], want)
					}
				}
				if back, err := replay.ReadBack(t.Context(), m, dst, j); err != nil || back.MissingN > 0 || back.UnannouncedN > 0 {
					t.Errorf("%v, missing %v, not announced %v", err, back.Missing, back.Unannounced)
				}
			})
		}
	}
}

// forgetful is a target whose runs end where it has committed, before a journal says so.
type forgetful struct{ *Store }

type forgetfulWriter struct{ replay.Writer }

func (f forgetful) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w, err := f.Store.Begin(ctx, run)
	return forgetfulWriter{w}, err
}

func (w forgetfulWriter) Commit(ctx context.Context) error {
	return cmp.Or(w.Writer.Commit(ctx), errBroken)
}

// TestRuleGone: what a rule kept out is asked for again by the same run, also where that broke off behind its commit. While the rule
// stands all is as it was; when it is gone all comes, as if it had never been there; and an undo leaves nothing.
func TestRuleGone(t *testing.T) {
	for _, from := range []string{"python.sqlite", "python.pgvector.sql"} {
		m, _ := drivertest.Export(t, storeNamed(t, from).load(t))
		for _, to := range []string{"python.sqlite", "python.pgvector.sql"} {
			t.Run(from+" to "+to, func(t *testing.T) {
				run := func(dst replay.Target, path string) (map[string]replay.Action, *replay.Journal, error) {
					j, err := replay.OpenJournal(path)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { j.Close() })
					out := map[string]replay.Action{}
					_, err = replay.Apply(t.Context(), dst, m, &replay.Options{Journal: j, OnReceipt: func(rc replay.Receipt) { out[rc.Key] = rc.Action }})
					return out, j, err
				}
				refused := func(rcs map[string]replay.Action) (keys []string) {
					for key, a := range rcs {
						if a == replay.Refused {
							keys = append(keys, key)
						}
					}
					slices.Sort(keys)
					return keys
				}
				dst, path := ruledStore(t, to), filepath.Join(t.TempDir(), "journal")
				none := tableRows(t, dst)
				_, j, err := run(forgetful{dst}, path)
				if !errors.Is(err, errBroken) {
					t.Fatal(err)
				}
				j.Close()
				ruled, j, err := run(dst, path)
				if err != nil {
					t.Fatal(err)
				}
				j.Close()
				free(t, dst)
				last, j, err := run(dst, path)
				if err != nil {
					t.Fatal(err)
				}
				clean := ruledStore(t, to)
				free(t, clean)
				want, wantJournal, err := run(clean, path+"2")
				if err != nil {
					t.Fatal(err)
				}
				if d := gocmp.Diff(refused(want), refused(last)); d != "" || len(refused(ruled)) <= len(refused(last)) {
					t.Errorf("%d were refused, then (-want +got):\n%s", len(refused(ruled)), d)
				}
				if d := gocmp.Diff(tableRows(t, clean), tableRows(t, dst)); d != "" {
					t.Errorf("rows (-want +got):\n%s", d)
				}
				for _, x := range []struct {
					*Store
					*replay.Journal
				}{{clean, wantJournal}, {dst, j}} {
					if back, err := replay.ReadBack(t.Context(), m, x.Store, x.Journal); err != nil || back.MissingN > 0 || back.UnannouncedN > 0 {
						t.Errorf("%v, missing %v, not announced %v", err, back.Missing, back.Unannounced)
					}
				}
				if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN > 0 {
					t.Errorf("undo: %v %+v", err, u)
				}
				if d := gocmp.Diff(none, tableRows(t, dst)); d != "" {
					t.Errorf("an undo leaves (-want +got):\n%s", d)
				}
			})
		}
	}
}

// TestUndoPassedOver: a row that a trigger keeps is not said to have gone, nor to have changed.
func TestUndoPassedOver(t *testing.T) {
	for name, q := range map[string]string{
		"python.sqlite": "CREATE TRIGGER stays BEFORE DELETE ON store BEGIN SELECT RAISE(IGNORE); END",
		"python.pgvector.sql": `CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
			CREATE TRIGGER stays BEFORE DELETE ON store FOR EACH ROW EXECUTE FUNCTION stays()`,
	} {
		t.Run(name, func(t *testing.T) {
			dst := ruledStore(t, name)
			free(t, dst)
			m, _ := drivertest.Export(t, storeNamed(t, name).load(t))
			j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if _, err := replay.Apply(t.Context(), dst, m, &replay.Options{Journal: j}); err != nil {
				t.Fatal(err)
			}
			change(t, dst, q)
			if u, err := replay.Undo(t.Context(), dst, j); !errors.Is(err, replay.ErrRule) {
				t.Errorf("%+v %v", u, err)
			}
		})
	}
}
