package codex

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestView: what the model sees of a rollout that was compacted or rolled back.
func TestView(t *testing.T) {
	item := func(role, id, text string) string {
		return `{"type":"message","role":"` + role + `","id":"` + id + `","content":[{"type":"input_text","text":"` + text + `"}]}`
	}
	line := func(typ, payload string) string {
		return `{"timestamp":"2026-11-24T03:00:00.000Z","type":"` + typ + `","payload":` + payload + "}\n"
	}
	turn := func(n string) string {
		return line("response_item", item("user", "u"+n, "ask "+n)) + line("response_item", item("assistant", "a"+n, "say "+n))
	}
	const rel = "sessions/2026/11/24/rollout-2026-11-24T03-00-00-01a20b77-0000-7000-8000-000000000001"
	meta := line("session_meta", `{"id":"01a20b77-0000-7000-8000-000000000001","timestamp":"2026-11-24T03:00:00.000Z"}`)
	agents := line("response_item", item("user", "ctx", "# AGENTS.md instructions for /w\\n\\n<INSTRUCTIONS>\\nKnead.\\n</INSTRUCTIONS>"))
	rules := line("response_item", item("developer", "r", "<permissions instructions>all</permissions instructions>"))
	tagged := line("response_item", item("user", "u4", "<b>do it</b>"))
	action := line("response_item", item("user", "u5", "<user_action>a review</user_action>"))
	mixed := line("response_item", `{"type":"message","role":"user","id":"m","content":[{"type":"input_text","text":"<turn_aborted>x</turn_aborted>"},{"type":"input_text","text":"and this"}]}`)
	back := func(n string) string { return line("event_msg", `{"type":"thread_rolled_back","num_turns":`+n+`}`) }
	whole := line("compacted", `{"message":"","replacement_history":[`+item("user", "u1", "ask 1")+`,{"type":"compaction","encrypted_content":"c2VhbGVk"}]}`)
	g := line("response_item", `{"type":"agent_message","id":"g","author":"/root","content":[]}`)
	for _, x := range []struct{ name, lines, context, parents string }{
		{"as it is", turn("1"), "", "u1< a1<u1"},
		{"rolled back", agents + turn("1") + turn("2") + back("1") + turn("3"), "ctx u1 a1 u3 a3", "ctx< u1<ctx a1<u1 u2<a1 a2<u2 u3<a1 a3<u3"},
		{"by more than there is", agents + turn("1") + back("9") + turn("2"), "ctx u2 a2", "ctx< u1<ctx a1<u1 u2<ctx a2<u2"},
		{"compacted", turn("1") + whole + turn("2"), "line 4.1 line 4.2 u2 a2", "u1< a1<u1 line 4.1< line 4.2<line 4.1 u2<line 4.2 a2<u2"},
		{"compacted, as older releases write it", turn("1") + line("compacted", `{"message":"the summary"}`) + turn("2"), "u1 line 4 u2 a2", "u1< a1<u1 line 4<u1 u2<line 4 a2<u2"},
		{"so, and again", turn("1") + line("compacted", `{"message":"a"}`) + turn("2") + line("compacted", `{"message":"b"}`) + back("1"), "u1 line 4 u2",
			"u1< a1<u1 line 4<u1 u2<line 4 a2<u2 line 7<u2"},
		{"so, and again, since late 2025", turn("1") + line("compacted", `{"message":"`+summary+` a"}`) + turn("2") + line("compacted", `{"message":"`+summary+` b"}`) + turn("3") + line("compacted", `{"message":"`+summary+` c"}`) + turn("4"), "u1 u2 u3 line 10 u4 a4",
			"u1< a1<u1 line 4<u1 u2<line 4 a2<u2 line 7<u2 u3<line 7 a3<u3 line 10<u3 u4<line 10 a4<u4"},
		{"a person's words in tags are a turn", turn("1") + tagged + back("1"), "u1 a1", "u1< a1<u1 u4<a1"},
		{"so is a review", turn("1") + action + back("1"), "u1 a1", "u1< a1<u1 u5<a1"},
		{"what a program says in part is none", turn("1") + mixed + back("1"), "line 5", "u1< a1<u1 m<a1 line 5<"},
		{"what a client puts in is none", turn("1") + turn("2") + line("response_item", item("user", "x", "<external_a b>c</external_a b>")) + back("1"), "u1 a1", "u1< a1<u1 u2<a1 a2<u2 x<a2"},
		{"words that begin like AGENTS.md are a turn", turn("1") + line("response_item", item("user", "x", "# AGENTS.md instructions for us: write them")) + back("1"), "u1 a1", "u1< a1<u1 x<a1"},
		{"what one agent tells another is a turn", turn("1") + line("response_item", item("assistant", "x", `{\"author\":\"/root\",\"recipient\":\"/root/x\",\"content\":\"c\",\"trigger_turn\":false}`)) + back("1"), "u1 a1", "u1< a1<u1 x<a1"},
		{"what the program says before a turn goes with it", turn("1") + rules + agents + turn("2") + back("1"), "u1 a1", "u1< a1<u1 r<a1 ctx<r u2<ctx a2<u2"},
		{"what a person gave the model stays", turn("1") + line("response_item", item("developer", "r", "be brief")) + agents + turn("2") + back("1"), "u1 a1 r", "u1< a1<u1 r<a1 ctx<r u2<ctx a2<u2"},
		{"so does what stands before all turns", rules + turn("1") + back("1") + turn("2"), "r u2 a2", "r< u1<r a1<u1 u2<r a2<u2"},
		{"nothing is left", turn("1") + back("1"), "line 4", "u1< a1<u1 line 4<"},
		{"nothing was left", turn("1") + back("1") + turn("2") + back("1") + turn("3"), "line 4 u3 a3", "u1< a1<u1 line 4< u2<line 4 a2<u2 u3<line 4 a3<u3"},
		{"rolled back to a compaction", turn("1") + whole + turn("2") + back("1") + turn("3"), "line 4.1 line 4.2 u3 a3", "u1< a1<u1 line 4.1< line 4.2<line 4.1 u2<line 4.2 a2<u2 u3<line 4.2 a3<u3"},
		{"rolled back behind a compaction", agents + turn("1") + whole + agents + turn("2") + back("2") + turn("3"), "line 6 u3 a3", "ctx< u1<ctx a1<u1 line 5.1< line 5.2<line 5.1 line 6<line 5.2 u2<line 6 a2<u2 u3<line 6 a3<u3"},
		{"what an agent says is a turn", turn("1") + g + turn("2") + back("2"), "u1 a1", "u1< a1<u1 g<a1 u2<g a2<u2"},
		{"an agent's turn is no words of a person", g + turn("1") + g + line("compacted", `{"message":"s"}`) + turn("2") + g + line("compacted", `{"message":"t"}`) + back("1") + turn("3") + back("2"), "u1 line 6",
			"g< u1<g a1<u1 line 5<a1 line 6<u1 u2<line 6 a2<u2 line 9<a2 line 10<u2 u3<u2 a3<u3"},
		{"compacted to nothing", turn("1") + line("compacted", `{"message":"","replacement_history":[]}`), "line 4", "u1< a1<u1 line 4<"},
		{"nonsense", turn("1") + line("compacted", `7`) + back(`"x"`) + back("-1"), "u1 line 4", "u1< a1<u1 line 4<u1"},
	} {
		mem, rep := drivertest.Export(t, home(t, map[string]string{rel + ".jsonl": meta + x.lines}))
		if len(rep.Gaps) > 0 {
			t.Errorf("%s: %v", x.name, rep.Gaps)
		}
		id := func(key string) string {
			return strings.ReplaceAll(key[strings.LastIndexByte(key, '/')+1:], "%20", " ")
		}
		var context, parents []string
		for r := range mem.Records(t.Context(), nil) {
			switch r := r.(type) {
			case *pb.Conversation:
				for _, k := range r.ContextKeys {
					context = append(context, id(k))
				}
			case *pb.Message:
				parents = append(parents, id(r.Meta.Key)+"<"+id(r.ParentKey))
			}
		}
		if d := cmp.Diff([]string{x.context, x.parents}, []string{strings.Join(context, " "), strings.Join(parents, " ")}); d != "" {
			t.Errorf("%s: %s", x.name, d)
		}
	}
}

// TestAgentsSpeak: what agents say to each other stands in the conversation, in the words of either form.
func TestAgentsSpeak(t *testing.T) {
	const rel = "sessions/2026/11/24/rollout-2026-11-24T03-00-00-01a20b77-0000-7000-8000-000000000001.jsonl"
	mem, rep := drivertest.Export(t, home(t, map[string]string{rel: `{"type":"session_meta","payload":{"id":"01a20b77-0000-7000-8000-000000000001"}}
{"type":"inter_agent_communication","payload":{"author":"/root","recipient":"/root/looker","content":"","encrypted_content":"c2VhbGVk","trigger_turn":true}}
{"type":"inter_agent_communication_metadata","payload":{"trigger_turn":false}}
{"type":"response_item","payload":{"type":"agent_message","author":"/root/looker","content":[{"type":"input_text","text":"It is rye."}]}}
{"type":"inter_agent_communication","payload":{"author":"/root/looker","content":"It is \"rye\"."}}
{"type":"inter_agent_communication","payload":7}
`}))
	var got []string
	for r := range mem.Records(t.Context(), nil) {
		m, ok := r.(*pb.Message)
		if !ok {
			continue
		}
		s := strings.Join(m.AuthorPath, "/") + ":"
		for _, p := range m.Parts {
			s += " " + p.GetText() + string(p.GetData().GetInline())
		}
		got = append(got, s)
	}
	want := []string{`root: {"type":"encrypted_content","encrypted_content":"c2VhbGVk"}`, "root/looker: It is rye.", `root/looker: It is "rye".`, ":"}
	if d := cmp.Diff(want, got); d != "" || len(rep.Gaps) > 0 {
		t.Error(d, rep.Gaps)
	}
}

// TestBareLines: a rollout of a release of 2025, whose lines are items with nothing around them.
func TestBareLines(t *testing.T) {
	const rel = "sessions/2025/08/09/rollout-2025-08-09T03-00-00-05cab663-bfc3-43d8-a778-216cbb3a40f2"
	const head, state = `{"id":"05cab663-bfc3-43d8-a778-216cbb3a40f2","timestamp":"2025-08-09T03:00:00.000Z","instructions":"Say rye.","git":{"branch":"main"}}` + "\n", `{"record_type":"state"}` + "\n"
	mem, rep := drivertest.Export(t, home(t, map[string]string{rel + ".jsonl": head + state + `{"type":"message","id":null,"role":"user","content":[{"type":"input_text","text":"ask"}]}` + "\n" + state + state +
		`{"type":"function_call","id":"fc_1","name":"shell","arguments":"{}","call_id":"call_1"}` + "\n" + `{"type":"function_call_output","call_id":"call_1","output":"hi"}` + "\n" +
		`{"type":"message","id":"a1","role":"assistant","content":[{"type":"output_text","text":"say"}]}` + "\n"}))
	var got []string
	for r := range mem.Records(t.Context(), nil) {
		switch r := r.(type) {
		case *pb.Conversation:
			got = append(got, r.Meta.Key, r.Title, time.Unix(0, r.Meta.CreatedUnixNano).UTC().Format(time.RFC3339))
		case *pb.Message:
			got = append(got, strings.TrimPrefix(r.Role.String(), "ROLE_")+" "+r.Parts[0].GetText()+r.Parts[0].GetToolCall().GetName()+string(r.Parts[0].GetToolResult().GetOutput().GetInline()))
		}
	}
	if d := cmp.Diff([]string{agentstate.Key("conversation", rel), "ask", "2025-08-09T03:00:00Z", "USER ask", "ASSISTANT shell", "TOOL hi", "ASSISTANT say"}, got); d != "" || len(rep.Gaps) > 0 {
		t.Error(d, rep.Gaps)
	}
}

// TestCalls: a call is told by its server, too, and one of the older kind is a call like any other.
func TestCalls(t *testing.T) {
	const rel = "sessions/2026/11/24/rollout-2026-11-24T03-00-00-01a20b77-0000-7000-8000-000000000001.jsonl"
	mem, _ := drivertest.Export(t, home(t, map[string]string{rel: `{"type":"session_meta","payload":{"id":"01a20b77-0000-7000-8000-000000000001"}}
{"type":"response_item","payload":{"type":"function_call","id":"a","call_id":"c1","name":"shot","namespace":"mcp__pic","arguments":"{}"}}
{"type":"response_item","payload":{"type":"function_call","id":"b","call_id":"c2","name":"shell","arguments":"{}"}}
{"type":"response_item","payload":{"type":"local_shell_call","id":"c","call_id":"c3","status":"completed","action":{"type":"exec","command":["ls"]}}}
{"type":"response_item","payload":{"type":"local_shell_call","id":"d","call_id":null,"action":{"type":"exec","command":["ls"]}}}
{"type":"response_item","payload":{"type":"function_call_output","id":"e","call_id":"c1","output":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]}}
{"type":"response_item","payload":{"type":"function_call_output","id":"f","call_id":"c1","output":[{"type":"input_image","image_url":"https://x"}]}}
`}))
	var got []string
	for r := range mem.Records(t.Context(), nil) {
		if m, ok := r.(*pb.Message); ok {
			c := m.Parts[0].GetToolCall()
			got = append(got, c.GetId()+" "+c.GetName()+" "+string(c.GetArgumentsJson())+string(m.Parts[0].GetToolResult().GetOutput().GetInline()))
		}
	}
	if d := cmp.Diff([]string{"c1 mcp__pic__shot {}", "c2 shell {}", `c3 local_shell {"type":"exec","command":["ls"]}`, "  ", "  a\nb", `  [{"type":"input_image","image_url":"https://x"}]`}, got); d != "" {
		t.Error(d)
	}
}

// TestTitle: where no database has a name, a person's first words are the title, not the program's.
func TestTitle(t *testing.T) {
	const rel = "sessions/2026/11/24/rollout-2026-11-24T03-00-00-01a20b77-0000-7000-8000-000000000001"
	item := func(role, text string) string {
		return `{"type":"response_item","payload":{"type":"message","role":"` + role + `","content":[{"type":"input_text","text":"` + text + `"}]}}` + "\n"
	}
	for _, first := range []string{"  bake\\n the rye ", "# Context from my IDE setup:\\n\\n## Active file: a.go\\n\\n## My request for Codex:\\nbake the rye"} {
		mem, _ := drivertest.Export(t, home(t, map[string]string{rel + ".jsonl": `{"type":"session_meta","payload":{"id":"01a20b77-0000-7000-8000-000000000001"}}` + "\n" + item("developer", "be brief") +
			item("user", "# AGENTS.md instructions for /w\\n\\n<INSTRUCTIONS>\\nKnead.\\n</INSTRUCTIONS>") + item("user", "<environment_context>x</environment_context>") + item("assistant", "hm") + item("user", first) + item("user", "and more")}))
		if r, err := mem.Get(t.Context(), agentstate.Key("conversation", rel)); err != nil || r.(*pb.Conversation).Title != "bake the rye" {
			t.Errorf("%v %v", r, err)
		}
	}
}

// TestManyCompactions: each takes what is new since the one before, not all that was ever said.
func TestManyCompactions(t *testing.T) {
	const n = 3000
	x := newItems(&homefiles.File{Rel: "r.jsonl"}, true, func(*pb.Message) error { return nil })
	do := func(doc string) {
		l := &line{}
		if !l.read([]byte(doc)) {
			t.Fatal(doc)
		}
		if err := x.line(len(x.seen), l); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		do(`{"type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"a"}]}}`)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		do(`{"type":"compacted","payload":{"message":"s"}}`)
	}
	runtime.ReadMemStats(&after)
	if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; len(x.context) != 2*n || mib > 50 {
		t.Errorf("%d in view, %d MiB", len(x.context), mib)
	}
}

// TestSubAgent: a thread that another one started runs inside it; one whose parent is gone is whole.
func TestSubAgent(t *testing.T) {
	const a, b = "01a20b77-0000-7000-8000-00000000000a", "01a20b77-0000-7000-8000-00000000000b"
	for name, x := range map[string]struct{ more, parent string }{
		"of the source":  {`"source":{"subagent":{"thread_spawn":{"parent_thread_id":"` + a + `","depth":1}}}`, "a"},
		"of its own":     {`"source":"exec","parent_thread_id":"` + a + `"`, "a"},
		"gone":           {`"parent_thread_id":"01a20b77-0000-7000-8000-00000000000c"`, ""},
		"itself":         {`"parent_thread_id":"` + b + `"`, ""},
		"another source": {`"source":{"subagent":"review"}`, ""},
	} {
		file := func(id string) string { return "sessions/2026/11/24/rollout-2026-11-24T03-00-00-" + id + ".jsonl" }
		mem, rep := drivertest.Export(t, home(t, map[string]string{
			file(a): `{"type":"session_meta","payload":{"id":"` + a + `","source":"exec"}}` + "\n",
			file(b): `{"type":"session_meta","payload":{"id":"` + b + `",` + x.more + `}}` + "\n",
		}))
		r, err := mem.Get(t.Context(), keyOf(file(b)))
		if err != nil || len(rep.Gaps) > 0 {
			t.Fatal(err, rep.Gaps)
		}
		want := map[string]string{"a": keyOf(file(a)), "": ""}[x.parent]
		if got := r.(*pb.Conversation).ParentKey; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
