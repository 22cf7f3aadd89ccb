package harness

import (
	"fmt"
	"slices"
)

// A Rate is how many of how many runs passed.
type Rate struct {
	Passed int `json:"passed"`
	Total  int `json:"total"`
}

// Of is the rate as a number; 0 of 0 is 0.
func (r *Rate) Of() float64 {
	if r == nil || r.Total == 0 {
		return 0
	}
	return float64(r.Passed) / float64(r.Total)
}

// String is "25/30", or "not run".
func (r *Rate) String() string {
	if r == nil {
		return "not run"
	}
	return fmt.Sprintf("%d/%d", r.Passed, r.Total)
}

// A TaskScore is one task on the sides that were run; nil: it was not.
type TaskScore struct {
	Key    string `json:"key"`
	Name   string `json:"name,omitempty"`
	Judged bool   `json:"judged"`
	Source *Rate  `json:"source,omitempty"`
	Target *Rate  `json:"target,omitempty"`
	Cold   *Rate  `json:"cold,omitempty"`
}

// Scores is what a test gave. Only tasks that were judged are in the totals, and they are the same
// on every side.
type Scores struct {
	Tasks     []TaskScore `json:"tasks"`
	Runs      int         `json:"runs"`       // of each task on each side
	NotJudged int         `json:"not_judged"` // tasks that expect nothing, or need a judge and had none
	Source    *Rate       `json:"source,omitempty"`
	Target    *Rate       `json:"target,omitempty"`
	Cold      *Rate       `json:"cold,omitempty"`
	// Equal are the runs in which the target called the same tools with the same arguments, and said the same,
	// as the source did; nil: not both were run.
	Equal *Rate `json:"equal,omitempty"`
}

func newScores(p *Plan, runs int) *Scores {
	s := &Scores{Runs: runs}
	has := func(side string) *Rate {
		if slices.ContainsFunc(p.Sides, func(d Side) bool { return d.Name == side }) {
			return &Rate{}
		}
		return nil
	}
	s.Source, s.Target, s.Cold = has(Source), has(Target), has(Cold)
	for i := range p.Tasks {
		t := &p.Tasks[i]
		s.Tasks = append(s.Tasks, TaskScore{
			Key: t.Key, Name: t.Name, Judged: len(t.Expect) > 0 && (p.Judge != nil || !t.NeedsJudge()),
			Source: has(Source), Target: has(Target), Cold: has(Cold),
		})
		if !s.Tasks[i].Judged {
			s.NotJudged++
		}
	}
	return s
}

// of are the rates of a side: of one task, and of all.
func (s *Scores) of(task int, side string) (one, all *Rate) {
	t := &s.Tasks[task]
	switch side {
	case Source:
		return t.Source, s.Source
	case Cold:
		return t.Cold, s.Cold
	}
	return t.Target, s.Target
}

func (s *Scores) add(task int, r *Result) {
	if !r.Judged {
		return
	}
	one, all := s.of(task, r.Side)
	for _, rate := range []*Rate{one, all} {
		rate.Total++
		if r.Passed {
			rate.Passed++
		}
	}
}

// A Ratio is a number with how it came about, or the reason why there is none.
type Ratio struct {
	Value   *float64 `json:"value"`   // nil: undefined
	Formula string   `json:"formula"` // with the counts
	Why     string   `json:"why,omitempty"`
}

// String is "0.83 = (25/30) / (30/30)", or the reason.
func (r Ratio) String() string {
	if r.Value == nil {
		return "undefined: " + r.Why
	}
	return fmt.Sprintf("%.2f = %s", *r.Value, r.Formula)
}

// TCS is the task-completion score: success of the target over that of the source, same tasks.
// Undefined where the source passed nothing. It flatters: see RetainedLift.
func (s *Scores) TCS() Ratio {
	r := Ratio{Formula: fmt.Sprintf("(%s) / (%s)", s.Target, s.Source)}
	switch {
	case s.Source == nil || s.Target == nil:
		r.Why = "source and target must both be run"
	case s.Source.Total == 0:
		r.Why = "no task was judged"
	case s.Source.Passed == 0:
		r.Why = "the source passed nothing"
	case s.complete():
		v := s.Target.Of() / s.Source.Of()
		r.Value = &v
	default:
		r.Why = "the sides were not run alike"
	}
	return r
}

// RetainedLift is how much of what the state adds was kept: the target's success above a cold one's,
// over the source's above it. Undefined where the state adds nothing at the source.
func (s *Scores) RetainedLift() Ratio {
	r := Ratio{Formula: fmt.Sprintf("(%s - %s) / (%s - %s)", s.Target, s.Cold, s.Source, s.Cold)}
	switch {
	case s.Source == nil || s.Target == nil || s.Cold == nil:
		r.Why = "source, target and cold must all be run"
	case s.Source.Total == 0:
		r.Why = "no task was judged"
	case s.Source.Passed <= s.Cold.Passed:
		r.Why = "the source passed no more than the target without the state"
	case s.complete():
		v := (s.Target.Of() - s.Cold.Of()) / (s.Source.Of() - s.Cold.Of())
		r.Value = &v
	default:
		r.Why = "the sides were not run alike"
	}
	return r
}

// complete tells whether all sides have one denominator: a test that was broken off has not.
func (s *Scores) complete() bool {
	want := (len(s.Tasks) - s.NotJudged) * s.Runs
	for _, r := range []*Rate{s.Source, s.Target, s.Cold} {
		if r != nil && r.Total != want {
			return false
		}
	}
	return true
}

// Passed tells whether everything that was judged passed on the target, and something was.
func (s *Scores) Passed() bool {
	return s.Target != nil && s.Target.Total > 0 && s.Target.Passed == s.Target.Total && s.complete()
}
