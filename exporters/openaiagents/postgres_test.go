package openaiagents

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/exportertest"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// real is a pg_dump of what the real library made.
func real(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("testdata/alchemy.pg.sql")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func postgres(t testing.TB, rawURL string) *Store {
	t.Helper()
	s, err := Postgres(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tables are what createPostgres makes, for tests that fill them.
func tables(p pair) string {
	return strings.Join(createPostgres(newPGPair("public", p)), "; ")
}

// dumpPG is every row of every table of a schema, each sequence, and how all of them are defined.
func dumpPG(t testing.TB, rawURL string) map[string]string {
	t.Helper()
	out := map[string]string{}
	collect := func(key, q string) { out[key] = strings.Join(pgtest.Rows(t, rawURL, q), "\n") }
	collect("columns", `SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position`)
	collect("indexes", `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`)
	collect("constraints", `SELECT conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1`)
	collect("sequences", `SELECT concat_ws(' ', sequencename, data_type, last_value) FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1`)
	collect("names", `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`)
	for n := range strings.SplitSeq(out["names"], "\n") {
		if n != "" {
			collect("rows "+n, `SELECT x::text FROM `+quote(n)+` x ORDER BY 1`)
		}
	}
	return out
}

func TestConformancePostgres(t *testing.T) {
	u := pgtest.Database(t, real(t), `SET search_path = public; SELECT setval('agent_messages_id_seq', 10)`)
	target := ""
	exportertest.Run(t, exportertest.Harness{
		Open: func(context.Context) (agentstate.Source, error) { return postgres(t, u), nil },
		Target: func(context.Context) (replay.Target, error) {
			target = pgtest.Database(t)
			return postgres(t, target), nil
		},
		Change: func(_ context.Context, _ replay.Target, key string) error {
			kind, parts := agentstate.SplitKey(key)
			switch kind {
			case "message":
				pgtest.Exec(t, target, `UPDATE agent_messages SET message_data = '{"role":"user","content":"other"}' WHERE id = `+parts[1])
			case "conversation":
				pgtest.Exec(t, target, `UPDATE agent_sessions SET updated_at = now()`)
			default:
				return errors.ErrUnsupported
			}
			return nil
		},
	})
}

// TestExactPostgres: every row, each sequence and the definitions of the tables go back as the real
// library made them, and its next insert finds a free id.
func TestExactPostgres(t *testing.T) {
	p := ownNames()
	sess := `INSERT INTO agent_sessions VALUES ('s', '2026-11-23 16:21:40.5', '2026-11-23 16:21:41')`
	for name, fill := range map[string][]string{
		"real": {real(t)},
		"odd texts": {tables(p), sess, `INSERT INTO agent_messages VALUES (7, 's', '{"role":"user","content":"\ud83d alone, 1e+22, -0.0, 20000000000000000001"}', '2026-01-01')`,
			`INSERT INTO agent_messages VALUES (9, 's', 'no JSON', 'infinity'), (10, 's', '', '2026-01-01 00:00:00.000001'), (11, 's', '[1,2]', '2025-01-01')`,
			`INSERT INTO agent_messages VALUES (12, 's', '{"type":"function_call_output","call_id":"c","output":"' || repeat('é', 200000) || '"}', '2026-01-01')`, `SELECT setval('agent_messages_id_seq', 12)`},
		// At the lengths up to which items come with their rows, and stand in their records.
		"lengths":     {tables(p), sess, fmt.Sprintf(`INSERT INTO agent_messages (session_id, message_data) SELECT 's', '{"role":"user","content":"' || repeat('x', n - 28) || '"}' FROM unnest(ARRAY[28, %[1]d, %[1]d + 1, 29, %[2]d, %[2]d + 1, 30]) n`, inPage, agentstate.SpillSize)},
		"odd ids":     {tables(p), `INSERT INTO agent_sessions VALUES ('', 'infinity', '-infinity'), ('a/b#c%~', now(), now()), (repeat('x', 2000), now(), now()), ('é' || chr(10), now(), now())`, `INSERT INTO agent_messages (session_id, message_data) VALUES ('a/b#c%~', '{}'), (repeat('x', 2000), '{}')`},
		"deleted ids": {tables(p), sess, `INSERT INTO agent_messages (session_id, message_data) VALUES ('s', '{}'), ('s', '{}')`, `DELETE FROM agent_messages WHERE id = 2`},
		"all deleted": {tables(p), sess, `INSERT INTO agent_messages (session_id, message_data) VALUES ('s', '{}'), ('s', '{}')`, `DELETE FROM agent_messages`},
		"other names": {tables(p), sess, tables(pair{"Team_sessions", "Team_messages"}), `INSERT INTO "Team_sessions" VALUES ('s', now(), now())`, `INSERT INTO "Team_messages" (session_id, message_data) VALUES ('s', '{"role":"user","content":"other"}')`},
		"in quotes":   {tables(p), sess, tables(pair{"order", `m-#1 "; DROP TABLE agent_messages; --ü`}), `INSERT INTO "order" VALUES ('s', now(), now())`, `INSERT INTO "m-#1 ""; DROP TABLE agent_messages; --ü" (session_id, message_data) VALUES ('s', '{"role":"user","content":"other"}')`},
		"many": {tables(p), `INSERT INTO agent_sessions SELECT 's' || i, now(), now() FROM generate_series(1, 450) i`,
			`INSERT INTO agent_messages (session_id, message_data) SELECT 's' || (i % 450 + 1), '{"role":"user","content":"' || i || '"}' FROM generate_series(1, 900) i`},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := pgtest.Database(t, fill...), pgtest.Database(t)
			mem, rep := drivertest.Export(t, postgres(t, from))
			if rep.Verdict.Coverage != agentstate.Reconciled || len(rep.Gaps) > 0 {
				t.Errorf("%v %v", rep.Verdict, rep.Gaps)
			}
			dst := postgres(t, to)
			plan, err := replay.Plan(t.Context(), dst, mem, &replay.Options{Approved: approveAll(t, mem)})
			if err != nil {
				t.Fatal(err)
			}
			if d := dumpPG(t, to); d["names"] != "" {
				t.Errorf("the plan made %s", d["names"])
			}
			got, j, path := apply(t, dst, mem)
			if d := cmp.Diff(plan.Actions, got.Actions); d != "" {
				t.Errorf("plan and run: %s", d)
			}
			if len(got.Refused)+len(got.Conflicts)+len(got.Losses) > 0 {
				t.Errorf("%v %v %v", got.Refused, got.Conflicts, got.Losses)
			}
			if d := cmp.Diff(dumpPG(t, from), dumpPG(t, to)); d != "" {
				t.Error(d)
			}
			back, err := replay.ReadBack(t.Context(), mem, dst, j)
			if err != nil || back.MissingN+back.ExtraN != 0 || back.Same != back.Records {
				t.Errorf("%+v %v", back, err)
			}
			again, _, _ := apply(t, dst, mem)
			if again.Actions[replay.Created] != 0 || len(again.Conflicts) != 0 {
				t.Errorf("again: %v %v", again.Actions, again.Conflicts)
			}
			j.Close()
			if j, err = replay.OpenJournal(path); err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			u, err := replay.Undo(t.Context(), dst, j)
			if err != nil || u.LeftN != 0 {
				t.Errorf("undo: %+v %v", u, err)
			}
			for k, v := range dumpPG(t, to) {
				if strings.HasPrefix(k, "rows ") && v != "" {
					t.Errorf("after undo %s: %.200q", k, v)
				}
			}
		})
	}
}

// A run into tables in use leaves what is there, raises the sequence, and undoes only its own. What was gone before is not counted as undone.
func TestPostgresInUse(t *testing.T) {
	src := postgres(t, pgtest.Database(t, real(t)))
	mem, _ := drivertest.Export(t, src)
	to := pgtest.Database(t, tables(ownNames()), `INSERT INTO agent_sessions VALUES ('mine', now(), now())`,
		`INSERT INTO agent_messages (session_id, message_data) VALUES ('mine', '{"role":"user","content":"first"}')`)
	dst := postgres(t, to)
	rep, j, path := apply(t, dst, mem)
	if len(rep.Conflicts) != 0 || rep.Actions[replay.Created] != 11 {
		t.Errorf("%v %v", rep.Actions, rep.Conflicts)
	}
	pgtest.Exec(t, to, `INSERT INTO agent_messages (session_id, message_data) VALUES ('s-alchemy', '{"role":"user","content":"goes on"}')`,
		`UPDATE agent_messages SET message_data = '{}' WHERE id = 5`, `DELETE FROM agent_messages WHERE id = 6`)
	j.Close()
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	u, err := replay.Undo(t.Context(), dst, j)
	if err != nil || u.LeftN != 2 || u.Gone != 1 {
		t.Errorf("%+v %v", u, err)
	}
	if rows := dumpPG(t, to)["rows agent_messages"]; strings.Count(rows, "\n") != 2 || !strings.Contains(rows, "(12,s-alchemy") || !strings.Contains(rows, "(5,") || !strings.Contains(rows, "(1,mine") {
		t.Errorf("%s", rows)
	}
}

// From a folder into PostgreSQL and back, items stay the same texts and sessions keep their ids. There is no
// place for branches: of a session that has some the main one goes, as the library shows it.
func TestFolderAndPostgres(t *testing.T) {
	texts := func(src agentstate.Source) map[string][]string {
		out, ids := map[string][]string{}, map[string]string{}
		mem, _ := drivertest.Export(t, src)
		for r := range mem.Records(t.Context(), nil) {
			switch r := r.(type) {
			case *pb.Conversation:
				ids[r.Meta.Key] = r.Title
			case *pb.Message:
				if row := r.Meta.Native; len(row) == 1 {
					out[ids[r.ConversationKey]] = append(out[ids[r.ConversationKey]], string(row[0].GetRow().Columns[2].GetText()))
				}
			}
		}
		return out
	}
	src := Open("testdata/sdk")
	mid := postgres(t, pgtest.Database(t))
	rep, j, _ := apply(t, mid, src)
	if len(rep.Refused)+len(rep.Conflicts) > 0 {
		t.Errorf("%v %v", rep.Refused, rep.Conflicts)
	}
	want, got := texts(src), texts(mid)
	if n := len(want["s-branches"]); n != 11 {
		t.Fatalf("%d items in both branches", n)
	}
	want["s-branches"] = want["s-branches"][:9] // ids 1 to 9
	for id, w := range want {
		if d := cmp.Diff(w, got[id]); d != "" {
			t.Errorf("%s: %s", id, d)
		}
	}
	if back, err := replay.ReadBack(t.Context(), src, mid, j); err != nil || back.MissingN != 0 || back.Same+back.Announced != back.Records {
		t.Errorf("%+v %v", back, err)
	}
	end := Open(filepath.Join(t.TempDir(), "back"))
	rep, j, _ = apply(t, end, mid)
	if len(rep.Refused)+len(rep.Conflicts)+len(rep.Losses) > 0 {
		t.Errorf("%v %v %v", rep.Refused, rep.Conflicts, rep.Losses)
	}
	if d := cmp.Diff(got, texts(end)); d != "" {
		t.Error(d)
	}
	if back, err := replay.ReadBack(t.Context(), mid, end, j); err != nil || back.MissingN != 0 || back.Same != back.Records {
		t.Errorf("%+v %v", back, err)
	}
}

// Conversations of other runtimes become sessions that the SDK reads in their order.
func TestForeignPostgres(t *testing.T) {
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "chat-1"), Title: "chat-1"}
	rs := []agentstate.Record{c}
	for i, at := range []int64{1764000000_000001000, 0, 1764000002_000000001, 1764000001_000000000} {
		m := &pb.Message{Meta: agentstate.Meta("message", nil, fmt.Sprint(i)), ConversationKey: c.Meta.Key, Role: pb.Role_ROLE_USER, Parts: []*pb.Part{{Body: &pb.Part_Text{Text: fmt.Sprint("text ", i)}}}}
		m.Meta.CreatedUnixNano = at
		rs = append(rs, m)
	}
	src := memstate.Whole("other", rs...)
	u := pgtest.Database(t)
	dst := postgres(t, u)
	rep, j, path := apply(t, dst, src)
	lost := map[string]string{}
	for _, l := range rep.Losses {
		lost[l.Key] += l.Path + " " + l.Grade.String() + ";"
	}
	at := "meta.created_unix_nano "
	if d := cmp.Diff(map[string]string{"conversation/chat-1": at + "defaulted;meta.updated_unix_nano defaulted;", "message/1": at + "defaulted;",
		"message/2": at + "transformed;", "message/3": at + "transformed;"}, lost); d != "" {
		t.Error(d)
	}
	if got := pgtest.Rows(t, u, "SELECT message_data FROM agent_messages WHERE session_id = 'chat-1' ORDER BY created_at, id"); len(got) != 4 || !slices.IsSorted(got) {
		t.Errorf("%v", got)
	}
	if back, err := replay.ReadBack(t.Context(), src, dst, j); err != nil || back.MissingN != 0 || back.Same+back.Announced != back.Records {
		t.Errorf("%+v %v", back, err)
	}
	j.Close()
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN != 0 {
		t.Errorf("%+v %v", u, err)
	}
	if n := count(t, dst, "message") + count(t, dst, "conversation"); n != 0 {
		t.Errorf("%d records are left", n)
	}
}
