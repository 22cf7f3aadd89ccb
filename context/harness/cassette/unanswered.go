package cassette

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/exitramp/exitramp/context/harness"
)

// lost are requests that got no answer, by why.
type lost map[string]uint64

func (l lost) add(more lost) {
	for why, n := range more {
		l[why] += n
	}
}

// tried is a request that got no answer so far.
type tried struct {
	lost lost          // what of it cannot be played
	kept lost          // what of it can
	in   *conversation // where that is kept
}

// maxTried is how many failures of one request are kept.
const maxTried = 100

// tried is where a request's failures are; nil: there are too many. One run's do not touch another's.
func (r *Recorder) tried(p *pending) *tried {
	where := p.where(r.run)
	if r.failed[where] == nil {
		if len(r.failed) == maxThreads {
			return nil
		}
		r.failed[where] = &tried{lost: lost{}, kept: lost{}}
	}
	return r.failed[where]
}

// where a request is: its messages, and what it asks for beside them. A failure of one model is not made good by
// another's answer.
func (p *pending) where(run int) string {
	asked := harness.Digest(newSetup(p.api.name(), p.q.Settings).json)
	return fmt.Sprintf("%d/%s/%s", run, state(p.items, true), asked)
}

// unanswered notes that p got none. A program that tries again may yet get one: see answered.
func (r *Recorder) unanswered(p *pending, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unansweredLocked(p, why)
}

func (r *Recorder) unansweredLocked(p *pending, why string) {
	if t := r.tried(p); t != nil {
		t.lost[why]++
	} else {
		r.beyond[why]++
	}
}

// keepFailure keeps what p got instead of an answer, in a conversation of its own: the program may go on
// as if it had not asked.
func (r *Recorder) keepFailure(p *pending, f *failure, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.repeats(p) {
		r.unansweredLocked(p, repeated)
		return
	}
	r.asked++
	t := r.tried(p)
	if t == nil || t.in != nil && len(t.in.exchanges) == maxTried {
		r.unansweredLocked(p, why)
		return
	}
	c := t.in
	fresh := c == nil
	if fresh {
		r.failures++
		c = &conversation{run: r.run, n: r.failures, failed: true}
	}
	x := &exchange{requested: p.q.Model, began: p.began, ended: r.o.Now()}
	if err := r.putFailure(c, x, p, f, fresh); err != nil {
		r.unansweredLocked(p, why)
		return
	}
	c.exchanges = append(c.exchanges, x)
	t.in = c
	t.kept[why]++
}

func (r *Recorder) putFailure(c *conversation, x *exchange, p *pending, f *failure, fresh bool) error {
	b := f.encode()
	if r.held += int64(len(b)); r.held > maxRecorded {
		return errors.New("the recording is full")
	}
	if fresh {
		before, err := r.before(p)
		if err != nil {
			return err
		}
		for _, m := range slices.Concat(before, c.new(p)) {
			if err := r.kept.putMessage(c, c.messages, m); err != nil {
				return err
			}
			c.messages++
		}
		if c.messages == 0 {
			return errors.New("it asks nothing")
		}
	}
	if err := r.kept.put(c, nativeFailure, len(c.exchanges), b); err != nil {
		return err
	}
	x.first = -1 // there is no message
	return r.putSettings(c, x, p)
}

// answered forgets the failures of a request that was asked again.
func (r *Recorder) answered(p *pending) {
	if len(r.failed) > 0 {
		delete(r.failed, p.where(r.run))
	}
}

// conversations are all that is kept, by run and then by the time of the first answer, or failure.
func (r *Recorder) conversations() []*conversation {
	var failed []*conversation
	for _, t := range r.failed {
		if t.in != nil {
			failed = append(failed, t.in)
		}
	}
	slices.SortFunc(failed, func(a, b *conversation) int { return a.n - b.n })
	all := slices.Concat(r.all, failed)
	slices.SortStableFunc(all, func(a, b *conversation) int {
		return cmp.Or(a.run-b.run, a.exchanges[0].ended.Compare(b.exchanges[0].ended))
	})
	return all
}

// Missing is how many requests passed that the recording does not have, by why.
func (r *Recorder) Missing() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.missing()
}

// missing are the requests that the recording does not have, by why.
func (r *Recorder) missing() lost {
	out := maps.Clone(lost(r.beyond))
	for _, t := range r.failed {
		out.add(t.lost)
	}
	return out
}

// Failures is how many failures of the model the recording has, by why. Those that a later try of the same
// request made good are not kept.
func (r *Recorder) Failures() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := lost{}
	for _, t := range r.failed {
		out.add(t.kept)
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
