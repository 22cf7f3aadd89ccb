package agentcore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// event is the part of an Event that is read; the rest stays in native.
type event struct {
	ActorID        string                     `json:"actorId"`
	SessionID      string                     `json:"sessionId"`
	EventID        string                     `json:"eventId"`
	EventTimestamp moment                     `json:"eventTimestamp"`
	Payload        []json.RawMessage          `json:"payload"`
	Branch         *branch                    `json:"branch"`
	Metadata       map[string]json.RawMessage `json:"metadata"`
}

type branch struct {
	Name        string `json:"name"`
	RootEventID string `json:"rootEventId,omitempty"`
}

func (b *branch) name() string {
	if b == nil || b.Name == "" {
		return "main"
	}
	return b.Name
}

func messageKey(mem, actor, session, event string, n int) string {
	if n == 0 {
		return agentstate.Key("message", mem, actor, session, event)
	}
	return agentstate.Key("message", mem, actor, session, event, strconv.Itoa(n))
}

// messages makes the records of one event: the first holds it, and each further speaker is a
// reading of it.
func messages(mem string, doc json.RawMessage, e *event, parent string, position uint64) []*pb.Message {
	meta := agentstate.Meta("message", agentstate.Document("Event", "application/json", doc), mem, e.ActorID, e.SessionID, e.EventID)
	meta.CreatedUnixNano = nanos(e.EventTimestamp)
	meta.SubjectKeys = []string{agentstate.Key("principal", mem, e.ActorID)}
	meta.Labels = labels(e.Metadata)
	first := &pb.Message{Meta: meta, ConversationKey: agentstate.Key("conversation", mem, e.ActorID, e.SessionID),
		ParentKey: parent, Position: position, NativeId: e.EventID}
	out := []*pb.Message{first}
	spoken := false
	for _, p := range e.Payload {
		role, native, part := payload(p)
		if native == "" { // not a speaker's: it belongs to the event as a whole
			first.Parts = append(first.Parts, part)
			continue
		}
		m := first
		if last := out[len(out)-1]; spoken && (last.Role != role || last.NativeRole != nativeRole(native)) {
			m = &pb.Message{Meta: agentstate.Meta("message", nil, mem, e.ActorID, e.SessionID, e.EventID, strconv.Itoa(len(out))),
				ConversationKey: first.ConversationKey, ParentKey: last.Meta.Key, Position: position, NativeId: e.EventID}
			m.Meta.CreatedUnixNano, m.Meta.SubjectKeys = meta.CreatedUnixNano, meta.SubjectKeys
			m.Meta.ViewOfKeys = []string{meta.Key}
			out = append(out, m)
		} else if spoken {
			m = last
		}
		spoken = true
		m.Role, m.NativeRole = role, nativeRole(native)
		m.Parts = append(m.Parts, part)
	}
	return out
}

// nativeRole keeps the runtime's word where the role does not say it.
func nativeRole(word string) string {
	switch word {
	case "USER", "ASSISTANT", "TOOL":
		return ""
	}
	return word
}

// payload reads one member of a payload. The native word is empty where nobody speaks.
func payload(p json.RawMessage) (pb.Role, string, *pb.Part) {
	var u struct {
		Conversational *struct {
			Role    string
			Content struct{ Text *string }
		}
		Blob json.RawMessage
		JSON *struct{ Content json.RawMessage }
	}
	if err := json.Unmarshal(p, &u); err == nil {
		switch {
		case u.Conversational != nil && u.Conversational.Content.Text != nil && sound(p, *u.Conversational.Content.Text):
			roles := map[string]pb.Role{"USER": pb.Role_ROLE_USER, "ASSISTANT": pb.Role_ROLE_ASSISTANT, "TOOL": pb.Role_ROLE_TOOL}
			return roles[u.Conversational.Role], u.Conversational.Role, &pb.Part{Body: &pb.Part_Text{Text: *u.Conversational.Content.Text}}
		case u.Blob != nil:
			return 0, "", &pb.Part{Body: &pb.Part_Data{Data: agentstate.Inline("application/json", u.Blob)}}
		case u.JSON != nil && u.JSON.Content != nil:
			return 0, "", &pb.Part{Body: &pb.Part_Data{Data: agentstate.Inline("application/json", u.JSON.Content)}}
		}
	}
	return 0, "", &pb.Part{Body: &pb.Part_Data{Data: agentstate.Inline("application/json", p)}}
}

// sound tells whether text says what the document does: a lone surrogate would not survive.
func sound(doc json.RawMessage, text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	return !bytes.ContainsRune([]byte(text), utf8.RuneError) || bytes.ContainsRune(doc, utf8.RuneError)
}

// labels are the metadata of an event or record. A value that is not text is a JSON document.
func labels(md map[string]json.RawMessage) []*pb.Label {
	var out []*pb.Label
	for _, k := range sortedKeys(md) {
		var v struct{ StringValue *string }
		l := &pb.Label{Name: k, Value: string(md[k])}
		if err := json.Unmarshal(md[k], &v); err == nil && v.StringValue != nil {
			l.Value = *v.StringValue
		}
		out = append(out, l)
	}
	return out
}

// spill moves native documents and data that are above agentstate.SpillSize into blobs.
func spill(r agentstate.Record, blobs map[string][]byte) {
	move := func(d *pb.Data) {
		if b := d.GetInline(); len(b) > agentstate.SpillSize {
			id := fmt.Sprintf("%s#%d", r.GetMeta().GetKey(), len(blobs))
			blobs[id] = b
			d.Body = &pb.Data_Blob{Blob: &pb.Blob{Id: id}}
		}
	}
	for _, n := range r.GetMeta().GetNative() {
		move(n.GetData())
	}
	switch r := r.(type) {
	case *pb.Message:
		for _, p := range r.Parts {
			move(p.GetData())
		}
	case *pb.MemorySpace:
		move(r.Settings)
	case *pb.ToolServer:
		move(r.Definition)
	case *pb.Tool:
		move(r.InputSchema)
		move(r.OutputSchema)
	case *pb.Agent:
		move(r.Instructions)
	}
}
