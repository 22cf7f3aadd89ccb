package cassette

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
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

// A program talks to a model over one of the APIs.
type program struct {
	t      *testing.T
	base   string
	api    string // "chat", "responses", "messages"
	stream bool
	system string

	log []any // the conversation in the API's own form
}

var paths = map[string]string{"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}

func post(t *testing.T, url string, body any) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(harness.Encode(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer canary-key")
	req.Header.Set("X-Api-Key", "canary-key")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b
}

// ask sends the conversation so far and takes the answer into it.
func (p *program) ask() (text string, calls []*pb.ToolCall, failure string) {
	p.t.Helper()
	body := map[string]any{"model": "m-1", "stream": p.stream, "temperature": 0, "max_tokens": 100}
	switch p.api {
	case "chat":
		body["messages"] = append([]any{map[string]any{"role": "system", "content": p.system}}, p.log...)
		body["stream_options"] = map[string]any{"include_usage": true}
	case "responses":
		body["input"], body["instructions"] = p.log, p.system
	case "messages":
		body["messages"], body["system"] = p.log, p.system
	}
	code, b := post(p.t, p.base+paths[p.api], body)
	if code != http.StatusOK {
		return "", nil, string(b)
	}
	api := apiOf(paths[p.api])
	var a *answer
	var err error
	if p.stream {
		a, err = api.events(parseEvents(b))
	} else {
		a, err = api.answer(b)
	}
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", p.api, err, b)
	}
	text, calls = said(a.Parts)
	var own map[string]any
	if err := json.Unmarshal(harness.Encode(api.write(a)), &own); err != nil {
		p.t.Fatal(err)
	}
	switch p.api {
	case "chat":
		p.log = append(p.log, own["choices"].([]any)[0].(map[string]any)["message"])
	case "responses":
		p.log = append(p.log, own["output"].([]any)...)
	case "messages":
		p.log = append(p.log, map[string]any{"role": "assistant", "content": own["content"]})
	}
	return text, calls, ""
}

func (p *program) say(text string) {
	p.log = append(p.log, map[string]any{"role": "user", "content": text})
}

func (p *program) result(call *pb.ToolCall, output string) {
	switch p.api {
	case "chat":
		p.log = append(p.log, map[string]any{"role": "tool", "tool_call_id": call.Id, "content": output})
	case "responses":
		p.log = append(p.log, map[string]any{"type": "function_call_output", "call_id": call.Id, "output": output})
	case "messages":
		p.log = append(p.log, map[string]any{"role": "user", "content": []any{map[string]any{"type": "tool_result", "tool_use_id": call.Id, "content": output}}})
	}
}

// talk is the whole conversation; it returns what the model said.
func (p *program) talk(order string) string {
	p.t.Helper()
	p.say("Where is " + order + "?")
	first, calls, failure := p.ask()
	if failure != "" || len(calls) != 1 {
		return failure
	}
	p.result(calls[0], `{"status":"shipped"}`)
	second, _, failure := p.ask()
	if failure != "" {
		return failure
	}
	p.say("Thanks")
	third, _, _ := p.ask()
	return strings.Join([]string{first, calls[0].Name, string(calls[0].ArgumentsJson), second, third}, "|")
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

// Several recordings of one question take turns; texts of an operator are left out where nobody
// recorded them, and on demand.
func TestTurns(t *testing.T) {
	ask := func(base, system string) string {
		p := &program{t: t, base: base, api: "chat", system: system}
		p.say("Hi")
		text, _, failure := p.ask()
		return text + failure
	}
	hi := func(name, answer string) []agentstate.Record {
		return conv(name, says(pb.Role_ROLE_USER, textPart("Hi")), says(pb.Role_ROLE_ASSISTANT, textPart(answer)))
	}
	p, base := play(t, nil, hi("a", "one"), hi("b", "two"))
	if got := ask(base, "x") + ask(base, "y") + ask(base, "z"); got != "onetwoone" || p.Answers() != 2 {
		t.Error(got)
	}
	strict := conv("a", says(pb.Role_ROLE_SYSTEM, textPart("It is Monday.")), says(pb.Role_ROLE_USER, textPart("Hi")), says(pb.Role_ROLE_ASSISTANT, textPart("Hello")))
	_, base = play(t, nil, strict)
	if got := ask(base, "It is Tuesday."); !strings.Contains(got, "operator's text") {
		t.Error(got)
	}
	_, base = play(t, &PlayerOptions{IgnoreSystem: true}, strict)
	if got := ask(base, "It is Tuesday."); got != "Hello" {
		t.Error(got)
	}
	if _, err := NewPlayer(t.Context(), memstate.Whole("test", conv("a", says(pb.Role_ROLE_USER, textPart("Hi")))...), nil); err != ErrEmpty {
		t.Error(err)
	}
}

// Runtimes tell messages apart by the id of the answer: two answers have two, and one has the same
// whenever it is played.
func TestIDs(t *testing.T) {
	var ids []string
	for range 2 {
		_, base := play(t, nil, shop("a", "A-1", "It shipped."))
		for _, messages := range [][]any{
			{map[string]any{"role": "system", "content": "You serve a shop."}, map[string]any{"role": "user", "content": "Where is A-1?"}},
			{map[string]any{"role": "system", "content": "You serve a shop."}, map[string]any{"role": "user", "content": "Where is A-1?"},
				map[string]any{"role": "assistant", "content": "Let me look.", "tool_calls": []any{map[string]any{"function": map[string]any{"name": "lookup", "arguments": `{"order":"A-1","limit":1}`}}}},
				map[string]any{"role": "tool", "content": `{"status":"shipped"}`}},
		} {
			_, b := post(t, base+"/v1/chat/completions", map[string]any{"messages": messages})
			var a struct{ ID string }
			if err := json.Unmarshal(b, &a); err != nil || a.ID == "" {
				t.Fatalf("%v: %s", err, b)
			}
			ids = append(ids, a.ID)
		}
	}
	if ids[0] == ids[1] || ids[0] != ids[2] || ids[1] != ids[3] {
		t.Error(ids)
	}
}

// A conversation that was forked can be played to each of its ends.
func TestFork(t *testing.T) {
	recs := conv("a", says(pb.Role_ROLE_USER, textPart("Hi")), says(pb.Role_ROLE_ASSISTANT, textPart("Hello")),
		says(pb.Role_ROLE_USER, textPart("left")), says(pb.Role_ROLE_ASSISTANT, textPart("L")), says(pb.Role_ROLE_USER, textPart("right")), says(pb.Role_ROLE_ASSISTANT, textPart("R")))
	for i, parent := range []int{0, 1, 2, 3, 2, 5} {
		if parent > 0 {
			recs[i+1].(*pb.Message).ParentKey = fmt.Sprintf("message/a/%d", parent)
		}
	}
	p, base := play(t, nil, recs)
	for _, way := range []string{"left", "right"} {
		g := &program{t: t, base: base, api: "responses"}
		g.say("Hi")
		g.ask()
		g.say(way)
		if text, _, failure := g.ask(); text != strings.ToUpper(way[:1]) {
			t.Errorf("%s: %s %s", way, text, failure)
		}
	}
	if p.Answers() != 3 {
		t.Errorf("%d answers", p.Answers())
	}
}

// A program that lets the provider keep the conversation.
func TestPrevious(t *testing.T) {
	_, model := play(t, nil, conv("a", says(pb.Role_ROLE_USER, textPart("Hi")), says(pb.Role_ROLE_ASSISTANT, textPart("Hello")), says(pb.Role_ROLE_USER, textPart("Bye")), says(pb.Role_ROLE_ASSISTANT, textPart("See you"))))
	rec, err := NewRecorder(RecorderOptions{Upstream: model + "/v1", Name: "q4"})
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(rec)
	defer proxy.Close()
	talk := func(base string) string {
		_, b := post(t, base+"/v1/responses", map[string]any{"model": "m", "input": "Hi"})
		var first struct{ ID string }
		json.Unmarshal(b, &first)
		_, b = post(t, base+"/v1/responses", map[string]any{"model": "m", "input": "Bye", "previous_response_id": first.ID})
		return string(b)
	}
	if got := talk(proxy.URL); !strings.Contains(got, "See you") {
		t.Fatal(got)
	}
	mem := &memstate.State{}
	if rep, err := agentstate.Copy(t.Context(), mem, rec, nil); err != nil || rep.Records["message"] != 4 {
		t.Fatalf("%v %v", err, rep.Records)
	}
	p, err := NewPlayer(t.Context(), mem, nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(p)
	defer srv.Close()
	if got := talk(srv.URL); !strings.Contains(got, "See you") {
		t.Error(got)
	}
	code, b := post(t, srv.URL+"/v1/responses", map[string]any{"input": "Bye", "previous_response_id": "nobody's"})
	if code != 400 || !strings.Contains(string(b), "was not given here") {
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
	want := map[string]uint64{"requests to /v1/embeddings": 1, "requests that were not understood": 1, "the conversation is kept by the provider; send its items": 1}
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

// FuzzRequest: whatever a program asks is answered, and never with a panic.
func FuzzRequest(f *testing.F) {
	f.Add("chat", []byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image_url"}]},{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{"}}]},{"role":"tool","content":null}],"stream":true}`))
	f.Add("responses", []byte(`{"instructions":"x","input":[{"role":"user","content":"Hi"},{"type":"reasoning"},{"type":"function_call","name":"f","arguments":""},{"type":"function_call_output","output":[{"type":"input_text","text":"a"}]},{"type":"item_reference"}]}`))
	f.Add("messages", []byte(`{"system":[{"type":"text","text":"x"}],"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"a"}]},{"type":"text","text":"Hi"}]},{"role":"assistant","content":[{"type":"tool_use","input":{}}]}]}`))
	recs := shop("a", "A-1", "It shipped.")
	p, err := NewPlayer(f.Context(), memstate.Whole("test", recs...), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, api string, body []byte) {
		path, ok := paths[api]
		if !ok {
			return
		}
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body)))
		if w.Code != 200 && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d %q", w.Code, w.Body)
		}
	})
}

// FuzzAnswer: whatever a model streams or says, what is kept of it can be sealed and played.
func FuzzAnswer(f *testing.F) {
	f.Add("chat", []byte("data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":7,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]},\"finish_reason\":\"x\"}]}\n\ndata: [DONE]\n\n"))
	f.Add("responses", []byte("event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"\xff\"}]},{\"type\":\"web_search_call\"}]}}\n\n"))
	f.Add("messages", []byte("data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\ndata: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\"}}\n\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"partial_json\":\"{\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n"))
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		api := apiOf(paths[name])
		if api == nil {
			return
		}
		for _, stream := range []bool{false, true} {
			r, err := NewRecorder(RecorderOptions{Upstream: "http://127.0.0.1:1/v1", Name: "f"})
			if err != nil {
				t.Fatal(err)
			}
			q := &request{Model: "m\xff", Messages: []*pb.Message{message("user", "", nil, textPart("Hi"))}, Stream: stream}
			r.take(&pending{api: api, q: q, items: flatten(q.Messages)}, &http.Response{StatusCode: http.StatusOK}, body, endedWhole)
			mem := &memstate.State{}
			if _, err := agentstate.Copy(t.Context(), mem, r, nil); err != nil {
				t.Fatal(err)
			}
			for rec := range mem.Records(t.Context(), nil) {
				if _, err := proto.Marshal(rec); err != nil {
					t.Fatal(err)
				}
			}
			if p, err := NewPlayer(t.Context(), mem, nil); err == nil && p.Answers() == 0 {
				t.Fatal("nothing to play")
			}
			r.Close()
		}
	})
}
