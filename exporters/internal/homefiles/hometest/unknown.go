package hometest

import (
	"slices"
	"testing"

	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// UnknownLines: lines of types that a newer release writes are carried in their file, named and counted. export takes
// the text of one; head is its first line, known has lines of types that today's release writes and that are no message.
func UnknownLines(t *testing.T, export func(text string) *memstate.State, head, known string) {
	const fresh = `{"type":"new","payload":{}}` + "\n"
	for text, want := range map[string]string{head + known: "", head + fresh + known + fresh: "new 2"} {
		got := ""
		for r := range export(text).Records(t.Context(), nil) {
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
