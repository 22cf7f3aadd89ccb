package exporters

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
)

// Options are what a driver needs of the world. The zero value takes the machine's own clock, an HTTP
// client of the driver's own, and logs nothing.
type Options struct {
	Now        func() time.Time // of the window that a reading states; nil: time.Now. Waiting and pacing go by the machine's clock
	HTTPClient *http.Client     // of drivers that speak to a service; nil: their own. A transport that is given decides on proxies and time limits
	Logger     *slog.Logger     // what a driver does by itself: slower, again. Nil: nothing is logged. No content and no secret goes there
}

// OpenWith opens rawURL as Open does, with what o says. Nil is the zero value.
func (r *Registry) OpenWith(ctx context.Context, rawURL string, o *Options) (Runtime, error) {
	if o == nil {
		o = &Options{}
	}
	rt, err := r.open(ctx, rawURL, *o)
	if err != nil || o.Now == nil {
		return rt, err
	}
	return clocked{rt, o.Now}, nil
}

// clocked is a runtime that is read by a given clock.
type clocked struct {
	Runtime
	now func() time.Time
}

// Unwrap is the runtime itself.
func (c clocked) Unwrap() agentstate.Source { return c.Runtime }

// Records are those of the runtime.
func (c clocked) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return c.Runtime.Records(agentstate.WithClock(ctx, c.now), o)
}
