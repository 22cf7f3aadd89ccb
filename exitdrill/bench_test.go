//go:build unix

package exitdrill_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/context/secrets"
	"github.com/exitramp/exitramp/exitdrill"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/format"
)

// BenchmarkOverhead sets a drill beside the same steps done one by one, export, verify, plan, replay and
// read-back, and beside export and replay alone, in one run: by the clock, and by the processor's time,
// which other programs of the machine do not lengthen.
func BenchmarkOverhead(b *testing.B) {
	const memories = 10_000
	var own, byHand, bare, ownCPU, byHandCPU time.Duration
	for range b.N {
		dir := b.TempDir()
		src := memstate.Sample(memories)
		var dst *memstate.Runtime
		reg := exporters.NewRegistry(exporters.Driver{Scheme: "mem", URL: "mem:x", Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			if u.Opaque == "source" {
				return src, nil
			}
			return dst, nil
		}})

		dst = memstate.NewRuntime(nil)
		at := cpu(b)
		steps := stepByStep(b, src, dst, filepath.Join(dir, "a.ctxa"))
		bare += steps[0] + steps[3]
		for _, d := range steps {
			byHand += d
		}
		byHandCPU += cpu(b) - at

		dst = memstate.NewRuntime(nil)
		p, err := drill.ReadPlan(strings.NewReader(fmt.Sprintf("name: q\nexercise: true\nscenario: bench\nmode: planned\nlevel: L3\nsource: mem:source\narchive: %[1]s/b.ctxa\ntarget: mem:target\nkeep: true\noutput: %[1]s\n", dir)))
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		at = cpu(b)
		if _, err := exitdrill.Run(b.Context(), p, &exitdrill.Options{Registry: reg}); err != nil {
			b.Fatal(err)
		}
		own += time.Since(began)
		ownCPU += cpu(b) - at
	}
	b.ReportMetric(float64(ownCPU)/float64(byHandCPU), "drill/steps-cpu")
	b.ReportMetric(float64(own)/float64(byHand), "drill/steps")
	b.ReportMetric(float64(own)/float64(bare), "drill/(export+replay)")
	b.ReportMetric(float64(byHand)/float64(bare), "steps/(export+replay)")
}

// cpu is the processor's time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// stepByStep does what a drill does, and takes the time of each step.
func stepByStep(b *testing.B, src agentstate.Source, dst *memstate.Runtime, path string) (took [5]time.Duration) {
	ctx, at := b.Context(), 0
	step := func(f func() error) {
		began := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		took[at] = time.Since(began)
		at++
	}
	open := func() *format.Reader {
		r, err := format.Open(path, &format.ReaderOptions{Policy: format.IntegrityOnly()})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { r.Close() })
		return r
	}
	step(func() error {
		s, err := secrets.New()
		if err != nil {
			return err
		}
		_, err = format.Export(ctx, path, secrets.Scan(src, s, secrets.Options{}), nil, nil)
		return err
	})
	step(func() error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		size, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		_, err = format.Verify(ctx, f, size, &format.VerifyOptions{ReaderOptions: format.ReaderOptions{Policy: format.IntegrityOnly()}})
		return err
	})
	step(func() error { _, err := replay.Plan(ctx, dst, open(), nil); return err })
	journal := func(f func(j *replay.Journal) error) func() error { // each command opens it anew
		return func() error {
			j, err := replay.OpenJournal(path + ".journal")
			if err != nil {
				return err
			}
			return errors.Join(f(j), j.Close())
		}
	}
	step(journal(func(j *replay.Journal) error {
		_, err := replay.Apply(ctx, dst, open(), &replay.Options{Journal: j})
		return err
	}))
	step(journal(func(j *replay.Journal) error { _, err := replay.ReadBack(ctx, open(), dst, j); return err }))
	return took
}
