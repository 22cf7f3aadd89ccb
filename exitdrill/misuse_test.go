package exitdrill

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/exporters"
)

// TestMisuse: a plan that was made in Go is checked as one that was read, and what is missing is said.
func TestMisuse(t *testing.T) {
	t.Chdir(t.TempDir())
	whole, err := drill.ReadPlan(strings.NewReader("{name: q, exercise: true, scenario: s, mode: planned, level: L1, source: 'x:y', archive: a.ctxa, output: .}"))
	if err != nil {
		t.Fatal(err)
	}
	with := &Options{Registry: &exporters.Registry{}}
	for name, c := range map[string]struct {
		p    *drill.Plan
		o    *Options
		want string
	}{
		"no plan": {nil, with, "it is nil"}, "an empty plan": {&drill.Plan{}, with, "scenario: what is rehearsed?"},
		"no options": {whole, nil, "Registry is nil"}, "no registry": {whole, &Options{}, "Registry is nil"},
	} {
		_, run := Run(context.Background(), c.p, c.o)
		_, back := ReadBack(context.Background(), c.p, c.o, "j")
		for _, err := range []error{run, back, Check(context.Background(), c.p, c.o)} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			if (c.p != whole) != errors.Is(err, drill.ErrPlan) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}
