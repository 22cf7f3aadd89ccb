package memstate

import (
	"context"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Fault is a way in which a service misbehaves.
type Fault string

// The faults. The first group loses or hides records: no reading of it may end RECONCILED. The
// second passes: a reading waits, tries again and ends with the same records as without. The third
// never answers: a cancelled reading ends at once.
const (
	HiddenPage    Fault = "hidden page"          // the second page is passed over; the count is true
	WrongTotal    Fault = "wrong total"          // the count says one less
	LoopingCursor Fault = "looping cursor"       // the second page leads back to the first
	DuplicatePage Fault = "duplicate page"       // the second page comes twice
	ChangeInRead  Fault = "change while reading" // a record goes, another comes behind the cursor; the count stays
	Forbidden     Fault = "one 403"              // one kind may not be read
	EmptyDenial   Fault = "empty denial"         // one kind may not be read, and that looks like none
	ServerError   Fault = "500"                  // the second page is never answered with anything else

	Throttled  Fault = "429"     // with Retry-After; who comes back earlier is shut out
	BrokenOnce Fault = "one 500" // the second page is answered at the third attempt

	Hanging Fault = "hanging page" // the second page is never answered
)

// LosingFaults are those after which no reading may end RECONCILED.
func LosingFaults() []Fault {
	return []Fault{HiddenPage, WrongTotal, LoopingCursor, DuplicatePage, ChangeInRead, Forbidden, EmptyDenial, ServerError}
}

// PassingFaults are those that a reading outlasts.
func PassingFaults() []Fault { return []Fault{Throttled, BrokenOnce} }

// faultyKind is the kind that a Server lies about. It needs three pages of it.
const faultyKind = "memory"

// permission is what a Server says is missing.
const permission = "state:List" + faultyKind

// retryAfter is how long a throttled Server wants to be left alone.
const retryAfter = 5 * time.Millisecond

// admit counts a request, and refuses it when the service is throttled.
func (s *Server) admit() error {
	s.requests++
	if s.fault != Throttled {
		return nil
	}
	switch now := time.Now(); {
	case s.strikes > 2:
		return &StatusError{Code: 403}
	case now.Before(s.closed):
		s.strikes++
		return &StatusError{Code: 429, RetryAfter: s.closed.Sub(now)}
	case s.requests%4 == 0:
		s.closed = now.Add(retryAfter)
		return &StatusError{Code: 429, RetryAfter: retryAfter}
	}
	return nil
}

// lie answers a request for a page of the faulty kind; nil and nil: an honest answer is due.
func (s *Server) lie(ctx context.Context, cursor string) (*Page, error) {
	first := s.page(faultyKind, "")
	second := cursor == first.Next && cursor != ""
	switch s.fault {
	case Forbidden:
		return nil, &StatusError{Code: 403, Permission: permission}
	case EmptyDenial:
		return &Page{Revision: s.revision}, nil
	}
	if !second {
		return nil, nil
	}
	p := s.page(faultyKind, cursor)
	switch s.fault {
	case HiddenPage:
		return s.page(faultyKind, p.Next), nil
	case LoopingCursor:
		last := first.Items[0].GetMeta().GetKey()
		p.Next = last[:len(last)-1] // before the first
		return p, nil
	case DuplicatePage:
		if s.failures++; s.failures == 1 {
			p.Next = cursor
		}
		return p, nil
	case ChangeInRead:
		if s.failures++; s.failures == 1 {
			s.change()
			return s.page(faultyKind, cursor), nil
		}
	case ServerError:
		return nil, &StatusError{Code: 500}
	case BrokenOnce:
		if s.failures++; s.failures < 3 {
			return nil, &StatusError{Code: 500}
		}
	case Hanging:
		s.mu.Unlock()
		<-ctx.Done()
		s.mu.Lock()
		return nil, ctx.Err()
	}
	return nil, nil
}

// change takes the last record away and puts one before the first.
func (s *Server) change() {
	rs := s.kinds[faultyKind]
	key := rs[0].GetMeta().GetKey()
	fresh := &pb.Memory{Meta: &pb.Meta{Key: key[:len(key)-1]}, SpaceKey: rs[0].(*pb.Memory).SpaceKey}
	s.kinds[faultyKind] = append([]agentstate.Record{fresh}, rs[:len(rs)-1]...)
	s.revision++
}
