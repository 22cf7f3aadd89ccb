package cassette

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// A client stops to read at the event that says that the model failed, while the connection is open yet: that failure is
// played as it was. One that leaves in the middle of an answer has got none.
func TestLeavesAtAFailure(t *testing.T) {
	for name, c := range map[string]struct{ api, event, kept, lost string }{
		"chat":      {"chat", `{"error":{"message":"overloaded"}}`, "answers that ended early, or with an error", ""},
		"responses": {"responses", `{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error"}}}`, "answers that ended early, or with an error", ""},
		"an error":  {"responses", `{"type":"error","code":"server_error","message":"x"}`, "answers that ended early, or with an error", ""},
		"messages":  {"messages", `{"type":"error","error":{"type":"overloaded_error","message":"x"}}`, "answers that ended early, or with an error", ""},
		"no end":    {"chat", `{"id":"x","model":"m","error":null,"choices":[{"index":0,"delta":{"content":"hel"}}]}`, "", notRead},
	} {
		t.Run(name, func(t *testing.T) {
			rec, proxy := behind(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				fmt.Fprintf(w, "data: %s\n\n", c.event)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			})
			ask := fmt.Sprintf(asksFor, true)
			if c.api == "responses" {
				ask = `{"model":"m","stream":true,"input":"Hi"}`
			}
			leave(t, proxy+paths[c.api], ask, c.event)
			for end := time.Now().Add(10 * time.Second); len(rec.Failures())+len(rec.Missing()) == 0 && time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond)
			}
			if k, l := slices.Collect(maps.Keys(rec.Failures())), slices.Collect(maps.Keys(rec.Missing())); strings.Join(k, ",") != c.kept || strings.Join(l, ",") != c.lost {
				t.Errorf("kept %q, lost %q", k, l)
			}
			if c.kept == "" {
				return
			}
			url, misses := played(t, rec)
			if got := see(t, url+paths[c.api], ask); !strings.Contains(got.Body, c.event) || len(*misses) > 0 {
				t.Errorf("%+v %v", got, *misses)
			}
		})
	}
}

// leave reads up to an event, and no further.
func leave(t *testing.T, url, body, event string) {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	s := bufio.NewScanner(io.LimitReader(resp.Body, 1<<20))
	for s.Scan() {
		if strings.Contains(s.Text(), event) {
			return
		}
	}
	t.Fatal("the event did not come")
}
