//go:build unix

package exitdrill_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/context/secrets"
	"github.com/exitramp/exitramp/exitdrill"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/langgraph"
	"github.com/exitramp/exitramp/format"
)

// BenchmarkOverhead sets a drill beside the same steps done one by one, in one run, by the clock and by
// the processor's time, which other programs of the machine do not lengthen: export and verify, then plan,
// apply and read-back, which are a replay. In memory the steps cost least, and what the drill adds weighs
// most. The other is a store that LangGraph wrote, its threads many times over.
func BenchmarkOverhead(b *testing.B) {
	b.Run("memory", func(b *testing.B) {
		src := memstate.Sample(100_000) // of fewer, report and signatures are much
		targets := map[string]*memstate.Runtime{}
		d := exporters.Driver{Scheme: "mem", URL: "mem:x", Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			if u.Opaque == "source" {
				return src, nil
			}
			if targets[u.Path] == nil {
				targets[u.Path] = memstate.NewRuntime(nil)
			}
			return targets[u.Path], nil
		}}
		overhead(b, exporters.NewRegistry(d), "mem:source", "mem:", func() { clear(targets) })
	})
	b.Run("langgraph", func(b *testing.B) {
		overhead(b, exporters.NewRegistry(langgraph.Drivers()...), "langgraph+sqlite:"+manyThreads(b, 100), "langgraph+sqlite:", func() {})
	})
}

// manyThreads is a store that LangGraph wrote, with each of its threads n times more.
func manyThreads(b *testing.B, n int) string {
	path := filepath.Join(b.TempDir(), "source.sqlite")
	made, err := os.ReadFile("../exporters/langgraph/testdata/python.sqlite")
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, made, 0o600); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for table, rest := range map[string]string{
		"checkpoints": "checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata",
		"writes":      "checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value",
	} {
		q := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < %d) INSERT INTO %[2]s (thread_id, %[3]s) SELECT thread_id || '-' || i, %[3]s FROM %[2]s, n", n, table, rest)
		if _, err := db.Exec(q); err != nil {
			b.Fatal(err)
		}
	}
	return path
}

// A cost is what a step takes, of the clock and of the processor.
type cost struct{ wall, cpu time.Duration }

// costOf is what f takes, without what others left to the collector.
func costOf(b *testing.B, f func() error) cost {
	runtime.GC()
	began, at := time.Now(), cpu(b)
	if err := f(); err != nil {
		b.Fatal(err)
	}
	return cost{time.Since(began), cpu(b) - at}
}

// overhead prints what a drill takes as a share of what its steps take. Which of the two comes first
// changes each time, and forget lets go of what a target holds, so that neither pays for the other.
func overhead(b *testing.B, reg *exporters.Registry, source, target string, forget func()) {
	var own cost
	var steps [5]cost
	hand := func(dir string) {
		for i, f := range byHand(b, reg, source, target+filepath.Join(dir, "by-hand"), filepath.Join(dir, "a.ctxa")) {
			c := costOf(b, f)
			steps[i].wall, steps[i].cpu = steps[i].wall+c.wall, steps[i].cpu+c.cpu
		}
		forget()
	}
	drilled := func(dir string) {
		p, err := drill.ReadPlan(strings.NewReader(fmt.Sprintf("name: q\nexercise: true\nscenario: bench\nmode: planned\nlevel: L3\nsource: %s\narchive: %[2]s/b.ctxa\ntarget: %[3]s%[2]s/drill\nkeep: true\noutput: %[2]s\n", source, dir, target)))
		if err != nil {
			b.Fatal(err)
		}
		c := costOf(b, func() error { _, err := exitdrill.Run(b.Context(), p, &exitdrill.Options{Registry: reg}); return err })
		own.wall, own.cpu = own.wall+c.wall, own.cpu+c.cpu
		forget()
	}
	for i := range b.N {
		dir, both := b.TempDir(), []func(string){hand, drilled}
		both[i%2](dir)
		both[1-i%2](dir)
	}
	share := func(name string, of ...int) {
		var c cost
		for _, i := range of {
			c.wall, c.cpu = c.wall+steps[i].wall, c.cpu+steps[i].cpu
		}
		b.ReportMetric(own.wall.Seconds()/c.wall.Seconds(), "drill/("+name+")")
		b.ReportMetric(own.cpu.Seconds()/c.cpu.Seconds(), "drill/("+name+")-cpu")
	}
	share("all-steps", 0, 1, 2, 3, 4)
	share("export+plan+apply+readback", 0, 2, 3, 4)
	share("export+apply", 0, 3)
}

// cpu is the processor's time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// byHand are the steps of a drill, as a person does them: export, verify, plan, apply, read-back.
func byHand(b *testing.B, reg *exporters.Registry, source, target, path string) []func() error {
	ctx := b.Context()
	integrity := format.ReaderOptions{Policy: format.IntegrityOnly()}
	// with opens what a step needs, as each command does anew.
	with := func(f func(r *format.Reader, rt exporters.Runtime, dst replay.Target) error) func() error {
		return func() error {
			r, err := format.Open(path, &integrity)
			if err != nil {
				return err
			}
			rt, err := reg.Open(ctx, target)
			if err != nil {
				return errors.Join(err, r.Close())
			}
			dst, err := exporters.Replayable(rt)
			if err == nil {
				err = f(r, rt, dst)
			}
			return errors.Join(err, rt.Close(), r.Close())
		}
	}
	journal := func(f func(j *replay.Journal) error) error {
		j, err := replay.OpenJournal(path + ".journal")
		if err != nil {
			return err
		}
		return errors.Join(f(j), j.Close())
	}
	return []func() error{
		func() error {
			src, err := reg.Open(ctx, source)
			if err != nil {
				return err
			}
			s, err := secrets.New()
			if err == nil {
				_, err = format.Export(ctx, path, secrets.Scan(src, s, secrets.Options{}), nil, nil)
			}
			return errors.Join(err, src.Close())
		},
		func() error {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			fi, err := f.Stat()
			if err == nil {
				_, err = format.Verify(ctx, f, fi.Size(), &format.VerifyOptions{ReaderOptions: integrity})
			}
			return err
		},
		with(func(r *format.Reader, _ exporters.Runtime, dst replay.Target) error {
			_, err := replay.Plan(ctx, dst, r, nil)
			return err
		}),
		with(func(r *format.Reader, _ exporters.Runtime, dst replay.Target) error {
			return journal(func(j *replay.Journal) error {
				_, err := replay.Apply(ctx, dst, r, &replay.Options{Journal: j})
				return err
			})
		}),
		with(func(r *format.Reader, rt exporters.Runtime, _ replay.Target) error {
			return journal(func(j *replay.Journal) error { _, err := replay.ReadBack(ctx, r, rt, j); return err })
		}),
	}
}
