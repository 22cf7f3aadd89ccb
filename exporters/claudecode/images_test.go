package claudecode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Images of a user and those in a tool's result, in the form of another runtime, become blocks; they are
// read as what they were.
func TestImages(t *testing.T) {
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "c")}
	message := func(id string, role pb.Role, parts ...*pb.Part) *pb.Message {
		return &pb.Message{Meta: agentstate.Meta("message", nil, "c", id), ConversationKey: c.Meta.Key, Role: role, Parts: parts}
	}
	media := func(m *pb.Media) *pb.Part { return &pb.Part{Body: &pb.Part_Media{Media: m}} }
	whole := &pb.Media{Data: agentstate.Inline("image/png", []byte{0, 1, 2})}
	said := message("1", pb.Role_ROLE_USER, &pb.Part{Body: &pb.Part_Text{Text: "look"}}, media(whole))
	call := message("2", pb.Role_ROLE_ASSISTANT, &pb.Part{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "t", Name: "view", ArgumentsJson: []byte("{}")}}})
	result := message("3", pb.Role_ROLE_TOOL, &pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "t",
		Output: agentstate.Inline("application/json", []byte(`[{"type":"input_text","text":"seen"},{"type":"input_image","image_url":"data:image/png;base64,AAEC"}]`))}}})
	long := message("4", pb.Role_ROLE_USER, &pb.Part{Body: &pb.Part_Text{Text: "and"}}, media(&pb.Media{Data: &pb.Data{MediaType: "image/png"}}))
	mem := memstate.Whole("another", c, said, call, result, long)
	dst := Open(filepath.Join(t.TempDir(), "home"))
	got, j := drivertest.Apply(t, dst, mem)
	if got.LossCount["message.parts.media"] != 1 || got.Actions[replay.Created] != 5 {
		t.Errorf("%v %v", got.Actions, got.LossCount)
	}
	files, err := filepath.Glob(filepath.Join(dst.root, ".claude/projects/*/*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	const image = `{"source":{"data":"AAEC","media_type":"image/png","type":"base64"},"type":"image"}`
	if err != nil || strings.Count(string(b), image) != 2 || !strings.Contains(string(b), `"content":[{"text":"seen","type":"text"},`+image+`]`) {
		t.Errorf("%s %v", b, err)
	}
	back, _ := drivertest.Export(t, dst)
	found := false
	for r, err := range back.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		m, ok := r.(*pb.Message)
		found = found || ok && len(m.Parts) == 2 && proto.Equal(m.Parts[1].GetMedia(), whole)
	}
	if !found {
		t.Error("the image is not read as one")
	}
	if rep, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || rep.MissingN+rep.ExtraN+rep.UnannouncedN != 0 {
		t.Errorf("%+v %v", rep, err)
	}
}
