package agentcorefake

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bucket is the allowance of one operation.
type bucket struct {
	left float64
	at   time.Time
}

// throttle takes one request off the allowance; above zero: the request is refused.
func (s *Server) throttle(op string, rate, burst float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	now := time.Now()
	b := s.bucket[op]
	if b == nil {
		b = &bucket{left: max(1, burst), at: now}
		s.bucket[op] = b
	}
	b.left = min(max(1, burst), b.left+now.Sub(b.at).Seconds()*rate)
	b.at = now
	if b.left >= 1 {
		b.left--
		return 0
	}
	if s.o.RetryAfter > 0 {
		return s.o.RetryAfter
	}
	return time.Second
}

// throttleSession is what the fixed rates of one session say.
func (s *Server) throttleSession(r *request) time.Duration {
	rates := map[string]float64{"ListEvents": 20, "DeleteEvent": 5, "CreateEvent": 10}
	rate := rates[r.op]
	if !s.o.SessionLimits || rate == 0 {
		return 0
	}
	if r.op == "CreateEvent" && bytes.Contains(r.raw["payload"], []byte(`"conversational"`)) {
		rate = 5
	}
	return s.throttle(r.op+"|"+r.labels["memoryId"]+"|"+r.str("actorId")+"|"+r.str("sessionId"), rate, rate)
}

// page cuts a listing. A token is the id of the last item that was given.
func page[T any](s *Server, r *request, items []T, id func(T) string, def, most int) ([]T, string, error) {
	n := r.num("maxResults", def)
	if n < 1 || n > most {
		return nil, "", invalid("maxResults: must be between 1 and %d", most)
	}
	if s.o.PageCap > 0 {
		n = min(n, s.o.PageCap)
	}
	if s.o.ItemCap > 0 {
		items = items[:min(len(items), s.o.ItemCap)]
	}
	all := len(items)
	if t := r.str("nextToken"); t != "" {
		op, last, ok := strings.Cut(t, "|")
		i := slices.IndexFunc(items, func(x T) bool { return id(x) == last })
		if !ok || op != r.op || i < 0 {
			return nil, "", invalid("Invalid pagination token")
		}
		items = items[i+1:]
	}
	if len(items) <= n {
		return items, "", nil
	}
	if s.o.PageLimit > 0 && (all-len(items))/n+1 >= s.o.PageLimit {
		return items[:n], "", nil
	}
	return items[:n], r.op + "|" + id(items[n-1]), nil
}

func listed(out map[string]any, next string) map[string]any {
	if next != "" {
		out["nextToken"] = next
	}
	return out
}

// stamp is a time as the protocol writes it.
func stamp(t time.Time) json.Number {
	return json.Number(strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64))
}
