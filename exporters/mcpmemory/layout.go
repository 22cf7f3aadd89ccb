package mcpmemory

import (
	"bytes"
	"encoding/json"
)

// A layout is the order of a file's lines by kind, with its blank lines.
type layout struct {
	runs  []run
	other bool // it is not what the server writes
	cut   bool // too long to be kept
	bad   int  // bytes of damaged lines
}

// A run is n lines of one kind, or one blank or damaged line.
type run struct {
	Kind string `json:"kind,omitempty"`
	N    int    `json:"n,omitempty"`
	Text string `json:"blank,omitempty"`
	Bad  []byte `json:"damaged,omitempty"`
}

func (l *layout) add(kind string) {
	n := len(l.runs)
	if n > 0 && l.runs[n-1].Kind == kind {
		l.runs[n-1].N++
		return
	}
	if n > 0 && !(n == 1 && l.runs[0].Kind == "entity" && kind == "relation") || kind == "opaque" {
		l.other = true
	}
	l.push(run{Kind: kind, N: 1})
}

func (l *layout) blank(text string) {
	l.other = l.other || len(l.runs) > 0 || text != ""
	l.push(run{Text: text})
}

func (l *layout) damaged(text []byte) {
	l.other = true
	if l.bad += len(text); l.bad > 1<<20 {
		text = nil
	}
	l.push(run{Bad: bytes.Clone(text)})
}

// push bounds the layout: beyond 100,000 changes of kind the order of lines is not kept.
func (l *layout) push(r run) {
	if len(l.runs) < 100_000 {
		l.runs = append(l.runs, r)
	} else {
		l.cut = true
	}
}

// encode is nil for the layout that the server writes.
func (l *layout) encode() []byte {
	if !l.other || l.cut {
		return nil
	}
	b, err := json.Marshal(l.runs)
	if err != nil {
		return nil
	}
	return b
}
