package cassette

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// conv is a conversation as a runtime keeps it.
func conv(name string, ms ...*pb.Message) []agentstate.Record {
	key := agentstate.Key("conversation", name)
	out := []agentstate.Record{&pb.Conversation{Meta: &pb.Meta{Key: key}}}
	for i, m := range ms {
		m.Meta = agentstate.Meta("message", nil, name, fmt.Sprint(i+1))
		m.ConversationKey, m.Position = key, uint64(i+1)
		out = append(out, m)
	}
	return out
}

func says(r pb.Role, parts ...*pb.Part) *pb.Message {
	return &pb.Message{Role: r, Parts: parts, Model: "m-1"}
}

// shop is a model that looks an order up and says where it is.
func shop(name, order, answer string) []agentstate.Record {
	return conv(name,
		says(pb.Role_ROLE_SYSTEM, textPart("You serve a shop.")),
		says(pb.Role_ROLE_USER, textPart("Where is "+order+"?")),
		says(pb.Role_ROLE_ASSISTANT, textPart("Let me look."), callPart("c1", "lookup", `{"order":"`+order+`","limit":1.0}`)),
		says(pb.Role_ROLE_TOOL, resultPart("c1", `{"status":"shipped"}`, false)),
		says(pb.Role_ROLE_ASSISTANT, textPart(answer)),
		says(pb.Role_ROLE_USER, textPart("Thanks")),
		says(pb.Role_ROLE_ASSISTANT, textPart("You are welcome.")),
	)
}

func play(t *testing.T, o *PlayerOptions, recs ...[]agentstate.Record) (*Player, string) {
	t.Helper()
	var all []agentstate.Record
	for _, r := range recs {
		all = append(all, r...)
	}
	p, err := NewPlayer(t.Context(), memstate.Whole("test", all...), o)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	return p, srv.URL
}

// What is recorded with one API is played with every other, streamed and not.
func TestRecordAndPlay(t *testing.T) {
	const want = `Let me look.|lookup|{"order":"A-1","limit":1.0}|It shipped.|You are welcome.`
	for _, from := range []string{"chat", "responses", "messages"} {
		for _, stream := range []bool{false, true} {
			_, model := play(t, nil, shop("a", "A-1", "It shipped."))
			rec, err := NewRecorder(RecorderOptions{Upstream: model + "/v1", Name: "q4"})
			if err != nil {
				t.Fatal(err)
			}
			proxy := httptest.NewServer(rec)
			defer proxy.Close()
			p := &program{t: t, base: proxy.URL, api: from, stream: stream, system: "You serve a shop."}
			if got := p.talk("A-1"); got != want {
				t.Fatalf("%s, stream %v: %s", from, stream, got)
			}
			mem := &memstate.State{}
			rep, err := agentstate.Copy(t.Context(), mem, rec, nil)
			if err != nil || rep.Verdict.Coverage != agentstate.Reconciled {
				t.Fatalf("%v %v", err, rep.Verdict)
			}
			if n := rep.Records["message"]; rep.Records["conversation"] != 1 || rep.Records["run"] != 3 || rep.Records["testrun"] != 1 || n < 7 {
				t.Errorf("%s: %v", from, rep.Records)
			}
			for r, err := range mem.Records(t.Context(), nil) {
				if err != nil || strings.Contains(fmt.Sprint(r), "canary-key") {
					t.Fatalf("%v: the key is in %s", err, r.GetMeta().GetKey())
				}
			}
			for _, to := range []string{"chat", "responses", "messages"} {
				player, err := NewPlayer(t.Context(), mem, nil)
				if err != nil {
					t.Fatal(err)
				}
				srv := httptest.NewServer(player)
				defer srv.Close()
				for _, stream := range []bool{false, true} {
					p := &program{t: t, base: srv.URL, api: to, stream: stream, system: "You serve a shop."}
					got := p.talk("A-1")
					if g := strings.Replace(got, `{"limit":1.0,"order":"A-1"}`, `{"order":"A-1","limit":1.0}`, 1); g != want {
						t.Errorf("%s to %s, stream %v: %s", from, to, stream, got)
					}
				}
			}
		}
	}
}

// A request that leaves the recording is refused, and what differs is named without content.
func TestMiss(t *testing.T) {
	var misses []Miss
	_, base := play(t, &PlayerOptions{OnMiss: func(m Miss) { misses = append(misses, m) }}, shop("a", "A-1", "It shipped."))
	msg := func(role, content string) map[string]any { return map[string]any{"role": role, "content": content} }
	call := func(name, args string) map[string]any {
		return map[string]any{"role": "assistant", "content": "Let me look.", "tool_calls": []any{map[string]any{"id": "other", "type": "function", "function": map[string]any{"name": name, "arguments": args}}}}
	}
	result := func(s string) map[string]any {
		return map[string]any{"role": "tool", "tool_call_id": "other", "content": s}
	}
	sys, ask := msg("system", "You serve a shop."), msg("user", "Where is A-1?")
	for name, c := range map[string]struct {
		messages []any
		want     string
	}{
		"an argument":      {[]any{sys, ask, call("lookup", `{"order":"A-2-secret","limit":1}`), result(`{"status":"shipped"}`)}, "item 4, call of lookup: order: want "},
		"a missing one":    {[]any{sys, ask, call("lookup", `{"order":"A-1"}`), result(`{"status":"shipped"}`)}, "item 4, call of lookup: limit: missing (recorded: message/a/3)"},
		"one too many":     {[]any{sys, ask, call("lookup", `{"limit":1,"order":"A-1","all":true}`), result(`{}`)}, "item 4, call of lookup: all: not expected"},
		"another tool":     {[]any{sys, ask, call("refund", `{"order":"A-1","limit":1}`)}, "want lookup, got refund"},
		"another result":   {[]any{sys, ask, call("lookup", `{"order":"A-1","limit":1}`), result(`{"status":"lost-secret"}`)}, "item 5, result of a tool: status: want "},
		"a result as text": {[]any{sys, ask, call("lookup", `{"order":"A-1","limit":1}`), result(`secret`)}, "item 5, result of a tool: want "},
		"another question": {[]any{sys, msg("user", "secret?")}, "item 2, user's text: want "},
		"another operator": {[]any{msg("system", "secret"), ask}, "item 1, operator's text: want "},
		"no operator":      {[]any{ask}, "item 1, operator's text: want operator's text, got user's text"},
		"nothing":          {[]any{}, "item 0, the end: no answer was recorded here"},
		"too far":          {[]any{sys, ask, call("lookup", `{"order":"A-1","limit":1}`), result(`{"status":"shipped"}`), msg("assistant", "It shipped."), msg("user", "Thanks"), msg("assistant", "You are welcome."), msg("user", "secret")}, "item 9, user's text: the recording ends before it"},
		"no answer there":  {[]any{sys}, "item 1, the end: no answer was recorded here"},
	} {
		misses = nil
		code, b := post(t, base+"/v1/chat/completions", map[string]any{"messages": c.messages})
		if code != http.StatusBadRequest || len(misses) != 1 || !strings.Contains(misses[0].String(), c.want) {
			t.Errorf("%s: %d %s\n%v", name, code, b, misses)
		}
		if strings.Contains(string(b), "secret") || !strings.Contains(string(b), "not_recorded") {
			t.Errorf("%s: %s", name, b)
		}
	}
	// Members in another order and 1 for 1.0 are no difference.
	code, b := post(t, base+"/v1/chat/completions", map[string]any{"messages": []any{sys, ask, call("lookup", `{"limit":1, "order":"A-1"}`), result(`{"status":"shipped"}`)}})
	if code != 200 || !strings.Contains(string(b), "It shipped.") {
		t.Errorf("%d %s", code, b)
	}
}

// Many programs at once, some of which say the same, are recorded apart.
func TestParallel(t *testing.T) {
	var shops [][]agentstate.Record
	for i := range 4 {
		shops = append(shops, shop(fmt.Sprint(i), fmt.Sprintf("A-%d", i), fmt.Sprintf("It is %d.", i)))
	}
	_, model := play(t, nil, shops...)
	rec, err := NewRecorder(RecorderOptions{Upstream: model + "/v1", Name: "q4"})
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(rec)
	defer proxy.Close()
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			p := &program{t: t, base: proxy.URL, api: "chat", stream: i%2 == 0, system: "You serve a shop."}
			if got := p.talk(fmt.Sprintf("A-%d", i%4)); !strings.Contains(got, fmt.Sprintf("|It is %d.|You are welcome.", i%4)) {
				t.Errorf("%d: %s", i, got)
			}
		})
	}
	all.Wait()
	mem := &memstate.State{}
	rep, err := agentstate.Copy(t.Context(), mem, rec, nil)
	if err != nil || rep.Verdict.Coverage != agentstate.Reconciled || rep.Records["conversation"] != 12 || rep.Records["message"] != 12*7 || rec.Exchanges() != 36 {
		t.Errorf("%v %v %v", err, rep.Verdict, rep.Records)
	}
}

// What passes a recorder and cannot be played is a gap, and the program notices nothing.
func TestRecorderFaults(t *testing.T) {
	answers := map[string]string{"half": `{"choices":[{"message":{"content":"hel`, "good": `{"id":"x","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"}}],"usage":{"total_tokens":3}}`}
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		switch {
		case strings.HasSuffix(r.URL.Path, "/embeddings"):
			io.WriteString(w, `{"data":[]}`)
		case strings.Contains(string(b), "busy"):
			w.WriteHeader(http.StatusTooManyRequests)
		case strings.Contains(string(b), "cut"):
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hel\"}}]}\n\n")
		case strings.Contains(string(b), "half"):
			io.WriteString(w, answers["half"])
		default:
			io.WriteString(w, answers["good"])
		}
	}))
	defer model.Close()
	rec, err := NewRecorder(RecorderOptions{Upstream: model.URL + "/v1/", Name: "q4"})
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(rec)
	defer proxy.Close()
	ask := func(what string, stream bool) (int, string) {
		code, b := post(t, proxy.URL+"/v1/chat/completions", map[string]any{"model": "m", "stream": stream, "messages": []any{map[string]any{"role": "user", "content": what}}})
		return code, string(b)
	}
	for _, c := range []struct {
		what   string
		stream bool
		code   int
		want   string
	}{{"busy", false, 429, ""}, {"half", false, 200, answers["half"]}, {"cut", true, 200, "hel"}, {"good", false, 200, answers["good"]}} {
		if code, b := ask(c.what, c.stream); code != c.code || !strings.Contains(b, c.want) {
			t.Errorf("%s: %d %s", c.what, code, b)
		}
	}
	post(t, proxy.URL+"/v1/images/generations", map[string]any{"prompt": "x"})
	post(t, proxy.URL+"/v1/embeddings", map[string]any{"input": "x"})
	post(t, proxy.URL+"/v1/chat/completions", []int{1})
	post(t, proxy.URL+"/v1/responses", map[string]any{"conversation": "conv_1", "input": "hi"})
	mem := &memstate.State{}
	rep, err := agentstate.Copy(t.Context(), mem, rec, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, g := range rep.Gaps {
		got[g.Place] = g.Count
	}
	want := map[string]uint64{"requests to /v1/images/generations": 1, "answers that were not understood": 1, "requests that were not understood": 1, "the conversation is kept by the provider; send its items": 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if rep.Verdict.Coverage != agentstate.Gaps || rep.Records["message"] != 5 || rec.Exchanges() != 1 {
		t.Errorf("%v %v", rep.Verdict, rep.Records)
	}
	kept := map[string]uint64{"requests that the model answered with status 429": 1, "answers that ended early, or with an error": 2}
	if d := cmp.Diff(kept, rec.Failures()); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"", "model", "ftp://x/v1", "http://"} {
		if _, err := NewRecorder(RecorderOptions{Upstream: bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// Long texts stand beside the record, and are played all the same.
func TestLong(t *testing.T) {
	long := strings.Repeat("x", agentstate.SpillSize+1)
	_, model := play(t, nil, conv("a", says(pb.Role_ROLE_USER, textPart(long)), says(pb.Role_ROLE_ASSISTANT, textPart(long)), says(pb.Role_ROLE_TOOL, resultPart("c", long, false)), says(pb.Role_ROLE_ASSISTANT, textPart("done"))))
	rec, err := NewRecorder(RecorderOptions{Upstream: model + "/v1", Name: "q4"})
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(rec)
	defer proxy.Close()
	talk := func(base string) string {
		p := &program{t: t, base: base, api: "chat"}
		p.say(long)
		p.ask()
		p.result(&pb.ToolCall{Id: "c"}, long)
		text, _, failure := p.ask()
		return text + failure
	}
	if got := talk(proxy.URL); got != "done" {
		t.Fatal(got)
	}
	mem := &memstate.State{}
	if _, err := agentstate.Copy(t.Context(), mem, rec, nil); err != nil {
		t.Fatal(err)
	}
	for r := range agentstate.Of[*pb.Message](mem.Records(t.Context(), nil)) {
		agentstate.Blobs(r, func(*pb.Blob) { long = "" })
	}
	if long != "" {
		t.Error("no blob")
	}
	long = strings.Repeat("x", agentstate.SpillSize+1)
	p, err := NewPlayer(t.Context(), mem, nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(p)
	defer srv.Close()
	if got := talk(srv.URL); got != "done" {
		t.Error(got)
	}
}
