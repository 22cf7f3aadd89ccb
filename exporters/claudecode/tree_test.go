package claudecode

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestTree: what the model sees of a transcript, and what each message follows.
func TestTree(t *testing.T) {
	line := func(id, parent, more string) string {
		if parent = `"` + parent + `"`; parent == `""` {
			parent = "null"
		}
		return fmt.Sprintf(`{"type":"user","uuid":"%s","parentUuid":%s,%s"message":{"role":"user","content":"x"}}`+"\n", id, parent, more)
	}
	const side = `"isSidechain":true,`
	leaf := func(id string) string { return `{"type":"last-prompt","leafUuid":"` + id + `"}` + "\n" }
	compact := `{"type":"system","subtype":"compact_boundary","uuid":"k","parentUuid":null,"logicalParentUuid":"b","content":"Conversation compacted"}` + "\n"
	keeps := func(what string) string { // a compaction that keeps messages in view
		return strings.Replace(compact, `"content"`, `"compactMetadata":`+what+`,"content"`, 1)
	}
	two := line("a", "", "") + line("b", "a", "")
	summed := line("c", "k", `"isCompactSummary":true,`) + line("d", "c", "")
	part := func(typ, id, parent, body string) string {
		return fmt.Sprintf(`{"type":"%s","uuid":"%s","parentUuid":"%s","message":{"id":"m1","role":"%s","content":[%s]}}`+"\n", typ, id, parent, typ, body)
	}
	call := func(id, parent string) string {
		return part("assistant", id, parent, `{"type":"tool_use","id":"`+id+`","name":"Bash","input":{}}`)
	}
	result := func(id, parent, of string) string {
		return part("user", id, parent, `{"tool_use_id":"`+of+`","type":"tool_result","content":"x"}`)
	}
	queue := func(id, parent, more string) string {
		return fmt.Sprintf(`{"type":"attachment","uuid":"%s","parentUuid":"%s","attachment":{"type":"queued_command",%s"x":1}}`+"\n", id, parent, strings.TrimPrefix(more+",", ","))
	}
	for _, x := range []struct{ name, lines, head, context, parents string }{
		{"a line", line("a", "", "") + line("b", "a", ""), "b", "", "a< b<a"},
		{"compacted", line("a", "", "") + line("b", "a", "") + compact + line("c", "k", `"isCompactSummary":true,`) + line("d", "c", ""), "d", "k c d", "a< b<a k< c<k d<c"},
		{"and the last message kept", two + keeps(`{"preservedMessages":{"anchorUuid":"c","uuids":["b","b","none"]},"preservedSegment":{"headUuid":"a","anchorUuid":"k","tailUuid":"a"}}`) + summed, "d", "k c b d", "a< b<a k< c<k d<c"},
		{"a stretch kept", two + keeps(`{"preservedSegment":{"headUuid":"a","anchorUuid":"k","tailUuid":"b"}}`) + summed, "d", "k a b c d", "a< b<a k< c<k d<c"},
		{"a stretch that is none", two + keeps(`{"preservedSegment":{"headUuid":"b","anchorUuid":"k","tailUuid":"a"}}`) + summed, "d", "k c d", "a< b<a k< c<k d<c"},
		{"kept in view of itself", two + keeps(`{"preservedMessages":{"anchorUuid":"none","uuids":["d","k","a"]}}`) + summed, "d", "k a c d", "a< b<a k< c<k d<c"},
		{"nonsense kept", two + keeps(`[7]`) + summed, "d", "k c d", "a< b<a k< c<k d<c"},
		{"behind a mark that an editor wrote", "\ufeff" + line("a", "", "") + line("b", "a", ""), "b", "", "a< b<a"},
		{"a line stored anew", line("a", "", "") + line("n", "a", `"sentAsUuid":"b",`) + line("c", "b", "") + leaf("b"), "c", "", "a< n<a c<n"},
		{"and the first one there", line("a", "", "") + line("b", "a", "") + line("n", "b", `"sentAsUuid":"b",`) + line("c", "n", ""), "c", "", "a< b<a n<b c<n"},
		{"and the first one behind it", line("a", "", "") + line("n", "a", `"sentAsUuid":"b",`) + line("b", "n", "") + line("c", "b", ""), "c", "", "a< n<a b<n c<b"},
		{"what is shown alone", line("a", "", "") + line("v", "a", `"isVirtual":true,`) + line("c", "v", ""), "c", "a c", "a< v<a c<v"},
		{"and a call, which is sent", line("a", "", "") + strings.Replace(call("v", "a"), `"uuid"`, `"isVirtual":true,"uuid"`, 1) + result("r", "v", "v"), "r", "", "a< v<a r<v"},
		{"a sidechain beside it", line("a", "", "") + line("s", "", side) + line("r", "s", side) + line("b", "a", ""), "b", "a b", "a< s< r<s b<a"},
		{"a sub-agent's own file", line("s", "", side) + line("r", "s", side), "r", "", "s< r<s"},
		{"a child before its parent", line("a", "", "") + line("c", "b", "") + line("b", "a", ""), "c", "", "a< c<b b<a"},
		{"what it follows is gone", line("a", "", "") + line("c", "b", ""), "c", "", "a< c<"},
		{"goes on behind the leaf", line("a", "", "") + leaf("a") + line("b", "a", "") + line("s", "a", side), "b", "a b", "a< b<a s<a"},
		{"a branch beside the leaf", line("a", "", "") + line("b", "a", "") + leaf("b") + line("c", "a", ""), "b", "a b", "a< b<a c<a"},
		{"and more behind it", line("a", "", "") + line("c", "b", "") + line("d", "c", "") + line("b", "a", "") + line("s", "b", side), "d", "a b c d", "a< c<b d<c b<a s<b"},
		{"a sidechain before it", line("a", "", "") + line("s", "b", side) + line("b", "a", ""), "b", "", "a< s<b b<a"},
		{"tools beside each other", line("a", "", "") + call("b", "a") + call("c", "b") + result("r", "b", "b") + result("t", "c", "c") + line("d", "t", "") + line("e", "c", ""), "e", "a b r t e", "a< b<a r<b t<b d<t e<b"},
		{"tools that answer at once", line("a", "", "") + call("b", "a") + result("r", "b", "b") + call("c", "b") + result("t", "c", "c") + line("d", "r", ""), "d", "a b c t r d", "a< b<a r<b c<b t<c d<r"},
		{"said while tools run", line("a", "", "") + call("b", "a") + result("r", "b", "b") + queue("q", "r", `"prompt":"wait","commandMode":"prompt"`) + queue("n", "q", "") + line("c", "n", ""), "c", "", "a< b<a r<b q<r c<q"},
		{"a ring", line("a", "b", "") + line("b", "a", ""), "b", "", "a< b<a"},
	} {
		mem, _ := drivertest.Export(t, home(t, map[string]string{"projects/p/s.jsonl": x.lines}))
		r, err := mem.Get(t.Context(), "conversation/p/s")
		if err != nil {
			t.Fatal(err)
		}
		c := r.(*pb.Conversation)
		id := func(key string) string { return strings.TrimPrefix(key, "message/p/s/") }
		var context, parents []string
		for _, k := range c.ContextKeys {
			context = append(context, id(k))
		}
		for r := range mem.Records(t.Context(), &agentstate.ReadOptions{}) {
			if m, ok := r.(*pb.Message); ok {
				parents = append(parents, id(m.Meta.Key)+"<"+id(m.ParentKey))
			}
		}
		got := []string{id(c.HeadKey), strings.Join(context, " "), strings.Join(parents, " ")}
		if d := cmp.Diff([]string{x.head, x.context, x.parents}, got); d != "" {
			t.Errorf("%s: %s", x.name, d)
		}
	}
}

// TestUpsideDown: messages that all stand before what they follow are found, however many they are.
func TestUpsideDown(t *testing.T) {
	const n = 6000
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, `{"type":"user","uuid":"%d","parentUuid":"%d","message":{"role":"user","content":"x"}}`+"\n", i, i+1)
	}
	mem, rep := drivertest.Export(t, home(t, map[string]string{"projects/p/s.jsonl": lines.String()}))
	if len(rep.Gaps) != 1 || rep.Gaps[0].Reason != pb.Gap_REASON_GONE {
		t.Errorf("%d gaps, the first %v", len(rep.Gaps), rep.Gaps[:min(1, len(rep.Gaps))])
	}
	if r, err := mem.Get(t.Context(), "conversation/p/s"); err != nil || r.(*pb.Conversation).HeadKey != "message/p/s/0" {
		t.Errorf("%v %v", r, err)
	}
}

// TestBeside: a sub-agent's file of an older release, beside its session, belongs to that.
func TestBeside(t *testing.T) {
	const own = `{"type":"user","uuid":"a","sessionId":"s","message":{"role":"user","content":"x"}}` + "\n"
	side := strings.Replace(own, `"uuid"`, `"isSidechain":true,"uuid"`, 1)
	mem, rep := drivertest.Export(t, home(t, map[string]string{"projects/p/s.jsonl": own, "projects/p/agent-1.jsonl": side,
		"projects/p/agent-2.jsonl": strings.Replace(side, `"s"`, `"gone"`, 1), "projects/p/s2.jsonl": own}))
	if len(rep.Gaps) > 0 {
		t.Error(rep.Gaps)
	}
	for name, want := range map[string]string{"s": "", "s2": "", "agent-1": "conversation/p/s", "agent-2": ""} {
		r, err := mem.Get(t.Context(), "conversation/p/"+name)
		if err != nil || r.(*pb.Conversation).ParentKey != want {
			t.Errorf("%s: %v %v", name, r, err)
		}
	}
}

// TestManyStretches: compactions that each say to keep all there is, or no stretch at all, cost no square
// of it; what the last of them keeps is there.
func TestManyStretches(t *testing.T) {
	const n = 60_000
	const last = 2*n + 1
	name := func(k int32) id { return id{text: strconv.Itoa(int(k))} }
	for what, first := range map[string]int32{"all there is": 1, "no stretch": n + 1} {
		x := &transcript{lines: map[id]place{}, nodes: make([]node, last+1), kept: map[int32]kept{}}
		in := make([]bool, len(x.nodes))
		for k := range int32(n + 1) {
			x.nodes[k+1].parent = k % n
			x.lines[name(k+1)] = place{node: k + 1}
		}
		for k := range int32(n) {
			x.kept[n+k+1], in[n+k+1] = kept{head: name(first), tail: name(n)}, true
		}
		x.kept[last], in[last] = kept{head: name(1), tail: name(n)}, true
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		behind := x.keptAfter(in)
		runtime.ReadMemStats(&after)
		if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 500 || len(behind[last]) != n {
			t.Errorf("%s: %d MiB, %d kept", what, mib, len(behind[last]))
		}
	}
}
