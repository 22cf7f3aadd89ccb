package exitdrill_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exitdrill"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestInto: a plan with two targets is two drills over one archive. What the plan does not replay into a
// target is listed, and counts neither as arrived nor as lost on the way.
func TestInto(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.runtimes["second"] = memstate.NewRuntime(nil)
	pl := p.plan("target: mem:target\n", "into:\n  - {name: all, target: \"mem:target\", kinds: []}\n  - {name: memories, target: \"mem:second\", kinds: [memory, memoryspace, principal]}\n"+
		"accepted_losses: [{kind: memory, path: name, by: ada, until: 2099-01-01, into: Memories}]\n")
	if _, err := exitdrill.Run(t.Context(), pl, &p.opts); !errors.Is(err, exitdrill.ErrSeveral) {
		t.Fatal(err)
	}
	list := pl.Each()
	if len(list) != 2 || list[0].Name != "q-all" || list[1].Name != "q-memories" || pl.Of("memories").Name != "q-memories" || pl.Of("other") != nil {
		t.Fatalf("%d drills: %+v", len(list), list)
	}
	if _, err := exitdrill.Run(t.Context(), list[1], &p.opts); err == nil || !strings.Contains(err.Error(), "q-all makes the archive") {
		t.Errorf("the second before the first: %v", err)
	}
	first := p.run(list[0])
	if first.Judgement.Verdict != evidence.VerdictPass {
		t.Errorf("%v", first.Judgement)
	}
	out := p.run(list[1])
	if out.Judgement.Verdict != evidence.VerdictPassWithLoss || out.Predicate.Archive.ManifestSHA256 != first.Predicate.Archive.ManifestSHA256 {
		t.Errorf("%v", out.Judgement)
	}
	memory, message := kind(out, "memory"), kind(out, "message")
	if memory.Matched != 6 || memory.Stays != 0 || memory.Canaries.Planted != 1 || message.Stays != message.Archived || message.Archived == 0 || message.Canaries.Planted != 0 {
		t.Errorf("%+v\n%+v", memory, message)
	}
	stays := 0
	for _, l := range out.Predicate.Losses {
		if l.Why == "the plan leaves them in the archive" {
			stays++
		}
	}
	if arrived, due := out.Predicate.Survival(); stays == 0 || arrived != due || due >= out.Predicate.Archive.Records || !strings.Contains(check(out, 33).Why, "stay in the archive, as the plan has it") {
		t.Errorf("%d losses, %d of %d arrived: %s", stays, arrived, due, check(out, 33).Why)
	}
	if said := strings.Join(out.Predicate.Limits, " "); !strings.Contains(said, "made by the drill q-all") || !strings.Contains(said, "replays memory, memoryspace, principal") {
		t.Error(said)
	}
	if n := p.runtimes["second"].Len(); n == 0 || n >= p.runtimes["target"].Len() {
		t.Errorf("%d records", n)
	}
	// An archive that was exchanged between the two is found out.
	p.runtimes["second"] = memstate.NewRuntime(nil)
	if err := os.Remove(filepath.Join(p.dir, "out", "q-memories.statement.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(p.dir, "out", "q-memories.journal")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(p.dir, "a.ctxa")); err != nil {
		t.Fatal(err)
	}
	p.run(p.plan("name: q", "name: other", "level: L3", "level: L1", "ledger: DIR/out/drills.jsonl", "ledger: DIR/out/other.jsonl"))
	again := p.run(list[1])
	if check(again, 26).Result != evidence.Fail {
		t.Errorf("%+v", check(again, 26))
	}
}

// TestFirstEnds: where the first drill made no archive, those after it do not begin.
func TestFirstEnds(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	delete(p.runtimes, "source")
	list := p.plan("target: mem:target\n", "into:\n  - {name: a, target: \"mem:target\"}\n  - {name: b, target: \"mem:target\"}\n").Each()
	if out := p.run(list[0]); out.Predicate.Drill.Stopped == nil {
		t.Fatal(out.Judgement)
	}
	if _, err := exitdrill.Run(t.Context(), list[1], &p.opts); !errors.Is(err, drill.ErrNoArchive) {
		t.Error(err)
	}
}

// TestEmbedder: a drill makes vectors anew with the plan's embedder, and reads them back; what searches
// find is compared over both models. Without one, a target of another model is refused.
func TestEmbedder(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	held := func(rt *memstate.Runtime, model string) {
		for i := range 6 {
			rt.Set(&pb.Embedding{Meta: agentstate.Meta("embedding", nil, "ada", fmt.Sprintf("%04d", i+1)), OfKey: fmt.Sprintf("memory/ada/%04d", i+1), Field: "text", Model: model,
				Dimensions: 2, Element: pb.Embedding_ELEMENT_FLOAT32, Vector: []byte{0, 0, 128, 63, byte(i), 0, 128, 63}})
		}
	}
	held(p.runtimes["source"], "e1")
	p.runtimes["source"].Set(&pb.Memory{Meta: agentstate.Meta("memory", nil, "ada", "silent")}) // with no text to make a vector of
	p.runtimes["source"].Set(&pb.Embedding{Meta: agentstate.Meta("embedding", nil, "ada", "silent"), OfKey: "memory/ada/silent", Field: "text", Model: "e1", Dimensions: 2, Element: pb.Embedding_ELEMENT_FLOAT32, Vector: make([]byte, 8)})
	embedder := fmt.Sprintf("embedder: {command: [%q, embed, words-1]}\nrecall: {queries: 5, k: 2, seed: 7}\nnext_review", os.Args[0])
	out := p.run(p.plan("next_review", embedder))
	v, rc := out.Predicate.Vectors, out.Predicate.Recall
	if v == nil || v.Texts < 6 || v.Asked == 0 || v.Model != "words-1, 16 numbers" {
		t.Fatalf("%+v", v)
	}
	if rc == nil || rc.ModelBefore != "e1" || rc.ModelAfter != "words-1" || check(out, 39).Result == evidence.Untold {
		t.Errorf("%+v, %+v", rc, check(out, 39))
	}
	if out.Judgement.Verdict == evidence.VerdictFail || check(out, 34).Result == evidence.Fail || check(out, 37).Result != evidence.Warn || !strings.Contains(check(out, 37).Why, "made anew with words-1, 16 numbers, 1 were not") {
		t.Errorf("%v, %+v", out.Judgement, check(out, 37))
	}
	if why := check(out, 33).Why; strings.Contains(why, "no place in the target") || !strings.Contains(why, "1 vectors could not be made anew") {
		t.Error(why)
	}
	for r, err := range p.runtimes["target"].Records(t.Context(), nil) {
		if e, ok := r.(*pb.Embedding); err != nil || ok && (e.Model != "words-1" || e.Dimensions != 16) {
			t.Fatalf("%v %+v", err, r)
		}
	}
	// The archive's own vectors do not come to lie beside those of another model.
	p.runtimes["target"] = memstate.NewRuntime(nil)
	p.runtimes["target"].Set(&pb.Embedding{Meta: agentstate.Meta("embedding", nil, "mine"), Model: "e2", Dimensions: 2})
	out = p.run(p.plan("name: q", "name: mixed", "mode: planned", "mode: stressed"))
	if s := out.Predicate.Drill.Stopped; s == nil || s.Phase != "plan" || !strings.Contains(s.Why, "two models in one index") || p.runtimes["target"].Len() != 1 {
		t.Errorf("%+v", s)
	}
}

// TestIntoMap: names are those that the map makes of the whole state, also where some kinds alone are replayed.
func TestIntoMap(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.write("map.yaml", "namespaces: {\"users/*\": \"people/*\"}\nunmapped: {namespaces: keep}\n")
	for _, kinds := range []string{"memory", "memory, memoryspace"} {
		name := strings.ReplaceAll(kinds, ", ", "-")
		p.runtimes[name] = memstate.NewRuntime(nil)
		pl := p.plan("target: mem:target\n", fmt.Sprintf("into: [{name: %s, target: \"mem:%s\", kinds: [%s], map: DIR/map.yaml}]\n", name, name, kinds), "DIR/a.ctxa", "DIR/"+name+".ctxa")
		out := p.run(pl.Each()[0])
		if out.Judgement.Verdict != evidence.VerdictPassWithLoss || check(out, 33).Result == evidence.Fail || check(out, 34).Result == evidence.Fail {
			t.Errorf("%s: %v\n%+v\n%+v", kinds, out.Judgement, check(out, 33), check(out, 34))
		}
	}
}
