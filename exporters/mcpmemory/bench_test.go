//go:build unix

package mcpmemory

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// BenchmarkRead reads a graph of 100,000 observations against a plain scan of its lines, each parsed by
// encoding/json.
func BenchmarkRead(b *testing.B) {
	for _, each := range []int{1, 10} {
		b.Run(fmt.Sprintf("observations=%d", each), func(b *testing.B) {
			const total = 100_000
			path := filepath.Join(b.TempDir(), "memory.jsonl")
			var text strings.Builder
			for i := range total / each {
				var obs []string
				for j := range each {
					obs = append(obs, fmt.Sprintf(`"observation %d of %d, which says something about the thing: %s"`, j, i, strings.Repeat("word ", 20)))
				}
				fmt.Fprintf(&text, "{\"type\":\"entity\",\"name\":\"thing %d\",\"entityType\":\"thing\",\"observations\":[%s]}\n", i, strings.Join(obs, ","))
			}
			if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
				b.Fatal(err)
			}
			drivertest.Speed(b, total, "memory", func() (n int, err error) {
				_, err = drivertest.Lines([]string{path}, func(l []byte) error {
					var o struct {
						Type, Name, EntityType string
						Observations           []string
					}
					err := json.Unmarshal(l, &o)
					n += len(o.Observations)
					return err
				})
				return n, err
			}, Open(path))
		})
	}
}
