package codex

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A database that cannot be read is a gap that says why; all else goes on.
func TestDatabaseBad(t *testing.T) {
	at := func(root string) string { return filepath.Join(root, "state_5.sqlite") }
	for name, c := range loadtest.Rows(map[string]struct {
		spoil func(t *testing.T, root string)
		says  string
	}{
		"newer": {func(t *testing.T, root string) {
			change(t, root, "state_5.sqlite", "INSERT INTO _sqlx_migrations VALUES (63, 'next', '2027', 1, x'00', 0)")
		}, `found 63 migrations up to 63, "next", checksum 00; supported: the first of 64 migrations up to 64`},
		"older": {func(t *testing.T, root string) {
			change(t, root, "state_5.sqlite", "DELETE FROM _sqlx_migrations WHERE version = 62")
		}, "its migrations are those of Codex up to 0.171.0, but found"},
		"broken off": {func(t *testing.T, root string) {
			change(t, root, "state_5.sqlite", "UPDATE _sqlx_migrations SET success = 0 WHERE version = 62")
		}, "found migration 62 broken off"},
		"a column more": {func(t *testing.T, root string) {
			change(t, root, "state_5.sqlite", "ALTER TABLE threads ADD COLUMN x")
		}, "found another table threads"},
		"a table more": {func(t *testing.T, root string) {
			change(t, root, "state_5.sqlite", "CREATE TABLE mine (a)")
		}, `found a "table mine" that is not supported`},
		"foreign": {func(t *testing.T, root string) {
			os.Remove(at(root))
			change(t, root, "state_5.sqlite", "CREATE TABLE mine (a)")
		}, "found tables without migrations"},
		"a name of another release": {func(t *testing.T, root string) {
			if err := os.Rename(at(root), filepath.Join(root, "state_6.sqlite")); err != nil {
				t.Fatal(err)
			}
		}, "found the database state_6.sqlite; supported: state_5.sqlite"},
		"text":  {func(t *testing.T, root string) { os.WriteFile(at(root), []byte("this is no database"), 0o600) }, "not a SQLite database"},
		"empty": {func(t *testing.T, root string) { os.WriteFile(at(root), nil, 0o600) }, "file is empty"},
		"cut":   {func(t *testing.T, root string) { os.Truncate(at(root), 8192) }, "cut short"},
		"without its log": {func(t *testing.T, root string) {
			dir := t.TempDir()
			db, err := sql.Open("sqlite", filepath.Join(dir, "x"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			s, _ := madeOnce().at(t.Context(), "state_5.sqlite", 62)
			for _, q := range append([]string{"PRAGMA journal_mode=wal", "PRAGMA wal_autocheckpoint=0"}, s.statements...) {
				if _, err := db.Exec(q); err != nil {
					t.Fatal(err)
				}
			}
			b, err := os.ReadFile(filepath.Join(dir, "x"))
			if err != nil {
				t.Fatal(err)
			}
			os.WriteFile(at(root), b, 0o600)
		}, "no -wal lies beside it"},
		"locked": {func(t *testing.T, root string) {
			db, err := sql.Open("sqlite", at(root))
			if err != nil {
				t.Fatal(err)
			}
			db.SetMaxOpenConns(1)
			t.Cleanup(func() { db.Close() })
			if _, err := db.Exec("BEGIN EXCLUSIVE"); err != nil {
				t.Fatal(err)
			}
		}, "locked by another process"},
		"a key of NULL": {func(t *testing.T, root string) {
			change(t, root, "state_5.sqlite", `INSERT INTO projects VALUES (NULL, 'n', '{}', 0, 1, 2)`)
		}, "its key is NULL"},
	}, "newer", "broken off", "a table more", "a name of another release", "text", "without its log", "locked", "a key of NULL") {
		t.Run(name, func(t *testing.T) {
			src := fullHome(t)
			src.wait = 100 * time.Millisecond
			c.spoil(t, src.root)
			mem, rep := drivertest.Export(t, src)
			if len(rep.Gaps) != 1 || rep.Gaps[0].Kind != "opaque" || !strings.Contains(rep.Gaps[0].Detail, c.says) || rep.Verdict.Coverage != agentstate.Gaps {
				t.Errorf("%v %v", rep.Verdict, rep.Gaps)
			}
			dst := opened(filepath.Join(t.TempDir(), "home"))
			drivertest.Apply(t, dst, mem, "policy/config.toml", "skill/skills%2Fshop%2FSKILL.md", "skill/prompts%2Fplan.md")
			if d := cmp.Diff(sortedKeys(files(t, src.root)), sortedKeys(files(t, dst.root))); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(dump(t, src.root, "goals_1.sqlite"), dump(t, dst.root, "goals_1.sqlite")); d != "" {
				t.Error(d)
			}
		})
	}
}

// A home whose database is another one than the archive's takes no row, and stays as it is.
func TestDatabaseOther(t *testing.T) {
	mem, _ := drivertest.Export(t, fullHome(t))
	root := t.TempDir()
	change(t, root, "goals_1.sqlite", "CREATE TABLE mine (a)")
	before, _ := os.ReadFile(filepath.Join(root, "goals_1.sqlite"))
	rep, _ := drivertest.Apply(t, opened(root), mem)
	after, _ := os.ReadFile(filepath.Join(root, "goals_1.sqlite"))
	if rep.Actions[replay.Refused] != 3 || rep.Actions[replay.Conflict] != 1 || string(before) != string(after) {
		t.Errorf("%v", rep.Actions)
	}
	if _, err := replay.Plan(t.Context(), opened(root), mem, nil); err != nil {
		t.Error(err)
	}
}

// An archive brings rows, and nothing that SQLite would run.
func TestDatabaseHostile(t *testing.T) {
	text := func(name, v string) *pb.Column {
		return &pb.Column{Name: name, Value: &pb.Column_Text{Text: []byte(v)}}
	}
	rec := func(typ string, cols []*pb.Column, parts ...string) agentstate.Record {
		return &pb.Opaque{Meta: agentstate.Meta("opaque", &pb.Native{Type: typ, Body: &pb.Native_Row{Row: &pb.Row{Columns: cols}}}, parts...)}
	}
	edge := []*pb.Column{text("parent_thread_id", "a"), text("child_thread_id", "b"), text("status", "c")}
	good := rec("thread_spawn_edges", edge, "state_5.sqlite", "thread_spawn_edges", "b")
	recs := []agentstate.Record{
		rec("database", []*pb.Column{text("file", "goals_1.sqlite"), text("migrations", "y"), text("checksum", "CREATE TABLE x (a)")}, "goals_1.sqlite"),
		rec("database", edge, "queue_1.sqlite"),
		rec("thread_spawn_edges", edge, "state_5.sqlite", "thread_spawn_edges", "other"),
		rec("thread_spawn_edges", edge, "state_5.sqlite", "threads", "b"),
		rec("thread_spawn_edges", edge[:2], "state_5.sqlite", "thread_spawn_edges", "b", "x"),
		rec(`x"; DROP TABLE threads; --`, edge, "state_5.sqlite", `x"; DROP TABLE threads; --`, "b"),
		rec("_sqlx_migrations", edge, "state_5.sqlite", "_sqlx_migrations", "1"),
		rec("remote_control_enrollments", edge, "state_5.sqlite", "remote_control_enrollments", "1"),
		rec("sqlite_master", edge, "state_5.sqlite", "sqlite_master", "1"),
		rec("sqlite_sequence", []*pb.Column{text("name", "threads"), {Name: "seq", Value: &pb.Column_Integer{Integer: 1}}}, "queue_1.sqlite", "sqlite_sequence", "threads"),
		rec("threads", edge, "../state_5.sqlite", "threads", "b"),
		rec("thread_goal_continuation_deferrals", []*pb.Column{{Name: "thread_id"}}, "goals_1.sqlite", "thread_goal_continuation_deferrals", "\x00<nil> %!x(<nil>)"),
		good,
	}
	dst := opened(filepath.Join(t.TempDir(), "home"))
	rep, j := drivertest.Apply(t, dst, memstate.Whole(product, recs...))
	if rep.Actions[replay.Refused] != uint64(len(recs)-1) || rep.Actions[replay.Created] != 1 {
		t.Errorf("%v %v", rep.Actions, rep.Refused)
	}
	if got := dump(t, dst.root, "state_5.sqlite"); len(got["thread_spawn_edges"]) != 1 || len(got[" migrations"]) != 62 {
		t.Error(got)
	}
	if _, err := replay.Undo(t.Context(), dst, j); err != nil {
		t.Error(err)
	}
	link := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside.sqlite")
	if err := os.Symlink(outside, filepath.Join(link, "state_5.sqlite")); err != nil {
		t.Fatal(err)
	}
	if rep, _ := drivertest.Apply(t, opened(link), memstate.Whole(product, good)); rep.Actions[replay.Refused] != 1 {
		t.Errorf("%v", rep.Actions)
	}
	if _, err := os.Stat(outside); !errors.Is(err, os.ErrNotExist) {
		t.Error("written through a link")
	}
}

// A lock is waited for, and then said.
func TestDatabaseLocked(t *testing.T) {
	mem, _ := drivertest.Export(t, fullHome(t))
	root := t.TempDir()
	makeDB(t, root, "goals_1.sqlite")
	db, err := sqlitefile.OpenWrite(t.Context(), filepath.Join(root, "goals_1.sqlite"), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dst := opened(root)
	dst.wait = 100 * time.Millisecond
	if _, err := replay.Apply(ctx, dst, mem, &replay.Options{Journal: j}); !errors.Is(err, sqlitefile.ErrLocked) {
		t.Errorf("%v", err)
	}
	if es, _ := os.ReadDir(root); len(es) > 2 { // the database, and perhaps its journal
		t.Errorf("left behind: %v", es)
	}
}

// A database of a later release comes back as one of that release, and its rows go into a home of the first:
// what that one has no table for is named.
func TestLaterRelease(t *testing.T) {
	const rel = "state_5.sqlite"
	s, err := madeOnce().at(t.Context(), rel, 64)
	if err != nil {
		t.Fatal(err)
	}
	src := fullHome(t)
	change(t, src.root, rel, s.statements[1+2*62:]...)
	change(t, src.root, rel, "INSERT INTO session_model_ids VALUES ('s', 'k', 'e', 0, 'first')")
	mem, rep := drivertest.Export(t, src)
	if rep.Verdict.Coverage != agentstate.Reconciled || len(rep.Gaps) > 0 {
		t.Fatalf("%v %v", rep.Verdict, rep.Gaps)
	}
	fresh := opened(filepath.Join(t.TempDir(), "home"))
	drivertest.Apply(t, fresh, mem)
	want := relocate(dump(t, src.root, rel), fresh.root)
	if d := cmp.Diff(want, dump(t, fresh.root, rel)); d != "" {
		t.Errorf("%.2000s", d)
	}
	older := opened(t.TempDir())
	makeDB(t, older.root, rel, "DELETE FROM backfill_state")
	got, j := drivertest.Apply(t, older, mem)
	if len(got.Refused) != 1 || !strings.Contains(got.Refused[0].Why, `no table "session_model_ids"`) || len(got.Conflicts) > 0 {
		t.Errorf("%v %v", got.Refused, got.Conflicts)
	}
	if got.LossCount["opaque.native.migrations"] != 1 || got.LossCount["opaque.native.checksum"] != 1 {
		t.Errorf("%v", got.LossCount)
	}
	back, err := replay.ReadBack(t.Context(), mem, older, j)
	if err != nil || back.MissingN+back.ExtraN != 0 {
		t.Errorf("%+v %v", back, err)
	}
}
