package langgraph

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxMessage is how much of a message its view holds, in bytes. A record has a limit, and a message may
// hold a film. The whole of it is carried in the channel's value.
const maxMessage = 4 << 20

// shorten cuts what m says where that is too much for a view, and says so in its last part.
func shorten(m *pb.Message) {
	if proto.Size(m) <= maxMessage {
		return
	}
	room, left := maxMessage, 0
	var kept []*pb.Part
	for _, p := range m.Parts {
		n := proto.Size(p)
		if n > room {
			p = cut(p, room)
			left += n
			if p == nil {
				continue
			}
			n = proto.Size(p)
			left -= n
		}
		room = max(room-n, 0)
		kept = append(kept, p)
	}
	note := fmt.Sprintf("… %d bytes more: the whole message is in the value of its channel", left)
	m.Parts = append(kept, &pb.Part{Body: &pb.Part_Text{Text: note}})
	m.Meta.Labels = append(m.Meta.Labels, &pb.Label{Name: "cut", Value: fmt.Sprint(left)})
}

// cut is what p has within about room bytes: who calls what and answers what stays. nil: nothing.
func cut(p *pb.Part, room int) *pb.Part {
	switch b := p.Body.(type) {
	case *pb.Part_Text:
		return &pb.Part{Body: &pb.Part_Text{Text: strings.ToValidUTF8(b.Text[:min(room, len(b.Text))], "")}}
	case *pb.Part_ToolCall:
		c := &pb.ToolCall{Id: short(b.ToolCall.Id), Name: short(b.ToolCall.Name), ArgumentsJson: b.ToolCall.ArgumentsJson, Invalid: b.ToolCall.Invalid}
		if n := min(room, len(c.ArgumentsJson)); n < len(c.ArgumentsJson) {
			c.ArgumentsJson, c.Invalid = c.ArgumentsJson[:n], true
		}
		return &pb.Part{Body: &pb.Part_ToolCall{ToolCall: c}}
	case *pb.Part_ToolResult:
		r := &pb.ToolResult{Id: short(b.ToolResult.Id), Name: short(b.ToolResult.Name), IsError: b.ToolResult.IsError}
		if out := b.ToolResult.Output.GetInline(); out != nil {
			text := strings.ToValidUTF8(string(out[:min(room, len(out))]), "")
			r.Output = &pb.Data{MediaType: "text/plain", Body: &pb.Data_Inline{Inline: []byte(text)}}
		}
		return &pb.Part{Body: &pb.Part_ToolResult{ToolResult: r}}
	case *pb.Part_Media:
		return &pb.Part{Body: &pb.Part_Media{Media: &pb.Media{Name: short(b.Media.Name), Url: short(b.Media.Url)}}}
	}
	return nil
}

// short is a name or an id, which nobody makes longer than this by right.
func short(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), 4096)], "")
}
