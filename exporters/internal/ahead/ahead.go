// Package ahead reads a store while what came before is worked on. One goroutine reads pieces, each
// piece is worked on in a goroutine of its own, and the results are taken in the order of the pieces:
// the store, the parsing and the consumer have a processor each. What is ahead is a few pieces.
package ahead

import "context"

// pieces is how many pieces lie ready or are worked on.
const pieces = 3

// A Queue gives the results of the pieces in their order.
type Queue[T any] struct {
	slots chan *slot[T]
	err   error // set before slots is closed
	stop  context.CancelFunc
}

type slot[T any] struct {
	out  T
	done chan struct{}
}

// Start calls read, which calls emit for each piece and returns when emit fails. work is called for
// several pieces at once. A Queue is closed by its user.
func Start[In, Out any](ctx context.Context, read func(ctx context.Context, emit func(In) error) error, work func(In) Out) *Queue[Out] {
	ctx, stop := context.WithCancel(ctx)
	q := &Queue[Out]{slots: make(chan *slot[Out], pieces-1), stop: stop}
	go func() {
		defer close(q.slots)
		q.err = read(ctx, func(in In) error {
			s := &slot[Out]{done: make(chan struct{})}
			select {
			case q.slots <- s:
			case <-ctx.Done():
				return ctx.Err()
			}
			go func() {
				defer close(s.done)
				s.out = work(in)
			}()
			return nil
		})
	}()
	return q
}

// Next is the next result. ok is false behind the last; then err says whether it is the last of all.
func (q *Queue[T]) Next() (out T, ok bool, err error) {
	s, ok := <-q.slots
	if !ok {
		return out, false, q.err
	}
	<-s.done
	return s.out, true, nil
}

// Close ends the reading and waits until nothing is worked on.
func (q *Queue[T]) Close() {
	q.stop()
	for s := range q.slots {
		<-s.done
	}
}
