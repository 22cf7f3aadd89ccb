package cassette

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// fixed is a model that always says the same, and a recorder in front of it.
func fixed(t *testing.T, said string) (*Recorder, string) {
	t.Helper()
	return behind(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, said) })
}

// behind is a recorder in front of a model.
func behind(t *testing.T, answer http.HandlerFunc) (*Recorder, string) {
	t.Helper()
	model := httptest.NewServer(answer)
	t.Cleanup(model.Close)
	rec, err := NewRecorder(RecorderOptions{Upstream: model.URL + "/v1", Name: "q4"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rec.Close() })
	proxy := httptest.NewServer(rec)
	t.Cleanup(proxy.Close)
	return rec, proxy.URL
}

// played is a server that plays what was recorded, and what it did not play.
func played(t *testing.T, rec *Recorder) (string, *[]Miss) {
	t.Helper()
	mem := &memstate.State{}
	if _, err := agentstate.Copy(t.Context(), mem, rec, nil); err != nil {
		t.Fatal(err)
	}
	misses := &[]Miss{}
	p, err := NewPlayer(t.Context(), mem, &PlayerOptions{OnMiss: func(m Miss) { *misses = append(*misses, m) }})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	return srv.URL, misses
}

var odd = map[string]struct{ api, member, said string }{
	"several answers and their probabilities": {"chat", "choices", `[{"index":0,"message":{"role":"assistant","content":"a","refusal":null},"logprobs":{"content":[{"token":"a","logprob":-0.25,"bytes":[97],"top_logprobs":[]}]},"finish_reason":"stop"},{"index":1,"message":{"role":"assistant","content":"b","refusal":null},"logprobs":null,"finish_reason":"length"}]`},
	"broken off": {"chat", "choices", `[{"index":0,"message":{"role":"assistant","content":"hal","refusal":null},"logprobs":null,"finish_reason":"length"}]`},
	"a refusal":  {"chat", "choices", `[{"index":0,"message":{"role":"assistant","content":null,"refusal":"No."},"logprobs":null,"finish_reason":"stop"}]`},
	"a function": {"chat", "choices", `[{"index":0,"message":{"role":"assistant","content":null,"refusal":null,"function_call":{"name":"f","arguments":"{\"a\":1}"}},"logprobs":null,"finish_reason":"function_call"}]`},
	"sources":    {"chat", "choices", `[{"index":0,"message":{"role":"assistant","content":"4","refusal":null,"annotations":[{"type":"url_citation","url_citation":{"url":"u","start_index":0}}],"audio":{"id":"au","data":"AAA=","expires_at":1,"transcript":"four"},"reasoning_details":[{"text":"hm"}]},"logprobs":null,"finish_reason":"stop"}]`},
	"thought":    {"chat", "choices", `[{"index":0,"message":{"role":"assistant","content":"4","refusal":null,"reasoning_content":"2+2"},"logprobs":null,"finish_reason":"stop"}]`},
	"items":      {"responses", "output", `[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"x"},{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}},{"type":"message","id":"m_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"a","annotations":[{"type":"url_citation","url":"u"}],"logprobs":[]},{"type":"refusal","refusal":"no"}]},{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}","status":"completed"},{"type":"custom_tool_call","id":"ct_1","call_id":"c2","name":"py","input":"print(1)"},{"type":"message","id":"m_2","role":"assistant","status":"completed","content":[{"type":"output_text","text":"b","annotations":[],"logprobs":[]}]}]`},
	"blocks":     {"messages", "content", `[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"a"},{"type":"server_tool_use","id":"s1","name":"web_search","input":{"query":"q"}},{"type":"web_search_tool_result","tool_use_id":"s1","content":[]},{"type":"tool_use","id":"t1","name":"f","input":{"n":1.0}},{"type":"text","text":"b"}]`},
}

// oddAnswer is an answer whose pieces are said.
func oddAnswer(api, said string) string {
	switch api {
	case "chat":
		return `{"id":"x","object":"chat.completion","model":"m","choices":` + said + `}`
	case "responses":
		return `{"id":"x","object":"response","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"model":"m","output":` + said + `}`
	}
	return `{"id":"x","type":"message","role":"assistant","model":"m","stop_reason":"max_tokens","stop_sequence":null,"content":` + said + `}`
}

// What an API has and others have not is played as it was recorded, streamed or not, and a stream that
// was recorded is played as a whole.
func TestOwnWords(t *testing.T) {
	for name, c := range odd {
		t.Run(name, func(t *testing.T) {
			api := apiOf(paths[c.api])
			ask := map[string]any{"model": "m", "input": "Hi", "messages": []any{map[string]any{"role": "user", "content": "Hi"}}}
			streamed := map[string]any{"stream": true}
			for k, v := range ask {
				streamed[k] = v
			}
			check := func(base string) string {
				_, whole := post(t, base+paths[c.api], ask)
				a, err := api.answer(whole)
				if err != nil {
					t.Fatalf("%v: %s", err, whole)
				}
				_, b := post(t, base+paths[c.api], streamed)
				s, err := api.events(parseEvents(b))
				if err != nil {
					t.Fatalf("%v: %s", err, b)
				}
				for _, got := range []*answer{a, s} {
					var want, pieces any
					raw, _ := json.Marshal(got.pieces)
					if json.Unmarshal([]byte(c.said), &want) != nil || json.Unmarshal(raw, &pieces) != nil {
						t.Fatal(string(raw))
					}
					if d := cmp.Diff(want, pieces); d != "" {
						t.Error(d)
					}
				}
				if a.Stop != s.Stop || c.api != "chat" && a.Stop != stopLength {
					t.Errorf("stops for %q, streamed %q", a.Stop, s.Stop)
				}
				return string(b)
			}
			rec, base := fixed(t, oddAnswer(c.api, c.said))
			post(t, base+paths[c.api], ask)
			url, _ := played(t, rec)
			stream := check(url)

			rec, base = fixed(t, stream)
			post(t, base+paths[c.api], streamed)
			url, _ = played(t, rec)
			check(url)
		})
	}
}

// A program sends back what a model said in several pieces, and is answered; over another API, where it
// is one piece, too.
func TestPieces(t *testing.T) {
	for name, c := range odd {
		rec, base := fixed(t, oddAnswer(c.api, c.said))
		for _, turns := range []int{1, 2} {
			p := &program{t: t, base: base, api: c.api}
			for range turns {
				p.say("Hi")
				p.ask()
			}
		}
		url, misses := played(t, rec)
		apis := []string{c.api}
		if name != "items" && name != "blocks" { // they hold what no other API has
			apis = []string{"chat", "responses", "messages"}
		}
		for _, api := range apis {
			p := &program{t: t, base: url, api: api}
			for range 2 {
				p.say("Hi")
				if _, _, failure := p.ask(); failure != "" {
					t.Errorf("%s over %s: %s %v", name, api, failure, *misses)
				}
			}
		}
	}
}

// Whatever is asked for and cannot be played is told, not only answered with an error.
func TestNotPlayed(t *testing.T) {
	rec, base := fixed(t, oddAnswer("chat", odd["a refusal"].said))
	post(t, base+paths["chat"], map[string]any{"messages": []any{map[string]any{"role": "user", "content": "Hi"}}})
	url, misses := played(t, rec)
	for _, c := range []struct {
		path string
		body any
		want string
	}{
		{"/v1/images/generations", map[string]any{"prompt": "x"}, "not played: request to /v1/images/generations: only POST "},
		{"/v1/embeddings", map[string]any{"input": "x"}, "not played: request to /v1/embeddings: input 1 ("},
		{"/v1/embeddings", map[string]any{"input": []any{"x", nil}}, "not played: request to /v1/embeddings: cassette: request: its input is neither"},
		{"/v1/chat/completions", []int{1}, "not played: request to /v1/chat/completions: cassette: request: "},
		{"/v1/responses", map[string]any{"conversation": "c", "input": "x"}, "not played: request to /v1/responses: the conversation is kept by the provider"},
		{"/v1/responses", map[string]any{"previous_response_id": "c", "input": "x"}, "not played: request to /v1/responses: the answer that it goes on from was not given here"},
	} {
		*misses = nil
		if code, b := post(t, url+c.path, c.body); code < 400 || len(*misses) != 1 || !strings.HasPrefix((*misses)[0].String(), c.want) {
			t.Errorf("%s: %d %s %v", c.path, code, b, *misses)
		}
	}
}

// An error in the middle of a stream is no answer, also where the stream then ends as others do.
func TestErrorInStream(t *testing.T) {
	const piece = `data: {"id":"x","choices":[{"index":0,"delta":{"content":"hel"}}]}` + "\n\n"
	for _, end := range []string{`data: {"error":{"message":"overloaded"}}` + "\n\ndata: [DONE]\n\n", ""} {
		if _, err := (chatAPI{}).events(parseEvents([]byte(piece + end))); err == nil {
			t.Errorf("taken: %q", end)
		}
	}
}

// The keys that open a tool's server are in the body of a request, and are not kept.
func TestKeysOfTools(t *testing.T) {
	rec, base := fixed(t, oddAnswer("responses", odd["items"].said))
	post(t, base+paths["responses"], map[string]any{"model": "m", "input": "Hi", "tools": []any{map[string]any{
		"type": "mcp", "server_label": "kept-label", "headers": map[string]any{"X": "canary-1"}, "authorization": "canary-2"}}})
	post(t, base+paths["responses"], map[string]any{"model": "m", "input": "Ho", "mcp_servers": []any{map[string]any{"authorization_token": "canary-3"}}})
	mem := &memstate.State{}
	if _, err := agentstate.Copy(t.Context(), mem, rec, nil); err != nil {
		t.Fatal(err)
	}
	all := ""
	for r := range mem.Records(t.Context(), nil) {
		for _, n := range r.GetMeta().GetNative() {
			all += string(n.GetData().GetInline())
		}
	}
	if strings.Contains(all, "canary") || !strings.Contains(all, "kept-label") {
		t.Error(all)
	}
}

// Two requests that go on from one answer are two conversations, each with what was before.
func TestPreviousForked(t *testing.T) {
	_, model := play(t, nil, conv("a", says(pb.Role_ROLE_USER, textPart("Hi")), says(pb.Role_ROLE_ASSISTANT, textPart("Hello")), says(pb.Role_ROLE_USER, textPart("left")), says(pb.Role_ROLE_ASSISTANT, textPart("L"))),
		conv("b", says(pb.Role_ROLE_USER, textPart("Hi")), says(pb.Role_ROLE_ASSISTANT, textPart("Hello")), says(pb.Role_ROLE_USER, textPart("right")), says(pb.Role_ROLE_ASSISTANT, textPart("R"))))
	rec, err := NewRecorder(RecorderOptions{Upstream: model + "/v1", Name: "q4"})
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(rec)
	defer proxy.Close()
	talk := func(base string) {
		_, b := post(t, base+paths["responses"], map[string]any{"input": "Hi"})
		var first struct{ ID string }
		json.Unmarshal(b, &first)
		for input, want := range map[string]string{"left": `"L"`, "right": `"R"`} {
			if _, b := post(t, base+paths["responses"], map[string]any{"input": input, "previous_response_id": first.ID}); !strings.Contains(string(b), want) {
				t.Errorf("%s: %s", input, b)
			}
		}
	}
	talk(proxy.URL)
	url, _ := played(t, rec)
	talk(url)
}

// A request that failed and was asked again is in the recording; one that got no answer is a gap.
func TestUnanswered(t *testing.T) {
	asked := map[string]int{}
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if asked[string(b)]++; asked[string(b)] == 1 && !strings.Contains(string(b), "never") {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		if strings.Contains(string(b), "never") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		io.WriteString(w, oddAnswer("chat", odd["a refusal"].said))
	}))
	rec, err := NewRecorder(RecorderOptions{Upstream: model.URL + "/v1", Name: "q4"})
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(rec)
	defer proxy.Close()
	ask := func(what string) {
		post(t, proxy.URL+paths["chat"], map[string]any{"messages": []any{map[string]any{"role": "user", "content": what}}})
	}
	ask("again")
	ask("again")
	ask("never")
	model.Close()
	ask("gone")
	kept := map[string]uint64{"requests that the model answered with status 400": 1}
	if d := cmp.Diff(lost{"requests that got no answer": 1}, rec.missing()) + cmp.Diff(kept, rec.Failures()); d != "" || rec.Exchanges() != 1 {
		t.Error(d, rec.Exchanges())
	}
}

// Where the provider keeps the conversation, a program sends its instructions with every request, and
// elsewhere once: what was recorded in one way is played in the other.
func TestInstructionsAgain(t *testing.T) {
	long := func(base string) bool {
		p := &program{t: t, base: base, api: "chat", system: "You serve a shop."}
		for range 2 {
			p.say("Hi")
			if _, _, failure := p.ask(); failure != "" {
				return false
			}
		}
		return true
	}
	kept := func(base string) bool {
		var a struct{ ID string }
		for range 2 {
			code, b := post(t, base+paths["responses"], map[string]any{"instructions": "You serve a shop.", "input": "Hi", "previous_response_id": a.ID})
			if json.Unmarshal(b, &a); code != http.StatusOK {
				return false
			}
		}
		return true
	}
	for name, c := range map[string]struct {
		api, said   string
		first, then func(string) bool
	}{
		"kept by the provider first": {"responses", `[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Yes"}]}]`, kept, long},
		"sent whole first":           {"chat", `[{"index":0,"message":{"role":"assistant","content":"Yes"},"finish_reason":"stop"}]`, long, kept},
	} {
		rec, base := fixed(t, oddAnswer(c.api, c.said))
		if !c.first(base) {
			t.Fatal(name)
		}
		url, misses := played(t, rec)
		if !c.then(url) || !c.first(url) {
			t.Errorf("%s: %v", name, *misses)
		}
	}
}
