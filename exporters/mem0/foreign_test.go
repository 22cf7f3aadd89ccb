package mem0

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// other is state of another runtime: records in their order.
func other(t testing.TB, rs ...agentstate.Record) *memstate.State {
	t.Helper()
	mem := memstate.New()
	for _, r := range append([]agentstate.Record{&pb.Origin{Meta: agentstate.Meta("origin", nil, "graph"), Product: "graph"}}, append(rs, &pb.Completeness{Meta: agentstate.Meta("completeness", nil, "graph")})...) {
		if err := mem.Put(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := mem.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return mem
}

func spaceOf(key string, path ...string) *pb.MemorySpace {
	return &pb.MemorySpace{Meta: &pb.Meta{Key: "memoryspace/" + key}, Path: path}
}

func textIn(space, id, text string) *pb.Memory {
	return &pb.Memory{Meta: &pb.Meta{Key: agentstate.Key("memory", space, id)}, SpaceKey: "memoryspace/" + space, Content: &pb.Memory_Text{Text: text}}
}

func vectorFor(space, id string, nums ...float32) *pb.Embedding {
	e := &pb.Embedding{Meta: &pb.Meta{Key: agentstate.Key("embedding", space, id, "text")}, OfKey: agentstate.Key("memory", space, id), Field: "text", Model: "m", Dimensions: uint32(len(nums)), Element: pb.Embedding_ELEMENT_FLOAT32}
	for _, f := range nums {
		e.Vector = binary.LittleEndian.AppendUint32(e.Vector, math.Float32bits(f))
	}
	return e
}

func opened(t testing.TB, raw string) *Store {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Drivers()[0].Open(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return r.(*Store)
}

const uuid = "7d596492-2025-4b12-80e3-5cc906d5c6bd"

// TestScopes: spaces become scopes that mem0 lists by. Different ones stay different.
func TestScopes(t *testing.T) {
	var rs []agentstate.Record
	for i, path := range [][]string{{"users", "ada"}, {"users/ada"}, {"user_id", "u-1", "run_id", "r-1"}, {"store", "agent_id", "a-1"}, {"a b\tc"}, {"a%20b"}, {"run_id", "r", "user_id", "u"}, {"user_id", "white space"}, {}, {""}} {
		rs = append(rs, spaceOf(fmt.Sprint("s", i), path...))
	}
	for i := range len(rs) {
		rs = append(rs, textIn(fmt.Sprint("s", i), "m", fmt.Sprint("of ", i)))
	}
	rs = append(rs, &pb.Memory{Meta: &pb.Meta{Key: "memory/alone"}, Content: &pb.Memory_Text{Text: "of nobody"}})
	want := map[string]string{"of 0": "user_id/users%2Fada", "of 1": "user_id/users%252Fada", "of 2": "user_id/u-1/run_id/r-1", "of 3": "agent_id/a-1", "of 4": "user_id/a%2520b%2509c", "of 5": "user_id/a%252520b",
		"of 6": "user_id/run_id%2Fr%2Fuser_id%2Fu", "of 7": "user_id/user_id%2Fwhite%2520space", "of 8": "user_id/s8", "of 9": "user_id/graph", "of nobody": "user_id/graph"}
	for _, flavor := range []string{"js", "python"} {
		dst := opened(t, "mem0:"+filepath.Join(t.TempDir(), "new")+"?flavor="+flavor)
		rep, _ := apply(t, dst, other(t, rs...))
		if len(rep.Refused)+len(rep.Conflicts) > 0 {
			t.Errorf("%v %v", rep.Refused, rep.Conflicts)
		}
		got := map[string]string{}
		for _, m := range recordsOf[*pb.Memory](t, dst) {
			_, rest, _ := strings.Cut(strings.TrimPrefix(m.SpaceKey, "memoryspace/"), "/")
			got[m.GetText()] = rest
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", flavor, d)
		}
	}
}

// TestForeignTwice: memories arrive beside those of the target, a second run finds them, and undo takes
// them out again.
func TestForeignTwice(t *testing.T) {
	src := other(t, spaceOf("s", "users", "ada"), spaceOf("t", "users", "zoe"), textIn("s", "a", "with a vector"), textIn("s", uuid, "named by a UUID"), textIn("t", uuid, "named by the same"), textIn("t", "b", "with a vector of another length"),
		vectorFor("s", "a", 1, 2, 3, 4, 5, 6, 7, 8), vectorFor("t", "b", 1, 2, 3), vectorFor("s", uuid, 0.5, 2, 3, 4, 5, 6, 7, 8), vectorFor("s", "gone", 1, 2, 3, 4, 5, 6, 7, 8))
	for _, sample := range []string{"js", "python"} {
		t.Run(sample, func(t *testing.T) {
			dir := copied(t, sample)
			before, had := dump(t, dir), recordsOf[*pb.Embedding](t, Open(dir))
			dst := Open(dir)
			plan, err := replay.Plan(t.Context(), dst, src, &replay.Options{TargetModel: "m"})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(before, dump(t, dir)); d != "" {
				t.Errorf("the plan wrote: %s", d)
			}
			first, journal := apply(t, dst, src)
			if d := cmp.Diff(plan.Kinds, first.Kinds); d != "" {
				t.Errorf("the plan says other things than the run: %s", d)
			}
			if n := first.Kinds["memory"][replay.Created]; n != 4 {
				t.Errorf("%d memories, want 4: %v %v", n, first.Conflicts, first.Refused)
			}
			if n, skip := first.Kinds["embedding"][replay.Created], first.Kinds["embedding"][replay.Skipped]; n != 2 || skip != 2 {
				t.Errorf("%d vectors and %d that do not fit", n, skip)
			}
			if es := recordsOf[*pb.Embedding](t, dst); len(es) != len(had)+2 {
				t.Errorf("%d vectors, want %d and 2", len(es), len(had))
			}
			texts := map[string]bool{}
			for _, m := range recordsOf[*pb.Memory](t, dst) {
				texts[m.GetText()] = true
			}
			for _, want := range []string{"named by a UUID", "named by the same", "with a vector of another length", "Prefers °C, 24 h clock, ISO dates"} {
				if !texts[want] && !(sample == "js" && strings.HasPrefix(want, "Prefers")) {
					t.Errorf("no %q", want)
				}
			}
			again, _ := apply(t, dst, src)
			if again.Actions[replay.Created] != 0 || again.Kinds["memory"][replay.Same] != 4 || again.Kinds["embedding"][replay.Same] != 2 {
				t.Errorf("the second run: %v", again.Kinds)
			}
			if u := undo(t, dst, journal); u.LeftN != 0 {
				t.Errorf("undo leaves %v", u.Left)
			}
			if d := cmp.Diff(before, dump(t, dir)); d != "" {
				t.Errorf("after undo: %s", d)
			}
		})
	}
}

// TestForeignTargets: where it is not plain what is to be made, it is asked for.
func TestForeignTargets(t *testing.T) {
	src := other(t, spaceOf("s", "ada"), textIn("s", "a", "text"))
	two := copied(t, "js")
	apply(t, opened(t, "mem0:"+two+"?collection=notes"), src)
	for raw, want := range map[string]string{
		"mem0:" + filepath.Join(t.TempDir(), "new"): "add ?flavor=python or ?flavor=js",
		"mem0:" + two:                                   "add ?collection=NAME",
		"mem0:" + two + "?collection=notes":             "",
		"mem0:" + two + "?collection=history":           "is no collection but holds",
		"mem0:" + copied(t, "js") + "?collection=../up": "cannot be the name of a collection",
		"mem0:" + filepath.Join(t.TempDir(), "new") + "?flavor=python&collection=a/../b": "cannot be the name of a collection",
	} {
		_, _, err := tried(t, opened(t, raw), src)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
	}
	for _, bad := range []string{"mem0:x?flavor=ruby", "mem0:x?dims=0", "mem0:x?dims=many", "mem0:x?other=1", "mem0:"} {
		u, err := url.Parse(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Drivers()[0].Open(t.Context(), u); err == nil || !strings.HasPrefix(err.Error(), "mem0: ") && !errors.Is(err, exporters.ErrURL) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestForeignPostgres: a memory without a vector gets one that no search takes for a match.
func TestForeignPostgres(t *testing.T) {
	src := other(t, spaceOf("s", "ada"), textIn("s", "a", "has one"), textIn("s", "b", "has none"), textIn("s", "c", "holds a NUL \x00"), vectorFor("s", "a", 1, 2, 3))
	for _, flavor := range []string{"js", "python"} {
		u := database(t, "")
		dst := store(t, u, "")
		dst.flavor = flavor
		if _, _, err := tried(t, dst, src); err == nil || !strings.Contains(err.Error(), "add ?dims=N") {
			t.Errorf("%v", err)
		}
		dst.dims = 3
		rep, journal := apply(t, dst, src)
		if rep.Kinds["memory"][replay.Created] != 2 || rep.Kinds["memory"][replay.Refused] != 1 || rep.Kinds["embedding"][replay.Created] != 1 {
			t.Errorf("%v %v", rep.Kinds, rep.Refused)
		}
		if es := recordsOf[*pb.Embedding](t, dst); len(es) != 1 {
			t.Errorf("%d vectors, want 1", len(es))
		}
		if again, _ := apply(t, dst, src); again.Actions[replay.Created] != 0 {
			t.Errorf("%v", again.Kinds)
		}
		if u := undo(t, dst, journal); u.LeftN != 0 || len(recordsOf[*pb.Memory](t, dst)) != 0 {
			t.Errorf("undo leaves %v", u.Left)
		}
	}
}

// TestForeignModel: a vector of another model, or of one that nobody names, stays out however long it is.
func TestForeignModel(t *testing.T) {
	src := other(t, spaceOf("s", "ada"), textIn("s", "a", "likes tea"), vectorFor("s", "a", 1, 2, 3, 4, 5, 6, 7, 8))
	for model, want := range map[string]replay.Action{"m": replay.Created, "n": replay.Skipped, "": replay.Skipped} {
		rep, err := replay.Plan(t.Context(), Open(copied(t, "js")), src, &replay.Options{TargetModel: model})
		if err != nil {
			t.Fatal(err)
		}
		if rep.Kinds["embedding"][want] != 1 {
			t.Errorf("the target's model is said to be %q: %v, want %s", model, rep.Kinds["embedding"], want)
		}
	}
}
