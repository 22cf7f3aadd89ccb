package exitdrill_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestErased: what must not come back does not, and a target that has it still is found out.
func TestErased(t *testing.T) {
	t.Parallel()
	for _, there := range []bool{false, true} {
		p := newPlace(t)
		p.write("erased", "memory/ada/0002\n")
		if there {
			p.runtimes["target"].Set(&pb.Memory{Meta: agentstate.Meta("memory", nil, "ada", "0002"), Content: &pb.Memory_Text{Text: "likes tea 0002"}})
		}
		out := p.run(p.plan("replay: {approve: DIR/approvals}", "replay: {approve: DIR/approvals, tombstones: [DIR/erased]}"))
		s := out.Predicate.Safety
		if s.Tombstones != 1 || (s.Revived == 1) != there || (out.Judgement.Verdict == evidence.VerdictFail) != there {
			t.Errorf("%v: %+v, %v", there, s, out.Judgement)
		}
	}
}

// TestErasedNothing: a key that no record of the archive answers to is said beside those that one does.
func TestErasedNothing(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]string{
		"memory/ada/0002\nprincipal/ada\n":   "2 tombstones, 0 revived",
		"memory/ada/0002\nmemory/ada/0020\n": "2 tombstones, 0 revived; in the archive there is nothing under 1 of them: erased at the source before, or misspelt",
	} {
		p := newPlace(t)
		p.write("erased", keys)
		out := p.run(p.plan("replay: {approve: DIR/approvals}", "replay: {approve: DIR/approvals, tombstones: [DIR/erased]}"))
		if c := check(out, 32); c.Result != evidence.Pass || c.Why != want {
			t.Errorf("%q: %+v", keys, c)
		}
	}
}

// TestRevivedMany: one tombstone may speak of many records, and the evidence does not count them as one.
func TestRevivedMany(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.write("erased", "principal/ada\n")
	for _, id := range []string{"0001", "0002", "0003"} {
		p.runtimes["target"].Set(&pb.Memory{Meta: agentstate.Meta("memory", nil, "ada", id), Content: &pb.Memory_Text{Text: "x"}})
	}
	out := p.run(p.plan("replay: {approve: DIR/approvals}", "replay: {tombstones: [DIR/erased]}"))
	if c := check(out, 32); c.Result != evidence.Fail || c.Why != "3 records that tombstones speak of are in the target; 1 tombstones" {
		t.Errorf("%+v, %+v", c, out.Predicate.Safety)
	}
	if csv := artefact(t, out, "csv/safety.csv"); !strings.Contains(csv, "\nerasures_revived,3,,") {
		t.Errorf("of one tombstone, three: %s", csv)
	}
}

// TestTombstoned: what the archive has a tombstone of is not in the target, whoever brought it there; what it has
// as well came back at the source, and belongs there.
func TestTombstoned(t *testing.T) {
	t.Parallel()
	for _, there := range []bool{false, true} {
		p := newPlace(t)
		for _, id := range []string{"erased", "0002"} {
			p.runtimes["source"].Set(&pb.Tombstone{Meta: agentstate.Meta("tombstone", nil, "memory/ada/"+id), OfKey: "memory/ada/" + id, Reason: "erasure"})
		}
		if there {
			p.runtimes["target"].Set(&pb.Memory{Meta: agentstate.Meta("memory", nil, "ada", "erased"), Content: &pb.Memory_Text{Text: "x"}})
		}
		out := p.run(p.plan())
		s := out.Predicate.Safety
		if s.Tombstones != 2 || (s.Revived == 1) != there || (out.Judgement.Verdict == evidence.VerdictFail) != there || (check(out, 32).Result == evidence.Fail) != there {
			t.Errorf("%v: %+v, %+v, %v", there, s, check(out, 32), out.Judgement)
		}
	}
}

// TestErasedAll: where everything must not be revived, nothing was to arrive, and no place of the target is blamed.
func TestErasedAll(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	var keys strings.Builder
	n := 0
	for r, err := range p.runtimes["source"].Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if k := r.GetMeta().GetKey(); agentstate.IsState(agentstate.KindOf(r)) {
			keys.WriteString(k + "\n")
			n++
		}
	}
	p.write("erased", keys.String())
	out := p.run(p.plan("replay: {approve: DIR/approvals}", "replay: {approve: DIR/approvals, tombstones: [DIR/erased]}"))
	want := fmt.Sprintf("it has no place for 0; %d must not be revived", n)
	if c := check(out, 33); c.Result != evidence.Untold || !strings.HasSuffix(c.Why, want) {
		t.Errorf("want %q: %+v", want, c)
	}
}
