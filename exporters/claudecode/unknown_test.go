package claudecode

import (
	"slices"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestUnknownLines: lines of types that a newer release writes are carried in their transcript, named and counted.
func TestUnknownLines(t *testing.T) {
	const head, known = `{"type":"user","uuid":"a","parentUuid":null,"message":{"role":"user","content":"x"}}` + "\n", `{"type":"mode"}` + "\n" + `{"type":"pr-link"}` + "\n"
	for text, want := range map[string]string{head + known: "", head + `{"type":"new","payload":{}}` + "\n" + known + `{"type":"new","payload":{}}` + "\n": "new 2"} {
		mem, _ := drivertest.Export(t, home(t, map[string]string{"projects/p/a.jsonl": text}))
		got := ""
		for r := range mem.Records(t.Context(), nil) {
			if c, ok := r.(*pb.Conversation); ok {
				if i := slices.IndexFunc(c.Meta.Labels, func(l *pb.Label) bool { return l.Name == "lines of unknown types" }); i >= 0 {
					got = c.Meta.Labels[i].Value
				}
			}
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
