package mcpmemory

import (
	"context"
	"encoding/json"
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
		"an older server":    content(t, Open("testdata/memory.0.6.2.jsonl")), // it keeps members that it does not know
		"one line":           ada,
		"last newline":       ada + "\n" + rel + "\n",
		"mixed order":        rel + "\n" + ada + "\n" + rel[:len(rel)-1] + `,"x":1}` + "\n" + acme,
		"blank lines":        "\n\n" + ada + "\n  \n\t\n" + rel + "\n\n",
		"carriage returns":   ada + "\r\n" + rel + "\r\n",
		"same name twice":    ada + "\n" + acme + "\n" + strings.Replace(ada, "°C", "°F", 1) + "\n" + ada,
		"equal lines":        rel + "\n" + rel,
		"unknown types":      ada + "\n" + `{"type":"custom","foo":1}` + "\n" + `[1,2]` + "\n" + `7` + "\n" + `"text"` + "\ntrue\n" + `{}` + "\n" + rel,
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
			mem, rep := drivertest.Export(t, src)
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
			if u := undo(t, dst, journal); u.LeftN+u.Gone != 0 {
				t.Errorf("undo: %+v", u)
			}
			if _, err := os.Stat(dst.path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after undo there is %q", content(t, dst))
			}
		})
	}
}

// An entity that learnt more since the run stays.
func TestUndoLeaves(t *testing.T) {
	dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
	mem, _ := drivertest.Export(t, write(t, ada+"\n"+acme+"\n"+rel))
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

// Names that keys cut are taken out like others, their observations too.
func TestUndoLongNames(t *testing.T) {
	dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
	long := strings.Repeat("ü", 900)
	mem := memstate.Whole("other",
		&pb.Memory{Meta: agentstate.Meta("memory", nil, long, "1"), Name: long, Content: &pb.Memory_Text{Text: "likes tea"}})
	_, journal := apply(t, dst, mem)
	if content(t, dst) == "" {
		t.Fatal("nothing was written")
	}
	if u := undo(t, dst, journal); u.LeftN+u.Gone != 0 {
		t.Errorf("%+v", u)
	}
	if _, err := os.Stat(dst.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %s", content(t, dst))
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
	if d := cmp.Diff([]string{"entity/users%2Fada%2Fm1", "entity/m2", "entity/m3", "memory/Ada/21a53f46f2d098f02c5a396762cac7dc"}, back.Extra); d != "" {
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
