package langgraph

import (
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestCalled: what another task called and what failed is no failure of a thread whose caller waits. The file is of LangGraph.js
// 1.7.3, which keeps no path of a task; the words are what its getState says.
func TestCalled(t *testing.T) {
	m, _ := drivertest.Export(t, SQLite(sample(t, "calledjs.sqlite")))
	pg := postgres(t, pgtest.Database(t))
	apply(t, pg, m, false)
	there, _ := drivertest.Export(t, pg)
	for thread, want := range map[string]string{
		"first run": "waiting", "second run": "waiting", // of a function: one that it called failed, beside one that asks
		"behind an answer":  "waiting", // that the function got in its run before
		"called by a node":  "waiting",
		"beside":            "failed", // as called by a node, and another node failed
		"failed, first run": "failed", "failed, second run": "failed", "failed in a node": "failed",
		"asks itself, first run": "failed", "asks itself, second run": "failed", "caught by a node": "failed", // the library does not let it
		"went":                 "failed",                                                                       // to a node that failed, where another asks
		"asked again and went": "waiting",                                                                      // the same beside an answer: that node is not due by itself
		"another function":     "failed", "another function's job": "failed", "function after graph": "failed", // none that the thread knows
		"asked and replaced":   "failed",     // by a function that the thread does not know, either
		"died behind a call":   "unfinished", // the process, before the node that called what failed failed
		"separators in a name": "failed",     // U+2028 and U+2029, which JSON of JavaScript has as they are, behind a quote
	} {
		for where, s := range map[string]*pb.Conversation{
			"SQLite": get[*pb.Conversation](t, m, agentstate.Key("conversation", thread)), "PostgreSQL": get[*pb.Conversation](t, there, agentstate.Key("conversation", thread)),
		} {
			if s.Status != want {
				t.Errorf("%s, %s: %q, want %q", where, thread, s.Status, want)
			}
		}
	}
}
