package main

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
)

// Half of what is to come, done in ten seconds, leaves ten: on a terminal, in a log, for machines.
func TestProgress(t *testing.T) {
	paint := func(mode string, expect map[string]int64) string {
		var out, msgs bytes.Buffer
		a := newApp(&out, &msgs)
		clock := time.Unix(0, 0)
		a.now, a.progress = func() time.Time { return clock }, mode
		p := a.newProgress("export", "records")
		if expect != nil {
			p.expect(expect)
		}
		for range 255 {
			p.add("memory")
		}
		clock = clock.Add(10 * time.Second)
		p.add("memory")
		p.note("gap")
		p.done()
		return msgs.String()
	}
	half := map[string]int64{"memory": 512, "message": -1} // messages are not counted beforehand
	for _, tc := range []struct{ mode, want string }{
		{"line", "49% |"},
		{"line", "export memory"},
		{"line", "\n! gap\n"},
		{"plain", "export  memory  256 records  25/s  50%  ETA 10s\n! gap\n"},
		{"json", `"eta_seconds":10`},
	} {
		got := paint(tc.mode, half)
		if tc.want == "\n! gap\n" {
			got = strings.ReplaceAll(got, "\x1b[2K\r", "\n")
		}
		if !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q does not say %q", tc.mode, got, tc.want)
		}
	}
	if got := paint("none", half); got != "" {
		t.Errorf("none prints %q", got)
	}
	if got := paint("plain", nil); strings.Contains(got, "ETA") {
		t.Errorf("nothing is known of what is to come, and there is an ETA: %q", got)
	}
	for line := range strings.Lines(paint("json", half)) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

// A dumb terminal shows what moves a cursor as rubbish, and a narrow one a line for each step.
func TestDumbTerminal(t *testing.T) {
	for name, want := range map[string]string{"dumb": "plain", "xterm": "line", "": "line"} {
		var out, msgs bytes.Buffer
		a := newApp(&out, &msgs)
		a.progress, a.columns, a.getenv = "auto", 80, func(string) string { return name }
		if p := a.newProgress("export", "records"); p.mode != want {
			t.Errorf("TERM=%s: %s, want %s", name, p.mode, want)
		}
		for _, a.columns = range []int{0, 79} {
			if p := a.newProgress("export", "records"); p.mode != "plain" {
				t.Errorf("TERM=%s, %d columns: %s", name, a.columns, p.mode)
			}
		}
	}
}

// TestWatchedKeepsBytes: a source whose progress shows has the bytes that it has by itself, and shows it.
func TestWatchedKeepsBytes(t *testing.T) {
	var out, msgs bytes.Buffer
	a := newApp(&out, &msgs)
	clock := time.Unix(0, 0)
	a.now, a.progress = func() time.Time { clock = clock.Add(10 * time.Second); return clock }, "plain"
	n := 0
	for w, err := range agentstate.Lent(t.Context(), watched{lending{memstate.Sample(100)}, a, "read back", nil}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; w.Wire == nil {
			t.Errorf("%s has no bytes", w.Record.GetMeta().GetKey())
		}
	}
	if n == 0 || !strings.Contains(msgs.String(), "read back") {
		t.Errorf("%d records, and %q", n, msgs.String())
	}
}

// lending is a source that has bytes.
type lending struct{ *memstate.State }

func (l lending) Wired(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Wired, error] {
	return l.Lend(ctx, o)
}
