// Package callid has the ids under which a runtime and its provider keep the calls of tools of one session apart.
// Other runtimes count them anew in each turn: the store of this one takes that, and the model is then sent one call
// for two, or nothing at all. It has the names that providers take for tools, too.
package callid

import (
	"fmt"
	"hash/fnv"
	"io"
	"strings"
)

// Why is what a loss says of an id that was changed.
const Why = "each id is of one call, and such as the provider takes: another stands for it"

// IDs are the ids of the calls in one session, whose parts come in their order.
type IDs struct {
	// Legal is the id that the provider takes in the place of one.
	Legal func(id string) (legal string, changed bool)
	// Alike is what the program takes an id for as well; empty: nothing. nil: each id is itself alone.
	Alike func(id string) string

	used  map[uint64]bool // sums: where two meet, an id is changed without need
	alike map[uint64]bool // what Alike says of those
	calls map[string]*calls
	turn  int
	waits int // calls of this turn without a result yet
}

// calls are those that were called alike. Of one alone that has its result and the id that is legal for its own nothing is kept.
type calls struct {
	open []string // of this turn, and without a result yet
	left []string // of turns before it
	last string
	next int // the number to try next behind the id
	turn int
}

// Turn says that a person spoke: what has no result yet comes behind later calls.
func (s *IDs) Turn() { s.turn, s.waits = s.turn+1, 0 }

// Waiting tells whether a call of this turn has no result yet: what is said before that comes between them.
func (s *IDs) Waiting() bool { return s.waits > 0 }

// Called tells whether there was a call of which Result gave this id.
func (s *IDs) Called(call string) bool { return s.used[sum(call)] }

// Call is the id of a call that was called id.
func (s *IDs) Call(id string) string {
	if s.used == nil {
		s.used, s.alike, s.calls = map[uint64]bool{}, map[uint64]bool{}, map[string]*calls{}
	}
	c := s.of(id)
	if c == nil {
		id = strings.Clone(id) // it may be a piece of all that its record holds
		c = &calls{turn: s.turn}
		s.calls[id] = c
	}
	legal, _ := s.Legal(id)
	as := legal
	for ; s.taken(as); c.next++ {
		as, _ = s.Legal(fmt.Sprintf("%s-%d", legal, c.next+2))
	}
	s.used[sum(as)] = true
	if a := s.alikeOf(as); a != "" {
		s.alike[sum(a)] = true
	}
	c.open, c.last = append(c.open, as), as
	s.waits++
	return as
}

// Result is the id of the call that a result for id is of: the first one that has none, of this turn or else of all. waits
// is false where none is without a result: there is no such call, or it is a further result of one.
func (s *IDs) Result(id string) (call string, waits bool) {
	c := s.of(id)
	if c == nil {
		legal, _ := s.Legal(id)
		return legal, false
	}
	for _, open := range []*[]string{&c.open, &c.left} {
		if waits := *open; len(waits) > 0 {
			if *open = waits[1:]; open == &c.open {
				s.waits--
			}
			if c.next == 0 {
				delete(s.calls, id)
			}
			return waits[0], true
		}
	}
	return c.last, false
}

// of are the calls that were called id; nil: none.
func (s *IDs) of(id string) *calls {
	c := s.calls[id]
	if c != nil && c.turn != s.turn {
		c.open, c.left, c.turn = nil, append(c.left, c.open...), s.turn
	}
	return c
}

func (s *IDs) alikeOf(id string) string {
	if s.Alike == nil {
		return ""
	}
	return s.Alike(id)
}

// taken tells whether the program takes id and one that is used for the same, whichever of them comes first.
func (s *IDs) taken(id string) bool {
	n := sum(id)
	return s.used[n] || s.alike[n] || s.used[sum(s.alikeOf(id))]
}

func sum(id string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, id)
	return h.Sum64()
}
