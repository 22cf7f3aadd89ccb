//go:build unix

package mcpmemory

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
)

// BenchmarkRead reads a graph of 100,000 observations after a plain scan of its lines, each parsed by
// encoding/json, in turn. ratio is the speed of the export in that of the scan; cpu-ratio the same of
// processor time; bare-ratio that of the export in a scan that does not look into the lines.
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
			var bare, plain, export cost
			for b.Loop() {
				start := now()
				scan(b, path, func([]byte) {})
				bare.add(start)
				start, n := now(), 0
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
				plain.add(start)
				if n != total {
					b.Fatal(n)
				}
				start, n = now(), 0
				for r, err := range Open(path).Records(b.Context(), nil) {
					if err != nil {
						b.Fatal(err)
					}
					if agentstate.KindOf(r) == "memory" {
						n++
					}
				}
				if n != total {
					b.Fatal(n)
				}
				export.add(start)
			}
			b.ReportMetric(total*float64(b.N)/export.wall.Seconds(), "memories/s")
			b.ReportMetric(total*float64(b.N)/plain.wall.Seconds(), "plain/s")
			b.ReportMetric(plain.wall.Seconds()/export.wall.Seconds(), "ratio")
			b.ReportMetric(plain.cpu.Seconds()/export.cpu.Seconds(), "cpu-ratio")
			b.ReportMetric(bare.wall.Seconds()/export.wall.Seconds(), "bare-ratio")
			b.ReportMetric(0, "ns/op")
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

// A cost is time on the clock, and of the processors.
type cost struct{ wall, cpu time.Duration }

func now() cost {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return cost{time.Duration(time.Now().UnixNano()), time.Duration(u.Utime.Nano() + u.Stime.Nano())}
}

func (c *cost) add(since cost) {
	n := now()
	c.wall, c.cpu = c.wall+n.wall-since.wall, c.cpu+n.cpu-since.cpu
}
