package drill

import (
	"context"
	"fmt"

	"github.com/exitramp/exitramp/context/agentstate"
)

// failed is an error of a phase behind a replay that was whole. The first time, or in another way than the time before,
// the drill goes on when it is run again; in the same way again, an exit would have ended there. What gives no answer
// shows nothing, however often.
func (r *run) failed(ctx context.Context, phase string, err error) error {
	if goesOn(ctx, err) || agentstate.IsUnanswered(err) {
		return broken(phase, err)
	}
	sum := hexSum([]byte(phase + "\n" + err.Error()))
	if r.st.Failed == sum {
		r.stopped(phase, err)
		return nil
	}
	r.st.Failed = sum
	return fmt.Errorf("%w; if it fails in the same way again, the drill ends there", broken(phase, err))
}
