// Package drivertest is what the tests of our own drivers share: a state read whole, a state
// replayed, how fast a reading is beside a plain one. What anybody's driver must do is in package
// exportertest; memory is measured by package heappeak.
package drivertest

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Export is what src holds.
func Export(t testing.TB, src agentstate.Source) (*memstate.State, *agentstate.Report) {
	t.Helper()
	mem := &memstate.State{}
	rep, err := agentstate.Copy(t.Context(), mem, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	return mem, rep
}

// Notes are what an export of src says of it.
func Notes(t testing.TB, src agentstate.Source) (notes []string) {
	t.Helper()
	for r, err := range src.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if st, ok := r.(*pb.Completeness); ok {
			notes = agentstate.Notes(st)
		}
	}
	return notes
}

// Apply replays src into dst, with these keys approved, and a new journal.
func Apply(t testing.TB, dst replay.Target, src agentstate.Source, approved ...string) (*replay.Report, *replay.Journal) {
	t.Helper()
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	rep, err := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j, Approved: approved})
	if err != nil {
		t.Fatal(err)
	}
	return rep, j
}

// Gaps are the gaps of a report in a word each, sorted: kind, place and reason.
func Gaps(rep *agentstate.Report) []string {
	var out []string
	for _, g := range rep.Gaps {
		out = append(out, strings.TrimSuffix(g.Kind+" "+g.Place+" "+strings.ToLower(strings.TrimPrefix(g.Reason.String(), "REASON_")), " unspecified"))
	}
	slices.Sort(out)
	return out
}
