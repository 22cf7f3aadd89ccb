package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/diskfull"
)

// ShowsNothing tells whether err, of a target that was to be read back, is none of the target's: it gave no answer, this
// machine has no room, another run has the journal, or the archive was exchanged.
func ShowsNothing(err error) bool {
	return agentstate.IsUnanswered(err) || diskfull.Is(err) || errors.Is(err, ErrExchanged) || errors.Is(err, replay.ErrJournal)
}

// failed is an error of a phase behind a replay that was whole. The first time, or in another way than the time before,
// the drill goes on when it is run again; in the same way again, whatever numbers are in it, an exit would have ended there. What shows nothing does
// not, however often. That a drill ends there is kept before anything is taken out of the target: what is read back from
// then on is not what was replayed.
func (r *run) failed(ctx context.Context, phase string, err error) error {
	if ctx.Err() != nil || ShowsNothing(err) {
		return broken(phase, err)
	}
	sum := hexSum([]byte(phase + "\n" + numberless(err.Error())))
	if r.st.Failed == sum {
		r.stopped(phase, err)
		r.st.Stopped = r.stop
		return r.st.save()
	}
	r.st.Failed = sum
	return fmt.Errorf("%w; if it fails in the same way again, the drill ends there", broken(phase, err))
}

// numberless is a text without its numbers: of a process, a port or an offset, they are others each time.
func numberless(s string) string {
	var out strings.Builder
	in := false
	for _, c := range s {
		if digit := '0' <= c && c <= '9'; !digit {
			out.WriteRune(c)
			in = false
		} else if !in {
			out.WriteByte('0')
			in = true
		}
	}
	return out.String()
}
