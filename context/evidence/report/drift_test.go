package report

import (
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
)

// TestDrift: a schema is compared with the one that the same source had before, whatever was drilled in between.
func TestDrift(t *testing.T) {
	past := []evidence.Past{
		{Schema: "langgraph python 9"}, // of a release that did not say which source
		{Source: "langgraph python", Schema: "langgraph python 9"},
		{Source: "mem0", Schema: "mem0 2"},
		{Source: "langgraph python", Schema: "langgraph python 9"},
		{Source: "mem0"},
		{Source: "mem0", Schema: "mem0 3"},
		{Source: "langgraph python", Schema: "langgraph python 10"},
	}
	for i, want := range []string{driftFirst, driftNone, driftFirst, driftNone, "", driftChanged, driftChanged} {
		if got := drift(past, i); got != want {
			t.Errorf("drill %d: %q, want %q", i, got, want)
		}
	}
}
