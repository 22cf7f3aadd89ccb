package embed

import (
	"context"
	"errors"
	"fmt"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Meet refuses with ErrMixed a replay of src that would bring vectors of two models into one index of a
// target: there is a reading of it, and dst writes to it. It reads the vectors that the target holds. What
// the target has already as it comes mixes nothing: a plan tells. o is of the replay, with the name of the
// target's model where a person says it. unsaid: both are of one product, and neither says its model, so
// that a caller goes on and says so.
func Meet(ctx context.Context, src, there agentstate.Source, dst replay.Target, o *replay.Options) (unsaid bool, err error) {
	if o.Journal != nil && o.Journal.Run() != "" {
		return false, nil
	}
	have, err := held(ctx, there)
	if agentstate.IsUnanswered(err) { // it may hold some, and answer when Begin asks
		return false, fmt.Errorf("%w: %w", replay.ErrTarget, err)
	}
	if err != nil || len(have) == 0 && o.TargetModel == "" {
		return false, nil // what cannot be read holds nothing, or Begin says why
	}
	re, anew := agentstate.As[*Source](src)
	var come map[Model]uint64
	if anew {
		come = map[Model]uint64{re.keep.Model(): 1}
	} else if come, err = held(ctx, src); err != nil {
		return false, err
	}
	mixed := Unmixed(come, have, o.TargetModel)
	if mixed == nil {
		return false, nil
	}
	if errors.Is(mixed, ErrUnsaid) && !anew {
		from, err := productOf(ctx, src)
		if err != nil {
			return false, err
		}
		if at, err := productOf(ctx, there); err == nil && from == at {
			return true, nil
		}
	}
	if o.TargetModel == "" {
		quiet := *o
		quiet.OnReceipt, quiet.Refused, quiet.Reviewed, quiet.Journal = nil, nil, nil, nil
		rep, err := replay.Plan(ctx, dst, src, &quiet)
		if err != nil || !brings(rep) {
			return false, err
		}
	}
	return false, mixed
}

// productOf is the runtime that src is of.
func productOf(ctx context.Context, src agentstate.Source) (string, error) {
	for r, err := range src.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"memoryspace"}}) {
		if o, ok := r.(*pb.Origin); ok || err != nil {
			return o.GetProduct(), err
		}
	}
	return "", nil
}

// brings tells whether a plan adds vectors: by themselves, or inside of the records that they are views of.
func brings(rep *replay.Report) bool {
	inside := rep.Kinds["embedding"][replay.Skipped]
	for _, n := range rep.NoPlace["embedding"] {
		inside -= min(n, inside)
	}
	made := rep.Kinds["memory"][replay.Created] + rep.Kinds["entity"][replay.Created]
	return rep.Kinds["embedding"][replay.Created] > 0 || inside > 0 && made > 0
}
