package agentcore

import (
	"context"
	"strings"
	"sync"
	"time"
)

// slow is the rate at which the requests of an operation begin: what the service's page of quotas
// gives, where that is less than 20 a second. More is tried as long as the service takes it.
func slow(op string) float64 {
	switch {
	case op == "CreateMemory", op == "DeleteMemory":
		return 3
	case op == "ListMemories", strings.Contains(op, "Polic"):
		return 5
	case strings.Contains(op, "Gateway"):
		return 10
	}
	return 20
}

// Requests a second of one session that the service allows, whatever the account's quotas are. The
// rates of operations are found out; these are fixed.
const (
	createSpoken = 5 // CreateEvent with a conversational payload
	createBlobs  = 10
	listOne      = 20 // ListEvents
	deleteOne    = 5  // DeleteEvent
)

// session is the allowance of one operation in one session.
type session struct {
	left float64
	at   time.Time
}

// turn waits until one more request of an operation may be made in a session.
func (c *client) turn(ctx context.Context, of string, rate float64) error {
	rate *= c.session
	if rate <= 0 {
		return nil
	}
	c.mu.Lock()
	if len(c.turns) > 4096 { // those that are full, as most are, start full again
		clear(c.turns)
	}
	now := time.Now()
	s := c.turns[of]
	if s == nil {
		s = &session{left: rate / 2, at: now}
		c.turns[of] = s
	}
	s.left = min(rate/2, s.left+now.Sub(s.at).Seconds()*rate) - 1
	s.at = now
	wait := time.Duration(-s.left / rate * float64(time.Second))
	c.mu.Unlock()
	if wait <= 0 {
		return ctx.Err()
	}
	return sleep(ctx, wait)
}

func (c *client) paceOf(op string) *pace {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pace[op]
	if p == nil {
		p = &pace{max: c.max, rate: min(c.max, c.start)}
		switch {
		case c.auto && c.elsewhere:
			p.rate = c.start
		case c.auto:
			p.rate = min(p.rate, slow(op))
		}
		c.pace[op] = p
	}
	return p
}

// pace spaces the requests of one operation. It rises until the service refuses, stays a little
// below that, and comes near to it again slowly.
type pace struct {
	mu        sync.Mutex
	max, rate float64
	ceiling   float64   // the rate at which the service refused last; 0: it never did
	next      time.Time // of the next request
	hold      time.Time // until when there is none
	slowed    time.Time // when the rate was lowered last
	raised    time.Time
	since     time.Time // when oks were counted from
	oks       int
}

// wait takes the next place in the row, and comes back when its time has come. Where the service
// refused one meanwhile, those that wait line up again behind what it asked for.
func (p *pace) wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		now := time.Now()
		at := p.next
		if at.Before(now) {
			at = now
		}
		p.next = at.Add(time.Duration(float64(time.Second) / p.rate))
		p.mu.Unlock()
		if d := time.Until(at); d > 0 {
			if err := sleep(ctx, d); err != nil {
				return err
			}
		}
		p.mu.Lock()
		held := p.hold.After(time.Now())
		p.mu.Unlock()
		if !held {
			return ctx.Err()
		}
	}
}

// now is the present rate, requests a second.
func (p *pace) now() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rate
}

func (p *pace) ok() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.oks++; p.since.IsZero() {
		p.since = now
	}
	switch {
	case p.ceiling == 0 && now.Sub(p.raised) > 250*time.Millisecond:
		p.rate, p.raised = min(p.max, p.rate*1.25), now
	case p.ceiling == 0 || now.Sub(p.slowed) < 3*time.Second || now.Sub(p.raised) < 2*time.Second:
	case p.rate < 0.95*p.ceiling:
		p.rate, p.raised = min(p.max, p.rate*1.02, 0.95*p.ceiling), now
	case now.Sub(p.slowed) > 30*time.Second:
		p.rate, p.raised, p.ceiling = min(p.max, p.rate*1.02), now, p.ceiling*1.02
	}
}

func (p *pace) slow(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.slowed) > time.Second+after { // those that were under way are one refusal
		f := 0.93
		if p.ceiling == 0 { // it rose fast, and a service forgives a burst: the truth is lower
			f = 0.83
		}
		p.ceiling = p.rate
		to := p.rate * f
		if s := now.Sub(p.since).Seconds(); s > 0.5 && !p.since.IsZero() { // what went through says more
			to = max(p.rate/2, min(to, float64(p.oks)/s))
		}
		p.rate, p.slowed, p.oks, p.since = max(0.2, to), now, 0, time.Time{}
	}
	t := now.Add(max(after, 50*time.Millisecond))
	if p.next.Before(t) {
		p.next = t
	}
	if p.hold.Before(t) {
		p.hold = t
	}
}
