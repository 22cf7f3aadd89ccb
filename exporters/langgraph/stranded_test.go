package langgraph

import (
	"fmt"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A checkpoint of a JavaScript thread, and the task that asked there, as the library made both.
const (
	strandedAt   = "1f1ed29c-c13a-6e80-8005-98209d76f7fb"
	strandedTask = "a31163ed-4fc6-574f-a72d-f3e537084890"
)

// strandedRows are a thread with that checkpoint in the namespace ns.
func strandedRows(ns, values, parents string) []string {
	return []string{"DELETE FROM checkpoints", "DELETE FROM writes",
		fmt.Sprintf(`INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, type, checkpoint, metadata) VALUES ('t', '%[1]s', '%[2]s', 'json', CAST('{"v":4,"id":"%[2]s","ts":"2026-12-01T01:51:59.848Z",
			"channel_values":{"log":["in 6"]%[3]s},"channel_versions":{"log":6,"__start__":6,"branch:to:ü2":6,"branch:to:x.y3":6},"versions_seen":{"__input__":{},"__start__":{"__start__":5}}}' AS BLOB),
			CAST('{"source":"loop","step":5,"parents":{%[4]s}}' AS BLOB))`, ns, strandedAt, values, parents),
		fmt.Sprintf(`INSERT INTO writes VALUES ('t', '%s', '%s', '%s', -3, '__interrupt__', 'json', CAST('[{"id":"q","value":"x.y3?"}]' AS BLOB))`, ns, strandedAt, strandedTask)}
}

// asked is what is said of the thread t, and of the question in it.
func asked(t *testing.T, s *Store) (status string, question pb.Interrupt_Status) {
	t.Helper()
	m, _ := drivertest.Export(t, s)
	for _, r := range records(t, m) {
		switch r := r.(type) {
		case *pb.Conversation:
			if r.Meta.Key == "conversation/t" {
				status = r.Status
			}
		case *pb.Interrupt:
			question = r.Status
		}
	}
	return status, question
}

// TestStranded: a question counts where the runtime would start again the task that asks.
func TestStranded(t *testing.T) {
	const due = `,"branch:to:x.y3":"__start__"`
	root := func(parents string) string {
		return fmt.Sprintf(`INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, type, checkpoint, metadata) VALUES ('t', '', '2f', 'json', CAST('{"v":4,"id":"2f","ts":"2026-12-01T01:51:59.848Z",
			"channel_values":{"branch:to:sub":null},"channel_versions":{"__start__":2,"branch:to:sub":2},"versions_seen":{}}' AS BLOB), CAST('{"source":"loop","step":0,"parents":{%s}}' AS BLOB))`, parents)
	}
	for name, c := range map[string]struct {
		rows   []string
		status string
		want   pb.Interrupt_Status
	}{
		"its node is due":    {strandedRows("", due, ""), "waiting", pb.Interrupt_STATUS_OPEN},
		"nothing is due":     {strandedRows("", "", ""), "finished", pb.Interrupt_STATUS_CLOSED},
		"a command may have": {append(strandedRows("", "", ""), fmt.Sprintf(`INSERT INTO writes VALUES ('t', '', '%s', '%s', 0, 'branch:to:x.y3', 'json', CAST('null' AS BLOB))`, strandedAt, noTask)), "waiting", pb.Interrupt_STATUS_OPEN},
		// A graph put together by hand may start with any channel.
		"only the program knows":        {append(strandedRows("", "", ""), `UPDATE checkpoints SET checkpoint = replace(checkpoint, '"__start__":6,', '')`), "waiting", pb.Interrupt_STATUS_OPEN},
		"its thread was deleted":        {strandedRows("sub:now", due, `"":"2f"`), "", pb.Interrupt_STATUS_CLOSED},
		"the graph around it stands":    {append(strandedRows("sub:now", due, `"":"2f"`), root("")), "unfinished", pb.Interrupt_STATUS_OPEN},
		"the graph around it went on":   {append(strandedRows("sub:now", due, `"":"1f"`), root("")), "unfinished", pb.Interrupt_STATUS_CLOSED},
		"nothing says what it began at": {append(strandedRows("sub:now", due, ""), root("")), "unfinished", pb.Interrupt_STATUS_OPEN},
	} {
		t.Run(name, func(t *testing.T) {
			p := sample(t, "js.sqlite")
			run(t, p, false, c.rows...)
			if status, got := asked(t, SQLite(p)); status != c.status || got != c.want {
				t.Errorf("%q, the question %v; want %q, %v", status, got, c.status, c.want)
			}
		})
	}
}

// TestStrandedBranch: PostgreSQL has one value for a channel and version, so that on a branch of a JavaScript thread another node may be due than
// the one that asked.
func TestStrandedBranch(t *testing.T) {
	p := sample(t, "js.sqlite")
	run(t, p, false, strandedRows("", `,"branch:to:x.y3":"__start__","branch:to:ü2":"__start__"`, "")...)
	m, _ := drivertest.Export(t, SQLite(p))
	pg := postgres(t, pgtest.Database(t))
	asSaid(t, m, pg)
	if status, got := asked(t, pg); status != "waiting" || got != pb.Interrupt_STATUS_OPEN {
		t.Errorf("%q, the question %v; want waiting, open", status, got)
	}
	change(t, pg, "UPDATE checkpoint_blobs SET type = 'empty', blob = NULL WHERE channel = 'branch:to:x.y3'")
	if status, got := asked(t, pg); status != "unfinished" || got != pb.Interrupt_STATUS_CLOSED {
		t.Errorf("its node is not due any more: %q, the question %v; want unfinished, closed", status, got)
	}
}
