//go:build unix

package openaiagents

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/sdk", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o700), os.WriteFile(p, b, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// A folder that cannot be read at all gives an error that says what it is and what to do.
func TestRefused(t *testing.T) {
	db := sample(t, "sessions.sqlite")
	altered := func(q string) func(string) {
		return func(d string) {
			put(t, d, "a.db", db)
			change(t, filepath.Join(d, "a.db"), q)
		}
	}
	for name, c := range map[string]struct {
		make func(dir string)
		want error
		text string
	}{
		"cut database":              {func(d string) { put(t, d, "a.db", db[:len(db)-5000]) }, ErrDamaged, "a.db: database cannot be read: "},
		"cut in its header":         {func(d string) { put(t, d, "a.db", db[:60]) }, ErrDamaged, "ends inside its header"},
		"not a database":            {func(d string) { put(t, d, "a.db", []byte("these are notes of somebody")) }, ErrDamaged, "is not a SQLite database"},
		"encrypted as a whole":      {func(d string) { put(t, d, "a.sqlite3", bytes.Repeat([]byte{0xa7, 0x11}, 4096)) }, ErrDamaged, "or is encrypted as a whole"},
		"empty beside its log":      {func(d string) { put(t, d, "a.db", nil); put(t, d, "a.db-wal", []byte("all is in here")) }, ErrDamaged, "bring the right one back beside it"},
		"a log alone":               {func(d string) { put(t, d, "a.db-wal", append([]byte{0x37, 0x7f, 0x06, 0x82}, make([]byte, 100)...)) }, ErrDamaged, "a write-ahead log without its database"},
		"a column less":             {altered("ALTER TABLE agent_messages DROP COLUMN created_at"), ErrSchema, "supported: id, session_id"},
		"a column less of sessions": {altered("ALTER TABLE agent_sessions DROP COLUMN updated_at"), ErrSchema, "supported: session_id, created_at, updated_at"},
		"no sessions":               {altered("PRAGMA foreign_keys=OFF; DROP TABLE agent_sessions"), ErrSchema, "table agent_sessions is not there"},
		"no messages":               {altered("DROP TABLE agent_messages"), ErrSchema, "no table holds the messages"},
		"an empty folder":           {func(string) {}, ErrSchema, "no sessions and no run states (it is empty)"},
		"a text":                    {func(d string) { put(t, d, "a.txt", []byte("hello")) }, ErrSchema, "1 files of something else, such as a.txt"},
		"another home": {func(d string) {
			put(t, d, ".claude/todos/a.json", []byte("[]"))
			put(t, d, ".claude/settings.json", []byte("{}"))
		}, ErrSchema, "2 files of something else"},
		"another database": {func(d string) { change(t, filepath.Join(d, "other.db"), "CREATE TABLE t (x)") }, ErrSchema, "such as other.db"},
		"a link":           {func(d string) { os.Symlink("/nowhere", filepath.Join(d, "a.db")) }, ErrSchema, "a.db: a symbolic link"},
		"other structure":  {altered("CREATE TABLE turn_usage (id)"), ErrSchema, "turn_usage has the columns id; supported: id, session_id, branch_id"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c.make(dir)
			_, err := agentstate.Copy(t.Context(), &memstate.State{}, Open(dir), nil)
			_, perr := Open(dir).Preflight(t.Context())
			for _, err := range []error{err, perr} {
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), "openaiagents: ") {
					t.Errorf("%v", err)
				}
			}
		})
	}
	dir := t.TempDir()
	if err := os.Symlink("b", filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		root, text string
		want       error
	}{
		"no folder":       {filepath.Join(dir, "none"), "no folder", fs.ErrNotExist},
		"a file":          {"testdata/sdk/sessions.sqlite", "name the folder that holds it", ErrSchema},
		"a loop of links": {filepath.Join(dir, "a"), "too many links", nil},
	} {
		if _, err := agentstate.Copy(t.Context(), &memstate.State{}, Open(c.root), nil); err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file that cannot be read beside others is named, each kind that may be missing with it, and
// everything else is carried.
func TestGaps(t *testing.T) {
	db := sample(t, "sessions.sqlite")
	torn := slices.Clone(db)
	clear(torn[4096*2 : len(torn)-4096*2])
	for name, c := range map[string]struct {
		make func(dir string)
		want string // gaps: kind and place
		text string
	}{
		"cut database":    {func(d string) { put(t, d, "bad.db", db[:len(db)-5000]) }, "conversation bad.db, message bad.db, run bad.db, opaque bad.db", "copy it again"},
		"pages zeroed":    {func(d string) { put(t, d, "bad.db", torn) }, "conversation bad.db, message bad.db, run bad.db, opaque bad.db", "contradict"},
		"not a database":  {func(d string) { put(t, d, "bad.db", []byte("notes of somebody")) }, "conversation bad.db, message bad.db, run bad.db, opaque bad.db", "not a SQLite database"},
		"empty, with log": {func(d string) { put(t, d, "bad.db", nil); put(t, d, "bad.db-wal", []byte("all is in here")) }, "conversation bad.db, message bad.db, run bad.db, opaque bad.db", "bring the right one back"},
		"cut run state":   {func(d string) { put(t, d, "half.json", []byte(`{"$schemaVersion":"1.16","current_`)) }, "state half.json", "has no end"},
		"cut list":        {func(d string) { put(t, d, "half.json", []byte(`[{"role":"user","content":"hi"},{"role":`)) }, "conversation half.json, message half.json", "has no end"},
		"newer run state": {func(d string) {
			put(t, d, "new.json", bytes.Replace(sample(t, "runstate.paused.json"), []byte(`"1.16"`), []byte(`"1.22"`), 1))
		}, "interrupt new.json", `found "1.22", supported 1.0 to 1.21 (Python)`},
		"nothing wrong": {func(d string) {
			put(t, d, "package.json", []byte(`{"name":"app"}`))
			put(t, d, "notes.txt", []byte("SQLite"))
			put(t, d, "empty.db", nil)
			put(t, d, "empty.json", nil)
			put(t, d, "x.db.exitramp-part", db)
			change(t, filepath.Join(d, "other.db"), "CREATE TABLE t (x)")
		}, "", ""},
		"links": {func(d string) {
			outside := t.TempDir()
			put(t, outside, "outside.db", db)
			put(t, outside, "state.json", sample(t, "runstate.paused.json"))
			for _, l := range [][2]string{{filepath.Join(outside, "outside.db"), "link.db"}, {outside, "folder"}, {"self", "self"}, {filepath.Join(outside, "state.json"), "state.json"}} {
				if err := os.Symlink(l[0], filepath.Join(d, l[1])); err != nil {
					t.Fatal(err)
				}
			}
		}, "conversation folder, message folder, run folder, opaque folder, conversation link.db, message link.db, run link.db, opaque link.db, " +
			"conversation self, message self, run self, opaque self, conversation state.json, message state.json, state state.json", "a symbolic link, which is not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // two of them wait for a file that is being written
			dir := t.TempDir()
			put(t, dir, "good.db", db)
			put(t, dir, "good.json", sample(t, "runstate.paused.json"))
			whole, _ := drivertest.Export(t, Open(dir))
			c.make(dir)
			mem, rep := drivertest.Export(t, Open(dir))
			var gaps []string
			for _, g := range rep.Gaps {
				gaps = append(gaps, g.Kind+" "+g.Place)
				want := pb.Gap_REASON_CORRUPT
				if name == "cut run state" || name == "cut list" {
					want = pb.Gap_REASON_CHANGED
				}
				if name == "links" {
					want = pb.Gap_REASON_FORBIDDEN
				}
				if !strings.Contains(g.Detail, c.text) || g.Reason != want {
					t.Error(g)
				}
			}
			if got := strings.Join(gaps, ", "); got != c.want {
				t.Errorf("gaps %s, want %s", got, c.want)
			}
			if want := agentstate.Gaps; c.want != "" && rep.Verdict.Coverage != want || c.want == "" && rep.Verdict.Coverage != agentstate.Reconciled {
				t.Errorf("%v", rep.Verdict)
			}
			for r, err := range whole.Records(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				if !agentstate.IsState(agentstate.KindOf(r)) {
					continue
				}
				if _, err := mem.Get(t.Context(), r.GetMeta().GetKey()); err != nil {
					t.Errorf("lost: %v", err)
				}
			}
			p, err := Open(dir).Preflight(t.Context())
			if err != nil || strings.Contains(c.want, "bad.db") && len(p.Gaps) != len(gaps) {
				t.Errorf("%+v %v", p, err)
			}
		})
	}
}

// The folder may be named by a link. What nobody has written in yet is a whole state.
func TestOddFolders(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "real/a.db", sample(t, "sessions.sqlite"))
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if _, rep := drivertest.Export(t, Open(filepath.Join(dir, "link"))); rep.Records["message"] == 0 {
		t.Errorf("%v", rep.Records)
	}
	for name, make := range map[string]func(d string){
		"a list of nothing": func(d string) { put(t, d, "session.json", []byte(" [ ]\n")) },
		"beside others": func(d string) {
			put(t, d, "js/a.json", []byte("[]"))
			put(t, d, "js/b.json", sample(t, "runstate.paused.json"))
		},
		"tables of nothing": func(d string) {
			put(t, d, "a.db", sample(t, "sessions.sqlite"))
			change(t, filepath.Join(d, "a.db"), "DELETE FROM agent_messages; DELETE FROM agent_sessions; DELETE FROM sqlite_sequence")
		},
	} {
		dir := t.TempDir()
		make(dir)
		mem, rep := drivertest.Export(t, Open(dir))
		if rep.Verdict.Coverage != agentstate.Reconciled || rep.Records["message"] != 0 {
			t.Errorf("%s: %v %v", name, rep.Verdict, rep.Records)
		}
		dst := Open(t.TempDir()) // an empty folder is a target
		apply(t, dst, mem)
		if _, back := drivertest.Export(t, dst); back.Verdict.Coverage != agentstate.Reconciled || back.Records["conversation"] != rep.Records["conversation"] {
			t.Errorf("%s, replayed: %v %v", name, back.Verdict, back.Records)
		}
	}
}

// Two projects share a folder: databases with the same sessions and ids, run states of one name.
func TestTwoProjects(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{"a", "b"} {
		put(t, dir, p+".db", sample(t, "sessions.sqlite"))
		put(t, dir, p+"/run.json", sample(t, "runstate.paused.json"))
		put(t, dir, p+"/sessions.sqlite", sample(t, "alchemy.sqlite"))
	}
	change(t, filepath.Join(dir, "b.db"), "UPDATE agent_messages SET message_data = replace(message_data, 'hello', 'b says hello')")
	mem, rep := drivertest.Export(t, Open(dir))
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v", rep.Verdict)
	}
	dst := Open(filepath.Join(t.TempDir(), "copy"))
	got, _, _ := apply(t, dst, mem)
	if d := cmp.Diff(dump(t, dir), dump(t, dst.root)); d != "" || len(got.Conflicts)+len(got.Refused) > 0 {
		t.Errorf("%v %v %s", got.Conflicts, got.Refused, d)
	}
}

// A replay says which record lacks its bytes, and leaves nothing.
func TestMissingBlob(t *testing.T) {
	n := &pb.Native{Type: "items", Body: &pb.Native_Data{Data: &pb.Data{MediaType: "application/json", Body: &pb.Data_Blob{Blob: &pb.Blob{Id: "nowhere"}}}}}
	src := memstate.Whole(product, &pb.Conversation{Meta: agentstate.Meta("conversation", n, "items.json")})
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "j"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	dst := Open(filepath.Join(t.TempDir(), "copy"))
	if _, err := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j}); !errors.Is(err, agentstate.ErrNotFound) || !strings.Contains(err.Error(), "conversation/items.json") {
		t.Errorf("%v", err)
	}
	if es, _ := os.ReadDir(dst.root); len(es) != 0 {
		t.Errorf("left behind: %v", es)
	}
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A hostile archive writes nothing outside of the folder and no table that is not the SDK's.
func TestHostile(t *testing.T) {
	for _, l := range []string{
		`{"file":"../x.db","dialect":"sqlite","pairs":[{"sessions":"a","messages":"b"}]}`,
		`{"file":"/tmp/x.db","dialect":"sqlite","pairs":[{"sessions":"a","messages":"b"}]}`,
		`{"file":"x.db","dialect":"sqlite","pairs":[{"sessions":"a","messages":"b; DROP TABLE x"}]}`,
		`{"file":"x.db","dialect":"sqlite","pairs":[{"sessions":"a","messages":"sqlite_master"}]}`,
		`{"file":"x.db","dialect":"sqlite","pairs":[{"sessions":"a","messages":"b"}],"extra":["evil"]}`,
		`{"file":"x.db","dialect":"sqlalchemy","pairs":[{"sessions":"a","messages":"b\u0000"}]}`,
		`{"file":"x.db","dialect":"oracle","pairs":[{"sessions":"a","messages":"b"}]}`, `{`,
	} {
		o := &pb.Origin{Meta: agentstate.Meta("origin", nil, product), Product: product, Flavor: "files"}
		o.Meta.Labels = []*pb.Label{{Name: labelDatabase, Value: l}}
		if _, err := Open(t.TempDir()).Begin(t.Context(), &replay.Run{From: o}); !errors.Is(err, replay.ErrTarget) || !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v", l, err)
		}
	}
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	out := filepath.Join(dir, "out")
	if err := os.MkdirAll(out, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(out, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	doc := []byte(`[{"role":"user","content":"hi"}]`)
	c := func(rel string, b []byte) *pb.Conversation {
		return &pb.Conversation{Meta: agentstate.Meta("conversation", agentstate.Document("items", "application/json", b), rel)}
	}
	rep, _, _ := apply(t, Open(root), memstate.Whole(product, c("../up.json", doc), c("link/x.json", doc), c("run.sh", []byte("#!/bin/sh")), c("good.json", doc)))
	if rep.Actions[replay.Refused] != 3 || rep.Actions[replay.Created] != 1 {
		t.Errorf("%v %v", rep.Actions, rep.Refused)
	}
	if es, _ := os.ReadDir(out); len(es) != 0 {
		t.Error("written through a link")
	}
}
