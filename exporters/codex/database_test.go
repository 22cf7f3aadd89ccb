package codex

import (
	"database/sql"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const thread = "01a20b77-5dee-7571-aa95-0ca123ad9621" // of testdata

// odd are rows for every table, with values that a careless copy changes.
func odd() map[string][]string {
	return map[string][]string{
		"state_5.sqlite": {
			`INSERT INTO threads (id, rollout_path, created_at, updated_at, source, model_provider, cwd, title, sandbox_policy, approval_mode, name, daybreak_enabled)
				VALUES ('` + thread + `', '/home/u/.codex/sessions/2026/11/24/rollout-2026-11-24T02-51-41-` + thread + `.jsonl', 5, 6, 'cli', 'p', '/w', 'first words', '{}', 'never', 'A name é 🙂', 1)`,
			`INSERT INTO threads (id, rollout_path, created_at, updated_at, source, model_provider, cwd, title, sandbox_policy, approval_mode, preview, git_sha, created_at_ms)
				VALUES ('~/a ' || char(0) || 'b', '/elsewhere/x.jsonl', 9223372036854775807, -1, '', '', CAST(x'ff00fe' AS TEXT), '', '', '', CAST(zeroblob(300000) AS TEXT), x'', NULL)`,
			`INSERT INTO thread_dynamic_tools (thread_id, position, name, description, input_schema) VALUES ('t', 0, 'n', 'd', '{"a":1e22}')`,
			`INSERT INTO thread_spawn_edges VALUES ('t', 'u', 'open')`,
			`INSERT INTO remote_control_enrollments VALUES ('wss://x', 'acc', 'cli', 'canary-zq-6', 'canary-zq-7', 's', 1, 1)`,
			`INSERT INTO external_agent_config_imports VALUES ('i', 1, '[]', '[]', NULL)`,
			`INSERT INTO rollout_migration_state VALUES ('m', 1, 't', 2)`,
			`INSERT INTO rollout_migration_skipped_rollouts VALUES ('m', '/a/sessions/rollout-x.jsonl', 1, 2, 'r', 3)`,
			`INSERT INTO projects VALUES ('p', 'n', '{}', 0, 1, 2)`,
			`INSERT INTO project_roots VALUES ('p', 0, '/w')`,
			`INSERT INTO project_idempotency_keys VALUES ('k', 'p', 1)`,
			`INSERT INTO thread_attachments VALUES ('a', 't', 'x', 'y', '{}', 1)`,
			`INSERT INTO guardian_review_feedback VALUES ('g', 't', zeroblob(300000))`,
			`INSERT INTO thread_read_receipts VALUES ('t', NULL, 'r', NULL)`,
			`INSERT OR REPLACE INTO backfill_state VALUES (1, 'complete', 'sessions/x', 1, 2)`,
			`INSERT INTO thread_sections VALUES ('s', 'Pinned', NULL)`,
		},
		"goals_1.sqlite": {
			`INSERT INTO thread_goals VALUES ('` + thread + `', 'g', 'bake bread', 'paused', 1000, 1, 2, 3, 4)`,
			`INSERT INTO thread_goals VALUES ('big', 'g', CAST(zeroblob(300000) AS TEXT), 'complete', NULL, 1, 2, 3, 4)`,
			`INSERT INTO thread_goal_continuation_deferrals VALUES ('` + thread + `')`,
		},
		"memories_1.sqlite": {
			`INSERT INTO stage1_outputs VALUES ('` + thread + `', 1, 'likes rye', 'sum', 'slug', 5, NULL, NULL, 0, NULL)`,
			`INSERT INTO stage1_outputs VALUES ('bytes', 1, CAST(x'61ff62' AS TEXT), 'sum', NULL, 5, NULL, NULL, 0, NULL)`,
			`INSERT INTO stage1_outputs VALUES ('blob', 1, x'6100', '', NULL, 5, NULL, NULL, 0, NULL)`,
			`INSERT INTO jobs VALUES ('k', 'j/1', 's', NULL, NULL, NULL, NULL, NULL, NULL, 3, NULL, NULL, NULL)`,
			`INSERT OR REPLACE INTO consolidation_progress VALUES (1, 7)`,
		},
		"memories_v2_1.sqlite": {`INSERT INTO stage1_outputs VALUES ('` + thread + `', 1, '', '', NULL, 5, 1, 2, 1, 2)`, `INSERT INTO jobs VALUES ('k', 'j', 's', NULL, NULL, NULL, NULL, NULL, NULL, 3, NULL, NULL, NULL)`,
			`INSERT OR REPLACE INTO consolidation_progress VALUES (1, 0)`},
		"thread_history_1.sqlite": {
			`INSERT INTO thread_turns (thread_id, turn_id, rollout_ordinal, status) VALUES ('t', 'u', 1, 'completed')`,
			`INSERT INTO thread_items (thread_id, turn_id, item_id, rollout_ordinal, created_at_ms, item_json) VALUES ('t', 'u', 'i', 1, 2, '{"a":"\ud83d"}')`,
			`INSERT INTO thread_history_projection_state VALUES ('t', 1, 2)`,
			`INSERT INTO thread_realtime_items VALUES ('t', 'i', 1, 2, 'x', '{}')`,
		},
		"queue_1.sqlite": {
			`INSERT INTO queued_items VALUES ('q', '` + thread + `', '{"input":[]}', 1, 2, 3)`,
			`UPDATE queued_thread_revisions SET revision = 40`,
			`UPDATE sqlite_sequence SET seq = 90`,
		},
	}
}

// madeOnce is the stages that tests share: each costs tens of milliseconds, and a test opens many homes. TestSteps
// makes its own.
var madeOnce = sync.OnceValue(func() *stages { return new(stages) })

// opened is a home that need not make again what an earlier one made.
func opened(root string) *Home {
	h, st := Open(root), madeOnce()
	st.mu.Lock()
	defer st.mu.Unlock()
	h.made.made = maps.Clone(st.made)
	return h
}

// makeDB makes a database of the supported schema.
func makeDB(t testing.TB, root, rel string, statements ...string) {
	t.Helper()
	s, err := madeOnce().at(t.Context(), rel, first(nameOf(rel)))
	if err != nil || len(s.tables) == 0 {
		t.Fatal(rel, err)
	}
	d, err := sqlitefile.OpenWrite(t.Context(), filepath.Join(root, rel), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := s.create(t.Context(), d.Conn); err != nil {
		t.Fatal(err)
	}
	for _, q := range statements {
		if _, err := d.Conn.ExecContext(t.Context(), q); err != nil {
			t.Fatal(q, err)
		}
	}
	if err := d.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// change runs a statement as another program would.
func change(t testing.TB, root, rel string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(root, rel)+"?_pragma=synchronous(0)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // a transaction of the statements is one
	for _, q := range statements {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(q, err)
		}
	}
}

// oddFiles are the databases with odd rows, as files. They are made once and copied.
var oddFiles = sync.OnceValue(func() fstest.MapFS { return fstest.MapFS{} })

// fullHome is the home of testdata with every database.
func fullHome(t testing.TB) *Home {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS("testdata/home")); err != nil {
		t.Fatal(err)
	}
	files := oddFiles()
	if len(files) == 0 {
		for rel, rows := range odd() {
			makeDB(t, root, rel, rows...)
			b, err := os.ReadFile(filepath.Join(root, rel))
			if err != nil {
				t.Fatal(err)
			}
			files[rel] = &fstest.MapFile{Data: b, Mode: 0o644}
		}
	} else if err := os.CopyFS(root, files); err != nil {
		t.Fatal(err)
	}
	return opened(root)
}

// dump is every value of a database, with its storage class, and what it is made of.
func dump(t testing.TB, root, rel string) map[string][]string {
	t.Helper()
	d, err := sqlitefile.Open(t.Context(), filepath.Join(root, rel), time.Second)
	if err != nil {
		t.Fatal(rel, err)
	}
	defer d.Close()
	out := map[string][]string{}
	read := func(name, q string) {
		rows, err := sqlitefile.Query(t.Context(), d.Conn, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			line := ""
			for _, v := range r {
				s := fmt.Sprintf("%T %.80q|", v, v)
				if b, ok := v.([]byte); ok {
					s = fmt.Sprintf("[]byte %.80q|", b)
				}
				line += fmt.Sprintf("%d:%s", len(fmt.Sprint(v)), s)
			}
			out[name] = append(out[name], line)
		}
	}
	ts, err := tables(t.Context(), d.Conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range ts {
		read(x.name, "SELECT "+sqlitefile.Selects(x.cols)+" FROM "+quote(x.name)+" ORDER BY rowid")
	}
	read(" schema", "SELECT +type, +name, +sql FROM sqlite_master ORDER BY type, name")
	read(" migrations", "SELECT +version, +description, +success, +checksum FROM "+bookkeeping+" ORDER BY version")
	read(" check", "PRAGMA integrity_check")
	return out
}

// relocate is what is expected of a dump in the home root.
func relocate(m map[string][]string, root string) map[string][]string {
	for i, l := range m["threads"] {
		old := "/home/u/.codex/sessions/2026/11/24/rollout-2026-11-24T02-51-41-" + thread + ".jsonl"
		now := root + strings.TrimPrefix(old, "/home/u/.codex")
		m["threads"][i] = strings.Replace(l, fmt.Sprintf("%d:string %.80q", len(old), old), fmt.Sprintf("%d:string %.80q", len(now), now), 1)
	}
	return m
}

// Every row of every table goes back, with its storage class, in tables that are made anew.
func TestDatabasesExact(t *testing.T) {
	src := fullHome(t)
	for rel := range odd() {
		for name, rows := range dump(t, src.root, rel) {
			if len(rows) == 0 {
				t.Errorf("no row of %s in %s is tested", name, rel)
			}
		}
	}
	mem, rep := drivertest.Export(t, src)
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v %v", rep.Verdict, rep.Gaps)
	}
	dst := opened(filepath.Join(t.TempDir(), "home"))
	plan, err := replay.Plan(t.Context(), dst, mem, nil)
	if err != nil {
		t.Fatal(err)
	}
	first, j := drivertest.Apply(t, dst, mem)
	if d := cmp.Diff(plan.Actions, first.Actions); d != "" {
		t.Errorf("the plan says otherwise: %s", d)
	}
	if len(first.Refused)+len(first.Conflicts) > 0 {
		t.Errorf("%v %v", first.Refused, first.Conflicts)
	}
	for rel := range odd() {
		if d := cmp.Diff(relocate(dump(t, src.root, rel), dst.root), dump(t, dst.root, rel)); d != "" {
			t.Errorf("%s: %s", rel, d)
		}
	}
	back, err := replay.ReadBack(t.Context(), mem, dst, j)
	if err != nil || back.MissingN != 0 || back.ExtraN != 0 || back.Same+back.Announced != back.Records || back.Announced != 1 {
		t.Errorf("%+v %v", back, err)
	}
	if again, _ := drivertest.Apply(t, dst, mem); again.Actions[replay.Created] != 0 || len(again.Conflicts) > 0 {
		t.Errorf("again: %v %v", again.Actions, again.Conflicts)
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN != 0 {
		t.Errorf("%+v %v", u, err)
	}
	if es, _ := os.ReadDir(dst.root); len(es) > 0 {
		t.Errorf("left behind: %v", es)
	}
}

// What rows mean, to a person. What enrols the machine is not in any record.
func TestDatabasesRead(t *testing.T) {
	mem, _ := drivertest.Export(t, fullHome(t))
	conversation := ""
	seen := map[string]bool{}
	for r := range mem.Records(t.Context(), nil) {
		if strings.Contains(fmt.Sprint(r), "canary-zq-6") || strings.Contains(fmt.Sprint(r), "canary-zq-7") {
			t.Errorf("%s holds an enrolment", r.GetMeta().GetKey())
		}
		switch r := r.(type) {
		case *pb.Conversation:
			if strings.HasSuffix(r.Meta.Key, thread) {
				conversation = r.Meta.Key
				if r.Title != "A name é 🙂" {
					t.Errorf("title %q", r.Title)
				}
			}
		case *pb.State:
			if r.ScopeKey == conversation && string(r.Value.GetInline()) == "bake bread" && r.Meta.Labels[0].Value == "paused" {
				seen["goal"] = true
			}
			if r.ScopeKey == conversation && string(r.Value.GetInline()) == `{"input":[]}` {
				seen["queued"] = true
			}
		case *pb.Memory:
			if r.GetText() == "likes rye" && r.SourceKeys[0] == conversation {
				seen["memory"] = true
			}
		case *pb.Credential:
			if strings.Contains(r.Location, enrolments) {
				seen["enrolment"] = true
			}
		case *pb.Opaque:
			if strings.Contains(r.Meta.Key, "/threads/"+thread) && r.AboutKeys[0] == conversation {
				seen["thread"] = true
			}
		}
	}
	if d := cmp.Diff([]string{"enrolment", "goal", "memory", "queued", "thread"}, sortedKeys(seen)); d != "" {
		t.Error(d)
	}
}

// A program that is writing: what stands in its log is read, and nothing of it is touched.
func TestDatabaseWAL(t *testing.T) {
	src := fullHome(t)
	db, err := sql.Open("sqlite", filepath.Join(src.root, "goals_1.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{"PRAGMA journal_mode=wal", "PRAGMA wal_autocheckpoint=0", "UPDATE thread_goals SET objective = 'bake rye bread' WHERE thread_id = '" + thread + "'"} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	mem, rep := drivertest.Export(t, src)
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v %v", rep.Verdict, rep.Gaps)
	}
	found := false
	for r := range mem.Records(t.Context(), nil) {
		if o, ok := r.(*pb.Origin); ok && !slices.ContainsFunc(o.Meta.Labels, func(l *pb.Label) bool { return l.Name == "goals_1.sqlite wal" && l.Value == "read" }) {
			t.Error("the origin does not say that a log was read")
		}
		s, ok := r.(*pb.State)
		found = found || ok && string(s.Value.GetInline()) == "bake rye bread"
	}
	if !found {
		t.Error("what stands in the log was not read")
	}
}

// In a home that Codex set up: the same is the same, another row is a conflict and stays, and undo
// leaves what others wrote.
func TestDatabaseInto(t *testing.T) {
	mem, _ := drivertest.Export(t, fullHome(t))
	root := t.TempDir()
	makeDB(t, root, "goals_1.sqlite", `INSERT INTO thread_goals VALUES ('`+thread+`', 'g', 'another', 'active', 1000, 1, 2, 3, 4)`)
	makeDB(t, root, "memories_1.sqlite", `INSERT OR REPLACE INTO consolidation_progress VALUES (1, 7)`, `INSERT INTO stage1_outputs VALUES ('mine', 1, 'x', 'y', NULL, 5, NULL, NULL, 0, NULL)`)
	dst := opened(root)
	goals, memories := dump(t, root, "goals_1.sqlite")["thread_goals"], dump(t, root, "memories_1.sqlite")["stage1_outputs"]
	rep, j := drivertest.Apply(t, dst, mem)
	if n := len(rep.Conflicts); n != 1 {
		t.Errorf("%d conflicts: %v", n, rep.Conflicts)
	}
	if got := dump(t, root, "goals_1.sqlite")["thread_goals"]; len(got) != 2 || got[0] != goals[0] {
		t.Error(got)
	}
	change(t, root, "thread_history_1.sqlite", "UPDATE thread_turns SET status = 'failed'")
	u, err := replay.Undo(t.Context(), dst, j)
	if err != nil || u.LeftN != 2 { // the turn, and its database
		t.Errorf("%+v %v", u, err)
	}
	if d := cmp.Diff(goals, dump(t, root, "goals_1.sqlite")["thread_goals"]); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(memories, dump(t, root, "memories_1.sqlite")["stage1_outputs"]); d != "" {
		t.Error(d)
	}
	if _, err := os.Stat(filepath.Join(root, "state_5.sqlite")); err == nil {
		t.Error("a database that the run made is still there")
	}
}
