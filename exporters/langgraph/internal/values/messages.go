package values

import (
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// messages reads a value that is a list of chat messages, or one. ok is false when it is something else: then it is no
// conversation. The messages have no Meta.
func messages(v val) (ms []*pb.Message, ok bool) {
	v, _ = inside(v)
	if m := message(v); m != nil {
		return []*pb.Message{m}, true
	}
	if v.kind() != kArray {
		return nil, false
	}
	if ms, surely, ok := listed(v); surely && ok {
		return ms, true
	}
	return nil, false
}

// A Write is what one write does to a chat that is kept as its writes.
type Write struct {
	Messages []*pb.Message // with native role "remove": take that one away, RemoveAll all before it
	Reset    bool          // what was there before goes
	Surely   bool          // it holds something that can be nothing but a message
}

// RemoveAll is the id of a removed message that stands for all of them.
const RemoveAll = "__remove_all__"

// Written reads one write to a channel that may be a chat. ok is false when no chat takes such a write.
func Written(serializer string, b []byte) (w Write, ok bool, err error) {
	if serializer == "null" {
		return Write{}, true, nil
	}
	v, err := parse(serializer, b)
	if err != nil {
		return Write{}, false, err
	}
	v, w.Reset = inside(v)
	switch m := message(v); {
	case m != nil:
		w.Messages, w.Surely, ok = []*pb.Message{m}, true, true
	case v.kind() == kArray:
		w.Messages, w.Surely, ok = listed(v)
	case v.kind() == kNil:
		ok = true
	case v.kind() == kString:
		if m := loose(v); m != nil {
			w.Messages, ok = []*pb.Message{m}, true
		}
	}
	return w, ok, nil
}

// inside is the value inside a snapshot of a delta channel, or inside one that overwrites.
func inside(v val) (_ val, overwrites bool) {
	o, ok := v.object()
	if !ok {
		return v, false
	}
	switch o.class() {
	case "DeltaSnapshot", "delta_snapshot":
		return o.args, false
	case "Overwrite":
		for x := range o.args.items() { // positional: the value comes first
			return x, true
		}
		if x, ok := o.args.get("value"); ok {
			return x, true
		}
		return o.args, true
	}
	return v, false
}

// listed maps the elements of a list. ok is false where one can be no message; surely is false where
// none must be one.
func listed(v val) (ms []*pb.Message, surely, ok bool) {
	for x := range v.items() {
		m := message(x)
		if m != nil {
			surely = true
		} else if m = loose(x); m == nil {
			return nil, false, false
		}
		ms = append(ms, m)
	}
	return ms, surely, true
}

// loose maps what counts as a message among messages: a text, which the library takes for a person's,
// a pair of role and content, and the map of another library.
func loose(x val) *pb.Message {
	switch x.kind() {
	case kString:
		if s, ok := x.text(); ok {
			return &pb.Message{Role: pb.Role_ROLE_USER, Parts: []*pb.Part{{Body: &pb.Part_Text{Text: s}}}}
		}
	case kArray:
		var pair []val
		for p := range x.items() {
			if pair = append(pair, p); len(pair) > 2 {
				return nil
			}
		}
		if len(pair) != 2 {
			return nil
		}
		role, _ := pair[0].text()
		if r := roleOf(role); r != pb.Role_ROLE_UNSPECIFIED {
			return &pb.Message{Role: r, Parts: content(pair[1])}
		}
	case kMap:
		m := &pb.Message{NativeId: x.str("id"), NativeRole: x.str("role"), Parts: []*pb.Part{data(x)}}
		m.Role = roleOf(m.NativeRole)
		return m
	}
	return nil
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
		d, nested := v.get("data")
		if nested = nested && d.kind() == kMap; nested { // messages_to_dict
			kw = d
		}
		chat := nested && role == "chat"
		if roleOf(role) == pb.Role_ROLE_UNSPECIFIED && !chat || !says(kw) {
			return nil
		}
		if chat {
			role = kw.str("role")
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
	m.Parts = append(content(said(fs)), extras(fs, m.Role)...)
	if len(m.Parts) > 0 && m.Parts[0].GetToolResult() != nil && m.Role == pb.Role_ROLE_USER {
		m.Role, m.NativeRole = pb.Role_ROLE_TOOL, role
	}
	return m
}

// says tells whether a map has what a message says: OpenAI leaves the content out beside a call.
func says(kw val) bool {
	for _, k := range []string{"content", blocks, "tool_calls", "function_call"} {
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
