package langgraph

import (
	"fmt"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
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
			m, _ := drivertest.Export(t, SQLite(p))
			for id, text := range map[string]string{"h-1": "hi", "a-1": "ho"} {
				if msg := get[*pb.Message](t, m, "message/t/"+id); msg == nil || msg.Parts[0].GetText() != text {
					t.Errorf("%s: %v", id, msg)
				}
			}
		})
	}
}

// TestSendsAreNext: a thread that stopped before nodes which only a Send starts is not finished.
func TestSendsAreNext(t *testing.T) {
	doc := func(v int, tasks string) string {
		return fmt.Sprintf(`{"v":%d,"ts":"2026-11-23T15:54:29.009Z","id":"2f","channel_values":{"__pregel_tasks":%s},"channel_versions":{"__pregel_tasks":2},"versions_seen":{}}`, v, tasks)
	}
	for name, c := range map[string]struct {
		doc, write, want string
	}{
		"version 4":                  {doc(4, `[[],[{"lg_name":"Send","node":"w","args":{}}]]`), "", "unfinished"},
		"version 4, none":            {doc(4, `[[],[]]`), "", "finished"},
		"version 3":                  {doc(3, `[[],[]]`), "__pregel_tasks", "unfinished"},
		"version 3, none":            {doc(3, `[[],[]]`), "messages", "finished"},
		"version 1, of PostgreSQL":   {`{"v":1,"id":"2f","channel_values":{},"channel_versions":{},"pending_sends":["json","W3sibm9kZSI6InciLCJhcmciOjF9XQ=="]}`, "", "unfinished"},
		"version 1, none":            {`{"v":1,"id":"2f","channel_values":{},"channel_versions":{},"pending_sends":["json","W10="]}`, "", "finished"},
		"version 4 has them in here": {doc(4, `[[],[]]`), "__pregel_tasks", "finished"},
	} {
		t.Run(name, func(t *testing.T) {
			p := sample(t, "js.sqlite")
			sql := []string{fmt.Sprintf(`INSERT INTO checkpoints VALUES ('t', '', '2f', '1f', 'json', CAST('%s' AS BLOB), CAST('{"source":"loop","step":1}' AS BLOB))`, c.doc)}
			if c.write != "" {
				sql = append(sql, `INSERT INTO writes VALUES ('t', '', '1f', 'task', 0, '`+c.write+`', 'json', CAST('{"lg_name":"Send","node":"w","args":{}}' AS BLOB))`)
			}
			run(t, p, false, sql...)
			m, _ := drivertest.Export(t, SQLite(p))
			if got := get[*pb.Conversation](t, m, "conversation/t").Status; got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestOwnChannels: of a graph without the library's builders nobody but its program knows whether it is finished.
func TestOwnChannels(t *testing.T) {
	for name, c := range map[string]struct{ channel, seen, want string }{
		"a builder's":              {"note", `"n":{"branch:to:n":1}`, "finished"},
		"of a function":            {"__end__", `"f":{"__start__":1}`, "finished"},
		"stopped by a breakpoint":  {"note", `"n":{"branch:to:n":1},"__interrupt__":{"note":1}`, "finished"},
		"its own":                  {"note", `"n":{"note":1}`, ""},
		"its own, and one is due":  {"branch:to:m", `"n":{"note":1}`, "unfinished"},
		"nothing has run":          {"note", `"__input__":{}`, "finished"},
		"a join of the library's":  {"note", `"n":{"join:a+b:n":1}`, "finished"},
		"a Send's, of the library": {"note", `"n":{"__pregel_tasks":1}`, "finished"},
	} {
		t.Run(name, func(t *testing.T) {
			p := sample(t, "js.sqlite")
			run(t, p, false, fmt.Sprintf(`INSERT INTO checkpoints VALUES ('t', '', '2f', '1f', 'json', CAST('{"v":4,"ts":"2026-11-23T15:54:29.009Z","id":"2f",`+
				`"channel_values":{"%s":"x"},"channel_versions":{"%[1]s":2},"versions_seen":{%s}}' AS BLOB), CAST('{"source":"loop","step":1}' AS BLOB))`, c.channel, c.seen))
			m, _ := drivertest.Export(t, SQLite(p))
			if got := get[*pb.Conversation](t, m, "conversation/t").Status; got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestGivenToAFunction: what a function was given is nowhere but where its run starts, until it has ended once.
func TestGivenToAFunction(t *testing.T) {
	for name, c := range map[string]struct {
		kept, given, want string
	}{
		"the first run":       {`"n":1`, `[{"type":"human","id":"h","content":"first"}]`, "first"},
		"in a dict":           {`"n":1`, `{"messages":[{"type":"human","id":"h","content":"first"}]}`, "first"},
		"a later one":         {`"__previous__":[{"type":"human","id":"h","content":"old"},{"type":"ai","id":"a","content":"said"}]`, `[{"type":"human","id":"h","content":"old"},{"type":"human","id":"i","content":"new"}]`, "old said new"},
		"of a graph's":        {`"messages":[{"type":"human","id":"h","content":"state"}]`, `[{"type":"human","id":"i","content":"new"}]`, "state"},
		"something else":      {`"n":1`, `{"topic":"cats"}`, ""},
		"the next is no chat": {`"__previous__":[{"type":"human","id":"h","content":"old"}]`, `"go"`, "old"},
	} {
		t.Run(name, func(t *testing.T) {
			p := sample(t, "js.sqlite")
			kept, _, _ := strings.Cut(c.kept, ":")
			run(t, p, false, fmt.Sprintf(`INSERT INTO checkpoints VALUES ('t', '', '2f', NULL, 'json', CAST('{"v":4,"ts":"2026-11-23T15:54:29.009Z","id":"2f",`+
				`"channel_values":{%s,"__start__":%s},"channel_versions":{%s:1,"__start__":2},"versions_seen":{}}' AS BLOB), CAST('{"source":"input","step":-1}' AS BLOB))`, c.kept, c.given, kept))
			m, _ := drivertest.Export(t, SQLite(p))
			conv := get[*pb.Conversation](t, m, "conversation/t")
			var got []string
			for key := conv.HeadKey; key != ""; {
				msg := get[*pb.Message](t, m, key)
				got, key = append([]string{msg.Parts[0].GetText()}, got...), msg.ParentKey
			}
			if s := strings.Join(got, " "); s != c.want || conv.Status != "unfinished" {
				t.Errorf("%q %s, want %q", s, conv.Status, c.want)
			}
		})
	}
}
