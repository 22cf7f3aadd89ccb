// Package all is every driver in one registry. Import single drivers to link less.
package all

import (
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/langgraph"
)

// Registry returns a new registry of all drivers.
func Registry() *exporters.Registry { return exporters.NewRegistry(langgraph.Drivers()...) }
