package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// ErrInfeasible: writing would take longer than MostTime at the target's limits.
var ErrInfeasible = errors.New("replay: INFEASIBLE")

// MostTime is how long a replay may take: a switch between providers has thirty days.
const MostTime = 30 * 24 * time.Hour

// An Estimator is a Target that knows how fast it may be written.
type Estimator interface {
	// Estimate is how long l takes at the least, by the target's own limits, and how that was
	// computed, for people. An empty formula: it cannot say.
	Estimate(l Load) (d time.Duration, formula string)
}

// Load is what a run writes.
type Load struct {
	Records map[string]uint64 // by kind
	Longest uint64            // messages of the longest conversation
}

// tally counts a load as it passes by. Messages of one conversation stand together.
type tally struct {
	Load
	conversation string
	n            uint64 // of its messages so far
}

func (t *tally) add(r agentstate.Record) {
	if t.Records == nil {
		t.Records = map[string]uint64{}
	}
	t.Records[agentstate.KindOf(r)]++
	m, ok := r.(*pb.Message)
	if !ok {
		return
	}
	if m.ConversationKey != t.conversation {
		t.conversation, t.n = m.ConversationKey, 0
	}
	t.n++
	t.Longest = max(t.Longest, t.n)
}

// estimate notes what the target says of a load.
func (r *Report) estimate(dst Target, l Load) {
	if e, ok := dst.(Estimator); ok {
		r.Time, r.Formula = e.Estimate(l)
	}
}

// Infeasible tells whether writing would take longer than MostTime.
func (r *Report) Infeasible() bool { return r.Formula != "" && r.Time > MostTime }

func (r *Report) infeasible() error {
	return fmt.Errorf("%w: %s at the target's limits, more than %d days: %s", ErrInfeasible, r.Time.Round(time.Hour), int(MostTime.Hours()/24), r.Formula)
}

// feasible is ErrInfeasible where the run of src into dst would take too long. It counts what comes,
// and plans only where all of that would be too much: the target may hold most of it already.
func feasible(ctx context.Context, dst Target, src agentstate.Source, o *Options) error {
	if e, ok := dst.(Estimator); !ok || o.AcceptSlow {
		return nil
	} else if _, formula := e.Estimate(Load{}); formula == "" {
		return nil // it cannot say
	}
	var t tally
	last := "the beginning"
	for r, err := range before(src).Records(ctx, &agentstate.ReadOptions{Kinds: o.Kinds}) {
		if err != nil {
			return fmt.Errorf("%w: after %s: %w", ErrSource, last, err)
		}
		if r != nil && r.ProtoReflect().IsValid() && agentstate.IsState(agentstate.KindOf(r)) {
			t.add(r)
			last = r.GetMeta().GetKey()
		}
	}
	all := newReport()
	if all.estimate(dst, t.Load); !all.Infeasible() {
		return ctx.Err()
	}
	now, err := Plan(ctx, dst, src, o.quiet())
	if err != nil {
		return err
	}
	if now.Infeasible() {
		return now.infeasible()
	}
	return nil
}

// quiet is o for a plan that nobody sees.
func (o *Options) quiet() *Options {
	q := *o
	q.OnReceipt, q.OnWaiting, q.Refused, q.Reviewed, q.Journal = nil, nil, nil, nil, nil
	return &q
}
