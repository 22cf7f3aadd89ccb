//go:build unix

package drivertest

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/gcfloor"
)

// Speed reads src after a plain read of the same n things, in turn, and reports ratio: the speed of
// src, with what lies beside its records, in that of the plain read, each at the best of the rounds, since other programs disturb.
// cpu-ratio is the same of all the processor time, which they disturb less. At least n records of kind are
// in src; plain returns how many it read. heap-MiB is the most that the heap grew. Both read with the
// collector's floor of the command.
func Speed(b *testing.B, n int, kind string, plain func() (int, error), src agentstate.Source) {
	b.Helper()
	defer gcfloor.Raise()()
	var before, mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var heap uint64
	ours := func() (got int, err error) {
		for r, err := range src.Records(b.Context(), nil) {
			if err == nil {
				err = beside(b, src, r)
			}
			if err != nil {
				return got, err
			}
			if agentstate.KindOf(r) != kind {
				continue
			}
			if got++; got%10_000 == 0 {
				runtime.ReadMemStats(&mem)
				heap = max(heap, mem.HeapAlloc-min(mem.HeapAlloc, before.HeapAlloc))
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
	b.ReportMetric(float64(heap)/(1<<20), "heap-MiB")
	b.ReportMetric(0, "ns/op")
}

// beside reads the files that lie beside a record.
func beside(b *testing.B, src agentstate.Source, r agentstate.Record) error {
	for _, n := range r.GetMeta().GetNative() {
		x := n.GetData().GetBlob()
		blobs, ok := agentstate.As[agentstate.BlobSource](src)
		if x == nil || !ok {
			continue
		}
		body, err := blobs.OpenBlob(b.Context(), x)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, body)
		if err = errors.Join(err, body.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Lines calls fn for each line of the files, and counts them.
func Lines(paths []string, fn func(line []byte) error) (n int, err error) {
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			return n, err
		}
		in := bufio.NewScanner(f)
		in.Buffer(make([]byte, 64<<10), 64<<20)
		for ; err == nil && in.Scan(); n++ {
			err = fn(in.Bytes())
		}
		if err = errors.Join(err, in.Err(), f.Close()); err != nil {
			return n, err
		}
	}
	return n, nil
}

// A cost is time on the clock, and of the processors.
type cost struct{ wall, cpu time.Duration }

func now() cost {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return cost{time.Duration(time.Now().UnixNano()), time.Duration(u.Utime.Nano() + u.Stime.Nano())}
}

func (c cost) minus(d cost) cost { return cost{c.wall - d.wall, c.cpu - d.cpu} }

// Select reads all values of the rows of a statement, and counts them.
func Select(ctx context.Context, db *sql.DB, q string) (n int, err error) {
	rows, err := db.QueryContext(ctx, q)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	v, p := make([]any, len(cols)), make([]any, len(cols))
	for i := range v {
		p[i] = &v[i]
	}
	for ; rows.Next(); n++ {
		if err := rows.Scan(p...); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}
