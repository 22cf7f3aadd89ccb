package cassette

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

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
