package mcpmemory

import (
	"maps"
	"path/filepath"
	"runtime"
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

// texts are the memories of a state, by key.
func texts(t *testing.T, mem *memstate.State) map[string]string {
	t.Helper()
	got := map[string]string{}
	for r, err := range mem.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := r.(*pb.Memory); ok {
			got[m.Meta.Key] = m.GetText()
		}
	}
	return got
}

// An observation that is no text is read as its JSON, so that it arrives in another runtime, and as the
// server writes it: the reading is the same after the server has written the file anew. The pairs below are
// what Node 20 says to JSON.stringify(JSON.parse(…)).
func TestOtherObservations(t *testing.T) {
	var in, want []string
	for from, to := range map[string]string{
		`2.50`: `2.5`, `null`: `null`, `true`: `true`, `-0.0`: `0`, `1e21`: `1e+21`, `1E20`: `100000000000000000000`, `0.0000001`: `1e-7`, `1.5e-10`: `1.5e-10`, `0.000001`: `0.000001`,
		`12345678901234567890`: `12345678901234567000`, `1e400`: `null`, `[]`: `[]`, `{ }`: `{}`, `[1 , [ "a" ]]`: `[1,["a"]]`,
		`{"b": 1.0, "a": "\u00e9\/\u2028\u007f", "10": 1, "2": [], "a": null, "-1": 0, "01": {}}`: `{"2":[],"10":1,"b":1,"a":null,"-1":0,"01":{}}`,
		`{"k": "\u0001\b\"\\ \u00e9\u2028\ud83d\ude00"}`:                                          "{\"k\":\"\\u0001\\b\\\"\\\\ \u00e9\u2028\U0001f600\"}",
	} {
		in, want = append(in, from), append(want, to)
	}
	line := func(list []string) string {
		return `{"type":"entity","name":"n","entityType":"t","observations":[` + strings.Join(list, ",") + `]}`
	}
	before, _ := drivertest.Export(t, write(t, line(in)))
	after, _ := drivertest.Export(t, write(t, line(want)))
	got := texts(t, before)
	if d := cmp.Diff(got, texts(t, after)); d != "" {
		t.Errorf("after the server wrote the file: %s", d)
	}
	all := slices.Collect(maps.Values(got))
	for _, w := range want {
		if !slices.Contains(all, w) {
			t.Errorf("%s is not among %q", w, all)
		}
	}
}

// What is no text is walked over once, however deep it is.
func TestDeepObservation(t *testing.T) {
	const depth = 3000
	rest := strings.Repeat("1,", 1<<17) + "1"
	for name, c := range map[string]struct{ open, shut, want, wantShut string }{
		"lists":       {`[`, `]`, `[`, `]`},
		"numbers":     {`{"1":[`, `]}`, `{"1":[`, `]}`},
		"moved":       {`{"a":0,"1":[`, `]}`, `{"1":[`, `],"a":0}`},
		"moved twice": {`{"a":0,"b":1,"a":2,"10":3,"9":[`, `]}`, `{"9":[`, `],"10":3,"a":2,"b":1}`},
		"left out":    {`{"1":{"b":0,"2":3},"1":[`, `]}`, `{"1":[`, `]}`},
	} {
		deep := strings.Repeat(c.open, depth) + rest + strings.Repeat(c.shut, depth)
		want := strings.Repeat(c.want, depth) + rest + strings.Repeat(c.wantShut, depth)
		line := []byte(`{"type":"entity","name":"n","entityType":"t","observations":[` + deep + `]}`)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		o, err := parse(line)
		runtime.ReadMemStats(&after)
		if err != nil || len(o.observations) != 1 || o.observations[0] != want {
			t.Errorf("%s: %v", name, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 128<<20 {
			t.Errorf("%s: %d MB were made of %d bytes", name, n>>20, len(deep))
		}
	}
}

// In one call the server makes two entities of one name, and keeps an observation twice. What they know
// has keys of its own, also where observations are numbers.
func TestSameNames(t *testing.T) {
	mem, rep := drivertest.Export(t, write(t, `{"type":"entity","name":"A","entityType":"t","observations":["2","2","2","02"]}
{"type":"entity","name":"A","entityType":"t","observations":["2","3","1","2","3"]}
{"type":"entity","name":"A","entityType":"t","observations":["2"]}`))
	if rep.Records["memory"] != 10 || rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v %v", rep.Records, rep.Verdict)
	}
	const two = "08154df40bbeefcb67fe83979fab54e9" // printf 'A\0002' | sha256sum | cut -c-32
	if got := texts(t, mem); len(got) != 10 || got["memory/A/"+two] != "2" || got["memory/A/"+two+"/3"] != "2" || got["memory/A/2/"+two+"/2"] != "2" || got["memory/A/3/"+two] != "2" {
		t.Errorf("%v", got)
	}
}

// A name that is no text is its JSON: relations end at the right entity.
func TestOtherNames(t *testing.T) {
	mem, _ := drivertest.Export(t, write(t, `{"type":"entity","name":5,"entityType":7,"observations":["five"]}
{"type":"entity","name":6.0,"entityType":"t","observations":["six"]}
{"type":"entity","name":null,"entityType":"t","observations":[]}
{"type":"entity","entityType":"t"}
{"type":"relation","from":5,"to":6.0,"relationType":"r"}`))
	var got []string
	for r, err := range mem.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		switch r := r.(type) {
		case *pb.Entity:
			got = append(got, r.Meta.Key+" "+strings.Join(r.Types, ","))
		case *pb.Relation:
			got = append(got, r.Meta.Key+" "+r.FromKey+" "+r.ToKey)
		}
	}
	if d := cmp.Diff([]string{"entity/5 7", "entity/6 t", "entity/null t", "entity/ t", "relation/5/r/6 entity/5 entity/6"}, got); d != "" {
		t.Error(d)
	}
}

// Records of other runtimes that would have one name stay apart: entities of two users, and memories whose
// spaces are joined to one.
func TestForeignNames(t *testing.T) {
	mem := memstate.Whole("other",
		&pb.Memory{Meta: agentstate.Meta("memory", nil, "a/b", "c"), Content: &pb.Memory_Text{Text: "tea"}},
		&pb.Memory{Meta: agentstate.Meta("memory", nil, "a", "b/c"), Content: &pb.Memory_Text{Text: "tea"}},
		&pb.Entity{Meta: agentstate.Meta("entity", nil, "u1", "z"), Name: "Zürich", Types: []string{"place"}},
		&pb.Entity{Meta: agentstate.Meta("entity", nil, "u2", "z"), Name: "Zürich", Types: []string{"place"}},
		&pb.Entity{Meta: agentstate.Meta("entity", nil, "u3", "z"), Name: "a/b/c", Types: []string{"memory"}, Observations: []string{"tea"}},
		&pb.Entity{Meta: agentstate.Meta("entity", nil, "u4", "z"), Name: "Zürich (entity/u2/z)", Types: []string{"place"}},
		&pb.Relation{Meta: agentstate.Meta("relation", nil, "r1"), FromKey: "entity/u1/z", ToKey: agentstate.Key("memory", "a", "b/c"), Type: "in"},
		&pb.Relation{Meta: agentstate.Meta("relation", nil, "r2"), FromKey: "entity/u2/z", ToKey: "entity/u3/z", Type: "in"},
	)
	dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
	rep, j := drivertest.Apply(t, dst, mem)
	if rep.Actions[replay.Created] != 8 {
		t.Errorf("%v %+v", rep.Actions, rep.Conflicts)
	}
	want := strings.Join([]string{
		`{"type":"entity","name":"a/b/c","entityType":"memory","observations":["tea"]}`,
		`{"type":"entity","name":"a/b/c (memory/a/b%2Fc)","entityType":"memory","observations":["tea"]}`,
		`{"type":"entity","name":"Zürich","entityType":"place","observations":[]}`,
		`{"type":"entity","name":"Zürich (entity/u2/z)","entityType":"place","observations":[]}`,
		`{"type":"entity","name":"a/b/c (entity/u3/z)","entityType":"memory","observations":["tea"]}`,
		`{"type":"entity","name":"Zürich (entity/u2/z) (entity/u4/z)","entityType":"place","observations":[]}`,
		`{"type":"relation","from":"Zürich","to":"a/b/c (memory/a/b%2Fc)","relationType":"in"}`,
		`{"type":"relation","from":"Zürich (entity/u2/z)","to":"a/b/c (entity/u3/z)","relationType":"in"}`,
	}, "\n")
	if d := cmp.Diff(want, content(t, dst)); d != "" {
		t.Error(d)
	}
	if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.UnannouncedN != 0 {
		t.Errorf("%+v %v", back, err)
	}
}
