package exitdrill_test

import (
	"testing"

	"github.com/exitramp/exitramp/context/memstate"
)

// TestIdentity: of a target that makes ids of its own each leads back to one record, and the statement says how many.
func TestIdentity(t *testing.T) {
	t.Parallel()
	for own, renamed := range map[bool]bool{false: false, true: true} {
		p := newPlace(t)
		p.runtimes["target"] = memstate.NewRuntime(&memstate.RuntimeOptions{OwnIDs: own})
		out := p.run(p.plan())
		id, k := out.Predicate.Identity, kind(out, "principal")
		if id == nil || id.Records == 0 || (id.Renamed > 0) != renamed || id.Merged != 0 || id.Principals == 0 || id.Principals != k.Archived || id.Arrived != id.Principals || id.Mapped != nil {
			t.Errorf("own ids %v: %+v, principals %+v", own, id, k)
		}
	}
}
