package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
)

// progress tells on standard error how far a command is, with rate and time left: a bar on a
// terminal, a line every five seconds elsewhere and on a dumb or narrow one, JSON lines for machines.
type progress struct {
	w          io.Writer
	mode       string
	what, unit string
	now        func() time.Time
	began      time.Time
	last       time.Time
	bar        *progressbar.ProgressBar // of mode line
	full       bool                     // the bar knows where it ends

	n    uint64
	kind string
	seen map[string]uint64                // by kind
	goal atomic.Pointer[map[string]int64] // records to come by kind; nil: not known, or not yet
}

func (a *app) newProgress(what, unit string) *progress {
	mode := a.progress
	if mode == "auto" {
		if mode = "plain"; a.columns >= 80 && a.getenv("TERM") != "dumb" { // a line that breaks is not painted over
			mode = "line"
		}
	}
	now := a.now()
	p := &progress{w: a.stderr, mode: mode, what: what, unit: unit, now: a.now, began: now, last: now, seen: map[string]uint64{}}
	if mode == "line" {
		p.bar = p.newBar(-1)
	}
	return p
}

// newBar is a bar of max, or with -1 a mere sign of life.
func (p *progress) newBar(max int64) *progressbar.ProgressBar {
	o := []progressbar.Option{
		progressbar.OptionSetWriter(p.w), progressbar.OptionUseANSICodes(true), progressbar.OptionShowCount(), progressbar.OptionSetWidth(20),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetSpinnerChangeInterval(0),
	}
	if p.unit == "bytes" {
		o = append(o, progressbar.OptionShowBytes(true))
	} else {
		o = append(o, progressbar.OptionShowIts(), progressbar.OptionSetItsString(p.unit))
	}
	return progressbar.NewOptions64(max, o...)
}

// expect says what is to come.
func (p *progress) expect(counts map[string]int64) { p.goal.Store(&counts) }

// expectSource finds out beside an export what is to come, where somebody watches. It opens the
// source anew, so that what reads it is not disturbed; that it cannot count is no failure.
func (a *app) expectSource(ctx context.Context, p *progress, source string, k *keyFlags) (stop func()) {
	if p.mode != "line" && p.mode != "json" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		src, err := a.source(ctx, source, k)
		if err != nil {
			return
		}
		defer src.Close()
		switch s := src.(type) {
		case *format.Reader:
			p.expect(archiveCounts(s))
		case agentstate.Preflighter:
			if pre, err := s.Preflight(ctx); err == nil {
				p.expect(pre.Counts)
			}
		}
	}()
	return func() { cancel(); <-ended }
}

func archiveCounts(r *format.Reader) map[string]int64 {
	counts := map[string]int64{}
	for kind, n := range stateCounts(r.Info().Records) {
		counts[kind] = int64(n)
	}
	return counts
}

// add counts a record. The clock is not asked for each.
func (p *progress) add(kind string) {
	p.n++
	p.kind = kind
	p.seen[kind]++
	if p.n%256 == 0 {
		p.tick()
	}
}

func (p *progress) tick() {
	every := 5 * time.Second
	if p.mode == "line" {
		every = 200 * time.Millisecond
	}
	if now := p.now(); now.Sub(p.last) >= every {
		p.last = now
		p.paint(false)
	}
}

// of tells how many of the expected records were seen. Kinds that nobody counted do not count.
func (p *progress) of() (done, total uint64) {
	goal := p.goal.Load()
	if goal == nil {
		return 0, 0
	}
	for kind, n := range *goal {
		if n > 0 {
			total += uint64(n)
			done += min(p.seen[kind], uint64(n))
		}
	}
	return done, total
}

func (p *progress) paint(end bool) {
	took := p.now().Sub(p.began)
	rate := float64(p.n) / max(took.Seconds(), 0.001)
	done, total := p.of()
	var left time.Duration
	if done > 0 {
		left = time.Duration(float64(took) * float64(total-done) / float64(done)).Round(time.Second)
	}
	switch p.mode {
	case "line":
		if done == 0 {
			done = p.n
		} else if !p.full {
			_ = p.bar.Clear()
			p.full = true
			p.bar = p.newBar(int64(total + 1)) // a full bar would end it, and kinds that nobody counted may follow
		}
		p.bar.Describe(p.what + " " + p.kind)
		_ = p.bar.Set64(int64(done))
	case "plain":
		if end {
			return
		}
		eta := ""
		if done > 0 {
			eta = fmt.Sprintf("  %d%%  ETA %s", 100*done/total, left)
		}
		fmt.Fprintf(p.w, "%s  %s  %s %s  %s/s%s\n", p.what, p.kind, number(p.n), p.unit, number(uint64(rate)), eta)
	case "json":
		b, err := json.Marshal(map[string]any{
			"what": p.what, "kind": p.kind, "done": p.n, "unit": p.unit, "per_second": rate, "seconds": took.Seconds(),
			"expected": total, "expected_done": done, "eta_seconds": left.Seconds(), "end": end,
		})
		if err == nil {
			fmt.Fprintf(p.w, "%s\n", b)
		}
	}
}

// note prints a line that stays.
func (p *progress) note(s string) {
	switch p.mode {
	case "none":
		return
	case "json":
		if b, err := json.Marshal(map[string]any{"what": p.what, "note": s}); err == nil {
			fmt.Fprintf(p.w, "%s\n", b)
		}
		return
	case "line":
		_ = p.bar.Clear()
	}
	fmt.Fprintln(p.w, "!", s)
}

func (p *progress) done() {
	switch p.mode {
	case "json":
		p.paint(true)
	case "line":
		_ = p.bar.Clear()
	}
}

// watched is a source whose records show as progress while they are read.
type watched struct {
	agentstate.Source
	a      *app
	what   string
	counts map[string]int64
}

// Unwrap is the source itself.
func (w watched) Unwrap() agentstate.Source { return w.Source }

// Records are those of the source.
func (w watched) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return watch(w, w.Source.Records(ctx, o), agentstate.KindOf)
}

// Wired are those of the source, with their bytes where it has them.
func (w watched) Wired(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Wired, error] {
	return watch(w, agentstate.WiredOf(ctx, w.Source, o), func(x agentstate.Wired) string { return agentstate.KindOf(x.Record) })
}

// watch is seq with its progress.
func watch[T any](w watched, seq iter.Seq2[T, error], kind func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		p := w.a.newProgress(w.what, "records")
		p.expect(w.counts)
		defer p.done()
		for x, err := range seq {
			if err == nil {
				p.add(kind(x))
			}
			if !yield(x, err) {
				return
			}
		}
	}
}

// watchedFile is a file whose bytes show as progress while they are read, by many at once.
type watchedFile struct {
	io.ReaderAt
	mu *sync.Mutex
	p  *progress
}

func (w watchedFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := w.ReaderAt.ReadAt(b, off)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.p.n += uint64(n)
	w.p.seen[""] += uint64(n)
	w.p.tick()
	return n, err
}
