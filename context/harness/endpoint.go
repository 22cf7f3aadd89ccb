package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// An Endpoint is a model behind an OpenAI-compatible Chat Completions endpoint, as a runner. The State
// of a request goes ahead of the conversation as a system message. Without Tools it asks once a task:
// calls are reported and not carried out. With them it asks again with their results, until the model
// calls none.
type Endpoint struct {
	URL     string // base, "https://host/v1"
	Model   string
	Key     string        // bearer token; empty: none
	Client  *http.Client  // nil: http.DefaultClient
	Timeout time.Duration // of one task; 0: two minutes
	Tools   *ToolCommand  // nil: none
}

// maxTurns is how often a model is asked for one task.
const maxTurns = 20

type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Run asks the model.
func (e *Endpoint) Run(ctx context.Context, r *Request) (*Answer, error) {
	a, err := e.run(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("harness: %s: %w", r.Task, err)
	}
	return a, nil
}

func (e *Endpoint) run(ctx context.Context, r *Request) (*Answer, error) {
	body, err := e.body(r)
	if err != nil {
		return nil, err
	}
	limit := e.Timeout
	if limit <= 0 {
		limit = 2 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var calls []ToolCall
	for range maxTurns {
		b, err := e.ask(ctx, Encode(body), limit)
		if err != nil {
			return nil, err
		}
		a, said, err := e.answer(b, r.ID)
		if err != nil {
			return nil, err
		}
		now := a.ToolCalls
		calls = append(calls, now...)
		a.ToolCalls = calls
		switch {
		case len(calls) > maxCalls:
			return nil, fmt.Errorf("more than %d calls of tools", maxCalls)
		case e.Tools == nil || len(now) == 0:
			return a, nil
		}
		messages := append(body["messages"].([]json.RawMessage), said.message)
		for i, c := range now {
			result, err := e.Tools.call(ctx, r, c)
			if err != nil {
				return nil, err
			}
			messages = append(messages, Encode(map[string]string{"role": "tool", "tool_call_id": said.ids[i], "content": result}))
		}
		body["messages"] = messages
	}
	return nil, fmt.Errorf("the model still calls tools after %d turns", maxTurns)
}

// ask sends one request, again where the endpoint is busy.
func (e *Endpoint) ask(ctx context.Context, body []byte, limit time.Duration) ([]byte, error) {
	for asked := 1; ; asked++ {
		b, wait, err := e.askOnce(ctx, body, limit, asked)
		if wait == 0 || !sleep(ctx, wait) {
			return b, err
		}
	}
}

// askOnce sends it once. wait is how long to wait before it is sent again; 0: it is not.
func (e *Endpoint) askOnce(ctx context.Context, body []byte, limit time.Duration, asked int) (_ []byte, wait time.Duration, _ error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(e.URL, "/")+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		return nil, 0, fmt.Errorf("%w: malformed URL of the endpoint", ErrRunner)
	}
	req.Header.Set("Content-Type", "application/json")
	if e.Key != "" {
		req.Header.Set("Authorization", "Bearer "+e.Key)
	}
	client := e.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, 0, fmt.Errorf("no answer within %s", limit)
		}
		return nil, 0, errors.New("the endpoint cannot be reached") // the error holds the URL, and that may hold a password
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxLine+1))
	switch {
	case err != nil:
		return nil, 0, errors.New("the answer of the endpoint broke off")
	case len(b) > maxLine:
		return nil, 0, fmt.Errorf("an answer of more than %d bytes", maxLine)
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, 0, fmt.Errorf("%w: the endpoint answers %d; check the key", ErrRunner, resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		wait, again := busyFor(resp, asked)
		if !again {
			wait = 0
		}
		return nil, wait, fmt.Errorf("the endpoint answers %d", resp.StatusCode)
	}
	return b, 0, nil
}

// body is the request for r.
func (e *Endpoint) body(r *Request) (map[string]any, error) {
	var in Input
	if json.Unmarshal(r.Input, &in.Text) != nil {
		if err := json.Unmarshal(r.Input, &in); err != nil {
			return nil, errors.New(`the input is not for an endpoint: want text, or {"text":…} or {"messages":…}`)
		}
	}
	var messages []json.RawMessage
	if r.State != "" {
		messages = append(messages, Encode(chatMessage{"system", r.State}))
	}
	switch {
	case in.Messages != nil:
		var more []json.RawMessage
		if err := json.Unmarshal(in.Messages, &more); err != nil {
			return nil, errors.New("the input's messages are no list")
		}
		messages = append(messages, more...)
	case in.Text != "":
		messages = append(messages, Encode(chatMessage{"user", in.Text}))
	default:
		return nil, errors.New("the input has neither text nor messages: only the suite's own tool fills its template")
	}
	out := map[string]any{"model": e.Model, "messages": messages}
	if in.Tools != nil {
		out["tools"] = in.Tools
	}
	return out, nil
}

// reply is what a model said, to be said to it again.
type reply struct {
	message json.RawMessage
	ids     []string // of its calls
}

func (e *Endpoint) answer(b []byte, id string) (*Answer, *reply, error) {
	var raw struct {
		Choices []struct {
			Message json.RawMessage `json:"message"`
		} `json:"choices"`
	}
	var got struct {
		Choices []struct {
			Message struct {
				Content   *spoken `json:"content"`
				Refusal   *spoken `json:"refusal"`
				ToolCalls []struct {
					ID       string `json:"id"`
					Function struct {
						Name      string `json:"name"`
						Arguments string `json:"arguments"`
					} `json:"function"`
				} `json:"tool_calls"`
			} `json:"message"`
		} `json:"choices"`
		Usage json.RawMessage `json:"usage"`
	}
	if err := errors.Join(json.Unmarshal(b, &got), json.Unmarshal(b, &raw)); err != nil || len(got.Choices) == 0 {
		return nil, nil, errors.New("the endpoint's answer is no chat completion")
	}
	said := &reply{message: raw.Choices[0].Message}
	m := got.Choices[0].Message
	a := &Answer{ID: id, Usage: got.Usage, Output: json.RawMessage(`""`)}
	for _, text := range []*spoken{m.Refusal, m.Content} {
		if text != nil {
			a.Output = Encode(*text)
		}
	}
	for _, c := range m.ToolCalls {
		args := json.RawMessage(c.Function.Arguments)
		switch {
		case len(bytes.TrimSpace(args)) == 0: // as several servers say that there are none
			args = json.RawMessage("{}")
		case !json.Valid(args):
			args = Encode(c.Function.Arguments) // what is no JSON equals no arguments
		}
		a.ToolCalls, said.ids = append(a.ToolCalls, ToolCall{c.Function.Name, args}), append(said.ids, c.ID)
	}
	return a, said, nil
}

// spoken is a content: a text, or a list of parts, of which the texts count. A thought is none of them.
type spoken string

func (s *spoken) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, (*string)(s)) == nil {
		return nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	for _, p := range parts {
		if p.Type == "text" || p.Type == "output_text" {
			*s += spoken(p.Text)
		}
	}
	return nil
}

// Close ends the program of the tools.
func (e *Endpoint) Close() error {
	if e.Tools == nil {
		return nil
	}
	return e.Tools.Close()
}
