// Package cassette keeps what a model said, and says it again without the model.
//
// A [Recorder] stands between a program and a model: it hands requests on, and keeps input, output,
// tool calls and their results as conversations. A [Player] is a model server that answers from
// conversations: those of a Recorder, or those that any runtime left in an archive. It answers a
// request whose messages are those of a recording so far with what the model said next. Any other
// request is refused, and the refusal names where it left the recording: the message, and for tools
// the arguments. So a program runs offline, and a tool that is called otherwise than before shows.
//
// Both speak OpenAI's Chat Completions and Responses and Anthropic's Messages, streamed or not; what was
// recorded with one can be played with another. OpenAI's Embeddings are played for the texts, and the model, that they were
// recorded for. Headers are never kept, so no key is.
package cassette

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxBody is the size of a request or an answer, in bytes.
const maxBody = 32 << 20

// An item is a piece of a conversation that does not depend on the API: a text of a role, a call of
// a tool, or its result. Ids of calls are left out: they differ from run to run.
type item struct {
	kind string // "system", "user", "assistant", "call", "result", "other"
	name string // of the tool that is called
	text string // the text, the arguments, the result
	sum  [32]byte
}

func newItem(kind, name, text string) item {
	it := item{kind: kind, name: name, text: text}
	h := sha256.New()
	plain := text
	switch kind {
	case "call":
		plain = harness.Digest([]byte(text)) // arguments are compared by value
	case "other":
		plain = harness.Digest(comparable([]byte(text)))
	}
	fmt.Fprintf(h, "%s\x00%s\x00%s", kind, name, plain)
	h.Sum(it.sum[:0])
	return it
}

// String names the item without its content.
func (it *item) String() string {
	switch it.kind {
	case "call":
		return "call of " + harness.Short(it.name)
	case "result":
		return "result of a tool"
	case "system":
		return "operator's text"
	case "other":
		return "content that is no text"
	}
	return it.kind + "'s text"
}

// comparable is content that is no text without what a client changes when it sends back what a model
// said: ids, states, and members that hold nothing.
func comparable(b []byte) []byte {
	var m map[string]json.RawMessage
	if json.Unmarshal(b, &m) != nil {
		return b
	}
	for k, v := range m {
		if k == "id" || k == "status" || string(v) == "null" {
			delete(m, k)
		}
	}
	return harness.Encode(m)
}

// flatten is a conversation as items. Thought is left out: it can be answered with, and not compared.
func flatten(ms []*pb.Message) []item {
	var out []item
	for _, turn := range turns(ms) {
		items, _ := itemsOfTurn(turn)
		out = append(out, items...)
	}
	return out
}

// turns are messages, with those together that a model said before anybody else did: one API has them
// in one message, another in several.
func turns(ms []*pb.Message) [][]*pb.Message {
	var out [][]*pb.Message
	for i, m := range ms {
		if i > 0 && m.Role == pb.Role_ROLE_ASSISTANT && ms[i-1].Role == pb.Role_ROLE_ASSISTANT {
			out[len(out)-1] = append(out[len(out)-1], m)
		} else {
			out = append(out, []*pb.Message{m})
		}
	}
	return out
}

// itemsOfTurn are the items of a turn, and the key of the message of each. All text of a model is one
// item ahead of its calls: not every API can say it in another order.
func itemsOfTurn(turn []*pb.Message) (out []item, of []string) {
	var texts, rest []item
	var first string
	for _, m := range turn {
		for _, it := range itemsOf(m) {
			if it.kind == "assistant" {
				if texts = append(texts, it); len(texts) == 1 {
					first = m.GetMeta().GetKey()
				}
				continue
			}
			rest, of = append(rest, it), append(of, m.GetMeta().GetKey())
		}
	}
	switch len(texts) {
	case 0:
		return rest, of
	case 1:
		out = texts
	default:
		var s []string
		for _, it := range texts {
			s = append(s, it.text)
		}
		out = []item{newItem("assistant", "", strings.Join(s, "\n"))}
	}
	return append(out, rest...), append([]string{first}, of...)
}

func itemsOf(m *pb.Message) []item {
	var out []item
	role := "user"
	switch m.Role {
	case pb.Role_ROLE_SYSTEM:
		role = "system"
	case pb.Role_ROLE_ASSISTANT:
		role = "assistant"
	case pb.Role_ROLE_TOOL:
		role = "result"
	}
	var text []string
	end := func() {
		if s := strings.Join(text, "\n"); s != "" {
			out = append(out, newItem(role, "", s))
		}
		text = nil
	}
	for _, p := range m.Parts {
		switch b := p.Body.(type) {
		case *pb.Part_Text:
			text = append(text, b.Text)
		case *pb.Part_Refusal:
			text = append(text, b.Refusal)
		case *pb.Part_ToolCall:
			end()
			args := string(b.ToolCall.ArgumentsJson)
			if args == "" {
				args = "{}"
			}
			out = append(out, newItem("call", b.ToolCall.Name, args))
		case *pb.Part_ToolResult:
			end()
			out = append(out, newItem("result", "", string(b.ToolResult.Output.GetInline())))
		case *pb.Part_Data:
			if s, ok := plainData(b.Data); ok {
				text = append(text, s)
				break
			}
			end()
			out = append(out, newItem("other", "", string(b.Data.GetInline())))
		case *pb.Part_Media:
			end()
			out = append(out, newItem("other", "", b.Media.Url+string(b.Media.Data.GetInline())))
		}
	}
	end()
	return out
}

// plainData is text that is kept as bytes because it is not valid UTF-8.
func plainData(d *pb.Data) (string, bool) {
	return string(d.GetInline()), strings.HasPrefix(d.GetMediaType(), "text/")
}

// state is the digest of items: where a conversation is. Without system, operator's texts are left
// out.
func state(items []item, system bool) string {
	h := sha256.New()
	if !system {
		h.Write([]byte("without\n"))
	}
	for i := range items {
		if system || items[i].kind != "system" {
			h.Write(items[i].sum[:])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Parts of messages.

// textPart is a text; a long one is data, which archives keep beside the record.
func textPart(s string) *pb.Part {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) > agentstate.SpillSize {
		return &pb.Part{Body: &pb.Part_Data{Data: agentstate.Inline(harness.PlainText, []byte(s))}}
	}
	return &pb.Part{Body: &pb.Part_Text{Text: s}}
}

func dataPart(b []byte) *pb.Part {
	return &pb.Part{Body: &pb.Part_Data{Data: agentstate.Inline(harness.JSON, b)}}
}

func callPart(id, name, args string) *pb.Part {
	c := &pb.ToolCall{Id: strings.ToValidUTF8(id, "\ufffd"), Name: strings.ToValidUTF8(name, "\ufffd"), ArgumentsJson: []byte(args)}
	return &pb.Part{Body: &pb.Part_ToolCall{ToolCall: c}}
}

func resultPart(id, output string, failed bool) *pb.Part {
	r := &pb.ToolResult{Id: strings.ToValidUTF8(id, "\ufffd"), Output: agentstate.Inline(harness.PlainText, []byte(output)), IsError: failed}
	return &pb.Part{Body: &pb.Part_ToolResult{ToolResult: r}}
}
