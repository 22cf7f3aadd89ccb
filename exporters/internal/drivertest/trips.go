package drivertest

import (
	"context"
	"iter"
	"path/filepath"
	"slices"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
)

// InOrder gives its records as an archive does: kind by kind.
type InOrder struct{ *memstate.State }

// Records yields all of them in that order.
func (s InOrder) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		var all []agentstate.Record
		for r, err := range s.State.Records(ctx, opts) {
			if err != nil {
				yield(nil, err)
				return
			}
			all = append(all, r)
		}
		place := func(r agentstate.Record) int {
			return slices.Index(append(append([]string{"origin"}, agentstate.Kinds()...), "completeness"), agentstate.KindOf(r))
		}
		slices.SortStableFunc(all, func(a, b agentstate.Record) int { return place(a) - place(b) })
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Trips copies m into dst, plans that again, reads the copy and takes it out, and fails where one of these asks the server more often than
// most times. trips tells how often it was asked since the last call.
func Trips(t *testing.T, m *memstate.State, dst exporters.Runtime, trips func() int64, most int64) {
	t.Helper()
	src := InOrder{m}
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	made := 0
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"plan", func() error { _, err := replay.Plan(t.Context(), dst.(replay.Target), src, nil); return err }},
		{"run", func() error {
			_, err := replay.Apply(t.Context(), dst.(replay.Target), src, &replay.Options{Journal: j})
			return err
		}},
		{"plan again", func() error { _, err := replay.Plan(t.Context(), dst.(replay.Target), src, nil); return err }},
		{"reading", func() error {
			for _, err := range dst.Records(t.Context(), nil) {
				if err != nil {
					return err
				}
				made++
			}
			return nil
		}},
		{"undo", func() error {
			un, err := replay.Undo(t.Context(), dst.(replay.Target), j)
			if err == nil && (un.LeftN > 0 || un.Removed < 500) {
				t.Errorf("undo: %d removed, %d left", un.Removed, un.LeftN)
			}
			return err
		}},
	} {
		trips()
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := trips(); got > most {
			t.Errorf("%s: %d trips, want %d at most", step.name, got, most)
		}
	}
	if made < 500 {
		t.Errorf("only %d records arrived", made)
	}
}
