package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/fidelity"
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
