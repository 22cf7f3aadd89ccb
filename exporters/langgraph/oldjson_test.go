package langgraph

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Python's langgraph-checkpoint 1.0.2 wrote documents in JSON, with the sends that wait inside. In PostgreSQL langgraph 0.6 takes
// what stands in the document for the sends, as it is, and shows none of those in the writes of the parent.
func TestOldJSONSends(t *testing.T) {
	m, _ := drivertest.Export(t, SQLite(sample(t, "oldjson.sqlite")))
	u := pgtest.Database(t)
	dst := postgres(t, u)
	apply(t, dst, m, false)
	var inside string
	if err := connect(t, u).QueryRow(t.Context(), "SELECT string_agg(checkpoint ->> 'pending_sends', ' ') FROM checkpoints").Scan(&inside); err != nil {
		t.Fatal(err)
	}
	if strings.Trim(inside, "[] ") != "" {
		t.Errorf("in the documents: %s", inside)
	}
	there, _ := drivertest.Export(t, dst)
	if c := get[*pb.Conversation](t, there, "conversation/sendpause"); c.Status != "unfinished" {
		t.Errorf("status %q", c.Status)
	}
}

// JavaScript's langgraph 0.4.9 wrote a topic as two lists. A task of a Send that failed is one, whatever its form.
func TestTopicInTwoLists(t *testing.T) {
	m, _ := drivertest.Export(t, SQLite(sample(t, "topicjs.sqlite")))
	if c := get[*pb.Conversation](t, m, "conversation/sendfail"); c.Status != "failed" {
		t.Errorf("status %q, want failed", c.Status)
	}
	if d := cmp.Diff([]Failure{{Node: "worker", Type: "Error"}}, failuresOf(t, m, "sendfail")); d != "" {
		t.Error(d)
	}
}
