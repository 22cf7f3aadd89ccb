package cassette

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// runs are what a recording says beside its messages.
type runs struct {
	asked  map[string][32]byte // settings by key of the run
	setups map[[32]byte][]byte
	read   map[string]setup    // of those
	failed map[string][]*reply // by key of the conversation that ends so
}

func newRuns() runs {
	return runs{map[string][32]byte{}, map[[32]byte][]byte{}, map[string]setup{}, map[string][]*reply{}}
}

// add takes a run, and says how many bytes of it are held.
func (r *runs) add(ctx context.Context, src agentstate.Source, run *pb.Run) (int, error) {
	held := 0
	var settings []byte
	var failed *failure
	for _, n := range run.GetMeta().GetNative() {
		if n.Type != nativeSettings && n.Type != nativeFailure || n.GetData() == nil {
			continue
		}
		res := agentstate.ResolverOf(src)
		res.Limit = 3 * maxBody // a body is longer as JSON
		b, err := res.Data(ctx, n.GetData())
		if err != nil {
			return 0, fmt.Errorf("cassette: %s: %w", run.Meta.GetKey(), err)
		}
		if n.Type == nativeFailure {
			if failed = asFailure(b); failed != nil {
				held += len(failed.Body) + len(failed.Rest)
			}
			continue
		}
		settings = b
		sum := sha256.Sum256(b)
		if r.setups[sum] == nil {
			r.setups[sum] = b
			held += len(b)
		}
		r.asked[run.Meta.GetKey()] = sum
	}
	if failed != nil {
		x := &reply{key: run.Meta.GetKey(), failed: failed}
		if settings != nil {
			x.asked = readSetup(failed.API, settings)
		}
		r.failed[run.ConversationKey] = append(r.failed[run.ConversationKey], x)
	}
	return held, nil
}

// setup is what was asked for in a run.
func (r *runs) setup(api, key string) setup {
	sum, ok := r.asked[key]
	if !ok {
		return setup{}
	}
	k := api + string(sum[:])
	if _, ok := r.read[k]; !ok {
		r.read[k] = readSetup(api, r.setups[sum])
	}
	return r.read[k]
}
