package langgraph

import (
	"fmt"
	"testing"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestWholeState: a graph without keys, and the functional API, keep a chat in a channel of the runtime's.
func TestWholeState(t *testing.T) {
	const chat = `[{"lc":1,"type":"constructor","id":["langchain_core","messages","HumanMessage"],"kwargs":{"content":"hi","id":"h-1"}},` +
		`{"lc":1,"type":"constructor","id":["langchain_core","messages","AIMessage"],"kwargs":{"content":"ho","id":"a-1"}}]`
	for channel, value := range map[string]string{"__root__": chat, "__previous__": `{"turns":1,"messages":` + chat + `}`} {
		t.Run(channel, func(t *testing.T) {
			p := sample(t, "js.sqlite")
			run(t, p, false, fmt.Sprintf(`INSERT INTO checkpoints VALUES ('t', '', '1f', NULL, 'json', CAST('{"v":4,"ts":"2026-11-23T15:54:29.009Z","id":"1f",`+
				`"channel_values":{"%s":%s},"channel_versions":{"%[1]s":2},"versions_seen":{}}' AS BLOB), CAST('{"source":"loop","step":1}' AS BLOB))`, channel, value))
			m, _ := export(t, SQLite(p))
			for id, text := range map[string]string{"h-1": "hi", "a-1": "ho"} {
				if msg := get[*pb.Message](t, m, "message/t/"+id); msg == nil || msg.Parts[0].GetText() != text {
					t.Errorf("%s: %v", id, msg)
				}
			}
		})
	}
}
