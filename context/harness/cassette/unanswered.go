package cassette

import (
	"fmt"
	"net/http"
)

// lost are requests that got no answer which can be played, by why.
type lost map[string]uint64

// unanswered notes that p got none. A program that tries again may yet get one: see answered.
func (r *Recorder) unanswered(p *pending, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unansweredLocked(p, why)
}

func (r *Recorder) unansweredLocked(p *pending, why string) {
	where := state(p.items, true)
	if r.failed[where] == nil {
		if len(r.failed) == maxThreads {
			r.beyond[why]++
			return
		}
		r.failed[where] = lost{}
	}
	r.failed[where][why]++
}

// answered forgets the failures of a request that was asked again.
func (r *Recorder) answered(p *pending) { delete(r.failed, state(p.items, true)) }

// Missing is how many requests passed that the recording does not have, by why.
func (r *Recorder) Missing() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.missing()
}

// missing are the requests that the recording does not have, by why.
func (r *Recorder) missing() lost {
	out := lost{}
	for why, n := range r.beyond {
		out[why] += n
	}
	for _, l := range r.failed {
		for why, n := range l {
			out[why] += n
		}
	}
	return out
}

func refusedWith(code int) string {
	return fmt.Sprintf("requests that the model answered with status %d", code)
}

// unreachable tells the program that the model cannot be reached, and not why: an address may hold a password.
func (r *Recorder) unreachable(w http.ResponseWriter, req *http.Request, _ error) {
	if p, ok := req.Context().Value(pendingKey{}).(*pending); ok {
		r.unanswered(p, "requests that got no answer")
	}
	http.Error(w, `{"error":{"message":"cassette: the model cannot be reached","type":"unreachable"}}`, http.StatusBadGateway)
}
