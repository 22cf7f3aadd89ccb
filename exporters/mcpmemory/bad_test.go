//go:build unix

package mcpmemory

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A file that cannot be read gives an error that says what it is.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	file := func(text string) string { return write(t, text).path }
	loop := filepath.Join(dir, "a")
	for _, l := range [][2]string{{"b", "a"}, {"a", "b"}, {"nowhere", "dangling"}} {
		if err := os.Symlink(l[0], filepath.Join(dir, l[1])); err != nil {
			t.Fatal(err)
		}
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path string
		want error
		text string
	}{
		"no file":          {filepath.Join(dir, "none"), fs.ErrNotExist, "MEMORY_FILE_PATH of the server names it"},
		"folder":           {dir, ErrSchema, "want the JSON Lines file itself"},
		"named pipe":       {pipe, ErrSchema, "no regular file"},
		"loop of links":    {loop, nil, "too many links"},
		"link to nothing":  {filepath.Join(dir, "dangling"), fs.ErrNotExist, "no file"},
		"a database":       {file("SQLite format 3\x00" + strings.Repeat("\x00\x01\n", 300)), ErrSchema, "none of its"},
		"other JSON":       {file("{\n  \"name\": \"app\",\n  \"private\": true\n}\n"), ErrSchema, "is an entity or a relation"},
		"other JSON Lines": {file(`{"type":"user","message":"hi"}` + "\n" + `{"type":"assistant","message":"ho"}`), ErrSchema, "none of its 2 lines"},
		"another server's": {file(`{"type":"Entity","name":"a","entityType":"b","observations":[]}`), ErrSchema, `"type":"entity" or "type":"relation" in these letters`},
	} {
		rep, err := agentstate.Copy(t.Context(), &memstate.State{}, Open(c.path), nil)
		_, perr := Open(c.path).Preflight(t.Context())
		if rep != nil && (rep.Records["opaque"] > 0 || rep.Records["gap"] > 0) { // an export would offer to go on from them
			t.Errorf("%s: records before the refusal: %v", name, rep.Records)
		}
		for _, err := range []error{err, perr} {
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), "mcpmemory: ") || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	mem, _ := drivertest.Export(t, Open("testdata/memory.jsonl"))
	if _, err := replay.Plan(t.Context(), Open(filepath.Join(dir, "no", "folder")), mem, nil); !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), "make it first") {
		t.Error(err)
	}
	empty, rep := drivertest.Export(t, write(t, ""))
	if rep.Verdict.Coverage != agentstate.Reconciled || empty == nil {
		t.Errorf("an empty graph: %v", rep.Verdict)
	}
}

// layoutGap names the order of the lines, which is another one when they are mended.
const layoutGap = "opaque layout corrupt"

// A line that is no JSON is named; everything else is carried, and it does not come back to life.
func TestDamaged(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		gaps       []string
	}{
		"half a line":   {ada + "\n" + rel + "\n" + acme[:40], ada + "\n" + rel, []string{"entity line 3 corrupt", layoutGap}},
		"text":          {"hello\n" + ada, ada, []string{"opaque line 1 corrupt"}},
		"byte order":    {"\ufeff" + ada + "\n" + rel, ada + "\n" + rel, nil}, // nothing is missing without it
		"half, spaced":  {ada + "\n" + `{"type": "entity", "name": "x`, ada, []string{"entity line 2 corrupt", layoutGap}},
		"closed wrong":  {ada + "\n" + `{"type":"entity", bad}` + "\n" + rel, ada + "\n" + rel, []string{"entity line 2 corrupt", layoutGap}},
		"blank between": {ada + "\n\n" + rel + "\n" + acme[:40], ada + "\n\n" + rel, []string{"entity line 4 corrupt", layoutGap}},
		"string opened": {`{"type":"entity","name":"x` + "\n" + ada, ada, []string{"entity line 1 corrupt", layoutGap}},
		"two in one":    {ada + "\n" + rel + acme, ada, []string{"entity line 2 corrupt", layoutGap, "relation line 2 corrupt"}},
		"with a third":  {ada + "\n" + rel + `{"a":1}`, ada, []string{layoutGap, "relation line 2 corrupt"}},
	} {
		t.Run(name, func(t *testing.T) {
			mem, rep := drivertest.Export(t, write(t, c.text))
			want := agentstate.Gaps
			if c.gaps == nil {
				want = agentstate.Reconciled
			}
			if d := cmp.Diff(c.gaps, drivertest.Gaps(rep)); d != "" || rep.Verdict.Coverage != want {
				t.Errorf("%v (-want +got):\n%s", rep.Verdict, d)
			}
			dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
			done, journal := apply(t, dst, mem)
			if d := cmp.Diff(c.want, content(t, dst)); d != "" {
				t.Error(d)
			}
			j, err := replay.OpenJournal(journal)
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			back, err := replay.ReadBack(t.Context(), mem, dst, j)
			if err != nil || back.MissingN+back.ExtraN != 0 || back.UnannouncedN > 0 || done.LossCount["opaque.native"] != 1 {
				t.Errorf("what was left out is not said: %+v %v %v", back, done.LossCount, err)
			}
			if _, err := replay.Plan(t.Context(), write(t, c.text), mem, nil); !errors.Is(err, replay.ErrTarget) || !errors.Is(err, ErrSchema) {
				t.Errorf("a plan for the damaged file: %v", err)
			}
		})
	}
}

// Two projects that share a file: what is there stays, what is new comes behind it.
func TestIntoGraph(t *testing.T) {
	for name, newline := range map[string]string{"without": "", "with": "\n"} {
		t.Run(name, func(t *testing.T) {
			other := `{"type":"entity","name":"Acme","entityType":"club","observations":["x"]}`
			dst := write(t, rel+"\n"+other+newline)
			mem, _ := drivertest.Export(t, write(t, ada+"\n"+acme+"\n"+rel))
			before := content(t, dst)
			plan, err := replay.Plan(t.Context(), dst, mem, nil)
			if err != nil || content(t, dst) != before {
				t.Fatal(err)
			}
			rep, journal := apply(t, dst, mem)
			if d := cmp.Diff(plan.Actions, rep.Actions); d != "" {
				t.Error(d)
			}
			if rep.Actions[replay.Conflict] != 1 || rep.Actions[replay.Same] != 1 || rep.Conflicts[0].Key != "entity/Acme" {
				t.Errorf("%v %v", rep.Actions, rep.Conflicts)
			}
			if d := cmp.Diff(rel+"\n"+other+"\n"+ada+newline, content(t, dst)); d != "" {
				t.Error(d)
			}
			if st, _ := os.Stat(dst.path); st.Mode().Perm() != 0o640 {
				t.Errorf("mode %v", st.Mode())
			}
			undo(t, dst, journal)
			if d := cmp.Diff(before, content(t, dst)); newline == "" && d != "" {
				t.Error(d)
			}
		})
	}
}

// A graph that is reached by a link is read and written where it lies: the link stays one.
func TestLink(t *testing.T) {
	src := write(t, ada)
	link := filepath.Join(t.TempDir(), "link.jsonl")
	if err := os.Symlink(src.path, link); err != nil {
		t.Fatal(err)
	}
	mem, rep := drivertest.Export(t, Open(link))
	if rep.Records["entity"] != 1 {
		t.Errorf("%v", rep.Records)
	}
	more, _ := drivertest.Export(t, write(t, acme))
	apply(t, Open(link), more)
	if st, err := os.Lstat(link); err != nil || st.Mode()&fs.ModeSymlink == 0 || content(t, src) != ada+"\n"+acme {
		t.Errorf("%v %v, file %q", st, err, content(t, src))
	}
	_ = mem
}

// A file that is written in its place while it is read is an error; one that the server replaces is
// read as it was.
func TestChangedMeanwhile(t *testing.T) {
	for name, replace := range map[string]bool{"written into": false, "replaced": true} {
		src := write(t, ada+"\n"+rel)
		first, n := true, 0
		var last error
		for r, err := range src.Records(t.Context(), nil) {
			if last = err; err != nil {
				break
			}
			if agentstate.KindOf(r) == "relation" {
				n++
			}
			if !first || agentstate.KindOf(r) != "entity" {
				continue
			}
			first = false
			if replace {
				os.Rename(write(t, acme).path, src.path)
			} else {
				os.WriteFile(src.path, []byte(acme), 0o600)
			}
		}
		if replace && (last != nil || n != 1) || !replace && !errors.Is(last, ErrChanged) {
			t.Errorf("%s: %v, %d relations", name, last, n)
		}
	}
}

// A replay says which record lacks its bytes, and leaves nothing.
func TestMissingBlob(t *testing.T) {
	n := &pb.Native{Type: "line", Body: &pb.Native_Data{Data: &pb.Data{MediaType: "application/json", Body: &pb.Data_Blob{Blob: &pb.Blob{Id: "nowhere"}}}}}
	src := memstate.Whole(product, &pb.Entity{Meta: agentstate.Meta("entity", n, "Ada"), Name: "Ada"})
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "j"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
	if _, err := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j}); !errors.Is(err, agentstate.ErrNotFound) || !strings.Contains(err.Error(), "entity/Ada") {
		t.Errorf("%v", err)
	}
	if es, _ := os.ReadDir(filepath.Dir(dst.path)); len(es) != 0 {
		t.Errorf("left behind: %v", es)
	}
}

func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		drivertest.AsNobody(t, "^TestUnreadable$")
		return
	}
	src := write(t, ada)
	if err := os.Chmod(src.path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := agentstate.Copy(t.Context(), &memstate.State{}, src, nil); !errors.Is(err, fs.ErrPermission) || !strings.HasPrefix(err.Error(), "agentstate: ") && !strings.Contains(err.Error(), "mcpmemory: ") {
		t.Errorf("%v", err)
	}
}

// Somebody writes while the run is under way.
func TestChanged(t *testing.T) {
	dst := write(t, ada)
	w, err := dst.Begin(t.Context(), &replay.Run{From: dst.origin()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	e := &pb.Entity{Meta: agentstate.Meta("entity", agentstate.Document("line", "application/json", []byte(acme)), "Acme")}
	if rc, err := w.Write(t.Context(), e); err != nil || rc.Action != replay.Created {
		t.Fatal(rc, err)
	}
	if err := os.WriteFile(dst.path, []byte(ada+"\n"+rel), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context()); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	if got := content(t, dst); got != ada+"\n"+rel {
		t.Errorf("file %q", got)
	}
	if es, _ := os.ReadDir(filepath.Dir(dst.path)); len(es) != 1 {
		t.Errorf("left behind: %v", es)
	}
}

// A hostile archive cannot put a second line, or a line of another kind, into the graph.
func TestHostileNative(t *testing.T) {
	dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
	mem := memstate.Whole(product,
		&pb.Entity{Meta: agentstate.Meta("entity", agentstate.Document("line", "", []byte(ada+"\n"+rel)), "a")},
		&pb.Entity{Meta: agentstate.Meta("entity", agentstate.Document("line", "", []byte(rel)), "b")},
		&pb.Entity{Meta: agentstate.Meta("entity", agentstate.Document("line", "", []byte("{")), "c")},
		&pb.Entity{Meta: agentstate.Meta("entity", agentstate.Document("other", "", []byte(ada)), "d")},
		&pb.Opaque{Meta: agentstate.Meta("opaque", agentstate.Document("layout", "", []byte(`[{"kind":"zebra","n":9},{"n":-1}]`)), "layout")},
	)
	rep, _ := apply(t, dst, mem)
	if rep.Actions[replay.Refused] != 4 {
		t.Errorf("%v %v", rep.Actions, rep.Refused)
	}
	if b, err := os.ReadFile(dst.path); err == nil && len(b) > 0 {
		t.Errorf("file %q", b)
	}
}
