package langgraph

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/exportertest"
	"github.com/exitramp/exitramp/internal/loadtest"
)

// TestConformance is what every driver has to pass. A run that has a server is the only one: it does all of it there.
func TestConformance(t *testing.T) {
	for _, at := range loadtest.Of(stores()[1:], stores()) {
		t.Run(at.name, func(t *testing.T) {
			s := at.load(t)
			exportertest.Run(t, exportertest.Harness{
				Brief: loadtest.Of(s.server == nil, false),
				Open: func(context.Context) (agentstate.Source, error) {
					return &Store{path: s.path, wait: s.wait, server: s.server}, nil // each is closed
				},
				Target: func(context.Context) (replay.Target, error) {
					if s.server != nil {
						return at.void(t), nil
					}
					return SQLite(filepath.Join(t.TempDir(), "target.sqlite")), nil
				},
			})
		})
	}
}
