package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/diskfull"
	"github.com/exitramp/exitramp/internal/lazyre"
)

// ShowsNothing tells whether err, of a target that was to be read back, is none of the target's: it gave no answer, this
// machine has no room, another run has the journal, or the archive was exchanged.
func ShowsNothing(err error) bool {
	return agentstate.IsUnanswered(err) || diskfull.Is(err) || errors.Is(err, ErrExchanged) || errors.Is(err, replay.ErrJournal)
}

// failed is an error of a phase behind a replay that was whole. The first time, or in another way than the time before,
// the drill goes on when it is run again; in the same way again, an exit would have ended there. What shows nothing does
// not, however often. That a drill ends there is kept before anything is taken out of the target: what is read back from
// then on is not what was replayed.
func (r *run) failed(ctx context.Context, phase string, err error) error {
	if ctx.Err() != nil || ShowsNothing(err) {
		return broken(phase, err)
	}
	sum := hexSum([]byte(phase + "\n" + sameWay(err.Error())))
	if r.st.Failed == sum {
		r.stopped(phase, err)
		r.st.Stopped = r.stop
		return r.st.save()
	}
	r.st.Failed = sum
	return fmt.Errorf("%w; if it fails in the same way again, the drill ends there", broken(phase, err))
}

// longNumber is one that differs from time to time: of a process, a port, an offset, a temporary file. A status and an
// exit code are shorter, and a code of SQL is named; another one of those is another failure.
var longNumber = lazyre.New(`SQLSTATE \w+|[0-9]{4,}`)

// sameWay is a text without what differs where the same fails again.
func sameWay(s string) string {
	return longNumber().ReplaceAllStringFunc(s, func(n string) string {
		if strings.HasPrefix(n, "SQLSTATE ") {
			return n
		}
		return "0"
	})
}
