package cassette

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
)

// got is what a client sees of an answer.
type got struct {
	Status int
	Retry  string
	Type   string
	Body   string
	Broken bool
}

func see(t *testing.T, url, body string) got {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return got{resp.StatusCode, resp.Header.Get("Retry-After") + resp.Header.Get("Retry-After-Ms") + resp.Header.Get("X-Should-Retry"), resp.Header.Get("Content-Type"), string(b), err != nil}
}

const (
	chunk   = `data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"hel"}}]}` + "\n\n"
	secret  = "canary-of-a-key"
	asksFor = `{"model":"m","stream":%v,"messages":[{"role":"user","content":"Hi"}]}`
)

// What a model gave instead of an answer is played as it was: status, what says when to try again, body, and a
// connection that ends in the middle.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		stream bool
		body   string
		broken bool
		kept   string
		lost   string
	}{
		"busy":                  {429, false, `{"error":{"message":"slow down"}}`, false, "requests that the model answered with status 429", ""},
		"busy, streamed":        {529, true, `{"error":{"message":"slow down"}}`, false, "requests that the model answered with status 529", ""},
		"a page":                {500, false, "<html>Oops", false, "requests that the model answered with status 500", ""},
		"too long":              {400, false, `{"error":{"code":"context_length_exceeded"}}`, false, "requests that the model answered with status 400", ""},
		"an error in a stream":  {200, true, chunk + `data: {"error":{"message":"overloaded"}}` + "\n\n", false, "answers that ended early, or with an error", ""},
		"a stream without end":  {200, true, chunk, false, "answers that ended early, or with an error", ""},
		"a stream broken off":   {200, true, chunk + "data: {\"id\"", true, "answers that broke off", ""},
		"an answer broken off":  {200, false, `{"id":"x","choices":[`, true, "answers that broke off", ""},
		"an error with 200":     {200, false, `{"error":{"message":"no"}}`, false, "answers that ended early, or with an error", ""},
		"a key in the refusal":  {401, false, `{"error":{"message":"` + secret + ` is wrong"}}`, false, "", "requests that the model answered with status 401"},
		"a key in another":      {403, false, secret, false, "", "requests that the model answered with status 403"},
		"work at the provider":  {200, false, `{"id":"x","status":"queued"}`, false, "", "answers that were not understood"},
		"a stream that says so": {200, true, `data: {"type":"response.failed","response":{"error":{"message":"x"}}}` + "\n\n", false, "answers that ended early, or with an error", ""},
	} {
		t.Run(name, func(t *testing.T) {
			rec, proxy := behind(t, func(w http.ResponseWriter, r *http.Request) {
				if b, _ := io.ReadAll(r.Body); strings.Contains(string(b), "other") {
					io.WriteString(w, oddAnswer("chat", odd["a refusal"].said))
					return
				}
				w.Header().Set("Content-Type", "text/odd")
				w.Header().Set("Retry-After", "1")
				w.Header().Set("X-Should-Retry", "true")
				w.Header().Set("Set-Cookie", secret)
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
				if c.broken {
					w.(http.Flusher).Flush()
					panic(http.ErrAbortHandler)
				}
			})
			ask := fmt.Sprintf(asksFor, c.stream)
			want := see(t, proxy+paths["chat"], ask)
			if want.Status != c.status || want.Body != c.body || want.Broken != c.broken {
				t.Fatalf("the recorder gave %+v", want)
			}
			see(t, proxy+paths["chat"], strings.Replace(fmt.Sprintf(asksFor, false), "Hi", "other", 1))
			if k, l := slices.Collect(maps.Keys(rec.Failures())), slices.Collect(maps.Keys(rec.Missing())); strings.Join(k, ",") != c.kept || strings.Join(l, ",") != c.lost {
				t.Errorf("kept %q, lost %q", k, l)
			}
			mem := &memstate.State{}
			rep, err := agentstate.Copy(t.Context(), mem, rec, nil)
			if err != nil || (rep.Verdict.Coverage == agentstate.Reconciled) != (c.lost == "") {
				t.Fatal(err, rep.Verdict)
			}
			for r := range mem.Records(t.Context(), nil) {
				if strings.Contains(fmt.Sprint(r), secret) {
					t.Errorf("kept a secret: %v", r)
				}
			}
			url, misses := played(t, rec)
			for range 2 {
				switch got := see(t, url+paths["chat"], ask); {
				case c.kept != "" && (cmp.Diff(want, got) != "" || len(*misses) > 0):
					t.Error(cmp.Diff(want, got), *misses)
				case c.kept == "" && len(*misses) == 0:
					t.Errorf("played %+v", got)
				}
			}
			if c.kept == "" {
				return
			}
			// Asked in another form it fails too, and is not given what it cannot read.
			if got := see(t, url+paths["responses"], `{"input":"Hi"}`); got.Status < 400 || len(*misses) > 0 || !strings.Contains(got.Body, "the model failed here") {
				t.Errorf("%+v %v", got, *misses)
			}
		})
	}
}

// A program that goes on otherwise after a failure is played to its end, and what came before the failure is
// answered once.
func TestGoesOn(t *testing.T) {
	rec, proxy := behind(t, func(w http.ResponseWriter, r *http.Request) {
		if b, _ := io.ReadAll(r.Body); strings.Contains(string(b), "long") {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error":{"message":"too long"}}`)
			return
		}
		io.WriteString(w, oddAnswer("chat", `[{"index":0,"message":{"role":"assistant","content":"Yes"},"finish_reason":"stop"}]`))
	})
	talk := func(base string) string {
		out := ""
		p := &program{t: t, base: base, api: "chat"}
		for _, s := range []string{"Hi", "long", "short"} {
			before := slices.Clone(p.log)
			p.say(s)
			text, _, failure := p.ask()
			if failure != "" {
				p.log = before
			}
			out += text + failure + ";"
		}
		return out
	}
	want := talk(proxy)
	url, misses := played(t, rec)
	for range 3 {
		if got := talk(url); got != want || len(*misses) > 0 || strings.Count(got, "Yes") != 2 {
			t.Errorf("want %s\n got %s %v", want, got, *misses)
		}
	}
}
