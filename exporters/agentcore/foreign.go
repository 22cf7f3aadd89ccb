package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/lazyre"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// What an id may not hold; compiled once.
var (
	notSession   = lazyre.New(`[^a-zA-Z0-9_-]+`)
	notNamespace = lazyre.New(`[^a-zA-Z0-9_/-]+`)
	notValue     = lazyre.New(`[^a-zA-Z0-9\s._:/=+@-]`)
)

const maxText = 100_000 // characters of one payload

// sessionID is the session that a conversation of another runtime becomes: its id where the service
// takes it, else as much of it as it takes and a digest.
func sessionID(key string) string {
	_, parts := agentstate.SplitKey(key)
	id := strings.Join(parts, "-")
	ok := notSession().ReplaceAllString(id, "-")
	if ok != id || ok == "" || len(ok) > 100 || strings.HasPrefix(ok, "-") || strings.HasPrefix(ok, "_") {
		ok = "x" + ok
		ok = ok[:min(len(ok), 80)] + "-" + token(key)[:16]
	}
	return ok
}

// actorID is the person whom a conversation is with.
func actorID(keys []string) string {
	for _, k := range keys {
		if agentstate.KindOfKey(k) != "principal" {
			continue
		}
		_, parts := agentstate.SplitKey(k)
		had := parts[len(parts)-1]
		id := strings.Trim(notSession().ReplaceAllString(had, "-"), "-_")
		if id != "" && id == had && len(id) <= 200 {
			return id
		}
		return strings.TrimPrefix(id[:min(len(id), 200)]+"-"+token(k)[:16], "-") // no two people become one
	}
	return "exitramp"
}

func (w *writer) foreignConversation(ctx context.Context, r *pb.Conversation) (replay.Receipt, error) {
	p, err := w.at(ctx, "")
	if err != nil {
		return replay.Receipt{}, err
	}
	rc := replay.Receipt{Action: replay.Skipped, Why: "a session comes into being with its first event", NoLoss: true, Target: agentstate.Key("conversation", p.id, actorID(r.ParticipantKeys), sessionID(r.Meta.Key)),
		Losses: fidelity.Lost(r, "a session is an actor, an id and events, and nothing else", "head_key")}
	rc.Losses = added(rc.Losses, r, "the service's own, or the actor's", "meta.created_unix_nano", "meta.subject_keys", "participant_keys", "head_key")
	return rc, nil
}

// prepareForeign makes an event of a message of another runtime.
func (w *writer) prepareForeign(ctx context.Context, m *pb.Message) (*outEvent, replay.Receipt, error) {
	p, err := w.at(ctx, "")
	if err != nil {
		return nil, replay.Receipt{}, err
	}
	target, ok := w.run.Target(m.ConversationKey)
	_, parts := agentstate.SplitKey(target)
	if !ok || len(parts) != 3 {
		return nil, refuse("its conversation was not written"), nil
	}
	o := &outEvent{rec: m, p: p, mem: p.id, actor: parts[1], id: parts[2]}
	roles := map[pb.Role]string{pb.Role_ROLE_USER: "USER", pb.Role_ROLE_ASSISTANT: "ASSISTANT", pb.Role_ROLE_TOOL: "TOOL"}
	role := roles[m.Role]
	if role == "" {
		role = "OTHER" // also the operator's words: no role here has their power
	}
	kept := []string{"role", "meta.created_unix_nano", "conversation_key", "parent_key", "position"}
	whole, spoken := true, false
	for _, part := range m.Parts {
		if b, ok := part.Body.(*pb.Part_Text); ok && b.Text != "" && utf8.RuneCountInString(b.Text) <= maxText {
			c, err := marshal(map[string]any{"conversational": map[string]any{"role": role, "content": map[string]any{"text": b.Text}}})
			if err != nil {
				return nil, refuse("its text cannot be written"), nil
			}
			o.ev.Payload = append(o.ev.Payload, c)
			spoken = true
			continue
		}
		whole = false
		doc, err := w.partJSON(ctx, part)
		if err != nil {
			return nil, replay.Receipt{}, err
		}
		if doc != nil {
			o.ev.Payload = append(o.ev.Payload, doc)
		}
	}
	if len(o.ev.Payload) == 0 {
		return nil, skip("it says nothing that an event can hold"), nil
	}
	if len(o.ev.Payload) > 100 {
		return nil, refuse(fmt.Sprintf("%d parts: an event holds 100", len(o.ev.Payload))), nil
	}
	kept = append(kept, "parts")
	ms := m.Meta.CreatedUnixNano / 1e6
	o.losses = fidelity.Lost(m, "an event has no such field", kept...)
	if !whole {
		o.losses = append(o.losses, loss("parts", fidelity.Transformed, "what is not text is a blob of JSON, or left out: reasoning, media, approvals"))
	}
	for _, f := range []string{"parent_key", "position"} {
		o.losses = append(o.losses, loss(f, fidelity.Transformed, "the events of a session are one line, in the order of their times"))
	}
	o.losses = added(o.losses, m, "the service's own, or the actor's", "native_id", "meta.subject_keys")
	switch {
	case m.Meta.CreatedUnixNano == 0: // the runtime says no times: keep the order
		ms = 1_000_000_000_000 + int64(min(m.Position, 1<<40))
		o.losses = append(o.losses, loss("meta.created_unix_nano", fidelity.Defaulted, "an event needs a time: from 9 September 2001 on, in order"))
	case m.Meta.CreatedUnixNano%1e6 != 0:
		o.losses = append(o.losses, loss("meta.created_unix_nano", fidelity.Transformed, "cut to milliseconds"))
	}
	switch {
	case !spoken:
		o.losses = append(o.losses, loss("role", fidelity.Dropped, "a blob has no speaker"))
	case role == "OTHER":
		o.losses = append(o.losses, loss("role", fidelity.Dropped, "the service has no such role: OTHER"), loss("native_role", fidelity.Defaulted, "the service has no such role: OTHER"))
	}
	o.ev.EventTimestamp = stamp(ms)
	return o, replay.Receipt{}, nil
}

// partJSON is a part that is not text as a blob; nil: it has no form here.
func (w *writer) partJSON(ctx context.Context, part *pb.Part) (json.RawMessage, error) {
	v := map[string]any{}
	switch b := part.Body.(type) {
	case *pb.Part_Text:
		v["text"] = b.Text
	case *pb.Part_ToolCall:
		v["toolCall"] = map[string]any{"id": b.ToolCall.Id, "name": b.ToolCall.Name, "arguments": string(b.ToolCall.ArgumentsJson)}
	case *pb.Part_ToolResult:
		out, err := w.run.Source.Data(ctx, b.ToolResult.Output)
		if err != nil && !errors.Is(err, agentstate.ErrUnsupported) {
			return nil, err
		}
		v["toolResult"] = map[string]any{"id": b.ToolResult.Id, "name": b.ToolResult.Name, "output": string(out), "isError": b.ToolResult.IsError}
	case *pb.Part_Refusal:
		v["refusal"] = b.Refusal
	case *pb.Part_Data:
		d, err := w.run.Source.Data(ctx, b.Data)
		if err != nil && !errors.Is(err, agentstate.ErrUnsupported) {
			return nil, err
		}
		if len(d) == 0 {
			return nil, nil
		}
		if json.Valid(d) {
			v["data"] = json.RawMessage(d)
		} else {
			v["base64"] = d
		}
	default: // reasoning is bound to its provider, media and approvals have no form here
		return nil, nil
	}
	doc, err := marshal(map[string]any{"blob": v})
	if err != nil {
		return nil, nil
	}
	return doc, nil
}

// prepareForeignRecord makes a memory record of a memory of another runtime.
func (w *writer) prepareForeignRecord(ctx context.Context, m *pb.Memory) (*outRecord, replay.Receipt, error) {
	p, err := w.at(ctx, "")
	if err != nil {
		return nil, replay.Receipt{}, err
	}
	text, kept := "", []string{"valid_from_unix_nano"}
	var losses []fidelity.Loss
	switch c := m.Content.(type) {
	case *pb.Memory_Text:
		text, kept = c.Text, append(kept, "text")
	case *pb.Memory_Data:
		b, err := w.run.Source.Data(ctx, c.Data)
		if err != nil {
			return nil, replay.Receipt{}, err
		}
		if text = string(b); !utf8.Valid(b) {
			return nil, refuse("it is not text"), nil
		}
		losses = append(losses, loss("data", fidelity.Transformed, "a document becomes the text of a record"), loss("text", fidelity.Transformed, "a document becomes the text of a record"))
		kept = append(kept, "data")
	}
	if n := utf8.RuneCountInString(text); n == 0 || n > 16000 {
		return nil, refuse(fmt.Sprintf("%d of 16000 characters", n)), nil
	}
	_, parts := agentstate.SplitKey(m.SpaceKey)
	ns := "/" + notNamespace().ReplaceAllString(strings.Join(parts, "/"), "-")
	if len(ns) > 1000 {
		ns = ns[:900] + "-" + token(m.SpaceKey)[:16]
	}
	content, err := marshal(map[string]any{"text": text})
	if err != nil {
		return nil, refuse("it cannot be written"), nil
	}
	o := &outRecord{p: p, ID: token(m.Meta.Key), Namespaces: []string{ns}, Content: content, Metadata: map[string]json.RawMessage{}}
	at := m.ValidFromUnixNano
	if at == 0 {
		at = m.Meta.CreatedUnixNano
	}
	if at == 0 {
		at = m.Meta.UpdatedUnixNano
	}
	if at == 0 {
		at = 1e18 // the service wants one
		losses = append(losses, loss("valid_from_unix_nano", fidelity.Defaulted, "a record needs a time: 9 September 2001"))
	} else if m.ValidFromUnixNano == 0 || at%1e6 != 0 {
		losses = append(losses, loss("valid_from_unix_nano", fidelity.Transformed, "the service wants a time, in milliseconds: when it was made"))
	}
	o.Timestamp = stamp(at / 1e6)
	fits := len(m.Meta.Labels) <= 20
	for _, l := range m.Meta.Labels {
		fits = fits && l.Value != "" && len(l.Value) <= 256 && len(l.Name) <= 128 && !notValue().MatchString(l.Value) && !notValue().MatchString(l.Name)
	}
	if fits {
		for _, l := range m.Meta.Labels {
			o.Metadata[l.Name] = json.RawMessage(fmt.Sprintf(`{"stringValue":%q}`, l.Value))
		}
		kept = append(kept, "meta.labels")
		if !slices.IsSortedFunc(m.Meta.Labels, func(a, b *pb.Label) int { return strings.Compare(a.Name, b.Name) }) {
			for _, p := range []string{"meta.labels.name", "meta.labels.value"} {
				losses = append(losses, loss(p, fidelity.Equivalent, "metadata has no order"))
			}
		}
	}
	losses = append(losses, loss("space_key", fidelity.Equivalent, "a namespace: "+ns))
	o.losses = added(append(fidelity.Lost(m, "a record has no such field", append(kept, "space_key")...), losses...), m, "the service's own", "meta.created_unix_nano")
	return o, replay.Receipt{}, nil
}

// added announces fields that the service fills in where r has none.
func added(ls []fidelity.Loss, r agentstate.Record, why string, fields ...string) []fidelity.Loss {
	has := fidelity.Paths(r)
	for _, f := range fields {
		if !slices.Contains(has, f) {
			ls = append(ls, loss(f, fidelity.Defaulted, why))
		}
	}
	return ls
}
