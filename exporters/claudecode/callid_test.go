package claudecode

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestCallIDs: ids that another runtime uses again, or that the provider does not take, become others, and each result
// stays with its call. A result that no call waits for is text.
func TestCallIDs(t *testing.T) {
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "c")}
	recs := []agentstate.Record{c}
	add := func(role pb.Role, parts ...*pb.Part) {
		recs = append(recs, &pb.Message{Meta: agentstate.Meta("message", nil, "c", string(rune('0'+len(recs)))), ConversationKey: c.Meta.Key, Role: role, Parts: parts})
	}
	call := func(id string) *pb.Part {
		return &pb.Part{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: id, Name: "view", ArgumentsJson: []byte("{}")}}}
	}
	result := func(id string) *pb.Part {
		return &pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: id, Output: agentstate.Inline("text/plain", []byte("x"))}}}
	}
	add(pb.Role_ROLE_ASSISTANT, call("0"), call("0"))
	add(pb.Role_ROLE_TOOL, result("0"), result("0"))
	add(pb.Role_ROLE_ASSISTANT, call("0"), call("functions.view:1"))
	add(pb.Role_ROLE_TOOL, result("functions.view:1"))
	add(pb.Role_ROLE_TOOL, result("0"))
	add(pb.Role_ROLE_TOOL, result("0"))
	add(pb.Role_ROLE_TOOL, result("none"))
	add(pb.Role_ROLE_ASSISTANT, call("0_7"))
	add(pb.Role_ROLE_TOOL, result("0_7"))
	add(pb.Role_ROLE_ASSISTANT, call("1_7"), call("1_8"), call("1"))
	add(pb.Role_ROLE_TOOL, result("1_7"), result("1_8"), result("1"))
	add(pb.Role_ROLE_ASSISTANT, call("late"))
	add(pb.Role_ROLE_TOOL, result("none"))
	add(pb.Role_ROLE_TOOL, result("late"))
	mem := memstate.Whole("another", recs...)
	dst := Open(filepath.Join(t.TempDir(), "home"))
	_, j := drivertest.Apply(t, dst, mem)
	files, err := filepath.Glob(filepath.Join(dst.root, ".claude/projects/*/*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range regexp.MustCompile(`"(?:id|tool_use_id)":"([^"]*)","(?:input":|type":"tool_result)`).FindAllSubmatch(b, -1) {
		got = append(got, string(m[1]))
	}
	if d := cmp.Diff([]string{"0", "0-2", "0", "0-2", "0-3", "functions_view_1_74b02ba6", "functions_view_1_74b02ba6", "0-3", "0_7-2", "0_7-2", "1_7", "1_8", "1-2", "1_7", "1_8", "1-2", "late", "late"}, got); d != "" {
		t.Errorf("%s\n%s", d, b)
	}
	for _, want := range []string{`"text":"A result of the call 0-3, which waits for none:\nx"`, `"text":"A result of the call none, which waits for none:\nx"`} { // the program leaves out such results
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in\n%s", want, b)
		}
	}
	if n := strings.Count(string(b), "call none,"); n != 1 { // text between a call and its result would part them
		t.Errorf("%d results without a call, want 1", n)
	}
	if rep, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || rep.MissingN+rep.ExtraN+rep.UnannouncedN != 0 {
		t.Errorf("%+v %v", rep, err)
	}
}

// TestNoResultBesideOne: a result that no call waits for, beside one that a call waits for, makes no message of its own.
func TestNoResultBesideOne(t *testing.T) {
	for name, ids := range map[string][]string{"another": {"a", "none"}, "a second": {"a", "a"}, "before it": {"none", "a"}} {
		c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "c")}
		say := func(id string, role pb.Role, parts ...*pb.Part) agentstate.Record {
			return &pb.Message{Meta: agentstate.Meta("message", nil, "c", id), ConversationKey: c.Meta.Key, Role: role, Parts: parts}
		}
		var results []*pb.Part
		for _, id := range ids {
			results = append(results, &pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: id, Output: agentstate.Inline("text/plain", []byte("x"))}}})
		}
		call := &pb.Part{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "a", Name: "n", ArgumentsJson: []byte("{}")}}}
		mem := memstate.Whole("another", c, say("1", pb.Role_ROLE_ASSISTANT, call), say("2", pb.Role_ROLE_TOOL, results...))
		dst := Open(filepath.Join(t.TempDir(), "home"))
		_, j := drivertest.Apply(t, dst, mem)
		if rep, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || rep.MissingN+rep.ExtraN+rep.UnannouncedN != 0 {
			t.Errorf("%s: %+v %v", name, rep, err)
		}
	}
}
