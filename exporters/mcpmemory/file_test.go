package mcpmemory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func write(t testing.TB, text string) *Graph {
	t.Helper()
	p := filepath.Join(t.TempDir(), "memory.jsonl")
	if err := os.WriteFile(p, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return Open(p)
}

func content(t testing.TB, g *Graph) string {
	t.Helper()
	b, err := os.ReadFile(g.path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func export(t testing.TB, src agentstate.Source) (*memstate.State, *agentstate.Report) {
	t.Helper()
	mem := &memstate.State{}
	rep, err := agentstate.Copy(t.Context(), mem, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	return mem, rep
}

// apply replays src into g and gives the report and the journal's path.
func apply(t testing.TB, g *Graph, src agentstate.Source) (*replay.Report, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	rep, err := replay.Apply(t.Context(), g, src, &replay.Options{Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	return rep, path
}

func undo(t testing.TB, g *Graph, journal string) *replay.UndoReport {
	t.Helper()
	j, err := replay.OpenJournal(journal)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	rep, err := replay.Undo(t.Context(), g, j)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

const (
	ada  = `{"type":"entity","name":"Ada","entityType":"person","observations":["prefers °C","prefers °C"]}`
	acme = `{"type":"entity","name":"Acme","entityType":"company","observations":[]}`
	rel  = `{"type":"relation","from":"Ada","to":"Ghost","relationType":"knows"}`
)

// Whatever a file looks like, it goes back to the byte, and reads as whole.
func TestExact(t *testing.T) {
	long := `{"type":"entity","name":"Long","entityType":"x","observations":["` + strings.Repeat("é", 200_000) + `"]}`
	for name, text := range map[string]string{
		"sample":             content(t, Open("testdata/memory.jsonl")),
		"one line":           ada,
		"last newline":       ada + "\n" + rel + "\n",
		"mixed order":        rel + "\n" + ada + "\n" + rel[:len(rel)-1] + `,"x":1}` + "\n" + acme,
		"blank lines":        "\n\n" + ada + "\n  \n\t\n" + rel + "\n\n",
		"carriage returns":   ada + "\r\n" + rel + "\r\n",
		"same name twice":    ada + "\n" + acme + "\n" + strings.Replace(ada, "°C", "°F", 1) + "\n" + ada,
		"equal lines":        rel + "\n" + rel,
		"unknown types":      ada + "\n" + `{"type":"custom","foo":1}` + "\n" + `[1,2]` + "\n" + `7` + "\n" + `"text"` + "\nnull\n" + `{}` + "\n" + rel,
		"missing members":    `{"type":"entity"}` + "\n" + `{"type":"entity","name":7,"observations":"no list"}` + "\n" + `{"type":"relation","from":"a"}`,
		"other case":         `{"Type":"entity","name":"x"}` + "\n" + `{"type":"entity","Name":"y","name":"z","entityType":"t","observations":["o"]}`,
		"member twice":       `{"type":"relation","type":"entity","name":"a","name":"b","entityType":"t","observations":[]}`,
		"lone surrogates":    `{"type":"entity","name":"\ud800","entityType":"t","observations":["\udfff"]}` + "\n" + `{"type":"entity","name":"\ud801","entityType":"t","observations":[]}`,
		"NUL":                `{"type":"entity","name":"a\u0000b","entityType":"","observations":["\u0000"]}`,
		"invalid UTF-8":      "{\"type\":\"entity\",\"name\":\"a\xff\",\"entityType\":\"t\",\"observations\":[\"\xc3\"]}",
		"type in a text":     `{"type":"entity","name":"{\"type\":\"relation\"}","entityType":"t","observations":["}{","\\\"type\":\"entity\""]}`,
		"type inside":        `{"a":{"type":"entity"},"b":[{"type":"relation"}],"type":"relation","from":"x","to":"y","relationType":"z"}`,
		"observation 500 kB": long + "\n" + rel,
	} {
		t.Run(name, func(t *testing.T) {
			src := write(t, text)
			mem, rep := export(t, src)
			if rep.Verdict.Coverage != agentstate.Reconciled {
				t.Errorf("coverage %v %s %v", rep.Verdict.Coverage, rep.Verdict.Why, rep.Verdict.Kinds)
			}
			dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
			first, journal := apply(t, dst, mem)
			if d := cmp.Diff(text, content(t, dst)); d != "" {
				t.Fatal(d)
			}
			if n := len(first.Refused) + len(first.Conflicts) + len(first.Losses); n != 0 {
				t.Errorf("%+v", first)
			}
			again, _ := apply(t, dst, mem)
			if again.Actions[replay.Created] != 0 || content(t, dst) != text {
				t.Errorf("again: %v", again.Actions)
			}
			if u := undo(t, dst, journal); u.LeftN != 0 {
				t.Errorf("undo: %+v", u)
			}
			if _, err := os.Stat(dst.path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after undo there is %q", content(t, dst))
			}
		})
	}
}

// A line that is no JSON is named; everything else is carried, and it does not come back to life.
func TestDamaged(t *testing.T) {
	for name, c := range map[string]struct{ text, want, place string }{
		"half a line":   {ada + "\n" + rel + "\n" + acme[:40], ada + "\n" + rel, "line 3"},
		"text":          {"hello\n" + ada, ada, "line 1"},
		"byte order":    {"\ufeff" + ada + "\n" + rel, rel, "line 1"},
		"closed wrong":  {ada + "\n" + `{"type":"entity", bad}` + "\n" + rel, ada + "\n" + rel, "line 2"},
		"string opened": {`{"type":"entity","name":"x` + "\n" + ada, ada, "line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			mem, rep := export(t, write(t, c.text))
			if rep.Verdict.Coverage != agentstate.Gaps || len(rep.Gaps) != 1 || rep.Gaps[0].Place != c.place || rep.Gaps[0].Reason != pb.Gap_REASON_CORRUPT {
				t.Errorf("%v %v", rep.Verdict, rep.Gaps)
			}
			dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
			apply(t, dst, mem)
			if d := cmp.Diff(c.want, content(t, dst)); d != "" {
				t.Error(d)
			}
			if _, err := replay.Plan(t.Context(), write(t, c.text), mem, nil); !errors.Is(err, replay.ErrTarget) || !errors.Is(err, ErrSchema) {
				t.Errorf("a plan for the damaged file: %v", err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"no file": {filepath.Join(dir, "none"), fs.ErrNotExist},
		"folder":  {dir, ErrSchema},
	} {
		_, err := agentstate.Copy(t.Context(), &memstate.State{}, Open(c.path), nil)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "mcpmemory: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	mem, _ := export(t, Open("testdata/memory.jsonl"))
	if _, err := replay.Plan(t.Context(), Open(filepath.Join(dir, "no", "folder")), mem, nil); !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), "make it first") {
		t.Error(err)
	}
	empty, rep := export(t, write(t, ""))
	if rep.Verdict.Coverage != agentstate.Reconciled || empty == nil {
		t.Errorf("an empty graph: %v", rep.Verdict)
	}
}

// Two projects that share a file: what is there stays, what is new comes behind it.
func TestIntoGraph(t *testing.T) {
	for name, newline := range map[string]string{"without": "", "with": "\n"} {
		t.Run(name, func(t *testing.T) {
			other := `{"type":"entity","name":"Acme","entityType":"club","observations":["x"]}`
			dst := write(t, rel+"\n"+other+newline)
			mem, _ := export(t, write(t, ada+"\n"+acme+"\n"+rel))
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

// An entity that learnt more since the run stays.
func TestUndoLeaves(t *testing.T) {
	dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
	mem, _ := export(t, write(t, ada+"\n"+acme+"\n"+rel))
	_, journal := apply(t, dst, mem)
	more := strings.Replace(acme, "[]", `["new"]`, 1)
	if err := os.WriteFile(dst.path, []byte(ada+"\n"+more+"\n"+rel), 0o600); err != nil {
		t.Fatal(err)
	}
	u := undo(t, dst, journal)
	if u.LeftN != 1 || u.Left[0].Key != "entity/Acme" || content(t, dst) != more {
		t.Errorf("%+v, file %q", u, content(t, dst))
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

// A line of 100 MB costs no more memory than others, and its names are read.
func TestLongLine(t *testing.T) {
	if testing.Short() {
		t.Skip("100 MB")
	}
	p := filepath.Join(t.TempDir(), "memory.jsonl")
	f, err := os.Create(p)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, `{"type":"entity","name":"Long","entityType":"x","observations":["`)
	chunk := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for range 100 {
		f.Write(chunk)
	}
	fmt.Fprint(f, `"]}`+"\n"+rel)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	g := Open(p)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	names := []string{}
	for r, err := range g.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		switch r := r.(type) {
		case *pb.Entity:
			names = append(names, r.Name)
			if n := r.Meta.Native[0].GetData().GetBlob(); n == nil {
				t.Error("the line is in the record")
			}
		case *pb.Relation:
			names = append(names, r.Type)
		}
	}
	runtime.ReadMemStats(&after)
	if d := cmp.Diff([]string{"Long", "knows"}, names); d != "" {
		t.Error(d)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%d MiB allocated", n>>20)
	}
	mem, rep := export(t, g)
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Error(rep.Verdict)
	}
	dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
	apply(t, dst, mem)
	a, _ := os.ReadFile(p)
	b, _ := os.ReadFile(dst.path)
	if !bytes.Equal(a, b) {
		t.Error("the copy differs")
	}
}

func TestPreflight(t *testing.T) {
	p, err := Open("testdata/memory.jsonl").Preflight(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]int64{"entity": 3, "relation": 2, "opaque": 0, "memory": -1}, p.Counts); d != "" {
		t.Error(d)
	}
}

// Foreign state comes from mapped fields, and what is lost is said to the field; read back, nothing
// differs that was not said.
func TestForeign(t *testing.T) {
	mem := memstate.Whole("other",
		&pb.Memory{Meta: agentstate.Meta("memory", nil, "users", "ada", "m1"), Content: &pb.Memory_Text{Text: "likes tea"}, Form: pb.Memory_FORM_PREFERENCE},
		&pb.Memory{Meta: agentstate.Meta("memory", nil, "m2"), Name: "m2", Tags: []string{"memory"}, Content: &pb.Memory_Data{Data: agentstate.Inline("application/json", []byte(`{"a":1}`))}},
		&pb.Memory{Meta: agentstate.Meta("memory", nil, "m3"), Name: "m3", Tags: []string{"memory"}, Content: &pb.Memory_Data{Data: agentstate.Inline("application/json", []byte(`{"text":"a \u0022: b"}`))}},
		&pb.Entity{Meta: agentstate.Meta("entity", nil, "uuid-1"), Name: "Ada", Types: []string{"person", "user"}, Summary: "an engineer"},
		&pb.Entity{Meta: agentstate.Meta("entity", nil, "Acme"), Name: "Acme", Types: []string{"company"}},
		&pb.Relation{Meta: agentstate.Meta("relation", nil, "r1"), FromKey: "entity/uuid-1", ToKey: "entity/Acme", Type: "works_at", Fact: "Ada works at Acme"},
		&pb.Skill{Meta: agentstate.Meta("skill", nil, "s")},
	)
	dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
	path := filepath.Join(t.TempDir(), "journal")
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	rep, err := replay.Apply(t.Context(), dst, mem, &replay.Options{Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		`{"type":"entity","name":"users/ada/m1","entityType":"memory","observations":["likes tea"]}`,
		`{"type":"entity","name":"m2","entityType":"memory","observations":["{\"a\":1}"]}`,
		`{"type":"entity","name":"m3","entityType":"memory","observations":["a \": b"]}`,
		`{"type":"entity","name":"Ada","entityType":"person","observations":["an engineer"]}`,
		`{"type":"entity","name":"Acme","entityType":"company","observations":[]}`,
		`{"type":"relation","from":"Ada","to":"Acme","relationType":"works_at"}`,
	}, "\n")
	if d := cmp.Diff(want, content(t, dst)); d != "" {
		t.Error(d)
	}
	lost := map[string][]string{}
	for _, l := range rep.Losses {
		lost[l.Key] = append(lost[l.Key], l.Path+" "+l.Grade.String())
	}
	for _, l := range lost {
		slices.Sort(l)
	}
	if d := cmp.Diff(map[string][]string{
		"memory/users/ada/m1": {"form dropped", "meta.view_of_keys defaulted", "name transformed", "tags transformed"},
		"memory/m2":           {"data transformed", "meta.view_of_keys defaulted", "text defaulted"},
		"memory/m3":           {"data transformed", "meta.view_of_keys defaulted", "text defaulted"},
		"entity/uuid-1":       {"observations transformed", "summary transformed", "types transformed"},
		"relation/r1":         {"fact dropped"},
	}, lost); d != "" {
		t.Error(d)
	}
	back, err := replay.ReadBack(context.Background(), mem, dst, j)
	if err != nil {
		t.Fatal(err)
	}
	// The entities that stand for memories, and the observation that was a summary.
	if d := cmp.Diff([]string{"entity/users%2Fada%2Fm1", "entity/m2", "entity/m3", "memory/Ada/an%20engineer"}, back.Extra); d != "" {
		t.Error(d)
	}
	if back.MissingN != 0 || back.Same+back.Announced != back.Records {
		b, _ := json.Marshal(back)
		t.Errorf("%s", b)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if u := undo(t, dst, path); u.LeftN != 0 {
		t.Errorf("%+v", u)
	}
}

// FuzzRead: whatever the file holds, the reading ends without a panic, and what it carries goes back.
func FuzzRead(f *testing.F) {
	b, err := os.ReadFile("testdata/memory.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(ada + "\n\n" + acme + "\r\n" + rel + "\n{\"type\":\"x\"}\n[1]\n"))
	f.Add([]byte("\ufeff" + `{"type":"entity","name":"\ud800"` + "\x00\xff}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		src := write(t, string(b))
		mem, rep := export(t, src)
		if rep.Verdict.Coverage > agentstate.Gaps && len(rep.Gaps) == 0 {
			t.Fatalf("%v", rep.Verdict)
		}
		if len(rep.Gaps) > 0 {
			return
		}
		dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
		apply(t, dst, mem)
		got, err := os.ReadFile(dst.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) || !bytes.Equal(b, got) {
			t.Fatalf("%q became %q", b, got)
		}
	})
}
