package langgraph

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// dueIn is what m says of its threads: their state in a word, and the nodes that are due.
func dueIn(t *testing.T, m *memstate.State) map[string]string {
	t.Helper()
	status, next := map[string]string{}, map[string]string{}
	for _, r := range records(t, m) {
		switch r := r.(type) {
		case *pb.Conversation:
			status[r.Meta.Key] = r.Status
		case *pb.Checkpoint:
			next[r.ConversationKey] = strings.Join(r.NextNodes, " ")
		}
	}
	out := map[string]string{}
	for key, s := range status {
		out[strings.TrimPrefix(key, "conversation/")] = strings.TrimSpace(s + ": " + next[key])
	}
	return out
}

// TestWhoIsDue: which nodes are due is what the runtime shows. The files are of langgraph 1.2.11, of LangGraph.js 1.7.3 and
// of langgraph 0.2.28, the newest checkpoints of threads that wait before a node: of a join, and of nodes that are
// deferred until all others have ended. A release below version 3 does not say whether an edge leads on.
func TestWhoIsDue(t *testing.T) {
	today := map[string]string{
		"join": "unfinished: join", "joined": "unfinished: join", "deferred": "unfinished: dj last", "not%20yet": "unfinished: b2", "done": "finished:",
	}
	for name, want := range map[string]map[string]string{
		"joins.sqlite": today, "joinsjs.sqlite": today,
		"v1.sqlite": {"start": "unfinished: first", "edge": ":", "condition": "unfinished: third", "join": "unfinished: join", "done": ":"},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := drivertest.Export(t, SQLite(sample(t, name)))
			if d := cmp.Diff(want, dueIn(t, m)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			t.Run("PostgreSQL", func(t *testing.T) {
				pg := postgres(t, pgtest.Database(t))
				asSaid(t, m, pg)
				there, _ := drivertest.Export(t, pg)
				if d := cmp.Diff(want, dueIn(t, there)); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
			})
		})
	}
}
