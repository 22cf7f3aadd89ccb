//go:build unix

package mcpmemory

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/exporters/exportertest"
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
			exportertest.Speed(b, total, "memory", func() (n int, err error) {
				scan(b, path, func(l []byte) {
					var o struct {
						Type, Name, EntityType string
						Observations           []string
					}
					if err := json.Unmarshal(l, &o); err != nil {
						b.Fatal(err)
					}
					n += len(o.Observations)
				})
				return n, nil
			}, Open(path))
		})
	}
}

func scan(b *testing.B, path string, line func([]byte)) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line(lines.Bytes())
	}
}
