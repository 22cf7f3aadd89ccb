package exitdrill

import (
	"context"
	"errors"
	"fmt"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/harness"
)

// suite reads the tasks of the plan.
func (w *wired) suite(ctx context.Context) ([]harness.Task, error) {
	suite, err := w.open(ctx, w.p.Tasks.Suite)
	if err != nil {
		return nil, fmt.Errorf("exitdrill: tasks.suite: %w", err)
	}
	defer suite.Close()
	return harness.Tasks(ctx, suite, "")
}

// tasks runs the suite on the sides that the plan has programs for. Each program is told the URL of its
// side as the plan has it; a password in it is the program's own to know.
func (w *wired) tasks(ctx context.Context, tasks []harness.Task) (_ *harness.Scores, err error) {
	t := &w.p.Tasks
	p := &harness.Plan{Tasks: tasks, Runs: t.Runs, Now: w.o.Now}
	side := func(name string, args []string, state string) {
		if len(args) > 0 {
			p.Sides = append(p.Sides, harness.Side{Name: name, Runner: &harness.Command{Args: args, Stderr: w.o.Stderr}, State: state})
		}
	}
	if w.p.Mode == evidence.Planned { // a stressed drill has no source
		side(harness.Source, t.Source, w.p.Source)
	}
	side(harness.Cold, t.Cold, "")
	side(harness.Target, t.Target, w.p.Target)
	if len(t.Judge) > 0 {
		j := &harness.JudgeCommand{Args: t.Judge, Stderr: w.o.Stderr}
		defer func() { err = errors.Join(err, j.Close()) }()
		p.Judge = j
	}
	defer func() {
		for _, s := range p.Sides {
			err = errors.Join(err, s.Runner.(*harness.Command).Close())
		}
	}()
	return harness.Run(ctx, p)
}
