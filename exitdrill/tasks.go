package exitdrill

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/context/harness/cassette"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/format"
)

// suite reads the tasks of the plan, and sees that their cassette can be played: before anything is done.
func (w *wired) suite(ctx context.Context) ([]harness.Task, error) {
	suite, err := w.open(ctx, w.p.Tasks.Suite)
	if err != nil {
		return nil, fmt.Errorf("exitdrill: tasks.suite: %w", err)
	}
	defer suite.Close()
	if w.p.Tasks.Cassette != "" {
		tape, err := w.cassette(ctx)
		if err != nil {
			return nil, fmt.Errorf("exitdrill: tasks.cassette: %w", err)
		}
		if err := tape.Close(); err != nil {
			return nil, fmt.Errorf("exitdrill: tasks.cassette: %w", err)
		}
	}
	return harness.Tasks(ctx, suite, "")
}

// tasks runs the suite on the sides that the plan has programs for. Each program is told the URL of its
// side as the plan has it; a password in it is the program's own to know. With a cassette each side has a
// model of its own, which says what was recorded.
func (w *wired) tasks(ctx context.Context, tasks []harness.Task) (_ *harness.Scores, _ map[string]drill.Played, err error) {
	t := &w.p.Tasks
	p := &harness.Plan{Tasks: tasks, Runs: t.Runs, Now: w.o.Now}
	var models map[string]*model
	var src agentstate.Source
	if t.Cassette != "" {
		models = map[string]*model{}
		rt, err := w.cassette(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("exitdrill: tasks.cassette: %w", err)
		}
		defer rt.Close()
		src = rt
		defer func() {
			for _, m := range models {
				m.stop()
			}
		}()
	}
	side := func(name string, args []string, state string) error {
		if len(args) == 0 {
			return nil
		}
		c := &harness.Command{Args: args, Stderr: w.o.Stderr}
		if src != nil {
			m, err := play(ctx, src)
			if err != nil {
				return fmt.Errorf("exitdrill: tasks.cassette: %w", err)
			}
			models[name], c.Env = m, m.env()
		}
		p.Sides = append(p.Sides, harness.Side{Name: name, Runner: c, State: state})
		return nil
	}
	defer func() {
		for _, s := range p.Sides {
			err = errors.Join(err, s.Runner.(*harness.Command).Close())
		}
	}()
	if w.p.Mode == evidence.Planned { // a stressed drill has no source
		err = side(harness.Source, t.Source, w.p.Source)
	}
	if err = errors.Join(err, side(harness.Cold, t.Cold, ""), side(harness.Target, t.Target, w.p.Target)); err != nil {
		return nil, nil, err
	}
	if len(t.Judge) > 0 {
		j := &harness.JudgeCommand{Args: t.Judge, Stderr: w.o.Stderr}
		defer func() { err = errors.Join(err, j.Close()) }()
		p.Judge = j
	}
	s, err := harness.Run(ctx, p)
	if err != nil || models == nil {
		return s, nil, err
	}
	played := map[string]drill.Played{}
	for name, m := range models {
		played[name] = m.played()
	}
	return s, played, nil
}

// cassette opens the conversations that are the model: an archive, trusted as the drill's own is, or
// whatever has a URL.
func (w *wired) cassette(ctx context.Context) (exporters.Runtime, error) {
	path := w.p.Tasks.Cassette
	if !strings.HasSuffix(path, ".ctxa") {
		return w.open(ctx, path)
	}
	o := w.reader()
	return format.Open(path, &o)
}

// model is a cassette that plays for one side.
type model struct {
	url string
	srv *http.Server

	mu sync.Mutex
	n  drill.Played
}

// play serves src on this machine alone.
func play(ctx context.Context, src agentstate.Source) (*model, error) {
	m := &model{}
	player, err := cassette.NewPlayer(ctx, src, &cassette.PlayerOptions{
		OnMiss:   func(cassette.Miss) { m.count(1) },
		OnAnswer: func(string) { m.count(0) },
	})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m.url = "http://" + l.Addr().String()
	m.srv = &http.Server{Handler: cassette.Loopback(player), ReadHeaderTimeout: 10 * time.Second}
	go m.srv.Serve(l)
	return m, nil
}

func (m *model) count(misses uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n.Requests, m.n.Misses = m.n.Requests+1, m.n.Misses+misses
}

func (m *model) played() drill.Played {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n
}

func (m *model) stop() { m.srv.Close() }

// env is the environment of a program that asks m, with a key that opens nothing.
func (m *model) env() []string {
	c := exec.Cmd{}
	all := c.Environ() // what the program would have without us
	none := "127.0.0.1,localhost,::1"
	for _, v := range all {
		if s, ok := strings.CutPrefix(v, "NO_PROXY="); ok && s != "" {
			none += "," + s
		}
	}
	return append(all, "NO_PROXY="+none, "no_proxy="+none, "OPENAI_BASE_URL="+m.url+"/v1", "OPENAI_API_BASE="+m.url+"/v1", "ANTHROPIC_BASE_URL="+m.url,
		"OPENAI_API_KEY=played", "ANTHROPIC_API_KEY=played")
}
