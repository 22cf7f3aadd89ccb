package cassette

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
)

func saying(text string) string {
	return oddAnswer("chat", fmt.Sprintf(`[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":"stop"}]`, text))
}

// A failure of one model is not made good by the answer of another, nor is what asks for less.
func TestFallback(t *testing.T) {
	rec, url := behind(t, func(w http.ResponseWriter, r *http.Request) {
		if b, _ := io.ReadAll(r.Body); strings.Contains(string(b), "large") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, saying("small"))
	})
	talk := func(base string) (out []int) {
		for _, model := range []string{"large", "small", "large"} {
			out = append(out, see(t, base+paths["chat"], `{"model":"`+model+`","messages":[{"role":"user","content":"Hi"}]}`).Status)
		}
		return out
	}
	want := talk(url)
	if n := rec.Failures()[refusedWith(503)]; n != 2 || len(rec.Missing()) > 0 {
		t.Errorf("kept %v, lost %v", rec.Failures(), rec.Missing())
	}
	url, misses := played(t, rec)
	for range 2 {
		if d := cmp.Diff(want, talk(url)); d != "" || len(*misses) > 0 {
			t.Error(d, *misses)
		}
	}
}

// Failures and answers come as they came: run by run.
func TestFailureFirst(t *testing.T) {
	n := 0
	rec, url := behind(t, func(w http.ResponseWriter, _ *http.Request) {
		if n++; n%2 == 1 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		io.WriteString(w, saying("ok"))
	})
	talk := func(base string, next func()) (out []int) {
		for range 4 {
			out = append(out, see(t, base+paths["chat"], fmt.Sprintf(asksFor, false)).Status)
			next()
		}
		return out
	}
	want := talk(url, rec.NextRun)
	url, _ = played(t, rec)
	if d := cmp.Diff(want, talk(url, func() {})); d != "" {
		t.Error(d)
	}
}

// Answers take turns where the settings of a request cannot be compared, too.
func TestTurnsWithoutSettings(t *testing.T) {
	n := 0
	rec, url := behind(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		io.WriteString(w, saying(fmt.Sprint("A", n)))
	})
	for seed := range 3 {
		see(t, url+paths["chat"], fmt.Sprintf(`{"model":"m","seed":%d,"messages":[{"role":"user","content":"Hi"}]}`, seed))
	}
	mem := &memstate.State{}
	if _, err := agentstate.Copy(t.Context(), mem, rec, nil); err != nil {
		t.Fatal(err)
	}
	p, err := NewPlayer(t.Context(), mem, nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(p)
	defer srv.Close()
	var got strings.Builder
	for i := range 6 {
		b := see(t, srv.URL+paths["messages"], fmt.Sprintf(`{"model":"m","max_tokens":%d,"messages":[{"role":"user","content":"Hi"}]}`, 100+i)).Body
		a, err := messagesAPI{}.answer([]byte(b))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := said(a.Parts)
		got.WriteString(text)
	}
	if got.String() != "A1A2A3A1A2A3" || len(p.served) > 1 {
		t.Errorf("%s, %d counters", &got, len(p.served))
	}
}

// What a model gave is played byte for byte, whatever bytes those are, and broken off where it was.
func TestFailureBytes(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		stream bool
		body   []byte
		broken bool
	}{
		"an error broken off":               {500, false, []byte(`{"error":`), true},
		"broken off in a character":         {200, true, []byte(chunk + "data: {\"id\":\"\xe2\x82"), true},
		"no text":                           {500, false, []byte("\xff\xfe<\x00\xef\xbf\xbd"), false},
		"what is six times as long as JSON": {500, false, bytes.Repeat([]byte{1}, 12<<20), false},
	} {
		t.Run(name, func(t *testing.T) {
			rec, url := behind(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				w.Write(c.body)
				if c.broken {
					w.(http.Flusher).Flush()
					panic(http.ErrAbortHandler)
				}
			})
			ask := fmt.Sprintf(asksFor, c.stream)
			want := see(t, url+paths["chat"], ask)
			url, misses := played(t, rec)
			got := see(t, url+paths["chat"], ask)
			if got != want || got.Body != string(c.body) || got.Broken != c.broken || len(*misses) > 0 {
				t.Errorf("got %d, broken %v, %d bytes %.40q; want %d, broken %v, %d bytes %.40q; %v", got.Status, got.Broken, len(got.Body), got.Body, want.Status, want.Broken, len(want.Body), want.Body, *misses)
			}
		})
	}
}

// A redirection cannot be played: where it leads is not kept.
func TestRedirection(t *testing.T) {
	rec, url := behind(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTemporaryRedirect) })
	see(t, url+paths["chat"], fmt.Sprintf(asksFor, false))
	if len(rec.Failures()) > 0 || rec.Missing()[refusedWith(307)] != 1 {
		t.Errorf("kept %v, lost %v", rec.Failures(), rec.Missing())
	}
}
