package exitdrill_test

import (
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
)

// TestPast: a plan that was copied from the last quarter, days and all, does not pass for what it says of days that are over.
func TestPast(t *testing.T) {
	t.Parallel()
	finding := "next_review: 2099-01-01\nfindings: [{id: F-1, text: x, owner: o, due: DUE, retest: 2099-01-01, state: STATE}]"
	for name, c := range map[string]struct {
		old, edit string
		n         int
		want      evidence.Result
	}{
		"copy kept":      {"region: eu", "region: eu, data_basis: b, copy_deleted_by: 2020-01-31", 7, evidence.Warn},
		"copy to go":     {"region: eu", "region: eu, data_basis: b, copy_deleted_by: 2099-01-31", 7, evidence.Pass},
		"review is over": {"next_review: 2099-01-01", "next_review: 2020-01-01", 46, evidence.Untold},
		"finding late":   {"next_review: 2099-01-01", strings.NewReplacer("DUE", "2020-01-01", "STATE", "open").Replace(finding), 46, evidence.Warn},
		"finding due":    {"next_review: 2099-01-01", strings.NewReplacer("DUE", "2099-01-01", "STATE", "open").Replace(finding), 46, evidence.Pass},
		"finding closed": {"next_review: 2099-01-01", strings.NewReplacer("DUE", "2020-01-01", "STATE", "closed").Replace(finding), 46, evidence.Pass},
	} {
		p := newPlace(t)
		out := p.run(p.plan("level: L3", "level: L1", c.old, c.edit))
		if ch := check(out, c.n); ch.Result != c.want {
			t.Errorf("%s: %+v", name, ch)
		}
	}
}
