package replay_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
)

// slow takes a record in a day.
func slow() *memstate.Runtime {
	return memstate.NewRuntime(&memstate.RuntimeOptions{Rate: 1.0 / 86400})
}

// TestFeasible: what cannot end within 30 days says so with its formula, and nothing is written unless
// a person accepts that.
func TestFeasible(t *testing.T) {
	src := memstate.Sample(30)
	dst := slow()
	plan, err := replay.Plan(t.Context(), dst, src, nil)
	if err != nil || !plan.Infeasible() || plan.Time != time.Duration(plan.Actions[replay.Created])*24*time.Hour || !strings.Contains(plan.Formula, "records ÷") {
		t.Fatalf("%v %+v", err, plan)
	}
	_, err = run(t, dst, src, journal(t), replay.Options{})
	if !errors.Is(err, replay.ErrInfeasible) || !strings.Contains(err.Error(), plan.Formula) || dst.Len() > 0 {
		t.Errorf("%v; the target holds %d", err, dst.Len())
	}
	path := journal(t)
	mustRun(t, dst, src, path, replay.Options{AcceptSlow: true})
	if dst.Len() == 0 {
		t.Error("nothing was written")
	}
	// All is there by now: again is no load, although what comes is.
	if rep := mustRun(t, dst, src, journal(t), replay.Options{}); rep.Actions[replay.Created] > 0 {
		t.Errorf("%v", rep.Actions)
	}
	// A run that has begun goes on.
	mustRun(t, dst, src, path, replay.Options{})
	// A few records are feasible.
	mustRun(t, slow(), memstate.Sample(30), journal(t), replay.Options{Kinds: []string{"conversation", "run"}})
}

func TestFeasiblePlanFile(t *testing.T) {
	src, dst := memstate.Sample(30), slow()
	var b bytes.Buffer
	o := planOptions()
	if _, err := replay.WritePlan(t.Context(), &b, dst, src, &o); err != nil {
		t.Fatal(err)
	}
	p, err := replay.ReadPlan(&b, nil)
	if err != nil || !p.Report.Infeasible() {
		t.Fatalf("%v %+v", err, p.Report)
	}
	j, err := replay.OpenJournal(journal(t))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	o.Reviewed, o.Journal = p, j
	if _, err := replay.Apply(t.Context(), dst, src, &o); !errors.Is(err, replay.ErrInfeasible) || dst.Len() > 0 {
		t.Error(err)
	}
	o.AcceptSlow = true
	if _, err := replay.Apply(t.Context(), dst, src, &o); err != nil {
		t.Error(err)
	}
}
