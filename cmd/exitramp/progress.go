package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// progress tells on standard error how far a command is: one line that is written over on a
// terminal, a line every five seconds elsewhere, JSON lines for machines.
type progress struct {
	w       io.Writer
	mode    string
	what    string
	unit    string
	began   time.Time
	last    time.Time
	n       uint64
	total   uint64 // 0: not known
	kind    string
	now     func() time.Time
	painted bool
}

func (a *app) newProgress(what, unit string) *progress {
	mode := a.progress
	if mode == "auto" {
		if mode = "plain"; a.terminal {
			mode = "line"
		}
	}
	now := a.now()
	return &progress{w: a.stderr, mode: mode, what: what, unit: unit, began: now, last: now, now: a.now}
}

func (p *progress) add(kind string) {
	p.n++
	p.kind = kind
	if p.n%256 != 0 {
		return
	}
	every := 5 * time.Second
	if p.mode == "line" {
		every = 200 * time.Millisecond
	}
	if now := p.now(); now.Sub(p.last) >= every {
		p.last = now
		p.paint(false)
	}
}

func (p *progress) paint(end bool) {
	took := p.now().Sub(p.began)
	rate := float64(p.n) / max(took.Seconds(), 0.001)
	eta := ""
	if p.total > p.n && rate > 0 {
		eta = "  ETA " + time.Duration(float64(p.total-p.n)/rate*float64(time.Second)).Round(time.Second).String()
	}
	line := fmt.Sprintf("%s  %s  %s %s  %s/s%s", p.what, p.kind, number(p.n), p.unit, number(uint64(rate)), eta)
	switch p.mode {
	case "line":
		fmt.Fprintf(p.w, "\r\x1b[K%s", line)
		p.painted = true
	case "plain":
		if !end {
			fmt.Fprintln(p.w, line)
		}
	case "json":
		b, err := json.Marshal(map[string]any{"what": p.what, "kind": p.kind, "done": p.n, "total": p.total, "unit": p.unit, "per_second": rate, "seconds": took.Seconds(), "end": end})
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
	}
	if p.painted {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	fmt.Fprintln(p.w, "!", s)
}

func (p *progress) done() {
	if p.mode == "json" {
		p.paint(true)
	}
	if p.painted {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
