package mem0

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// Columns and tables that mem0 does not make cost the rest nothing: each is named, in a preflight too. Nothing is written
// over them: a target that has such is refused.
func TestOddColumnsAndTables(t *testing.T) {
	for name, c := range map[string]struct {
		sample, file, place, kind, says string
		sql                             []string
	}{
		"a column of vectors":        {"js", "vector_store.db", "vector_store", "memory", `column "team" of vectors`, []string{"ALTER TABLE vectors ADD COLUMN team TEXT"}},
		"a column before the others": {"js", "vector_store.db", "vector_store", "memory", `column "team" of vectors`, []string{"ALTER TABLE vectors RENAME TO v", "CREATE TABLE vectors (team TEXT, payload TEXT, id TEXT PRIMARY KEY, vector BLOB)", "INSERT INTO vectors SELECT 'x', payload, id, vector FROM v", "DROP TABLE v"}},
		"a column of history":        {"python", "history.db", "history", "revision", `column "feedback" of history`, []string{"ALTER TABLE history ADD COLUMN feedback TEXT"}},
		"another table":              {"js", "history.db", "history", "revision", `table "feedback"`, []string{"CREATE TABLE feedback (id TEXT)"}},
		"a migration broken off":     {"python", "history.db", "history", "revision", `table "history_old"`, []string{"CREATE TABLE history_old AS SELECT * FROM history"}},
		"a column of messages":       {"python", "history.db", "history", "message", `column "mood" of messages`, []string{"ALTER TABLE messages ADD COLUMN mood TEXT"}},
		"a column of points":         {"python", "qdrant/collection/mem0/storage.sqlite", "mem0", "memory", `column "n" of points`, []string{"ALTER TABLE points ADD COLUMN n INTEGER"}},
	} {
		t.Run(name, func(t *testing.T) {
			plain, plainRep := drivertest.Export(t, Open("testdata/"+c.sample))
			dir := copied(t, c.sample)
			sqlOf(t, dir+"/"+c.file, c.sql...)
			_, rep := drivertest.Export(t, Open(dir))
			delete(rep.Records, "gap")
			if d := cmp.Diff(plainRep.Records, rep.Records); d != "" {
				t.Error(d)
			}
			p, err := Open(dir).Preflight(t.Context())
			if err != nil || len(p.Gaps) != 1 || len(rep.Gaps) != 1 || rep.Verdict.Kinds[c.kind].Coverage != agentstate.Gaps {
				t.Fatalf("%v %v %v %v", p, err, rep.Gaps, rep.Verdict)
			}
			for _, g := range append(rep.Gaps, p.Gaps...) {
				if g.Kind != c.kind || g.Place != c.place || !strings.Contains(g.Detail, c.says) {
					t.Errorf("%v", g)
				}
			}
			if _, err := replay.Plan(t.Context(), Open(dir), plain, nil); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("into it: %v", err)
			}
		})
	}
}

// So it is in PostgreSQL.
func TestOddColumnsOfPostgres(t *testing.T) {
	u := database(t, "pgvector-js.sql")
	s := store(t, u, "testdata/pgvector-js.db")
	mem, was := drivertest.Export(t, s)
	pgtest.Exec(t, u, "ALTER TABLE memories ADD COLUMN team text, ADD COLUMN words tsvector GENERATED ALWAYS AS (to_tsvector('simple', payload->>'data')) STORED")
	_, rep := drivertest.Export(t, s)
	delete(rep.Records, "gap")
	if d := cmp.Diff(was.Records, rep.Records); d != "" || len(rep.Gaps) != len(was.Gaps)+1 {
		t.Errorf("%v %s", rep.Gaps, d)
	}
	if _, err := replay.Plan(t.Context(), s, mem, nil); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), `column "words" of table memories`) {
		t.Errorf("%v", err)
	}
}

// A table of an application that looks like a collection costs the collections of mem0 nothing: what they have goes back.
func TestOddTableOfPostgres(t *testing.T) {
	u := database(t, "pgvector-js.sql")
	s := store(t, u, "testdata/pgvector-js.db")
	was, _ := drivertest.Export(t, s)
	pgtest.Exec(t, u, "CREATE TABLE docs (id uuid PRIMARY KEY, vector vector(3), payload jsonb, title text)", "INSERT INTO docs VALUES (gen_random_uuid(), '[1,2,3]', '{}', 'x')")
	if rep, err := replay.Plan(t.Context(), s, was, nil); err != nil || rep.Actions[replay.Refused] != 0 {
		t.Errorf("%v %+v", err, rep)
	}
	now, _ := drivertest.Export(t, s)
	if _, err := replay.Plan(t.Context(), s, now, nil); err == nil || !strings.Contains(err.Error(), "take that out of the target first, or name another with ?collection=") {
		t.Error(err)
	}
}
