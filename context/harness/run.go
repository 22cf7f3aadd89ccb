package harness

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// The sides of a test.
const (
	Source = "source" // the runtime that is left, before
	Target = "target" // the runtime that is moved to, with the replayed state
	Cold   = "cold"   // the target without the state
)

// A Side is who runs the tasks, and with what state.
type Side struct {
	Name   string // Source, Target or Cold
	Runner Runner
	State  string // handed to the runner as it is; may be a secret
}

// A Plan is what Run runs.
type Plan struct {
	Tasks    []Task
	Sides    []Side // in this order; each at most once, Target among them
	Runs     int    // of each task on each side; 0: 1
	Judge    Judge  // nil: tasks that need one are not judged, on any side
	OnResult func(Result)
	Now      func() time.Time // nil: time.Now
}

// A Result is one run of one task on one side.
type Result struct {
	Task           *Task
	Side           string
	Run            int // from 1
	Judged, Passed bool
	Why            string  // what was not as expected, or why there was no answer; no content
	Answer         *Answer // nil: none came
	Started, Ended time.Time
}

// Run gives every task to every side and judges what comes back. Side by side and task by task, so
// that the sides see the same tasks in the same order. A task that fails counts and the rest goes
// on; a runner that does not work at all, and a judge that breaks, end it.
func Run(ctx context.Context, p *Plan) (*Scores, error) {
	runs, now := p.Runs, p.Now
	if runs <= 0 {
		runs = 1
	}
	if now == nil {
		now = time.Now
	}
	s := newScores(p, runs)
	pairs := newAlike(s)
	for _, side := range p.Sides {
		for run := 1; run <= runs; run++ {
			for i := range p.Tasks {
				t := &p.Tasks[i]
				r := Result{Task: t, Side: side.Name, Run: run, Started: now()}
				req := &Request{
					ID: side.Name + "-" + strconv.Itoa(run) + "-" + strconv.Itoa(i+1), Task: t.Key,
					Side: side.Name, Run: run, State: side.State, Input: t.Input,
				}
				var err error
				r.Answer, err = side.Runner.Run(ctx, req)
				r.Ended = now()
				r.Answer.tidy()
				switch {
				case ctx.Err() != nil:
					return s, ctx.Err()
				case errors.Is(err, ErrRunner):
					return s, fmt.Errorf("%s at %s: %w", side.Name, t.Key, err)
				case err != nil:
					r.Why = err.Error()
				case r.Answer.Error != "":
					r.Why = "the runner says that it failed" // its words may hold content
				}
				r.Judged = len(t.Expect) > 0 && (p.Judge != nil || !t.NeedsJudge())
				if r.Judged && r.Why == "" {
					if r.Passed, r.Why, err = Check(ctx, t, r.Answer, p.Judge); err != nil {
						return s, err
					}
				}
				s.add(i, &r)
				pairs.add(s, i, &r)
				if p.OnResult != nil {
					p.OnResult(r)
				}
			}
		}
	}
	return s, nil
}
