package values

import (
	"bytes"
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Messages reads a value that is a list of chat messages, or one. ok is false when it is
// something else: then it is no conversation. The messages have no Meta.
func Messages(serializer string, b []byte) (ms []*pb.Message, ok bool, err error) {
	v, err := parse(serializer, b)
	if err != nil {
		return nil, false, err
	}
	ms, ok = messages(v)
	return ms, ok, nil
}

func messages(v val) (ms []*pb.Message, ok bool) {
	if o, isObj := v.object(); isObj && (o.class() == "DeltaSnapshot" || o.class() == "delta_snapshot" || o.class() == "Overwrite") {
		v = o.args
		if x, ok := v.get("value"); ok {
			v = x
		}
	}
	if m := message(v); m != nil {
		return []*pb.Message{m}, true
	}
	if v.kind() != kArray {
		return nil, false
	}
	for x := range v.items() {
		m := message(x)
		if m != nil {
			ok = true
		} else if x.kind() == kMap { // a message of another library's making, between others
			m = &pb.Message{NativeId: x.str("id"), NativeRole: x.str("role"), Parts: []*pb.Part{data(x)}}
			m.Role = roleOf(m.NativeRole)
		} else {
			return nil, false
		}
		ms = append(ms, m)
	}
	if !ok {
		return nil, false
	}
	return ms, true
}

// Chat is Messages, also of a map that has the chat under one of its keys: "messages" by custom,
// else the longest.
func Chat(serializer string, b []byte) (ms []*pb.Message, ok bool, err error) {
	v, err := parse(serializer, b)
	if err != nil {
		return nil, false, err
	}
	ms, ok = chat(v)
	return ms, ok, nil
}

// ChatAt is Chat for a value that ParseCheckpoint has found in doc, and checked.
func ChatAt(serializer string, doc []byte, s Span) (ms []*pb.Message, ok bool) {
	return chat(val{doc[s.Start:s.End], serializer == "msgpack"})
}

func chat(v val) (ms []*pb.Message, ok bool) {
	if ms, ok = messages(v); ok || v.kind() != kMap {
		return ms, ok
	}
	for f := range v.fields() {
		if f.value.kind() != kArray {
			continue
		}
		got, is := messages(f.value)
		if is && f.is("messages") {
			return got, true
		}
		if is && len(got) > len(ms) {
			ms, ok = got, true
		}
	}
	return ms, ok
}

// Holds tells whether a value is a list with something in it. A list of nothing but empty lists holds
// nothing: so JavaScript writes a topic, and Python did.
func Holds(serializer string, b []byte) bool {
	v, err := parse(serializer, b)
	if err != nil {
		return false
	}
	for x := range v.items() {
		if x.kind() != kArray {
			return true
		}
		for range x.items() {
			return true
		}
	}
	return false
}

// message maps one message; nil when v is none.
func message(v val) *pb.Message {
	role, kw := "", v
	if o, ok := v.object(); ok {
		if o.args.kind() != kMap {
			return nil
		}
		c := o.class()
		role, kw = strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(c, "Chunk"), "Message")), o.args
		if !isMessageClass(c) { // the application's own class, which extends one of them
			if role = kw.str("type"); roleOf(role) == pb.Role_ROLE_UNSPECIFIED || !says(kw) {
				return nil
			}
		}
		if role == "chat" {
			role = kw.str("role")
		}
	} else {
		if v.kind() != kMap {
			return nil
		}
		if role = v.str("role"); role == "" {
			role = v.str("type")
		}
		if d, ok := v.get("data"); ok && d.kind() == kMap { // messages_to_dict
			kw = d
		}
		if roleOf(role) == pb.Role_ROLE_UNSPECIFIED || !says(kw) {
			return nil
		}
	}
	var few [16]field
	fs := kw.table(few[:])
	m := &pb.Message{Role: roleOf(role), NativeId: fs.str("id")}
	if m.Role == pb.Role_ROLE_UNSPECIFIED || role == "developer" || role == "function" {
		m.NativeRole = role
	}
	if n := fs.str("name"); n != "" {
		m.AuthorPath = []string{n}
	}
	if md := fs.field("response_metadata"); md.kind() == kMap && len(md.b) > 2 {
		for _, k := range []string{"model_name", "model", "model_id", "modelName"} {
			if s := md.str(k); s != "" {
				m.Model = s
				break
			}
		}
	}
	if m.Role == pb.Role_ROLE_TOOL {
		m.Parts = []*pb.Part{toolResult(fs)}
		return m
	}
	m.Parts = append(content(fs.field("content")), extras(fs, m.Role)...)
	if len(m.Parts) > 0 && m.Parts[0].GetToolResult() != nil && m.Role == pb.Role_ROLE_USER {
		m.Role, m.NativeRole = pb.Role_ROLE_TOOL, role
	}
	return m
}

// says tells whether a map has what a message says: OpenAI leaves the content out beside a call.
func says(kw val) bool {
	for _, k := range []string{"content", "tool_calls", "function_call"} {
		if _, ok := kw.get(k); ok {
			return true
		}
	}
	return false
}

func isMessageClass(c string) bool {
	c = strings.TrimSuffix(c, "Chunk")
	switch c {
	case "HumanMessage", "AIMessage", "SystemMessage", "ToolMessage", "FunctionMessage", "ChatMessage", "RemoveMessage", "DeveloperMessage":
		return true
	}
	return false
}

func roleOf(s string) pb.Role {
	switch s {
	case "human", "user":
		return pb.Role_ROLE_USER
	case "ai", "assistant", "AIMessageChunk":
		return pb.Role_ROLE_ASSISTANT
	case "system", "developer":
		return pb.Role_ROLE_SYSTEM
	case "tool", "function":
		return pb.Role_ROLE_TOOL
	}
	return pb.Role_ROLE_UNSPECIFIED
}

func toolResult(kw table) *pb.Part {
	return &pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{
		Id: kw.str("tool_call_id"), Name: kw.str("name"), Output: output(kw.field("content")), IsError: kw.str("status") == "error",
	}}}
}

// output is what a tool gave.
func output(v val) *pb.Data {
	if s, ok := v.text(); ok {
		return inline("text/plain", []byte(s))
	}
	return inline("application/json", full(v))
}

// extras are the parts that stand beside the content.
func extras(kw table, role pb.Role) []*pb.Part {
	var out []*pb.Part
	var seen map[string]bool
	saw := func(id string) {
		if seen == nil {
			seen = map[string]bool{}
		}
		seen[id] = true
	}
	for c := range kw.field("tool_calls").items() {
		p := toolCall(c)
		saw(p.GetToolCall().Id)
		out = append(out, p)
	}
	for c := range kw.field("invalid_tool_calls").items() {
		p := toolCall(c)
		p.GetToolCall().Invalid = true
		saw(p.GetToolCall().Id)
		out = append(out, p)
	}
	if role == pb.Role_ROLE_ASSISTANT {
		for c := range kw.field("content").items() { // as Anthropic has them, where nobody took them out
			if t := c.str("type"); (t == "tool_use" || t == "tool_call") && !seen[c.str("id")] {
				out = append(out, toolCall(c))
			}
		}
		if f := kw.field("function_call"); f.kind() == kMap && len(out) == 0 { // before there were tools
			out = append(out, toolCall(f))
		}
	}
	more := kw.field("additional_kwargs")
	if len(more.b) <= 2 { // null in msgpack, {}
		return out
	}
	if s := more.str("reasoning_content"); s != "" {
		out = append(out, &pb.Part{Body: &pb.Part_Reasoning{Reasoning: &pb.Reasoning{Text: s}}})
	}
	if s := more.str("refusal"); s != "" {
		out = append(out, &pb.Part{Body: &pb.Part_Refusal{Refusal: s}})
	}
	for c := range more.field("tool_calls").items() { // as OpenAI has them; doubles of tool_calls are left out
		if f := c.field("function"); role == pb.Role_ROLE_ASSISTANT && f.kind() == kMap && !seen[c.str("id")] {
			out = append(out, toolCall(c))
		}
	}
	return out
}

// toolCall maps a call of LangChain ("args"), Anthropic ("input") or OpenAI ("function").
func toolCall(c val) *pb.Part {
	t := &pb.ToolCall{Id: c.str("id")}
	if f := c.field("function"); f.kind() == kMap {
		c = f
	}
	t.Name = c.str("name")
	for _, k := range []string{"args", "input", "arguments"} {
		a, ok := c.get(k)
		if !ok {
			continue
		}
		if s, isText := a.text(); isText {
			t.ArgumentsJson = []byte(s)
		} else {
			t.ArgumentsJson = full(a)
		}
		break
	}
	return &pb.Part{Body: &pb.Part_ToolCall{ToolCall: t}}
}

// full is v as JSON: verbatim where it is JSON, rendered whole where it is msgpack.
func full(v val) []byte {
	if !v.pack {
		return bytes.Clone(v.b)
	}
	return render(v, 4*len(v.b)+1024)
}

func inline(mediaType string, b []byte) *pb.Data {
	return &pb.Data{MediaType: mediaType, Body: &pb.Data_Inline{Inline: b}}
}
