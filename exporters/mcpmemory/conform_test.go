package mcpmemory

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
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
		Open:  func(context.Context) (agentstate.Source, error) { return Open("testdata/memory.jsonl"), nil },
		Target: func(context.Context) (replay.Target, error) {
			return Open(filepath.Join(t.TempDir(), "target.jsonl")), nil
		},
		Change: func(_ context.Context, target replay.Target, key string) error {
			p := target.(*Graph).path
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			lines := strings.Split(string(b), "\n")
			for i, l := range lines {
				o, err := parse([]byte(l))
				if err != nil || o.key("", [32]byte{}) != key {
					continue
				}
				if o.kind == "entity" {
					o.observations = append(o.observations, "one more")
					lines[i] = string(o.encode())
				} else {
					lines[i] = string(bytes.Replace(o.encode(), []byte("}"), []byte(`,"more":1}`), 1))
				}
			}
			return os.WriteFile(p, []byte(strings.Join(lines, "\n")), 0o600)
		},
	})
}
