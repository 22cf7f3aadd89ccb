// Package all is every driver in one registry. Import single drivers to link less.
package all

import (
	"slices"

	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/agentcore"
	"github.com/exitramp/exitramp/exporters/claudecode"
	"github.com/exitramp/exitramp/exporters/codex"
	"github.com/exitramp/exitramp/exporters/langgraph"
	"github.com/exitramp/exitramp/exporters/mcpmemory"
	"github.com/exitramp/exitramp/exporters/mem0"
	"github.com/exitramp/exitramp/exporters/openaiagents"
	"github.com/exitramp/exitramp/exporters/openaievals"
	"github.com/exitramp/exitramp/exporters/promptfoo"
	"github.com/exitramp/exitramp/exporters/weights"
)

// Registry returns a new registry of all drivers.
func Registry() *exporters.Registry {
	return exporters.NewRegistry(slices.Concat(
		agentcore.Drivers(),
		claudecode.Drivers(),
		codex.Drivers(),
		langgraph.Drivers(),
		mcpmemory.Drivers(),
		mem0.Drivers(),
		openaiagents.Drivers(),
		openaievals.Drivers(),
		promptfoo.Drivers(),
		weights.Drivers(),
	)...)
}
