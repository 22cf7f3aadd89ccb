package harness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/exitramp/exitramp/internal/procgroup"
)

// A Command is a program that speaks the runner protocol (docs/runner.md): it gets a Request a line
// on its standard input and writes an Answer a line on its standard output, in the same order. It
// is started with the first task and again after it died. One goroutine uses it.
type Command struct {
	Args    []string      // program and arguments
	Env     []string      // nil: this process's
	Dir     string        // empty: this process's
	Timeout time.Duration // of one task; 0: two minutes
	Stderr  io.Writer     // what the program says there, up to 1 MiB a start; nil: nowhere

	p    *process
	died int   // times in a row
	last error // why it gave no answer then
}

// maxDeaths is how often in a row a program may die without an answer.
const maxDeaths = 3

// A process is one start of a program that answers lines.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan line
}

type line struct {
	b   []byte
	err error
}

// start starts a program whose lines come through a channel.
func start(args, env []string, dir string, stderr io.Writer) (*process, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("%w: no command", ErrRunner)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Dir = env, dir
	procgroup.Own(cmd)
	cmd.WaitDelay = 5 * time.Second
	if stderr != nil {
		cmd.Stderr = &limitedWriter{w: stderr, left: 1 << 20}
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrRunner, err)
	}
	p := &process{cmd: cmd, in: in, lines: make(chan line, 1)}
	go p.read(out)
	return p, nil
}

// read hands over line by line, and ends with an error. It stops at a line that is too long.
func (p *process) read(out io.Reader) {
	defer close(p.lines)
	s := bufio.NewScanner(out)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	for s.Scan() {
		if b := bytes.TrimPrefix(s.Bytes(), []byte("\ufeff")); len(b) > 0 { // some runtimes begin an output with a mark
			p.lines <- line{b: bytes.Clone(b)}
		}
	}
	err := s.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		err = fmt.Errorf("a line of more than %d bytes", maxLine)
	}
	p.lines <- line{err: err}
}

// ask sends one line and waits for one.
func (p *process) ask(ctx context.Context, b []byte) ([]byte, error) {
	wrote := make(chan error, 1)
	go func() {
		_, err := p.in.Write(append(b, '\n'))
		wrote <- err
	}()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-wrote:
			if err != nil && !errors.Is(err, io.ErrClosedPipe) {
				wrote = nil // it may have died with its last words on the way: those are waited for
			}
		case l, ok := <-p.lines:
			if !ok || l.b == nil {
				if l.err != nil {
					return nil, l.err
				}
				return nil, io.EOF
			}
			return l.b, nil
		}
	}
}

// stop ends the program and all that it started, by force after grace, and says how it ended.
func (p *process) stop(grace time.Duration) string {
	p.in.Close()
	go func() {
		for range p.lines {
		}
	}()
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }() // closes its output too, where something it started holds that open
	var err error
	select {
	case err = <-ended:
	case <-time.After(grace):
		procgroup.Kill(p.cmd)
		err = <-ended
	}
	procgroup.Kill(p.cmd) // what it left behind
	if err == nil {
		return "exit code 0"
	}
	return err.Error()
}

// Run gives r to the program.
func (c *Command) Run(ctx context.Context, r *Request) (*Answer, error) {
	if c.died >= maxDeaths {
		return nil, fmt.Errorf("%w: %d times in a row it gave no answer, at last: %w", ErrRunner, c.died, c.last)
	}
	if c.p == nil {
		p, err := start(c.Args, c.Env, c.Dir, c.Stderr)
		if err != nil {
			return nil, err
		}
		c.p = p
	}
	limit := c.Timeout
	if limit <= 0 {
		limit = 2 * time.Minute
	}
	tctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	b, err := c.p.ask(tctx, Encode(r))
	if err == nil {
		var a *Answer
		if a, err = parseAnswer(b, r.ID); err == nil {
			c.died = 0
			return a, nil
		}
	}
	if ctx.Err() != nil {
		c.end(0)
		return nil, ctx.Err()
	}
	grace := time.Duration(0)
	if errors.Is(err, io.EOF) {
		grace = time.Second // it is about to end by itself
	}
	how := c.end(grace)
	c.died++
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer within %s", limit)
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("the runner ended (%s)", how)
	}
	c.last = err
	return nil, fmt.Errorf("harness: %s: %w", r.Task, err)
}

func (c *Command) end(grace time.Duration) string {
	if c.p == nil {
		return ""
	}
	how := c.p.stop(grace)
	c.p = nil
	return how
}

// Close ends the program: its standard input is closed, and five seconds later it is killed.
func (c *Command) Close() error {
	c.end(5 * time.Second)
	return nil
}

// limitedWriter passes on as much as is left, and takes the rest.
type limitedWriter struct {
	w    io.Writer
	left int
}

func (l *limitedWriter) Write(b []byte) (int, error) {
	n := min(l.left, len(b))
	l.left -= n
	if _, err := l.w.Write(b[:n]); err != nil {
		l.left = 0
	}
	return len(b), nil
}
