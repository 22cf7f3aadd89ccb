package claudecode

import (
	"fmt"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestFirstWords: a session that nobody named is called by what its person said first.
func TestFirstWords(t *testing.T) {
	n := 0
	user := func(more, content string) string {
		n++
		return fmt.Sprintf(`{"type":"user","uuid":"u%d",`, n) + more + `"message":{"role":"user","content":` + content + `}}` + "\n"
	}
	long := strings.Repeat("é ", 2000)
	for _, x := range []struct{ name, lines, want string }{
		{"plain", user("", `"find\n the   bug"`), "find the bug"},
		{"of the program", user(`"isMeta":true,`, `"Caveat"`) + user("", `"<command-name>/x</command-name>"`) + user(`"isSidechain":false,`, `[{"type":"text","text":"<system-reminder>r</system-reminder>"},{"type":"text","text":"yes"}]`), "yes"},
		{"a summary of a compaction", user(`"isCompactSummary":true,`, `"This session"`) + user("", `"go on"`), "go on"},
		{"long", user("", `"`+long+`"`), long[:3*(80/2-1)] + "é…"},
		{"named", user("", `"find"`) + `{"type":"custom-title","customTitle":"A name"}` + "\n", "A name"},
		{"summary", user("", `"find"`) + `{"type":"summary","summary":"About bugs"}` + "\n", "About bugs"},
		{"nothing", user("", `[{"type":"tool_result","tool_use_id":"t","content":"x"}]`), ""},
	} {
		mem, _ := drivertest.Export(t, home(t, map[string]string{"projects/p/s.jsonl": x.lines}))
		r, err := mem.Get(t.Context(), "conversation/p/s")
		if err != nil {
			t.Fatal(err)
		}
		if got := r.(*pb.Conversation).Title; got != x.want {
			t.Errorf("%s: %q, want %q", x.name, got, x.want)
		}
	}
}

// TestHeadSecrets: secrets of servers in the head of an agent do not leave; the rest of the file does.
func TestHeadSecrets(t *testing.T) {
	const head = "---\nname: rev\nmcpServers:\n  - gh:\n      command: node\n      env:\n        GH_TOKEN: "
	h := home(t, map[string]string{
		"agents/rev.md":      head + "canary-1\n---\nYou review.\n",
		"skills/s/SKILL.md":  "---\nhooks:\n  Stop: [{command: 'x --token canary-2'}]\n---\nDo.\n",
		"commands/broken.md": "---\ndescription: a: b\nmcpServers: {x: {env: {K: canary-3}}}\n---\n",
		"agents/huge.md":     head + "canary-4\n---\n" + strings.Repeat("x", agentstate.SpillSize),
	})
	mem, rep := drivertest.Export(t, h)
	for r, err := range mem.Records(t.Context(), nil) {
		if err != nil || strings.Contains(r.(interface{ String() string }).String(), "canary") {
			t.Error(err, r)
		}
	}
	r, err := mem.Get(t.Context(), "agent/agents%2Frev.md")
	if err != nil || string(r.(*pb.Agent).Instructions.GetInline()) != head+"\"\"\n---\nYou review.\n" {
		t.Error(err, r)
	}
	if rep.Records["credential"] != 2 || len(rep.Gaps) != 2 {
		t.Errorf("%v %v", rep.Records, rep.Gaps)
	}
}
