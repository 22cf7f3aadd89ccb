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

// A variable that nobody set is said before the drill: its ledger keeps no failure for a password that was forgotten.
func TestUnset(t *testing.T) {
	const head = "{name: q, exercise: true, scenario: s, output: ., ledger: l.jsonl, archive: a.ctxa, "
	for plan, want := range map[string]string{
		"mode: planned, level: L1, source: 'x://u:${SECRET}@h/x'}":                                                                         "source: ",
		"mode: planned, level: L3, source: 'x:y', target: 'x://u:${SECRET}@h/x'}":                                                          "target: ",
		"mode: planned, level: L3, source: 'x:y', target: 'x:z', embedder: {url: 'https://h', model: m, dimensions: 4, key: '${SECRET}'}}": "embedder.key: ",
		"mode: stressed, level: L3, source: 'x://u:${SECRET}@h/x', target: 'x:z'}":                                                         "",
	} {
		t.Chdir(t.TempDir())
		p, err := drill.ReadPlan(strings.NewReader(head + plan))
		if err != nil {
			t.Fatal(err)
		}
		o := &Options{Registry: &exporters.Registry{}, Lookup: func(string) (string, bool) { return "", false }}
		checked := Check(context.Background(), p, o)
		if want == "" {
			if checked != nil {
				t.Errorf("%s: %v", plan, checked)
			}
			continue
		}
		_, ran := Run(context.Background(), p, o)
		for _, err := range []error{checked, ran} {
			if !errors.Is(err, drill.ErrPlan) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "SECRET is not set in the environment") {
				t.Errorf("%s: %v, want %q", plan, err, want)
			}
		}
		if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
			t.Errorf("%s: it left %v, %v", plan, left, err)
		}
	}
}

// A drill into a further target of a plan has the archive of the first, and opens no source.
func TestUnsetSource(t *testing.T) {
	t.Chdir(t.TempDir())
	p, err := drill.ReadPlan(strings.NewReader("{name: q, exercise: true, scenario: s, output: ., archive: a.ctxa, mode: planned, level: L3, source: 'x://u:${SECRET}@h/x', into: [{name: a, target: 'x:a'}, {name: b, target: 'x:b'}]}"))
	if err != nil {
		t.Fatal(err)
	}
	o := &Options{Registry: &exporters.Registry{}, Lookup: func(string) (string, bool) { return "", false }}
	for i, want := range []bool{true, false} {
		if err := Check(context.Background(), p.Each()[i], o); errors.Is(err, drill.ErrPlan) != want {
			t.Errorf("target %d: %v", i, err)
		}
	}
}
