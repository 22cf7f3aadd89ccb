package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// A helper is a program beside a runner, as a judge is: it is started when it is first asked, and again
// after it failed.
type helper struct {
	p *process
	n int
}

// A program is how a helper is started, and how long it may take for an answer.
type program struct {
	args, env []string
	stderr    io.Writer
	timeout   time.Duration // 0: two minutes
}

// errForm: the program answered, in another form than it has to.
var errForm = errors.New("another form")

// ask sends what question makes with an id, and gives the answer to read, which is false for one that
// has another form or id.
func (h *helper) ask(ctx context.Context, c program, question func(id string) any, read func(id string, answer []byte) bool) error {
	if h.p == nil {
		p, err := start(c.args, c.env, "", c.stderr)
		if err != nil {
			return err
		}
		h.p = p
	}
	h.n++
	id := strconv.Itoa(h.n)
	if c.timeout <= 0 {
		c.timeout = 2 * time.Minute
	}
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	b, err := h.p.ask(limited, Encode(question(id)))
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer within %s", c.timeout)
	case err != nil:
		err = fmt.Errorf("it ended: %w", err)
	case !read(id, b):
		err = errForm
	}
	if err != nil {
		h.end(0)
	}
	return err
}

func (h *helper) end(grace time.Duration) {
	if h.p != nil {
		h.p.stop(grace)
		h.p = nil
	}
}
