package pgsnapshot

import (
	"cmp"
	"context"
	"iter"

	"github.com/jackc/pgx/v5"
)

// About how many bytes the answers have that are kept in a Line before their place is the first.
const (
	lineBytes  = 4 << 20
	aheadBytes = lineBytes / 4 // of one answer: what is larger is read when its place is the first
)

// A Line lets functions that only read share their trips to the server, as Turns.Run does, and takes what they give in their order. Those
// behind the first read ahead, as far as the memory for it goes: what the first asks is always answered. An answer may be read again, from its
// start, in place of one that was not read to its end.
type Line[T any] struct {
	Turns *Turns
	Read  func(i int, p *Place[T]) error
	Take  func(x T) error   // outside of all turns: it may ask the server
	End   func(i int) error // all that i gave was taken

	most int // asks in a trip, as of late: what has no room is sent in vain
}

// A Place is where one function stands in a Line.
type Place[T any] struct {
	turn
	take  func(T) error // it shares no trips; nil: it does
	yield func(*ask) bool
	turns *Turns
	first bool
	gave  []T
	held  int // bytes of what it was answered
	waits bool
	ended bool
}

// Give hands x over, to be taken when it is its turn.
func (p *Place[T]) Give(x T) error {
	if p.take != nil {
		return p.take(x)
	}
	p.gave = append(p.gave, x)
	if p.first {
		return p.rest()
	}
	return nil
}

// First waits until all that is before it in the line was taken: for what takes much memory.
func (p *Place[T]) First() error {
	if p.take != nil || p.first {
		return nil
	}
	p.waits = true
	return p.rest()
}

func (p *Place[T]) rest() error {
	if !p.yield(nil) {
		return errStopped
	}
	p.turns.wait = p.yield // others had theirs
	return nil
}

// Run runs Read for 0 to n-1. It ends with the first error, in the order of the line. full: there was no room for all to read ahead.
func (l *Line[T]) Run(ctx context.Context, n int) (full bool, err error) {
	if l.Turns.simple() {
		for i := range n {
			if err := l.Read(i, &Place[T]{take: l.Take, first: true}); err != nil {
				return false, err
			}
			if err := l.End(i); err != nil {
				return false, err
			}
		}
		return false, nil
	}
	places := make([]*Place[T], n)
	for i := range places {
		p := &Place[T]{turns: l.Turns}
		p.next, p.stop = iter.Pull(func(yield func(*ask) bool) {
			p.yield, l.Turns.wait = yield, yield
			p.err = l.Read(i, p)
		})
		places[i] = p
	}
	defer func() {
		for _, p := range places {
			p.stop()
			l.Turns.wait = nil
		}
	}()
	l.most = tripAsks
	for at := 0; at < n; {
		if at, err = l.goOn(places, at); err != nil || at == n {
			return full, err
		}
		f, err := l.send(ctx, places[at:])
		full = full || f
		if err != nil {
			return full, err
		}
	}
	return full, nil
}

// goOn has those at at and behind it go on until they ask, and takes what the first gives: at is the first after that.
func (l *Line[T]) goOn(places []*Place[T], at int) (int, error) {
	for i := at; i < len(places); i++ {
		p := places[i]
		for {
			p.first = i == at
			if err := l.taken(p); err != nil {
				return at, err
			}
			if p.ended || p.now != nil || p.waits && !p.first {
				break
			}
			p.waits = false
			p.ended = !l.Turns.goOn(&p.turn)
			if p.err != nil && l.Turns.broken() { // what the first asks would fail for this, and not say why
				return at, p.err
			}
		}
		if !p.first || !p.ended {
			continue
		}
		if p.err != nil {
			return at, p.err
		}
		if err := l.End(i); err != nil {
			return at, err
		}
		places[i] = &Place[T]{turn: turn{stop: func() {}}} // what it read is let go
		at++
	}
	return at, nil
}

// taken takes what p gave, where it is the first.
func (l *Line[T]) taken(p *Place[T]) error {
	if !p.first {
		return nil
	}
	for i, x := range p.gave {
		if err := l.Take(x); err != nil {
			return err
		}
		p.gave[i] = *new(T)
	}
	p.gave = p.gave[:0]
	return nil
}

// send asks what those of places wait for, the first in any case, the others as far as there is room for their answers.
func (l *Line[T]) send(ctx context.Context, places []*Place[T]) (full bool, err error) {
	var ask []*turn
	var of []*Place[T]
	room, size := lineBytes, 0
	for _, p := range places[1:] {
		room -= p.held
	}
	for i, p := range places {
		switch {
		case p.now == nil:
		case i > 0 && (p.waits || room < 0 || len(ask) >= l.most || size > tripBytes):
			full = true
		default:
			ask, of = append(ask, &p.turn), append(of, p)
			size += p.now.size()
		}
	}
	if at := l.Turns.send(ctx, ask, max(room, 1)); at >= 0 { // what was before it would fail for this, and not say why
		err, p := ask[at].now.err, of[at]
		l.Turns.goOn(&p.turn)
		return full, cmp.Or(p.err, err)
	}
	answered := 0
	for _, p := range of {
		if p.now.again {
			p.waits, full = p.now.got > aheadBytes, true
			continue
		}
		p.held += p.now.got
		p.now, p.waits = nil, false
		answered++
	}
	if l.most = min(2*l.most, tripAsks); answered < len(of) {
		l.most = max(answered, 1)
	}
	return full, nil
}

// sized counts the bytes of what is read.
type sized struct {
	pgx.Rows
	n    int
	most int // above which nothing more comes; 0: all comes
}

func (s *sized) over() bool { return s.most > 0 && s.n > s.most }

func (s *sized) Next() bool {
	if s.over() || !s.Rows.Next() {
		return false
	}
	for _, v := range s.RawValues() {
		s.n += len(v)
	}
	return !s.over()
}
