package langgraph

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// JavaScript's checkpoint-sqlite 0.1.5 counted questions and errors like any other write, from 0. What today's library
// shows of such a thread is said of it.
func TestOldJSCounts(t *testing.T) {
	said := func(m *memstate.State) map[string]string {
		out := map[string]string{}
		for _, r := range records(t, m) {
			switch r := r.(type) {
			case *pb.Conversation:
				out[r.Meta.Key] = r.Status
			case *pb.Interrupt:
				_, place, _ := strings.Cut(r.Meta.Key, "/") // without the index, which differs
				place = place[:strings.LastIndex(place[:strings.LastIndex(place, "/")], "/")]
				out["interrupt "+place] = r.Status.String()
			}
		}
		return out
	}
	p := sample(t, "js.sqlite")
	m, _ := drivertest.Export(t, SQLite(p))
	want := said(m)
	if want["conversation/thread-interrupt"] != "waiting" || want["conversation/thread-pending"] != "failed" {
		t.Fatalf("%v", want)
	}
	run(t, p, false, "UPDATE writes SET idx = idx + 1000 WHERE channel IN ('__interrupt__', '__error__')")
	m, _ = drivertest.Export(t, SQLite(p))
	if d := cmp.Diff(want, said(m)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
