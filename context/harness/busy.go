package harness

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// maxAsked is how often one request is sent to an endpoint that is busy.
const maxAsked = 5

// busyFor is how long an endpoint that is busy wants to be left alone, at least a second; false: it is not busy, or it has been
// asked often enough. A busy endpoint says nothing of the agent: to count it as a failure would be a wrong verdict.
func busyFor(resp *http.Response, asked int) (time.Duration, bool) {
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, 529: // Anthropic's "overloaded"
	default:
		return 0, false
	}
	wait := time.Second << (asked - 1)
	v := resp.Header.Get("Retry-After")
	if n, err := strconv.ParseFloat(v, 64); err == nil && n > 0 && n < 1e6 {
		wait = time.Duration(n * float64(time.Second))
	} else if at, err := http.ParseTime(v); err == nil {
		wait = time.Until(at)
	}
	return max(wait, time.Second), asked < maxAsked
}

// sleep waits for d; false: there is not that much time left.
func sleep(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
