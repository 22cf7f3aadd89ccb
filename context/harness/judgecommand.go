package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
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

	p *process
	n int
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
	if j.p == nil {
		p, err := start(j.Args, j.Env, "", j.Stderr)
		if err != nil {
			return false, "", fmt.Errorf("%w: %w", ErrJudge, err)
		}
		j.p = p
	}
	j.n++
	q := &question{ID: strconv.Itoa(j.n), Task: t.Key, Form: e.Form, Expectation: e.Value, Input: t.Input, Output: a.Output, ToolCalls: a.ToolCalls}
	if !json.Valid(q.Expectation) {
		q.Expectation = Encode(string(e.Value))
	}
	limit := j.Timeout
	if limit <= 0 {
		limit = 2 * time.Minute
	}
	tctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	b, err := j.p.ask(tctx, Encode(q))
	var verdict struct {
		ID     string `json:"id"`
		Passed *bool  `json:"passed"`
		Why    string `json:"why"`
	}
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case err != nil:
		err = fmt.Errorf("%w: the judge ended: %w", ErrJudge, err)
	case json.Unmarshal(b, &verdict) != nil || verdict.Passed == nil || verdict.ID != q.ID:
		err = fmt.Errorf(`%w: want {"id":%q,"passed":true or false,"why":"…"} from the judge`, ErrJudge, q.ID)
	}
	if err != nil {
		j.p.stop(0)
		j.p = nil
		return false, "", err
	}
	return *verdict.Passed, "judge: " + Short(verdict.Why), nil
}

// Close ends the program.
func (j *JudgeCommand) Close() error {
	if j.p != nil {
		j.p.stop(5 * time.Second)
		j.p = nil
	}
	return nil
}
