// Package replaybench measures what planning, writing and reading back cost beside reading and
// decoding the same archive.
//
//	go test -bench . -benchtime 3x ./replaybench
//	EXITRAMP_LOAD=1 go test -run Memory -v ./replaybench
package replaybench

import (
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/exitramp/exitramp/bench/corpus"
	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/internal/gcfloor"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// discard is a target that keeps nothing: what is left is the cost of replay itself.
type discard struct{}

func (discard) Begin(context.Context, *replay.Run) (replay.Writer, error) {
	return discardWriter{}, nil
}

// Undo looks at what there is to undo.
func (discard) Undo(_ context.Context, _ *replay.Run, created iter.Seq2[replay.Receipt, error], _ func(replay.Receipt)) error {
	for _, err := range created {
		if err != nil {
			return err
		}
	}
	return nil
}

type discardWriter struct{}

func (discardWriter) Write(_ context.Context, r agentstate.Record) (replay.Receipt, error) {
	return replay.Receipt{Action: replay.Created, Target: r.GetMeta().GetKey()}, nil
}
func (discardWriter) Commit(context.Context) error { return nil }
func (discardWriter) Close() error                 { return nil }

// archive seals n records of the mixed corpus.
func archive(t testing.TB, dir string, n int) string {
	t.Helper()
	path := filepath.Join(dir, fmt.Sprintf("%d.ctxa", n))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := format.NewWriter(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	put := func(r agentstate.Record) {
		if err := w.Put(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	put(&pb.Origin{Meta: agentstate.Meta("origin", nil, "corpus"), Product: "corpus"})
	for r := range corpus.Records(corpus.Mixes()[1], n, 7) {
		put(r)
	}
	put(&pb.Completeness{Meta: agentstate.Meta("completeness", nil, "1")})
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string) *format.Reader {
	t.Helper()
	r, err := format.Open(path, &format.ReaderOptions{Policy: format.IntegrityOnly()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func read(t testing.TB, path string) {
	r := open(t, path)
	defer r.Close()
	for _, err := range r.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func plan(t testing.TB, path string, dst replay.Target) {
	r := open(t, path)
	defer r.Close()
	if rep, err := replay.Plan(t.Context(), dst, r, nil); err != nil || rep.Actions[replay.Created] == 0 {
		t.Fatal(err, rep)
	}
}

func apply(t testing.TB, path, journal string, dst replay.Target) {
	r := open(t, path)
	defer r.Close()
	j, err := replay.OpenJournal(journal)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := replay.Apply(t.Context(), dst, r, &replay.Options{Journal: j}); err != nil {
		t.Fatal(err)
	}
}

func readBack(t testing.TB, path, journal string, got agentstate.Source) {
	r := open(t, path)
	defer r.Close()
	j, err := replay.OpenJournal(journal)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	rep, err := replay.ReadBack(t.Context(), r, got, j)
	if err != nil || rep.MissingN > 0 || rep.Same != rep.Records || rep.Records == 0 {
		t.Fatal(err, rep)
	}
}

func undo(t testing.TB, journal string, dst replay.Target) {
	j, err := replay.OpenJournal(journal)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if rep, err := replay.Undo(t.Context(), dst, j); err != nil || rep.Removed == 0 {
		t.Fatal(err, rep)
	}
}

// BenchmarkReplay gives each stage as a ratio to reading and decoding, pair by pair. Both run with the
// collector's floor of the command.
func BenchmarkReplay(b *testing.B) {
	defer gcfloor.Raise()()
	dir := b.TempDir()
	path := archive(b, dir, 50_000)
	n := 0
	journal := func() string { n++; return filepath.Join(dir, strconv.Itoa(n)) }
	var held *memstate.Runtime
	var done string // its journal
	for _, c := range []struct {
		name     string
		make, do func(testing.TB) // the first is not measured
	}{
		{"plan/memstate", nil, func(t testing.TB) { plan(t, path, memstate.NewRuntime(nil)) }},
		{"plan/discard", nil, func(t testing.TB) { plan(t, path, discard{}) }},
		{"apply/memstate", nil, func(t testing.TB) { apply(t, path, journal(), memstate.NewRuntime(nil)) }},
		{"apply/discard", nil, func(t testing.TB) { apply(t, path, journal(), discard{}) }},
		{"readback/memstate", func(t testing.TB) {
			held, done = memstate.NewRuntime(nil), journal()
			apply(t, path, done, held)
		}, func(t testing.TB) { readBack(t, path, done, held) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			var base, took [2]time.Duration // on the wall, and of all processors
			for b.Loop() {
				held = nil   // reading is not to pay for a target in memory
				runtime.GC() // nor for what the other half left, nor that for what it left
				began, cpu := time.Now(), used(b)
				read(b, path)
				base[0], base[1] = base[0]+time.Since(began), base[1]+used(b)-cpu
				if c.make != nil {
					c.make(b)
				}
				runtime.GC()
				began, cpu = time.Now(), used(b)
				c.do(b)
				took[0], took[1] = took[0]+time.Since(began), took[1]+used(b)-cpu
			}
			b.ReportMetric(took[0].Seconds()/base[0].Seconds(), "x-read")
			b.ReportMetric(took[1].Seconds()/base[1].Seconds(), "x-read-cpu")
			b.ReportMetric(float64(base[0].Milliseconds())/float64(b.N), "read-ms")
			b.ReportMetric(float64(base[1].Milliseconds())/float64(b.N), "read-cpu-ms")
		})
	}
}

// used is the processor time of this process so far.
func used(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestMemoryHelper is the process that TestMemory measures.
func TestMemoryHelper(t *testing.T) {
	job := os.Getenv("EXITRAMP_MEMORY_JOB")
	if job == "" {
		t.Skip("is run by TestMemory")
	}
	path := os.Getenv("EXITRAMP_MEMORY_ARCHIVE")
	switch job {
	case "read":
		read(t, path)
	case "plan":
		plan(t, path, discard{})
	case "apply":
		apply(t, path, path+".journal", discard{})
	case "readback":
		got := open(t, path)
		defer got.Close()
		readBack(t, path, path+".journal", got)
	case "undo":
		undo(t, path+".journal", discard{})
	}
}

// mostPeak is what a job may take whatever the number of records, in MiB: two readers at the most, and a
// few MiB for indexes of keys.
const mostPeak = 160

// TestMemory: ten times the records take the same memory, but for what reading takes by itself.
func TestMemory(t *testing.T) {
	if os.Getenv("EXITRAMP_LOAD") == "" {
		t.Skip("minutes; EXITRAMP_LOAD=1 runs it")
	}
	exe, err := os.Executable()
	if err != nil || runtime.GOOS != "linux" {
		t.Skip(err)
	}
	dir := t.TempDir()
	peak := map[string][]int64{}
	for _, n := range []int{100_000, 1_000_000} {
		path := archive(t, dir, n)
		for _, job := range []string{"read", "plan", "apply", "readback", "undo"} {
			cmd := exec.Command(exe, "-test.run=^TestMemoryHelper$", "-test.count=1")
			cmd.Env = append(os.Environ(), "EXITRAMP_MEMORY_JOB="+job, "EXITRAMP_MEMORY_ARCHIVE="+path)
			began := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "SKIP") {
				t.Fatalf("%s: %v\n%s", job, err, out)
			}
			rss := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10
			t.Logf("%9d records  %-8s  %4d MiB  %s", n, job, rss, time.Since(began).Round(time.Millisecond))
			peak[job] = append(peak[job], rss)
		}
	}
	reading := max(peak["read"][1]-peak["read"][0], 0)
	for job, p := range peak {
		if most := min(p[0]*115/100+reading, mostPeak); p[1] > most {
			t.Errorf("%s: %d MiB at 100 k records, %d MiB at 1 M, at most %d", job, p[0], p[1], most)
		}
	}
}
