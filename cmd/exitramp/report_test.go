package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
)

// TestUnannouncedFirst: a read-back shows first what nobody had said, however much was announced.
func TestUnannouncedFirst(t *testing.T) {
	rep := &fidelity.Report{Records: 9, LossN: map[string]uint64{"message.native_id": 8, "message.role": 1}}
	for i := range 8 {
		rep.Losses = append(rep.Losses, fidelity.Loss{Key: fmt.Sprint("message/", i), Path: "native_id", Grade: fidelity.Transformed, Why: "said"})
	}
	odd := fidelity.Loss{Key: "message/9", Path: "role", Grade: fidelity.Transformed, Why: "differs"}
	rep.Losses, rep.Unannounced, rep.UnannouncedN = append(rep.Losses, odd), []fidelity.Loss{odd}, 1
	var out bytes.Buffer
	a := &app{stdout: &out, result: map[string]any{}}
	if err := a.printFidelity("read back", rep, false, false); err == nil {
		t.Error("is called alike")
	}
	_, after, ok := strings.Cut(out.String(), "not announced  message/9  role  transformed: differs\n")
	if !ok || !strings.HasPrefix(after, "lose: ") || strings.Contains(after, "message/9") || strings.Count(after, "native_id  transformed: said") != few {
		t.Error(out.String())
	}
}

// TestOnceApproved: a plan says what it needs from a person now, and what behind the approval.
func TestOnceApproved(t *testing.T) {
	rep := &replay.Report{Records: 2, LossCount: map[string]uint64{}, Actions: map[replay.Action]uint64{replay.Held: 2}, Kinds: map[string]map[replay.Action]uint64{"toolserver": {replay.Held: 2}},
		Held: []string{"toolserver/a", "toolserver/b"}, Waiting: 2, ForetoldN: 1, Foretold: []replay.Receipt{{Key: "toolserver/b", Action: replay.Refused, Why: "needs a person: make one"}}}
	var out bytes.Buffer
	a := &app{stdout: &out, result: map[string]any{}}
	if err := a.printReplay("plan", rep, &embedding{}, false); err != nil {
		t.Fatal(err)
	}
	const want = "off until you approve: 2 (exitramp plan --approvals-out FILE asks, --approve FILE answers)\n   toolserver/a\n   toolserver/b\nonce approved  toolserver/b  needs a person: make one\n"
	if !strings.Contains(out.String(), want) {
		t.Error(out.String())
	}
}
