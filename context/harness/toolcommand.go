package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// A ToolCommand is a program that carries out calls of tools: it gets a line of JSON for each call and
// answers with one (docs/runner.md). One goroutine uses it.
type ToolCommand struct {
	Args    []string
	Env     []string      // nil: this process's
	Timeout time.Duration // of one call; 0: two minutes
	Stderr  io.Writer     // nil: nowhere

	helper helper
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
	var got struct {
		ID     string          `json:"id"`
		Output json.RawMessage `json:"output"`
		Error  string          `json:"error"`
	}
	err := t.helper.ask(ctx, program{t.Args, t.Env, t.Stderr, t.Timeout}, func(id string) any {
		return &toolRequest{ID: id, Name: c.Name, Arguments: c.Arguments, Side: r.Side, State: r.State}
	}, func(id string, answer []byte) bool {
		return json.Unmarshal(answer, &got) == nil && got.ID == id && (got.Output != nil || got.Error != "")
	})
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == errForm:
		return "", errors.New(`want {"id":…,"output":…} or {"id":…,"error":…} from the tools`)
	case err != nil:
		return "", fmt.Errorf("the program of the tools: %w", err)
	}
	if got.Error != "" {
		return string(Encode(map[string]string{"error": got.Error})), nil
	}
	return (&Answer{Output: got.Output}).Text(), nil
}

// Close ends the program.
func (t *ToolCommand) Close() error {
	t.helper.end(5 * time.Second)
	return nil
}
