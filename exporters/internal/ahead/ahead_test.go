package ahead

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// Results come in the order of the pieces, whichever is done first; behind them comes how it ended.
func TestOrder(t *testing.T) {
	broken := errors.New("broken")
	for _, want := range []error{nil, broken} {
		q := Start(t.Context(), func(_ context.Context, emit func(int) error) error {
			for i := range 100 {
				if err := emit(i); err != nil {
					return err
				}
			}
			return want
		}, func(i int) int {
			time.Sleep(time.Duration(i%3) * 100 * time.Microsecond)
			return i
		})
		for i := range 100 {
			if got, ok, err := q.Next(); got != i || !ok || err != nil {
				t.Fatal(got, ok, err, i)
			}
		}
		for range 2 {
			if _, ok, err := q.Next(); ok || !errors.Is(err, want) {
				t.Fatal(ok, err)
			}
		}
		q.Close()
	}
}

// Few pieces are ahead, and none is worked on behind Close.
func TestBound(t *testing.T) {
	var read, working atomic.Int64
	q := Start(t.Context(), func(_ context.Context, emit func(int) error) error {
		for {
			if err := emit(0); err != nil {
				return err
			}
			read.Add(1)
		}
	}, func(int) int {
		working.Add(1)
		defer working.Add(-1)
		time.Sleep(time.Millisecond)
		return 0
	})
	for range 10 {
		if _, ok, err := q.Next(); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	time.Sleep(20 * time.Millisecond)
	if n := read.Load(); n > 10+pieces {
		t.Errorf("%d pieces are read, and 10 are used", n)
	}
	q.Close()
	if working.Load() != 0 {
		t.Error("a piece is worked on behind Close")
	}
}

// A context that ends ends the reading.
func TestCancel(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	q := Start(ctx, func(_ context.Context, emit func(int) error) error {
		for {
			if err := emit(0); err != nil {
				return err
			}
		}
	}, func(i int) int { return i })
	defer q.Close()
	stop()
	for range 10 {
		if _, ok, err := q.Next(); !ok {
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			return
		}
	}
	t.Error("the reading goes on")
}
