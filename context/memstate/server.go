package memstate

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Server is a service as agent runtimes have them, in memory: it lists the records of a kind page
// by page, counts them, and says who asks. With a Fault it misbehaves.
type Server struct {
	fault    Fault
	pageSize int
	blobs    *State

	mu       sync.Mutex
	kinds    map[string][]agentstate.Record // by key
	revision int                            // counts changes
	requests int
	failures int       // of the fault
	closed   time.Time // until then: 429
	strikes  int       // requests before that time
}

// NewServer serves the state records of s. Pages hold pageSize records.
func NewServer(s *State, pageSize int, fault Fault) *Server {
	srv := &Server{fault: fault, pageSize: pageSize, blobs: s, kinds: map[string][]agentstate.Record{}}
	for _, r := range s.recs {
		if k := agentstate.KindOf(r); agentstate.IsState(k) {
			srv.kinds[k] = append(srv.kinds[k], r)
		}
	}
	for _, rs := range srv.kinds {
		slices.SortFunc(rs, func(a, b agentstate.Record) int {
			return strings.Compare(a.GetMeta().GetKey(), b.GetMeta().GetKey())
		})
	}
	return srv
}

// StatusError is what a request is refused with.
type StatusError struct {
	Code       int
	RetryAfter time.Duration // with 429; 0: not said
	Permission string        // with 403: what is missing
}

// Error is the code, as in HTTP.
func (e *StatusError) Error() string { return fmt.Sprintf("memstate: status %d", e.Code) }

// Page is one page of a listing.
type Page struct {
	Items    []agentstate.Record
	Next     string // cursor of the next page; empty: this was the last
	Revision int    // of the whole service: another number means that something changed
}

// Caller is who asks.
type Caller struct {
	Principal string
	Reads     []string // kinds that it may read whole
}

// WhoAmI says who asks.
func (s *Server) WhoAmI(context.Context) (*Caller, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admit(); err != nil {
		return nil, err
	}
	c := &Caller{Principal: "role/exit-reader"}
	for _, k := range agentstate.StateKinds() {
		if k == faultyKind && (s.fault == Forbidden || s.fault == EmptyDenial) {
			continue
		}
		c.Reads = append(c.Reads, k)
	}
	return c, nil
}

// List is the page of kind that starts after cursor.
func (s *Server) List(ctx context.Context, kind, cursor string) (*Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admit(); err != nil {
		return nil, err
	}
	if kind == faultyKind {
		if p, err := s.lie(ctx, cursor); p != nil || err != nil {
			return p, err
		}
	}
	return s.page(kind, cursor), nil
}

// page is an honest page. The cursor is the last key that was seen.
func (s *Server) page(kind, cursor string) *Page {
	rs := s.kinds[kind]
	from, found := slices.BinarySearchFunc(rs, cursor, func(r agentstate.Record, k string) int {
		return strings.Compare(r.GetMeta().GetKey(), k)
	})
	if found {
		from++
	}
	to := min(from+s.pageSize, len(rs))
	p := &Page{Revision: s.revision}
	for _, r := range rs[from:to] {
		p.Items = append(p.Items, clone(r))
	}
	if to < len(rs) {
		p.Next = rs[to-1].GetMeta().GetKey()
	}
	return p
}

// Count is the number of records of kind.
func (s *Server) Count(_ context.Context, kind string) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admit(); err != nil {
		return 0, err
	}
	n := uint64(len(s.kinds[kind]))
	if kind == faultyKind {
		switch s.fault {
		case WrongTotal:
			return n - 1, nil
		case EmptyDenial:
			return 0, nil
		case Forbidden:
			return 0, &StatusError{Code: 403, Permission: permission}
		}
	}
	return n, nil
}

// Blob opens the bytes under id.
func (s *Server) Blob(ctx context.Context, b *pb.Blob) (io.ReadCloser, error) {
	return s.blobs.OpenBlob(ctx, b)
}

// Requests is the number of requests so far.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}
