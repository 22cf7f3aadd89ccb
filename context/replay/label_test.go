package replay_test

import (
	"context"
	"iter"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
)

// labelled gives every record a label of ours.
type labelled struct{ agentstate.Source }

func (l labelled) Unwrap() agentstate.Source { return l.Source }

func (l labelled) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		for r, err := range l.Source.Records(ctx, o) {
			if err == nil {
				agentstate.SetOwnLabel(r.GetMeta(), agentstate.LabelSecrets, `{"jwt":1}`)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// Labels of ours are about the archive: no runtime gets them.
func TestOwnLabels(t *testing.T) {
	src := memstate.Sample(1)
	dst := memstate.NewRuntime(nil)
	mustRun(t, dst, labelled{src}, journal(t), replay.Options{Approved: held(t, src)})
	n := 0
	for r, err := range dst.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		for _, l := range r.GetMeta().GetLabels() {
			if agentstate.IsOwnLabel(l) {
				t.Errorf("%s has %s", r.GetMeta().Key, l.Name)
			}
		}
	}
	if n < 10 {
		t.Errorf("%d records", n)
	}
}
