package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/harness/cassette"
)

// asks is a program that talks to a model: it sends the operator's text and the question in the
// file that it is given, answers calls of tools from there, and prints what the model says last.
func asks() {
	var in struct {
		System, Say string
		Results     map[string]string
		Change      map[string]any // arguments that it calls with in place of the model's
	}
	b, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = json.Unmarshal(b, &in)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	messages := []map[string]any{{"role": "system", "content": in.System}, {"role": "user", "content": in.Say}}
	for range 5 {
		req, _ := json.Marshal(map[string]any{"model": "any", "messages": messages})
		r, _ := http.NewRequest(http.MethodPost, os.Getenv("OPENAI_BASE_URL")+"/chat/completions", bytes.NewReader(req))
		r.Header.Set("Authorization", "Bearer "+os.Getenv("OPENAI_API_KEY"))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		body, _ := io.ReadAll(resp.Body)
		var got struct {
			Choices []struct{ Message map[string]any }
		}
		if json.Unmarshal(body, &got); resp.StatusCode != 200 || len(got.Choices) == 0 {
			fmt.Fprintf(os.Stderr, "status %d: %s\n", resp.StatusCode, body)
			os.Exit(1)
		}
		m := got.Choices[0].Message
		messages = append(messages, m)
		calls, _ := m["tool_calls"].([]any)
		if len(calls) == 0 {
			fmt.Println(m["content"])
			return
		}
		for _, c := range calls {
			c := c.(map[string]any)
			f := c["function"].(map[string]any)
			if in.Change != nil {
				args, _ := json.Marshal(in.Change)
				f["arguments"] = string(args)
			}
			messages = append(messages, map[string]any{"role": "tool", "tool_call_id": c["id"], "content": in.Results[f["name"].(string)]})
		}
	}
	os.Exit(1)
}

// A difference is told whenever it is new, and everything is counted, however often the same was told before.
func TestPlayedOthers(t *testing.T) {
	var said bytes.Buffer
	p := &played{stderr: &said, told: map[string]bool{}}
	other := func(what string) {
		p.otherSettings(cassette.Miss{What: "settings", Differs: []string{what}})
	}
	for range 1500 {
		other("model: want a, got b")
		p.miss(cassette.Miss{What: "x"})
	}
	other("temperature: want a, got b")
	if n := strings.Count(said.String(), "other settings"); n != 2 || p.other != 1501 || len(p.others) != maxTold || p.missed != 1500 || len(p.misses) != maxTold {
		t.Errorf("%d told, %d others, %d missed", n, p.other, p.missed)
	}
	said.Reset()
	for i := range 1500 {
		other(fmt.Sprint("seed ", i))
	}
	if n := strings.Count(said.String(), "\n"); n != maxTold-1 || !strings.HasSuffix(said.String(), "and not told\n") {
		t.Errorf("%d lines, the last %q", n, said.String()[max(0, said.Len()-100):])
	}
}

// A page that resolves its own name to this machine reads nothing, and other machines are not served.
func TestServeLoopback(t *testing.T) {
	f := &serveFlags{listen: "0.0.0.0:0"}
	if _, err := f.start(http.NotFoundHandler()); exitCode(err) != exitUsage {
		t.Errorf("served on every address: %v", err)
	}
	f.listen = "127.0.0.1:0"
	s, err := f.start(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "played") }))
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	for _, c := range []struct {
		host, origin string
		want         int
	}{
		{"", "", 200}, {"localhost", "", 200}, {"[::1]:80", "", 200}, {"", "http://localhost:3000", 200},
		{"evil.example", "", 403}, {"evil.example:80", "", 403}, {"", "https://evil.example", 403}, {"", "null", 403},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.host != "" {
			r.Host = c.host
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != c.want {
			t.Errorf("host %q, origin %q: %d, want %d", c.host, c.origin, resp.StatusCode, c.want)
		}
	}
}
