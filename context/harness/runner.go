package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// A Request is one task for a runner: a line of JSON on its standard input.
type Request struct {
	ID    string          `json:"id"`              // to be repeated in the answer
	Task  string          `json:"task"`            // key of the TestCase
	Side  string          `json:"side"`            // "source", "target" or "cold"
	Run   int             `json:"run"`             // from 1
	State string          `json:"state,omitempty"` // what the runner opens; may be a secret. Empty: none
	Input json.RawMessage `json:"input"`           // see Input
}

// A ToolCall is a call that an agent made.
type ToolCall struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"` // a JSON value
}

// An Answer is what a runner says of one task: a line of JSON on its standard output.
type Answer struct {
	ID        string          `json:"id"`
	Output    json.RawMessage `json:"output"` // text, or any JSON value
	ToolCalls []ToolCall      `json:"tool_calls,omitempty"`
	Usage     json.RawMessage `json:"usage,omitempty"` // as the provider counts
	Error     string          `json:"error,omitempty"` // the task failed, for this reason
}

// Text is the output as text: a JSON string is what it says, nothing is empty.
func (a *Answer) Text() string {
	var s string
	if json.Unmarshal(a.Output, &s) == nil {
		return s
	}
	return string(a.Output)
}

// A Runner gives tasks to an agent, one after the other.
type Runner interface {
	// Run answers r. An error means that there is no answer: the task counts as not passed, and
	// the next one may succeed. ErrRunner: no task can.
	Run(ctx context.Context, r *Request) (*Answer, error)
	Close() error
}

// ErrRunner: the runner cannot run anything.
var ErrRunner = errors.New("harness: the runner does not work")

// Bounds of an answer.
const (
	maxLine  = 8 << 20
	maxCalls = 1000
)

// parseAnswer reads a line of a runner.
func parseAnswer(line []byte, id string) (*Answer, error) {
	var a Answer
	if err := json.Unmarshal(line, &a); err != nil {
		return nil, errors.New("its line is no JSON object of the protocol; logs go to standard error")
	}
	switch {
	case a.ID != id:
		return nil, fmt.Errorf("it answers id %q, want %q", Short(a.ID), Short(id))
	case a.Output == nil && a.ToolCalls == nil && a.Error == "":
		return nil, errors.New("its answer has neither output, tool_calls nor error")
	case len(a.ToolCalls) > maxCalls:
		return nil, fmt.Errorf("%d tool calls, at most %d", len(a.ToolCalls), maxCalls)
	}
	for i, c := range a.ToolCalls {
		if c.Name == "" {
			return nil, fmt.Errorf("tool call %d has no name", i)
		}
		if len(c.Arguments) == 0 {
			a.ToolCalls[i].Arguments = json.RawMessage("{}")
		}
	}
	return &a, nil
}

// tidy makes JSON of what a Runner of somebody else left as something else.
func (a *Answer) tidy() {
	if a == nil {
		return
	}
	for _, m := range []*json.RawMessage{&a.Output, &a.Usage} {
		if len(*m) > 0 && !json.Valid(*m) {
			*m = Encode(string(*m))
		}
	}
	for i := range a.ToolCalls {
		if c := &a.ToolCalls[i]; !json.Valid(c.Arguments) {
			c.Arguments = Encode(string(c.Arguments))
		}
	}
}
