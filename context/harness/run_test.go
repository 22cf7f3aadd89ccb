package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/internal/gctest"
)

// The test binary is the runner and the judge too: real programs, started as any other.
func TestMain(m *testing.M) {
	switch os.Getenv("HARNESS_TEST_AS") {
	case "runner":
		runner()
	case "judge":
		judge()
	case "tools":
		tools()
	default:
		os.Exit(gctest.Main(m))
	}
}

// runner is an agent that remembers Ada only with its state, and misbehaves on demand.
func runner() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var r Request
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			os.Exit(9)
		}
		var input Input
		json.Unmarshal(r.Input, &input)
		switch input.Text {
		case "crash":
			fmt.Fprintln(os.Stderr, "runner: about to crash")
			os.Exit(3)
		case "hang":
			time.Sleep(time.Hour)
		case "flood":
			fmt.Println(`{"id":"` + strings.Repeat("x", maxLine) + `"}`)
		case "other id":
			fmt.Println(`{"id":"nobody's"}`)
		case "nothing":
			fmt.Printf(`{"id":%q,"answer":"it is"}`+"\n", r.ID)
		case "mark":
			fmt.Printf("\ufeff"+`{"id":%q,"output":"it is"}`+"\r\n", r.ID)
		case "noise":
			fmt.Println(`Loading model...`)
		case "fail":
			fmt.Printf(`{"id":%q,"error":"the door code is 4471"}`+"\n", r.ID)
		default:
			name := "nobody"
			if r.State != "" {
				name = r.State
			}
			fmt.Printf(`{"id":%q,"output":"it is %s","tool_calls":[{"name":"recall","arguments":{"who":%q}}]}`+"\n", r.ID, name, name)
		}
	}
}

func judge() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil || string(q.Expectation) == `{"break":true}` {
			os.Exit(4)
		}
		fmt.Printf(`{"id":%q,"passed":%v,"why":"as asked"}`+"\n", q.ID, strings.Contains(string(q.Output), "Ada"))
	}
}

func as(t *testing.T, role string) (args, env []string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{exe}, append(os.Environ(), "HARNESS_TEST_AS="+role)
}

func command(t *testing.T) *Command {
	args, env := as(t, "runner")
	c := &Command{Args: args, Env: env, Timeout: 20 * time.Second}
	t.Cleanup(func() { c.Close() })
	return c
}

// hurried has no patience with testcase/bad, and all of it with the others.
type hurried struct{ *Command }

func (h hurried) Run(ctx context.Context, r *Request) (*Answer, error) {
	patient := h.Timeout
	defer func() { h.Timeout = patient }()
	if r.Task == "testcase/bad" {
		h.Timeout = 300 * time.Millisecond
	}
	return h.Command.Run(ctx, r)
}

func text(key, input string, expect ...Expectation) Task {
	return Task{Key: key, Input: Encode(Input{Text: input}), Expect: expect}
}

// What the state was worth: with it the target knows Ada, cold it does not.
func TestRun(t *testing.T) {
	knows := Expectation{Contains, PlainText, []byte("Ada")}
	called := Expectation{ToolCalled, JSON, []byte(`{"name":"recall","arguments":{"who":"Ada"}}`)}
	args, env := as(t, "judge")
	j := &JudgeCommand{Args: args, Env: env}
	defer j.Close()
	results := &Results{Name: "q4"}
	p := &Plan{
		Tasks: []Task{text("testcase/s/1", "who?", knows, called), text("testcase/s/2", "who?", Expectation{Judged, JSON, []byte(`{"type":"llm-rubric"}`)}), text("testcase/s/3", "say it", Expectation{Contains, PlainText, []byte("it is")})},
		Sides: []Side{{Source, command(t), "Ada"}, {Target, command(t), "Ada"}, {Cold, command(t), ""}}, Runs: 2, Judge: j, OnResult: results.Add,
	}
	s, err := Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{s.Source.String(), s.Target.String(), s.Cold.String(), s.TCS().String(), s.RetainedLift().String(), fmt.Sprint(s.Passed(), s.NotJudged)}
	want := []string{"6/6", "6/6", "2/6", "1.00 = (6/6) / (6/6)", "1.00 = (6/6 - 2/6) / (6/6 - 2/6)", "true 0"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	mem := &memstate.State{}
	rep, err := agentstate.Copy(t.Context(), mem, results, nil)
	if err != nil || rep.Records["testrun"] != 18 || rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v %v", rep, err)
	}

	// Without a judge the task that needs one is counted apart, on every side.
	p.Judge, p.OnResult = nil, nil
	if s, err = Run(t.Context(), p); err != nil || s.NotJudged != 1 || s.Target.String() != "4/4" || s.Cold.String() != "2/4" {
		t.Errorf("%v %+v", err, s)
	}

	// A judge that breaks ends the test.
	p.Judge = j
	p.Tasks[1].Expect[0].Value = []byte(`{"break":true}`)
	if _, err := Run(t.Context(), p); !errors.Is(err, ErrJudge) || !strings.Contains(err.Error(), "testcase/s/2") {
		t.Error(err)
	}
}

func TestCommandFaults(t *testing.T) {
	t.Parallel()
	any := Expectation{Contains, PlainText, []byte("it is")}
	for name, c := range map[string]struct{ why, not string }{
		"crash":    {why: "testcase/bad: the runner ended (exit status 3)"},
		"hang":     {why: "testcase/bad: no answer within 300ms"},
		"flood":    {why: "testcase/bad: a line of more than"},
		"other id": {why: `testcase/bad: it answers id "nobody's"`},
		"nothing":  {why: "testcase/bad: its answer has neither output"},
		"noise":    {why: "testcase/bad: its line is no JSON"},
		"fail":     {why: "the runner says that it failed", not: "4471"},
	} {
		t.Run(name, func(t *testing.T) {
			var why []string
			r := Runner(command(t))
			if name == "hang" {
				r = hurried{command(t)}
			}
			s, err := Run(t.Context(), &Plan{
				Tasks: []Task{text("testcase/bad", name, any), text("testcase/good", "who?", any)},
				Sides: []Side{{Name: Target, Runner: r}}, OnResult: func(r Result) { why = append(why, r.Why) },
			})
			if err != nil || s.Target.String() != "1/2" || s.Passed() {
				t.Fatalf("%v %v", err, s.Target)
			}
			if !strings.Contains(why[0], c.why) || why[1] != "" || c.not != "" && strings.Contains(why[0], c.not) {
				t.Errorf("%q", why)
			}
		})
	}
	if s, err := Run(t.Context(), &Plan{Tasks: []Task{text("testcase/mark", "mark", any)}, Sides: []Side{{Name: Target, Runner: command(t)}}}); err != nil || !s.Passed() {
		t.Errorf("a mark before the answer: %v %v", err, s)
	}
	noise := text("testcase/bad", "noise", any)
	if _, err := Run(t.Context(), &Plan{Tasks: []Task{noise, noise, noise, noise}, Sides: []Side{{Name: Target, Runner: command(t)}}}); !errors.Is(err, ErrRunner) || !strings.Contains(err.Error(), "its line is no JSON") {
		t.Errorf("a runner that logs to its output: %v", err)
	}
	crash := text("testcase/bad", "crash", any)
	_, err := Run(t.Context(), &Plan{Tasks: []Task{crash, crash, crash, crash}, Sides: []Side{{Name: Target, Runner: command(t)}}})
	if !errors.Is(err, ErrRunner) || !strings.Contains(err.Error(), "target at testcase/bad") {
		t.Errorf("a runner that always dies: %v", err)
	}
	_, err = Run(t.Context(), &Plan{Tasks: []Task{crash}, Sides: []Side{{Name: Target, Runner: &Command{Args: []string{"/no/such/program"}}}}})
	if !errors.Is(err, ErrRunner) {
		t.Errorf("no program: %v", err)
	}
}

// A runner that left a child behind, which holds the output open, does not hold the test.
func TestCommandLeavesChild(t *testing.T) {
	t.Parallel()
	c := &Command{Args: []string{"sh", "-c", "sleep 600 & exit 0"}, Timeout: 500 * time.Millisecond}
	began := time.Now()
	if _, err := c.Run(t.Context(), &Request{ID: "1", Task: "testcase/x"}); err == nil {
		t.Error("an answer from nobody")
	}
	c.Close()
	if d := time.Since(began); d > time.Minute {
		t.Errorf("it took %s", d)
	}
}

func TestEndpoint(t *testing.T) {
	var got map[string]any
	answer, code := `{"choices":[{"message":{"content":null,"tool_calls":[{"function":{"name":"refund","arguments":"{\"n\":1}"}},{"function":{"name":"bad","arguments":"{"}}]}}],"usage":{"total_tokens":7}}`, 200
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/chat/completions" || r.Header.Get("Authorization") != "Bearer k" {
			http.Error(w, "no", http.StatusNotFound)
			return
		}
		json.NewDecoder(r.Body).Decode(&got)
		w.WriteHeader(code)
		io.WriteString(w, answer)
	}))
	defer srv.Close()
	e := &Endpoint{URL: srv.URL + "/v1/", Model: "m", Key: "k"}
	a, err := e.Run(t.Context(), &Request{ID: "7", Task: "testcase/x", State: "Ada likes tea", Input: []byte(`{"messages":[{"role":"user","content":"hi"}],"vars":{}}`)})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"model": "m", "messages": []any{map[string]any{"role": "system", "content": "Ada likes tea"}, map[string]any{"role": "user", "content": "hi"}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(&Answer{ID: "7", Output: []byte(`""`), Usage: []byte(`{"total_tokens":7}`), ToolCalls: []ToolCall{{"refund", []byte(`{"n":1}`)}, {"bad", []byte(`"{"`)}}}, a); d != "" {
		t.Error(d)
	}
	for _, c := range []struct {
		code          int
		answer, input string
		want          string
		works         bool
	}{
		{200, "{}", `"hi"`, "no chat completion", true},
		{500, "secret words", `"hi"`, "answers 500", true},
		{401, "secret words", `"hi"`, "check the key", false},
		{200, "{}", `{"template":"{{x}}"}`, "neither text nor messages", true},
		{200, "{}", `7`, "not for an endpoint", true},
		{200, strings.Repeat(" ", maxLine+1), `"hi"`, "more than", true},
	} {
		answer, code = c.answer, c.code
		_, err := e.Run(t.Context(), &Request{ID: "1", Task: "testcase/x", Input: []byte(c.input)})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") || errors.Is(err, ErrRunner) == c.works {
			t.Errorf("%d %.20s: %v", c.code, c.answer, err)
		}
	}
}

// TestEndpointBusy: an endpoint that is busy is asked again when it says, as long as the task has time.
func TestEndpointBusy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		codes []int
		after string
		limit time.Duration
		want  string
		asked int
	}{
		"busy once":  {[]int{429, 200}, "1", time.Minute, "", 2},
		"overloaded": {[]int{529, 503, 200}, "0.1", time.Minute, "", 3},
		"a date":     {[]int{429, 200}, "Mon, 02 Jan 2006 15:04:05 GMT", time.Minute, "", 2},
		"too long":   {[]int{429, 200}, "3600", time.Minute, "answers 429", 1},
		"no time":    {[]int{429, 200}, "", time.Second / 2, "answers 429", 1},
		"not busy":   {[]int{500, 200}, "1", time.Minute, "answers 500", 1},
		"not found":  {[]int{404, 200}, "1", time.Minute, "answers 404", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				w.WriteHeader(c.codes[asked])
				asked++
				io.WriteString(w, `{"choices":[{"message":{"content":"hi"}}]}`)
			}))
			defer srv.Close()
			e := &Endpoint{URL: srv.URL, Model: "m", Timeout: c.limit}
			_, err := e.Run(t.Context(), &Request{ID: "1", Task: "testcase/x", Input: []byte(`"hi"`)})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || asked != c.asked {
				t.Errorf("asked %d times: %v", asked, err)
			}
		})
	}
}

// tools knows orders, fails on demand, and dies on demand.
func tools() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var q toolRequest
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			os.Exit(9)
		}
		switch q.Name {
		case "lookup":
			fmt.Printf(`{"id":%q,"output":{"status":"sent","args":%s,"side":%q}}`+"\n", q.ID, q.Arguments, q.Side)
		case "broken":
			fmt.Printf(`{"id":%q,"error":"no such order"}`+"\n", q.ID)
		default:
			os.Exit(3)
		}
	}
}

// TestEndpointTools: a model that calls tools is asked again with their results, until it calls none.
func TestEndpointTools(t *testing.T) {
	for name, tc := range map[string]struct {
		calls []string // that the model makes, one a turn
		want  string   // of the last result, or of the error
		fails bool
	}{
		"one":       {[]string{"lookup"}, `"status":"sent","args":{"n":1},"side":"target"`, false},
		"two":       {[]string{"lookup", "broken"}, `{"error":"no such order"}`, false},
		"dies":      {[]string{"lookup", "die"}, "the program of the tools: it ended", true},
		"never end": {slices.Repeat([]string{"lookup"}, maxTurns+5), "still calls tools after 20 turns", true},
	} {
		turn, last := 0, ""
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var got struct {
				Messages []struct {
					Role, Content string
					ToolCallID    string `json:"tool_call_id"`
				}
			}
			if err := json.NewDecoder(r.Body).Decode(&got); err != nil || len(got.Messages) != 1+2*turn {
				t.Errorf("%s: turn %d: %v %+v", name, turn, err, got)
			}
			if m := got.Messages[len(got.Messages)-1]; turn > 0 {
				if last = m.Content; m.Role != "tool" || m.ToolCallID != fmt.Sprintf("c%d", turn) {
					t.Errorf("%s: %+v", name, m)
				}
			}
			if turn == len(tc.calls) {
				io.WriteString(w, `{"choices":[{"message":{"role":"assistant","content":"done"}}]}`)
				return
			}
			turn++
			fmt.Fprintf(w, `{"choices":[{"message":{"role":"assistant","content":"","tool_calls":[{"id":"c%d","type":"function","function":{"name":%q,"arguments":"{\"n\":1}"}}]}}]}`, turn, tc.calls[turn-1])
		}))
		e := &Endpoint{URL: srv.URL, Model: "m", Tools: &ToolCommand{Args: []string{os.Args[0]}, Env: append(os.Environ(), "HARNESS_TEST_AS=tools")}}
		a, err := e.Run(t.Context(), &Request{ID: "7", Task: "testcase/x", Side: "target", Input: []byte(`"hi"`)})
		switch {
		case tc.fails:
			if err == nil || !strings.Contains(err.Error(), tc.want) || errors.Is(err, ErrRunner) {
				t.Errorf("%s: %v", name, err)
			}
		case err != nil || a.Text() != "done" || len(a.ToolCalls) != len(tc.calls) || !strings.Contains(last, tc.want):
			t.Errorf("%s: %v %+v, last result %s", name, err, a, last)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		srv.Close()
	}
}

// FuzzAnswer: whatever a runner says, it is an answer that can be judged and kept, or an error.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"id":"1","output":"hi","tool_calls":[{"name":"a","arguments":{"x":1e400}}]}`))
	f.Add([]byte(`{"id":"1","output":{"a":[1,2.50]},"error":""}`))
	f.Add([]byte(`{"ID":"1"}`))
	f.Add([]byte("\xff{"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAnswer(b, "1")
		if err != nil {
			return
		}
		task := Task{Key: "testcase/f", Expect: []Expectation{{Exact, JSON, a.value()}, {Contains, JSON, []byte(`{"any":["a",""]}`)}, {JSONSchema, Schema, []byte(`true`)}, {ToolCalled, JSON, []byte(`{"only":["a"]}`)}}}
		if _, _, err := Check(t.Context(), &task, a, nil); err != nil {
			t.Fatal(err)
		}
		r := &Results{Name: "f"}
		r.Add(Result{Task: &task, Side: Target, Run: 1, Answer: a})
		if _, err := agentstate.Copy(t.Context(), &memstate.State{}, r, nil); err != nil {
			t.Fatal(err)
		}
	})
}
