// Package calltest is a session of another runtime whose calls of tools have the same ids, for tests of targets.
package calltest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Session is a conversation: each word of said is a message, "user", "call:ID" or "result:ID". The n-th call has n as its
// argument, and the n-th result says n.
func Session(said string) *memstate.State {
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "c")}
	recs, calls, results := []agentstate.Record{c}, 0, 0
	for i, word := range strings.Fields(said) {
		m := &pb.Message{Meta: agentstate.Meta("message", nil, "c", fmt.Sprintf("%04d", i)), ConversationKey: c.Meta.Key, Position: uint64(i + 1)}
		switch what, id, _ := strings.Cut(word, ":"); what {
		case "user":
			m.Role, m.Parts = pb.Role_ROLE_USER, []*pb.Part{{Body: &pb.Part_Text{Text: "go on"}}}
		case "call":
			calls++
			m.Role, m.Parts = pb.Role_ROLE_ASSISTANT, []*pb.Part{{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: id, Name: "look", ArgumentsJson: fmt.Appendf(nil, `{"n":%d}`, calls)}}}}
		case "result":
			results++
			m.Role, m.Parts = pb.Role_ROLE_TOOL, []*pb.Part{{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: id, Output: agentstate.Inline("text/plain", fmt.Append(nil, results))}}}}
		}
		recs = append(recs, m)
	}
	return memstate.Whole("another", recs...)
}

// Target is what the test of a target takes: a runtime that is also read.
type Target interface {
	replay.Target
	agentstate.Source
}

// Arrived replays src into dst and reads it back. It gives the calls that arrived, as "ID=argument,results", and fails where
// two of them have one id, or where the replay did not say what became another.
func Arrived(t *testing.T, dst Target, src *memstate.State) (out []string) {
	t.Helper()
	_, j := drivertest.Apply(t, dst, src)
	if rep, err := replay.ReadBack(t.Context(), src, dst, j); err != nil || rep.MissingN+rep.UnannouncedN != 0 {
		t.Errorf("missing %v, unannounced %v, %v", rep.Missing, rep.Unannounced, err)
	}
	var ids []string
	back, _ := drivertest.Export(t, dst)
	for r := range back.Records(t.Context(), nil) {
		m, _ := r.(*pb.Message)
		for _, p := range m.GetParts() {
			if c := p.GetToolCall(); c != nil {
				if slices.Contains(ids, c.Id) {
					t.Errorf("two calls have the id %s", c.Id)
				}
				ids, out = append(ids, c.Id), append(out, c.Id+"="+strings.Trim(string(c.ArgumentsJson), `{}"n:`))
			}
			if x := p.GetToolResult(); x != nil {
				i := slices.Index(ids, x.Id)
				if i < 0 {
					t.Errorf("a result for %s, which no call before it has", x.Id)
					continue
				}
				out[i] += "," + string(x.Output.GetInline())
			}
		}
	}
	return out
}
