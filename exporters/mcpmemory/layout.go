package mcpmemory

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
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

// layoutKey is the key of the layout of a file.
func layoutKey() string { return agentstate.Key("opaque", "layout") }

// whyOrder is of a layout whose lines did not all come.
const whyOrder = "the order of the lines is that of all of them, and some stay away: the file is as the server writes it"

// layoutReceipt is the answer to a layout that is written without its damaged lines: with one of them
// the server would refuse the whole file.
func layoutReceipt(key string, runs []run) replay.Receipt {
	var rest layout
	damaged := 0
	for _, r := range runs {
		switch {
		case r.Bad != nil:
			damaged++
		case r.Kind == "":
			rest.blank(r.Text)
		default:
			rest.add(r.Kind)
			rest.runs[len(rest.runs)-1].N += r.N - 1
		}
	}
	rc := replay.Receipt{Action: replay.Created, Target: key}
	if damaged == 0 {
		return rc
	}
	why := fmt.Sprintf("%d damaged lines or byte order marks stay in the archive: with them the server would refuse the whole file", damaged)
	rc.Losses = []fidelity.Loss{{Path: "native", Grade: fidelity.Dropped, Why: why}}
	if !rest.other { // what remains is as the server writes it, and has no layout
		rc.Action, rc.Target, rc.Why = replay.Skipped, "", why
	}
	return rc
}
