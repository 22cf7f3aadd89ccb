// Package agentcorefake is Amazon Bedrock AgentCore as far as exitramp uses it: a stateful
// http.Handler that any AWS SDK can talk to. It shares no type with the driver, so that a
// misunderstanding of one does not hide in the other.
//
// Requests and responses are checked against the provider's public model. What the fake does
// beyond that is listed in Facts, each with its source; guesses are marked as such.
package agentcorefake

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Options say how the service behaves. The zero value answers at once and denies nothing.
type Options struct {
	Region, Account string           // empty: eu-central-1, 123456789012
	Now             func() time.Time // nil: time.Now
	Latency         time.Duration    // of every answer
	Rate            float64          // requests a second that are allowed, of each operation; 0: all
	SessionLimits   bool             // the fixed rates of one session hold too
	RetryAfter      time.Duration    // what a 429 asks for; 0: one second
	VisibleAfter    time.Duration    // records are listed so long after they were created
	Working         time.Duration    // policies and memories are being made, or unmade, for so long
	PageCap         int              // pages hold no more, whatever is asked for; 0: as asked
	ItemCap         int              // a listing ends after so many items, and does not say so
	PageLimit       int              // a listing ends after so many pages, and does not say so
	// FailRecord is asked for each record of a batch; above 0: the record fails with this code, and the
	// rest of the batch is carried out.
	FailRecord func(record map[string]any) int
	// Fault is asked before each request; n counts the requests of the operation from 1. A nil
	// answer lets the request through.
	Fault func(op string, n int, labels map[string]string, body map[string]any) *Fault
}

// A Fault is an answer in place of the service's own.
type Fault struct {
	Status     int
	Type       string // "ThrottledException"
	Message    string
	RetryAfter string
	Empty      bool // not an error: an empty list
	After      bool // the request is carried out, and its answer lost
}

// Call is one request that the fake has answered.
type Call struct {
	Op     string
	Status int
	At     time.Time
}

// Server is the service. It is an http.Handler; use it with httptest.NewServer.
type Server struct {
	o     Options
	model *model

	mu       sync.Mutex
	memories map[string]*memory
	order    []string // of memories
	things   map[string]*shelf
	tokens   map[string]any // client tokens → answers
	calls    []Call
	count    map[string]int
	bucket   map[string]*bucket
	broken   []string // responses of its own that the model forbids
	serial   uint64
}

// New is an empty service.
func New(o Options) (*Server, error) {
	m, err := theModel()
	if err != nil {
		return nil, fmt.Errorf("agentcorefake: model: %w", err)
	}
	if o.Region == "" {
		o.Region = "eu-central-1"
	}
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{o: o, model: m, memories: map[string]*memory{}, things: map[string]*shelf{}, tokens: map[string]any{},
		count: map[string]int{}, bucket: map[string]*bucket{}}, nil
}

// Calls are the requests so far.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Operations are the names of the operations that were called, sorted.
func (s *Server) Operations() []string {
	seen := map[string]bool{}
	for _, c := range s.Calls() {
		seen[c.Op] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// Broken are answers of the fake itself that the provider's model forbids. A test wants none.
func (s *Server) Broken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.broken)
}

// Cap makes listings end after so many items or pages from now on; 0: they end where they end.
func (s *Server) Cap(items, pages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.ItemCap, s.o.PageLimit = items, pages
}

// Slow sets how long an answer takes and how many requests a second are allowed from now on.
func (s *Server) Slow(latency time.Duration, rate float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Latency, s.o.Rate = latency, rate
}
