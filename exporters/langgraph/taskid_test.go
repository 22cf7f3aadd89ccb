package langgraph

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestTaskID: of several nodes that ask in one step each is named, and so is a function that runs again. The file is of
// LangGraph.js 1.7.3; every question says who asks it. Who a function is stands nowhere before its first run has ended.
func TestTaskID(t *testing.T) {
	want := []string{
		"calls: calls asks", "calls: calls asks too", "direct: direct asks",
		"first%20run: -",
		"inside: left asks", "inside: right asks", "inside: right asks", // the first right is a task of a graph inside left
		"sends: left asks", "sends: right asks", "sends: third asks",
		`two%20nodes: left asks`, `two%20nodes: rïght <" asks`,
	}
	asked := func(m *memstate.State) (out []string) {
		for _, r := range records(t, m) {
			i, ok := r.(*pb.Interrupt)
			if !ok {
				continue
			}
			q := strings.ReplaceAll(strings.Trim(string(i.Question.GetInline()), `"`), `\"`, `"`)
			thread := strings.TrimPrefix(i.ConversationKey, "conversation/")
			switch {
			case i.AskedBy == "":
				out = append(out, thread+": -")
			case strings.HasPrefix(q, i.AskedBy+" asks") || thread == "inside" && i.AskedBy == "left":
				out = append(out, thread+": "+q)
			default:
				t.Errorf("%s: %q is asked by %q", thread, q, i.AskedBy)
			}
		}
		slices.Sort(out)
		return out
	}
	file := sample(t, "asksjs.sqlite")
	m, _ := drivertest.Export(t, SQLite(file))
	if d := cmp.Diff(want, asked(m)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	// Nodes that a program put together by itself may start as a function does: then what a task asks is of nobody known.
	run(t, file, false, `UPDATE checkpoints SET checkpoint = replace(CAST(checkpoint AS TEXT), '"__previous__"', '"mine"') WHERE thread_id = 'calls'`)
	own, _ := drivertest.Export(t, SQLite(file))
	if d := cmp.Diff(append([]string{"calls: -", want[0]}, want[2:]...), asked(own)); d != "" {
		t.Errorf("nodes of its own (-want +got):\n%s", d)
	}
	pg := postgres(t, pgtest.Database(t))
	apply(t, pg, m, false)
	there, _ := drivertest.Export(t, pg)
	if d := cmp.Diff(want, asked(there)); d != "" {
		t.Errorf("PostgreSQL (-want +got):\n%s", d)
	}
}
