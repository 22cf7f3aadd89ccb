package agentstate

import (
	"context"
	"time"
)

type clockKey struct{}

// WithClock is ctx with the clock by which a source states the window of its reading. It goes with the
// context, since a source is opened before it is read, and read by whoever holds it.
func WithClock(ctx context.Context, now func() time.Time) context.Context {
	return context.WithValue(ctx, clockKey{}, now)
}

// clockOf is the clock of ctx; time.Now where it has none.
func clockOf(ctx context.Context) func() time.Time {
	if now, ok := ctx.Value(clockKey{}).(func() time.Time); ok && now != nil {
		return now
	}
	return time.Now
}
