// Package drilltest makes an exit a test: it fails on the day on which leaving stops working.
//
//	func TestExit(t *testing.T) {
//		drilltest.Run(t, drilltest.Plan(t, "exit.yaml"))
//	}
package drilltest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/exitdrill"
	"github.com/exitramp/exitramp/exporters/all"
	"github.com/exitramp/exitramp/format"
)

// Plan reads the plan at path. Paths in it are as seen from the folder of the test.
func Plan(t testing.TB, path string) *drill.Plan {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := drill.ReadPlan(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return p
}

// Run carries out p with the drivers of this module; see [RunWith].
func Run(t testing.TB, p *drill.Plan) *drill.Outcome {
	t.Helper()
	return RunWith(t, p, &exitdrill.Options{Registry: all.Registry()})
}

// RunWith carries out p, which has one target; see [RunEach].
func RunWith(t testing.TB, p *drill.Plan, o *exitdrill.Options) *drill.Outcome {
	t.Helper()
	if len(p.Each()) > 1 {
		t.Fatalf("drill %s: several targets: RunEach carries out all of them", p.Name)
	}
	return RunEach(t, p, o)[0]
}

// RunEach carries out the drills of p, one a target, and fails the test unless each passes: every gate of its level holds. What
// is lost, and what was not tested, is logged.
//
// What the drill leaves goes into a folder that ends with the test, and so does the archive of a planned
// drill; there is no ledger. Where p names no key to sign with, one is made. ${NAME} in URLs is of the
// environment, unless o says otherwise. The target is read back by this process, and the evidence says so.
func RunEach(t testing.TB, p *drill.Plan, o *exitdrill.Options) []*drill.Outcome {
	t.Helper()
	dir := t.TempDir()
	own, opts := *p, *o
	own.Output, own.Ledger = dir, ""
	if own.Mode == evidence.Planned {
		own.Archive = filepath.Join(dir, own.Name+".ctxa")
		if own.Keys.Sign == "" {
			private, _, err := format.GenerateSigningKey(false)
			if err != nil {
				t.Fatal(err)
			}
			own.Keys.Sign = filepath.Join(dir, "test.key")
			if err := os.WriteFile(own.Keys.Sign, []byte(private), 0o600); err != nil {
				t.Fatal(err)
			}
			own.Keys.Trust = "" // the key that signs
		}
	}
	if opts.Lookup == nil {
		opts.Lookup = os.LookupEnv
	}
	var outs []*drill.Outcome
	for _, q := range own.Each() {
		out, err := exitdrill.Run(t.Context(), q, &opts)
		if err != nil {
			t.Fatalf("drill %s: %v", q.Name, err)
		}
		tell(t, q.Name, out)
		outs = append(outs, out)
	}
	return outs
}

// tell logs what came of a drill.
func tell(t testing.TB, name string, out *drill.Outcome) {
	t.Helper()
	word := out.Predicate.Word(evidence.DefaultGates())
	switch out.Judgement.Verdict {
	case evidence.VerdictPass, evidence.VerdictPassWithLoss:
		t.Logf("drill %s: %s", name, word)
		for _, why := range out.Judgement.Reasons {
			t.Log(why)
		}
	default:
		t.Errorf("drill %s: %s", name, word)
		for _, why := range out.Judgement.Reasons {
			t.Error(why)
		}
	}
}
