package cassette

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// An api is the form of one provider's requests and answers.
type api interface {
	name() string
	// request reads what a program asks.
	request(body []byte) (*request, error)
	// answer reads what the model said; events does where it was streamed.
	answer(body []byte) (*answer, error)
	events(es []event) (*answer, error)
	// write says it; stream does event by event.
	// In the answer's own pieces where they are of this API.
	write(a *answer) any
	stream(w *eventWriter, q *request, a *answer)
	// failure is the body of an error.
	failure(message string) any
}

// apis by the end of the path.
func apiOf(path string) api {
	switch {
	case strings.HasSuffix(path, "/chat/completions"):
		return chatAPI{}
	case strings.HasSuffix(path, "/responses"):
		return responsesAPI{}
	case strings.HasSuffix(path, "/messages"):
		return messagesAPI{}
	}
	return nil
}

// A request is what a program asks a model.
type request struct {
	Model    string
	Messages []*pb.Message // with the bytes of each as native, where it had bytes of its own
	Previous string        // id of the answer that it goes on from, where the provider keeps the rest
	Stream   bool
	Usage    bool           // the stream ends with the usage
	Settings map[string]any // everything but the messages: tools, temperature
	Beyond   string         // why it cannot be recorded; empty: it can
}

// An answer is what a model said.
type answer struct {
	ID    string
	Model string
	Parts []*pb.Part
	Usage json.RawMessage
	Stop  string // why it is not whole: "length", "content_filter"; empty: it is

	api    string                     // where it came from, and there
	pieces []json.RawMessage          // choices, items or blocks, as they came
	end    map[string]json.RawMessage // how it ended, as the API says it
}

// own are the pieces of an answer that came from this API as JSON values; false: it did not.
func (a *answer) own(api string) ([]map[string]any, bool) {
	if a.api != api {
		return nil, false
	}
	out := make([]map[string]any, len(a.pieces))
	for i, raw := range a.pieces {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if d.Decode(&out[i]) != nil || out[i] == nil {
			return nil, false
		}
	}
	return out, true
}

// reread is an answer of any API, as a recorder keeps it; nil: it is none.
func reread(b []byte) *answer {
	apis := []api{chatAPI{}, responsesAPI{}, messagesAPI{}}
	if json.Valid(b) {
		for _, api := range apis {
			if a, err := api.answer(b); err == nil {
				return a
			}
		}
		return nil
	}
	es := parseEvents(b)
	for _, api := range apis {
		if a, err := api.events(es); err == nil {
			return a
		}
	}
	return nil
}

// Why an answer is not whole.
const (
	stopLength = "length"
	stopFilter = "content_filter"
)

var errAnswer = errors.New("not an answer of this API")

// errRequest is an error of a request; it holds none of it.
func errRequest(f string, args ...any) error { return fmt.Errorf("cassette: request: "+f, args...) }

// An event is one server-sent event.
type event struct {
	name string
	data []byte
}

// parseEvents takes a stream apart.
func parseEvents(b []byte) []event {
	var out []event
	var e event
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, maxBody+1)
	for s.Scan() {
		line := s.Bytes()
		switch {
		case len(line) == 0:
			if e.data != nil {
				out = append(out, e)
			}
			e = event{}
		case bytes.HasPrefix(line, []byte("event:")):
			e.name = string(bytes.TrimSpace(line[6:]))
		case bytes.HasPrefix(line, []byte("data:")):
			if e.data != nil {
				e.data = append(e.data, '\n')
			}
			e.data = append(e.data, bytes.TrimSpace(line[5:])...)
		}
	}
	if e.data != nil {
		out = append(out, e)
	}
	return out
}

// An eventWriter writes server-sent events, each at once.
type eventWriter struct {
	w   http.ResponseWriter
	seq int
}

func (e *eventWriter) send(name string, v any) {
	if name != "" {
		fmt.Fprintf(e.w, "event: %s\n", name)
	}
	b, raw := v.([]byte)
	if !raw {
		b = harness.Encode(v)
	}
	fmt.Fprintf(e.w, "data: %s\n\n", b)
	if f, ok := e.w.(http.Flusher); ok {
		f.Flush()
	}
}

// content reads a content that is a text or a list of parts, of any of the APIs.
func content(raw json.RawMessage) ([]*pb.Part, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return []*pb.Part{textPart(s)}, nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil, errRequest("a content that is neither text nor a list")
	}
	var out []*pb.Part
	for _, x := range list {
		var p struct {
			Type, Text, Refusal string
		}
		switch json.Unmarshal(x, &p); p.Type {
		case "text", "input_text", "output_text":
			out = append(out, textPart(p.Text))
		case "refusal":
			out = append(out, &pb.Part{Body: &pb.Part_Refusal{Refusal: strings.ToValidUTF8(p.Refusal, "\ufffd")}})
		default:
			out = append(out, dataPart(x))
		}
	}
	return out, nil
}

// textOf is the text of a content.
func textOf(raw json.RawMessage) string {
	parts, err := content(raw)
	if err != nil {
		return string(raw)
	}
	var out []string
	for _, p := range parts {
		if d := p.GetData(); d != nil {
			out = append(out, string(d.GetInline()))
		} else {
			out = append(out, p.GetText())
		}
	}
	return strings.Join(out, "\n")
}

// said is the text of an answer and its calls, in the order of the parts. A refusal is text.
func said(parts []*pb.Part) (text string, calls []*pb.ToolCall) {
	text, refusal, calls := spoken(parts)
	if text != "" && refusal != "" {
		text += "\n"
	}
	return text + refusal, calls
}

func spoken(parts []*pb.Part) (text, refusal string, calls []*pb.ToolCall) {
	var texts []string
	for _, p := range parts {
		switch b := p.Body.(type) {
		case *pb.Part_Text:
			texts = append(texts, b.Text)
		case *pb.Part_Refusal:
			refusal += b.Refusal
		case *pb.Part_ToolCall:
			calls = append(calls, b.ToolCall)
		case *pb.Part_Data:
			if s, ok := plainData(b.Data); ok {
				texts = append(texts, s)
			}
		}
	}
	return strings.Join(texts, "\n"), refusal, calls
}

// arguments of a call as text; a call without any has an empty object.
func arguments(c *pb.ToolCall) string {
	if len(c.ArgumentsJson) == 0 {
		return "{}"
	}
	return string(c.ArgumentsJson)
}

// settings are the members of a request but those that are messages.
func settings(body []byte, not ...string) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil || m == nil {
		return nil, errRequest("it is no JSON object")
	}
	for _, n := range append(not, "stream", "stream_options") {
		delete(m, n)
	}
	// What opens a tool's server is a key, though it is in the body.
	for _, list := range []any{m["tools"], m["mcp_servers"]} {
		list, _ := list.([]any)
		for _, x := range list {
			if tool, ok := x.(map[string]any); ok {
				for _, n := range []string{"headers", "authorization", "authorization_token"} {
					delete(tool, n)
				}
			}
		}
	}
	return m, nil
}

// role of a message by its name in all APIs.
func role(name string) pb.Role {
	switch name {
	case "system", "developer":
		return pb.Role_ROLE_SYSTEM
	case "user":
		return pb.Role_ROLE_USER
	case "assistant":
		return pb.Role_ROLE_ASSISTANT
	case "tool", "function":
		return pb.Role_ROLE_TOOL
	}
	return pb.Role_ROLE_UNSPECIFIED
}

func message(r, nativeRole string, native json.RawMessage, parts ...*pb.Part) *pb.Message {
	m := &pb.Message{Role: role(r), Parts: parts, Meta: &pb.Meta{}}
	if nativeRole == "developer" || m.Role == pb.Role_ROLE_UNSPECIFIED {
		m.NativeRole = nativeRole
	}
	if native != nil {
		m.Meta.Native = []*pb.Native{document("message", native)}
	}
	return m
}
