package claudecode

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/exportertest"
	"github.com/exitramp/exitramp/internal/loadtest"
)

// TestConformance is what every driver has to pass.
func TestConformance(t *testing.T) {
	exportertest.Run(t, exportertest.Harness{
		Brief: loadtest.Of(true, false),
		Open:  func(context.Context) (agentstate.Source, error) { return Open("testdata/home"), nil },
		Target: func(context.Context) (replay.Target, error) {
			return Open(filepath.Join(t.TempDir(), "target")), nil
		},
		Read:    func(_ context.Context, t replay.Target) (agentstate.Source, error) { return t.(*Home), nil },
		Secrets: []string{"canary-zq-1", "canary-zq-2", "canary-zq-3", "canary-zq-4", "canary-zq-5", "canary-zq-6"},
	})
}
