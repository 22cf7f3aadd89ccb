package codex

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestSaid: what Codex knows no part for stands in one that it does, or it would pass over the message; and a person sees an
// image that nothing was said with.
func TestSaid(t *testing.T) {
	const png = "https://example.com/a.png"
	text := func(s string) *pb.Part { return &pb.Part{Body: &pb.Part_Text{Text: s}} }
	refusal := &pb.Part{Body: &pb.Part_Refusal{Refusal: "not that"}}
	image := &pb.Part{Body: &pb.Part_Media{Media: &pb.Media{Url: png}}}
	for name, c := range map[string]struct {
		role  pb.Role
		parts []*pb.Part
		want  []string
	}{
		"refusal alone": {pb.Role_ROLE_ASSISTANT, []*pb.Part{refusal}, []string{`[{"text":"not that","type":"output_text"}]`, `"message":"not that","type":"agent_message"`}},
		"refusal":       {pb.Role_ROLE_ASSISTANT, []*pb.Part{text("I do"), refusal}, []string{`[{"text":"I do","type":"output_text"},{"text":"not that","type":"output_text"}]`, `"message":"I do\nnot that"`}},
		"image alone":   {pb.Role_ROLE_USER, []*pb.Part{image}, []string{`"image_url":"` + png + `"`, `"images":["` + png + `"],"message":"","type":"user_message"`}},
		"image":         {pb.Role_ROLE_USER, []*pb.Part{text("look"), image}, []string{`"images":["` + png + `"],"message":"look"`}},
		"escapes":       {pb.Role_ROLE_USER, []*pb.Part{text("\ufffd \\ud83d")}, []string{"[{\"text\":\"\ufffd \\\\ud83d\",\"type\":\"input_text\"}]"}},
	} {
		t.Run(name, func(t *testing.T) {
			conv := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "c")}
			m := &pb.Message{Meta: agentstate.Meta("message", nil, "c", "1"), ConversationKey: conv.Meta.Key, Role: c.role, Parts: c.parts, Position: 1}
			src, dst := memstate.Whole("another", conv, m), Open(filepath.Join(t.TempDir(), "home"))
			_, j := drivertest.Apply(t, dst, src)
			for _, got := range files(t, dst.root) {
				for _, want := range c.want {
					if !strings.Contains(got, want) {
						t.Errorf("no %s in\n%s", want, got)
					}
				}
			}
			if rep, err := replay.ReadBack(t.Context(), src, dst, j); err != nil || rep.MissingN+rep.UnannouncedN != 0 {
				t.Errorf("missing %v, unannounced %v, %v", rep.Missing, rep.Unannounced, err)
			}
			if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN != 0 || len(files(t, dst.root)) != 0 {
				t.Errorf("%+v %v", u, err)
			}
		})
	}
}
