package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// A ToolCommand is a program that carries out calls of tools: it gets a line of JSON for each call and
// answers with one (docs/runner.md). One goroutine uses it.
type ToolCommand struct {
	Args    []string
	Env     []string      // nil: this process's
	Timeout time.Duration // of one call; 0: two minutes
	Stderr  io.Writer     // nil: nowhere

	p *process
	n int
}

// toolRequest is one call.
type toolRequest struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
	Side      string          `json:"side"`
	State     string          `json:"state,omitempty"`
}

// call carries out c for the task of r. What comes back is for the model: a result, or the words of the
// tool's failure. An error is of the program.
func (t *ToolCommand) call(ctx context.Context, r *Request, c ToolCall) (string, error) {
	if t.p == nil {
		p, err := start(t.Args, t.Env, "", t.Stderr)
		if err != nil {
			return "", err
		}
		t.p = p
	}
	t.n++
	q := &toolRequest{ID: strconv.Itoa(t.n), Name: c.Name, Arguments: c.Arguments, Side: r.Side, State: r.State}
	limit := t.Timeout
	if limit <= 0 {
		limit = 2 * time.Minute
	}
	tctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	b, err := t.p.ask(tctx, Encode(q))
	var got struct {
		ID     string          `json:"id"`
		Output json.RawMessage `json:"output"`
		Error  string          `json:"error"`
	}
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("the tools gave no result within %s", limit)
	case err != nil:
		err = errors.New("the program of the tools ended")
	case json.Unmarshal(b, &got) != nil || got.ID != q.ID || got.Output == nil && got.Error == "":
		err = errors.New(`want {"id":…,"output":…} or {"id":…,"error":…} from the tools`)
	}
	if err != nil {
		t.end(0)
		return "", err
	}
	if got.Error != "" {
		return string(Encode(map[string]string{"error": got.Error})), nil
	}
	return (&Answer{Output: got.Output}).Text(), nil
}

func (t *ToolCommand) end(grace time.Duration) {
	if t.p != nil {
		t.p.stop(grace)
		t.p = nil
	}
}

// Close ends the program.
func (t *ToolCommand) Close() error {
	t.end(5 * time.Second)
	return nil
}
