//go:build unix

package exportertest

import (
	"syscall"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
)

// Speed reads src after a plain read of the same n things, in turn, and reports ratio: the speed of
// src in that of the plain read, each at the best of the rounds, since other programs disturb.
// cpu-ratio is the same of all the processor time, which they disturb less. At least n records of kind are
// in src; plain returns how many it read.
func Speed(b *testing.B, n int, kind string, plain func() (int, error), src agentstate.Source) {
	b.Helper()
	ours := func() (got int, err error) {
		for r, err := range src.Records(b.Context(), nil) {
			if err != nil {
				return got, err
			}
			if agentstate.KindOf(r) == kind {
				got++
			}
		}
		return got, nil
	}
	var best [2]cost
	for b.Loop() {
		for i, read := range [2]func() (int, error){plain, ours} {
			start := now()
			if got, err := read(); err != nil || got < n {
				b.Fatalf("%d read, want %d: %v", got, n, err)
			}
			took := now().minus(start)
			if best[i].wall == 0 || took.wall < best[i].wall {
				best[i].wall = took.wall
			}
			best[i].cpu += took.cpu
		}
	}
	b.ReportMetric(best[0].wall.Seconds()/best[1].wall.Seconds(), "ratio")
	b.ReportMetric(best[0].cpu.Seconds()/best[1].cpu.Seconds(), "cpu-ratio")
	b.ReportMetric(float64(n)/best[0].wall.Seconds(), "plain/s")
	b.ReportMetric(float64(n)/best[1].wall.Seconds(), "records/s")
	b.ReportMetric(0, "ns/op")
}

// A cost is time on the clock, and of the processors.
type cost struct{ wall, cpu time.Duration }

func now() cost {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return cost{time.Duration(time.Now().UnixNano()), time.Duration(u.Utime.Nano() + u.Stime.Nano())}
}

func (c cost) minus(d cost) cost { return cost{c.wall - d.wall, c.cpu - d.cpu} }
