package drivertest

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
)

// Canary is a word of a content, which no reason may quote.
const Canary = "s3cret"

// Partly replays src into dst, whose rules keep some of it out, and counts what became of it. All that the plan has is written or refused, what was
// written reads back, and is undone. No refusal has the word Canary, which is of a content.
func Partly(t testing.TB, dst interface {
	agentstate.Source
	replay.Target
}, src agentstate.Source, want map[string]uint64) {
	t.Helper()
	plan, err := replay.Plan(t.Context(), dst, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	got := map[string]uint64{}
	rep, err := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j, OnReceipt: func(rc replay.Receipt) {
		if strings.Contains(rc.Why, Canary) {
			t.Errorf("a value in %q", rc.Why)
		}
		if rc.Action == replay.Created || rc.Action == replay.Refused {
			got[rc.Action.String()+" "+agentstate.KindOfKey(rc.Key)]++
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	sum := func(m map[string]map[replay.Action]uint64) (n uint64) {
		for _, k := range m {
			n += k[replay.Created] + k[replay.Refused]
		}
		return n
	}
	if a, b := sum(plan.Kinds), sum(rep.Kinds); a != b {
		t.Errorf("the plan has %d records, the run %d", a, b)
	}
	back, err := replay.ReadBack(t.Context(), src, dst, j)
	if err != nil || back.MissingN > 0 || len(back.Unannounced) > 0 {
		t.Errorf("%v, %+v", err, back)
	}
	if left, err := replay.Undo(t.Context(), dst, j); err != nil || left.LeftN > 0 {
		t.Errorf("undo: %+v %v", left, err)
	}
}
