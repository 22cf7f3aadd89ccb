package langgraph

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestInnerConversations: a graph inside a graph that is under way, or that remembers, has a conversation
// of its own; one that has ended, or that says nothing else, has none.
func TestInnerConversations(t *testing.T) {
	msg := func(id string) string {
		return fmt.Sprintf(`{"lc":1,"type":"constructor","id":["langchain_core","messages","AIMessage"],"kwargs":{"content":"says %s","id":"%[1]s"}}`, id)
	}
	var sql []string
	add := func(ns, id, parents, messages string) {
		sql = append(sql, fmt.Sprintf(`INSERT INTO checkpoints VALUES ('t', '%s', '%s', NULL, 'json', CAST('{"v":4,"ts":"2026-11-23T15:54:29.009Z","id":"%[2]s",`+
			`"channel_values":{"messages":[%s]},"channel_versions":{"messages":2},"versions_seen":{}}' AS BLOB), CAST('{"source":"loop","step":1,"parents":{%s}}' AS BLOB))`, ns, id, messages, parents))
	}
	add("", "1f", "", msg("a"))
	add("", "2f", "", msg("a"))
	add("sub:now", "3f", `"":"2f"`, msg("a")+","+msg("b"))
	add("sub:now|deep:now", "4f", `"":"2f","sub:now":"3f"`, msg("c"))
	add("sub:now|deep:before", "4f", `"":"2f","sub:now":"2f"`, msg("d"))
	add("sub:ended", "3f", `"":"1f"`, msg("e"))
	add("sub:same", "3f", `"":"2f"`, msg("a"))
	add("memory", "3f", `"":"1f"`, msg("f"))
	sql = append(sql, `INSERT INTO writes VALUES ('t', '', '2f', 'now', -3, '__interrupt__', 'json', CAST('[{"id":"q","value":"well?"}]' AS BLOB))`,
		`INSERT INTO writes VALUES ('t', 'sub:now', '3f', 'x', -3, '__interrupt__', 'json', CAST('[{"id":"q","value":"well?"}]' AS BLOB))`)
	p := sample(t, "js.sqlite")
	run(t, p, false, sql...)
	m, _ := drivertest.Export(t, SQLite(p))
	got := map[string]string{}
	for _, r := range records(t, m) {
		switch r := r.(type) {
		case *pb.Conversation:
			if r.Meta.Key == "conversation/t" || r.ParentKey != "" {
				got[r.Meta.Key] = fmt.Sprint(r.Title, ", ", r.Status, ", in ", r.ParentKey, ", to ", r.HeadKey)
			}
		case *pb.Message:
			if got[r.ConversationKey] != "" {
				got[r.Meta.Key] = r.Parts[0].GetText() + " in " + r.ConversationKey + " after " + r.ParentKey
			}
		case *pb.Interrupt:
			if r.ConversationKey == "conversation/t" {
				got["asks"] = r.AskedBy + " " + r.NativeId
			}
		}
	}
	want := map[string]string{
		"conversation/t":                    ", waiting, in , to message/t/a",
		"message/t/a":                       "says a in conversation/t after ",
		"conversation/t/sub:now":            "sub, waiting, in conversation/t, to message/t/ns/sub:now/b",
		"message/t/ns/sub:now/a":            "says a in conversation/t/sub:now after ",
		"message/t/ns/sub:now/b":            "says b in conversation/t/sub:now after message/t/ns/sub:now/a",
		"conversation/t/sub:now%7Cdeep:now": "sub / deep, finished, in conversation/t/sub:now, to message/t/ns/sub:now%7Cdeep:now/c",
		"message/t/ns/sub:now%7Cdeep:now/c": "says c in conversation/t/sub:now%7Cdeep:now after ",
		"conversation/t/memory":             "memory, finished, in conversation/t, to message/t/ns/memory/f",
		"message/t/ns/memory/f":             "says f in conversation/t/memory after ",
		"asks":                              "sub q",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
