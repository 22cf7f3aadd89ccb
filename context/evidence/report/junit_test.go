package report

import (
	"encoding/xml"
	"slices"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
)

// TestJUnitAsTheStatements: the call of a tool that waits for a person has no result at the source either. A drill that passed
// statement 35 with it is not red in a CI; nor is one whose messages were out of order in the archive already.
func TestJUnitAsTheStatements(t *testing.T) {
	for res, failed := range map[evidence.Result]bool{evidence.Pass: false, evidence.Warn: true, evidence.Fail: true} {
		st := full()
		p := st.Predicate
		for i := range p.Checks {
			if c := &p.Checks[i]; c.ID == "AC-35" || c.ID == "AC-36" {
				c.Result = res
			}
		}
		p.Kinds[0].Links, p.Kinds[0].Times = &evidence.Links{Total: 5, Resolved: 5, Orphans: 1}, &evidence.Times{Total: 5, Original: 5, Inversions: 1}
		var got suites
		if err := xml.Unmarshal(artifactsOf(t, st)[NameJUnit], &got); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(got.Suites, func(s *suite) bool { return s.Name == "kind "+p.Kinds[0].Kind })
		for _, c := range got.Suites[i].Cases {
			if (c.Name == "links" || c.Name == "times") && (c.Failure != nil) != failed {
				t.Errorf("%s, and its statement says %s: failed %v, want %v", c.Name, res, c.Failure != nil, failed)
			}
		}
	}
}
