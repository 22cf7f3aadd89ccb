package memstate

import (
	"context"
	"iter"
	"sync"

	"github.com/exitramp/exitramp/context/agentstate"
)

// lot is how many records are lent at a time, and lotBytes how many bytes of them, but for the one that goes beyond.
const lot, lotBytes = 64, 1 << 20

type lent struct {
	recs  []agentstate.Wired
	sizes []int // of their bytes; 0: none are made
	all   int   // of sizes
	err   error // behind them
}

// Lend yields what was committed when it started: the State never changes a record. Another goroutine
// makes the bytes of records meanwhile, some lots ahead.
func (s *State) Lend(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Wired, error] {
	return func(yield func(agentstate.Wired, error) bool) {
		stop, lots := make(chan struct{}), make(chan lent, 2)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer close(stop)
		wg.Go(func() {
			defer close(lots)
			for l := range s.lots(ctx, opts) {
				select {
				case lots <- l.wired():
				case <-stop:
					return
				}
			}
		})
		for l := range lots {
			for _, w := range l.recs {
				if !yield(w, nil) {
					return
				}
			}
			if l.err != nil {
				yield(agentstate.Wired{}, l.err)
				return
			}
		}
	}
}

// lots are the records of s, without bytes.
func (s *State) lots(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq[lent] {
	return func(yield func(lent) bool) {
		var l lent
		for r, err := range s.read(ctx, opts, itself) {
			if err != nil {
				l.err = err
				break
			}
			n := 0
			if v, ok := r.(agentstate.Generated); ok {
				n = v.SizeVT()
			}
			l.recs, l.sizes, l.all = append(l.recs, agentstate.Wired{Record: r}), append(l.sizes, n), l.all+n
			if len(l.recs) == lot || l.all >= lotBytes {
				if !yield(l) {
					return
				}
				l = lent{sizes: l.sizes[:0]}
			}
		}
		yield(l)
	}
}

// wired is l with the bytes of its records, in one piece of memory.
func (l lent) wired() lent {
	room := make([]byte, l.all)
	for i, n := range l.sizes {
		v, ok := l.recs[i].Record.(agentstate.Generated)
		if !ok {
			continue
		}
		b := room[:n:n]
		if agentstate.MarshalInto(b, v) { // else whoever needs bytes makes them
			l.recs[i].Wire = b
		}
		room = room[n:]
	}
	return l
}
