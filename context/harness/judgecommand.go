package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// A JudgeCommand is a program that decides: it gets a line of JSON for each question and answers
// with one (docs/runner.md). One goroutine uses it. That it fails ends the whole test: a broken
// judge must not look like a bad agent.
type JudgeCommand struct {
	Args    []string
	Env     []string      // nil: this process's
	Timeout time.Duration // of one question; 0: two minutes
	Stderr  io.Writer     // nil: nowhere

	helper helper
}

// question is what a judge command is asked.
type question struct {
	ID          string          `json:"id"`
	Task        string          `json:"task"`
	Form        string          `json:"form"`        // "judge", or one of a later release
	Expectation json.RawMessage `json:"expectation"` // in the suite's own words
	Input       json.RawMessage `json:"input"`
	Output      json.RawMessage `json:"output"`
	ToolCalls   []ToolCall      `json:"tool_calls"`
}

// Judge asks the program.
func (j *JudgeCommand) Judge(ctx context.Context, t *Task, e *Expectation, a *Answer) (bool, string, error) {
	var verdict struct {
		ID     string `json:"id"`
		Passed *bool  `json:"passed"`
		Why    string `json:"why"`
	}
	err := j.helper.ask(ctx, program{j.Args, j.Env, j.Stderr, j.Timeout}, func(id string) any {
		q := &question{ID: id, Task: t.Key, Form: e.Form, Expectation: e.Value, Input: t.Input, Output: a.Output, ToolCalls: a.ToolCalls}
		if !json.Valid(q.Expectation) {
			q.Expectation = Encode(string(e.Value))
		}
		return q
	}, func(id string, answer []byte) bool {
		return json.Unmarshal(answer, &verdict) == nil && verdict.Passed != nil && verdict.ID == id
	})
	switch {
	case ctx.Err() != nil:
		return false, "", ctx.Err()
	case err == errForm:
		return false, "", fmt.Errorf(`%w: want {"id":"…","passed":true or false,"why":"…"} from the judge`, ErrJudge)
	case err != nil:
		return false, "", fmt.Errorf("%w: the judge: %w", ErrJudge, err)
	}
	return *verdict.Passed, "judge: " + Short(verdict.Why), nil
}

// Close ends the program.
func (j *JudgeCommand) Close() error {
	j.helper.end(5 * time.Second)
	return nil
}
