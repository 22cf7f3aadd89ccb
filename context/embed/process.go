package embed

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/exitramp/exitramp/internal/procgroup"
)

// Command takes apart what stands behind "exec:": words between blanks, or a JSON list of strings
// where one of them holds a blank. No shell reads it.
func Command(s string) ([]string, error) {
	if strings.HasPrefix(strings.TrimSpace(s), "[") {
		var out []string
		if err := json.Unmarshal([]byte(s), &out); err != nil || len(out) == 0 || out[0] == "" {
			return nil, fmt.Errorf("%w: want exec:COMMAND ARGUMENTS, or exec: and a JSON list of strings", ErrEmbedder)
		}
		return out, nil
	}
	out := strings.Fields(s)
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: want exec:COMMAND ARGUMENTS", ErrEmbedder)
	}
	return out, nil
}

// A Process is an embedder that is a program beside us. It speaks JSON lines: its first line says
// {"model": NAME, "dimensions": N}; then it reads {"id": "1", "text": …} and answers {"id": "1", "vector":
// […]} or {"id": "1", "error": WHY}, in any order. An empty line ends a batch: all that came before it
// is answered then. Where it says nothing for longer than its patience, on standard error neither, it is ended, and so is
// one that only talks there for twelve times as long. It is for one goroutine.
type Process struct {
	cmd      *exec.Cmd
	in       io.WriteCloser
	out      *bufio.Reader
	model    Model
	n        uint64
	kill     context.CancelFunc
	patience time.Duration
	began    time.Time
	heard    atomic.Int64           // when it said something on standard error, in nanoseconds since it began
	ended    atomic.Pointer[string] // why it was, for saying nothing; nil: it was not
	err      error                  // it broke: nothing more is asked
}

// Patience is how long a Process may say nothing where nobody says how long: while it loads its model, and between two
// lines of its answers.
const Patience = 10 * time.Minute

// talks is how many times its patience a Process may talk on standard error alone.
const talks = 12

// maxAnswer is the size of a line of a Process, in bytes.
const maxAnswer = 4 << 20

// Start starts argv and reads its first line. It sends no text. stderr takes what the program says
// there; nil: nothing does. patience 0 is Patience. Close it.
func Start(ctx context.Context, argv []string, stderr io.Writer, patience time.Duration) (_ *Process, err error) {
	ctx, kill := context.WithCancel(ctx)
	p := &Process{cmd: exec.CommandContext(ctx, argv[0], argv[1:]...), kill: kill, patience: cmp.Or(patience, Patience), began: time.Now()}
	p.cmd.Stderr = listener{p, stderr}
	p.cmd.WaitDelay = time.Second // for what it said last: one that it started may hold standard error open
	procgroup.Own(p.cmd)
	p.cmd.Cancel = func() error { procgroup.Kill(p.cmd); return nil }
	defer func() {
		if err != nil {
			kill()
		}
	}()
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEmbedder, err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEmbedder, err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEmbedder, err)
	}
	context.AfterFunc(ctx, func() { out.Close() }) // a program that it has started may hold that open
	p.out = bufio.NewReaderSize(out, 64<<10)
	raw, err := p.line()
	var head struct {
		Model      string `json:"model"`
		Dimensions int    `json:"dimensions"`
	}
	if err == nil && json.Unmarshal(raw, &head) != nil {
		err = errors.New("its first line is no JSON object")
	}
	if err == nil {
		p.model = Model{head.Model, head.Dimensions}
		err = p.model.check()
	}
	if err != nil {
		kill()
		p.cmd.Wait()
		procgroup.Kill(p.cmd) // what it left behind
		return nil, fmt.Errorf("%w: %s: want a first line {\"model\": NAME, \"dimensions\": N}: %w", ErrEmbedder, argv[0], err)
	}
	return p, nil
}

// Model is what the program said of itself.
func (p *Process) Model() Model { return p.model }

// Close ends the program: it reads the end of its input, and is killed where it does not end then.
func (p *Process) Close() error {
	p.in.Close()
	t := time.AfterFunc(5*time.Second, p.kill)
	defer t.Stop()
	defer p.kill()
	err := p.cmd.Wait()
	procgroup.Kill(p.cmd)                  // what it left behind
	if errors.Is(err, exec.ErrWaitDelay) { // that held standard error open: the program itself ended well
		err = nil
	}
	if p.err != nil { // said already
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrEmbedder, p.cmd.Args[0], err)
	}
	return nil
}

// A listener passes on what the program says on standard error: who shows progress is not silent.
type listener struct {
	p  *Process
	to io.Writer // nil: nothing takes it
}

func (l listener) Write(b []byte) (int, error) {
	l.p.hear()
	if l.to != nil {
		_, _ = l.to.Write(b) // where that cannot be shown, the program goes on
	}
	return len(b), nil
}

func (p *Process) hear() { p.heard.Store(int64(time.Since(p.began))) } // a clock that is set plays no part

// watch ends the program when its patience is over, until ctx ends.
func (p *Process) watch(ctx context.Context) {
	p.hear()
	since, longest := time.Now(), talks*min(p.patience, math.MaxInt64/talks)
	for {
		rest, why := p.patience-(time.Since(p.began)-time.Duration(p.heard.Load())), fmt.Sprintf("it said nothing for %s", p.patience)
		if all := longest - time.Since(since); rest > 0 && all < rest {
			rest, why = all, fmt.Sprintf("it talked on standard error for %s, and answered nothing", longest)
		}
		if rest <= 0 {
			p.ended.Store(&why)
			p.kill()
			return
		}
		if sleep(ctx, rest) != nil {
			return
		}
	}
}

// line is the next line. Without one the program is ended when the patience is over.
func (p *Process) line() ([]byte, error) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go p.watch(ctx)
	var out []byte
	for {
		b, err := p.out.ReadSlice('\n')
		out = append(out, b...)
		switch {
		case len(out) > maxAnswer:
			return nil, fmt.Errorf("a line of more than %d bytes", maxAnswer)
		case err == nil:
			return out, nil
		case p.ended.Load() != nil:
			return nil, errors.New(*p.ended.Load() + ", and was ended")
		case errors.Is(err, io.EOF):
			return nil, errors.New("it ended")
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// Embed asks for one batch. When ctx ends the program is killed, and asked no more.
func (p *Process) Embed(ctx context.Context, texts []string) ([]Answer, error) {
	if p.err != nil {
		return nil, p.err
	}
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	out, err := p.embed(texts)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		p.err = fmt.Errorf("%w: %s: %w", ErrEmbedder, p.cmd.Args[0], err)
		return nil, p.err
	}
	return out, nil
}

func (p *Process) embed(texts []string) ([]Answer, error) {
	at := make(map[string]int, len(texts))
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i, t := range texts {
		p.n++
		id := strconv.FormatUint(p.n, 10)
		at[id] = i
		if err := enc.Encode(struct {
			ID   string `json:"id"`
			Text string `json:"text"`
		}{id, t}); err != nil {
			return nil, err
		}
	}
	b.WriteByte('\n')
	wrote := make(chan error, 1) // beside the reading: the program may answer before it has read all
	go func() { _, err := p.in.Write(b.Bytes()); wrote <- err }()
	out := make([]Answer, len(texts))
	for len(at) > 0 {
		raw, err := p.line()
		if err != nil {
			return nil, err
		}
		var a struct {
			ID     string `json:"id"`
			Vector floats `json:"vector"`
			Error  string `json:"error"`
		}
		if err := json.Unmarshal(raw, &a); err != nil {
			return nil, errors.New("a line that is no answer")
		}
		i, ok := at[a.ID]
		if !ok {
			return nil, errors.New("an answer to what was not asked")
		}
		delete(at, a.ID)
		if a.Vector == nil && a.Error == "" {
			return nil, errors.New("an answer with neither vector nor error")
		}
		out[i] = Answer{Vector: a.Vector}
		if a.Error != "" {
			out[i] = Answer{Why: "the embedder refuses it: " + word(a.Error)}
		}
	}
	return out, <-wrote
}

// word is s as a reason: short, in one line. A program that puts the text into its errors is cut off.
func word(s string) string {
	s = strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "")
	if r := []rune(s); len(r) > 80 {
		s = string(r[:80]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}
