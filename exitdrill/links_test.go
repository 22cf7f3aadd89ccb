package exitdrill_test

import (
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/memstate"
)

// TestGoneBesideRefused: what the target refused leaves references open, as was said. That does not cover for a record that
// was written and is gone, however few records are to survive.
func TestGoneBesideRefused(t *testing.T) {
	t.Parallel()
	for gone, want := range map[string]evidence.Result{"": evidence.Warn, "memory/ada/0002": evidence.Fail} {
		p := newPlace(t)
		p.runtimes["target"] = memstate.NewRuntime(&memstate.RuntimeOptions{Exact: true, Refuse: func(r agentstate.Record) string {
			if agentstate.KindOf(r) == "entity" {
				return "no place"
			}
			return ""
		}})
		if gone != "" {
			p.alter("target", drop(gone))
		}
		out := p.run(p.plan(`rpo: {"*": 30000d}`, `rpo: {"*": 30000d}, survival: 0.5`))
		if c := check(out, 35); c.Result != want || strings.Contains(c.Why, "gone when read back") != (gone != "") {
			t.Errorf("%q gone: %+v", gone, c)
		}
		if c := check(out, 33); c.Result != evidence.Warn {
			t.Errorf("%q gone: as many survived as are to: %+v", gone, c)
		}
	}
}
