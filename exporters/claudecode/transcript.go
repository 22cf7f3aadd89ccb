package claudecode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxLine is how long a line may be to be taken apart; longer ones are in the file alone.
const maxLine = 32 << 20

// A record is one line of a transcript, as far as it is read here.
type record struct {
	Type       string          `json:"type"`
	Subtype    string          `json:"subtype"`
	UUID       string          `json:"uuid"`
	Parent     *string         `json:"parentUuid"`
	Logical    string          `json:"logicalParentUuid"`
	Sidechain  bool            `json:"isSidechain"`
	Agent      string          `json:"agentId"`
	Timestamp  string          `json:"timestamp"`
	Cwd        string          `json:"cwd"`
	Message    json.RawMessage `json:"message"`
	Content    json.RawMessage `json:"content"`
	Summary    string          `json:"summary"`
	Title      string          `json:"customTitle"`
	Leaf       string          `json:"leafUuid"`
	ForkedFrom json.RawMessage `json:"forkedFrom"`
}

// body is the message of a user's or an assistant's line.
type body struct {
	ID      string          `json:"id"`
	Role    string          `json:"role"`
	Model   string          `json:"model"`
	Content json.RawMessage `json:"content"`
}

// isMessage tells whether a line is part of the conversation. The rest is bookkeeping, also where
// it holds copies of messages, as api-request-blob does.
func (r *record) isMessage() bool {
	return (r.Type == "user" || r.Type == "assistant") && r.UUID != "" && len(r.Message) > 0 || r.Type == "system" && r.UUID != "" && r.Subtype != ""
}

// eachRecord calls fn for every line of the file's first size bytes. bad: the line is not JSON, or
// too long.
func eachRecord(f found, fn func(no int, r *record, bad string) error) error {
	err := homefiles.EachLine(f.path, f.size, maxLine, func(no int, line []byte) error {
		r := &record{}
		bad := ""
		switch {
		case line == nil:
			bad = fmt.Sprintf("longer than %d MiB; it is in the file alone", maxLine>>20)
		case len(bytes.TrimSpace(line)) == 0:
			return nil
		case json.Unmarshal(line, r) != nil && !json.Valid(line):
			bad = fmt.Sprintf("%d bytes that are not JSON", len(line))
		}
		return fn(no, r, bad)
	})
	if err != nil && !errors.Is(err, errStop) {
		return fmt.Errorf("claudecode: %w", err)
	}
	return err
}

// An outline is what a transcript is as a whole: its tree and its names.
type outline struct {
	title, cwd   string
	head         string // key of the message that the next turn continues
	keys         map[string]string
	parents      map[string]string // key of a message → key of the one it follows
	branched     bool
	from, to     int64
	forked       bool
	bad          []string // lines that are not read, with their place
	messages     int
	lastOfAPI    string // id of the API message under way
	lastKey      string
	children     map[string]bool
	leaf, custom string
}

// scan reads the outline of f.
func scan(f found) (*outline, error) {
	o := &outline{keys: map[string]string{}, parents: map[string]string{}, children: map[string]bool{}}
	parts := f.keyParts()
	err := eachRecord(f, func(no int, r *record, bad string) error {
		if bad != "" {
			o.bad = append(o.bad, fmt.Sprintf("line %d: %s", no, bad))
			return nil
		}
		if o.cwd == "" {
			o.cwd = r.Cwd
		}
		o.forked = o.forked || len(r.ForkedFrom) > 0
		switch r.Type {
		case "summary":
			o.title = r.Summary
		case "custom-title":
			o.custom = r.Title
		case "last-prompt":
			o.leaf = r.Leaf
		}
		if r.UUID == "" {
			return nil
		}
		parent := ""
		if r.Parent != nil {
			parent = o.keys[*r.Parent]
		}
		if !r.isMessage() {
			o.keys[r.UUID] = parent // an attachment stands for what it follows
			return nil
		}
		if _, dup := o.keys[r.UUID]; dup {
			return nil // written twice: one message
		}
		var b body
		json.Unmarshal(r.Message, &b)
		if r.Type == "assistant" && b.ID != "" && b.ID == o.lastOfAPI && parent == o.lastKey {
			o.keys[r.UUID] = o.lastKey // a further block of the same answer
			return nil
		}
		key := agentstate.Key("message", append(parts[:len(parts):len(parts)], r.UUID)...)
		o.keys[r.UUID], o.parents[key] = key, parent
		o.messages++
		if o.children[parent] && parent != "" {
			o.branched = true
		}
		o.children[parent] = true
		if !r.Sidechain {
			o.head = key
		}
		o.lastOfAPI, o.lastKey = "", key
		if r.Type == "assistant" {
			o.lastOfAPI = b.ID
		}
		if t := timeOf(r.Timestamp); t != 0 {
			if o.from == 0 {
				o.from = t
			}
			o.to = max(o.to, t)
		}
		return nil
	})
	if k := o.keys[o.leaf]; k != "" {
		o.head = k
	}
	if o.custom != "" {
		o.title = o.custom
	}
	return o, err
}

// context is the path from the root to the head, where the tree has more than one.
func (o *outline) context() []string {
	if !o.branched {
		return nil
	}
	var out []string
	seen := map[string]bool{}
	for k := o.head; k != "" && !seen[k]; k = o.parents[k] {
		seen[k] = true
		out = append(out, k)
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func timeOf(s string) int64 {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0
	}
	return agentstate.UnixNano(t)
}

// messages yields the messages of a transcript, each block of one answer in one message.
func messages(f found, o *outline, conversation string, put func(*pb.Message) error) error {
	var cur *pb.Message
	done := map[string]bool{}
	flush := func() error {
		if cur == nil {
			return nil
		}
		m := cur
		cur = nil
		return put(m)
	}
	position := uint64(0)
	err := eachRecord(f, func(_ int, r *record, bad string) error {
		if bad != "" || !r.isMessage() || done[r.UUID] {
			return nil
		}
		done[r.UUID] = true
		key := o.keys[r.UUID]
		var b body
		json.Unmarshal(r.Message, &b)
		if cur != nil && cur.Meta.Key == key {
			cur.Parts = append(cur.Parts, parts(b.Content)...)
			return nil
		}
		if err := flush(); err != nil {
			return err
		}
		position++
		cur = &pb.Message{Meta: &pb.Meta{Key: key, ViewOfKeys: []string{conversation}, CreatedUnixNano: timeOf(r.Timestamp)}, ConversationKey: conversation,
			ParentKey: o.parents[key], Position: position, NativeId: valid(r.UUID), Model: valid(b.Model)}
		switch {
		case r.Type == "system":
			// A note of the program, not the operator's words: the model does not see most of them.
			cur.NativeRole = "system/" + valid(r.Subtype)
			cur.Parts = parts(r.Content)
			if r.Logical != "" {
				cur.Meta.Labels = append(cur.Meta.Labels, &pb.Label{Name: "logicalParentUuid", Value: valid(r.Logical)})
			}
		case b.Role == "assistant":
			cur.Role, cur.Parts = pb.Role_ROLE_ASSISTANT, parts(b.Content)
		default:
			cur.Role, cur.Parts = pb.Role_ROLE_USER, parts(b.Content)
			if len(cur.Parts) > 0 && cur.Parts[0].GetToolResult() != nil {
				cur.Role = pb.Role_ROLE_TOOL
			}
		}
		if r.Sidechain {
			cur.AuthorPath = []string{"sidechain"}
			if r.Agent != "" {
				cur.AuthorPath = append(cur.AuthorPath, valid(r.Agent))
			}
		}
		return nil
	})
	return errors.Join(err, flush())
}

func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// parts are the content of a message: text, or blocks.
func parts(raw json.RawMessage) []*pb.Part {
	var s string
	if json.Unmarshal(raw, &s) == nil && len(raw) > 0 && raw[0] == '"' {
		if s == "" {
			return nil
		}
		return []*pb.Part{{Body: &pb.Part_Text{Text: valid(s)}}}
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var out []*pb.Part
	for _, b := range list {
		out = append(out, part(b))
	}
	return out
}

func part(raw json.RawMessage) *pb.Part {
	var b struct {
		Type      string          `json:"type"`
		Text      string          `json:"text"`
		ID        string          `json:"id"`
		Name      string          `json:"name"`
		Input     json.RawMessage `json:"input"`
		ToolUse   string          `json:"tool_use_id"`
		Content   json.RawMessage `json:"content"`
		Error     bool            `json:"is_error"`
		Thinking  string          `json:"thinking"`
		Signature json.RawMessage `json:"signature"`
		Data      json.RawMessage `json:"data"`
		Source    struct {
			Type string `json:"type"`
			URL  string `json:"url"`
		} `json:"source"`
	}
	json.Unmarshal(raw, &b)
	switch b.Type {
	case "text":
		return &pb.Part{Body: &pb.Part_Text{Text: valid(b.Text)}}
	case "tool_use":
		c := &pb.ToolCall{Id: valid(b.ID), Name: valid(b.Name), ArgumentsJson: bytes.Clone(b.Input)}
		if len(b.Input) > agentstate.SpillSize {
			c.ArgumentsJson, c.Invalid = nil, true
		}
		return &pb.Part{Body: &pb.Part_ToolCall{ToolCall: c}}
	case "tool_result":
		r := &pb.ToolResult{Id: valid(b.ToolUse), IsError: b.Error}
		var s string
		if json.Unmarshal(b.Content, &s) == nil && len(b.Content) > 0 && b.Content[0] == '"' {
			r.Output = inline("text/plain", []byte(s))
		} else if text, ok := onlyText(b.Content); ok {
			r.Output = inline("text/plain", []byte(text))
		} else if len(b.Content) > 0 {
			r.Output = inline("application/json", bytes.Clone(b.Content))
		}
		return &pb.Part{Body: &pb.Part_ToolResult{ToolResult: r}}
	case "thinking", "redacted_thinking":
		r := &pb.Reasoning{Text: valid(b.Thinking)}
		if sealed := append(bytes.Clone(b.Signature), b.Data...); len(sealed) > 0 {
			r.Opaque, r.BoundTo = inline("application/json", sealed), "anthropic"
		}
		return &pb.Part{Body: &pb.Part_Reasoning{Reasoning: r}}
	case "image":
		if b.Source.Type == "url" {
			return &pb.Part{Body: &pb.Part_Media{Media: &pb.Media{Url: valid(b.Source.URL)}}}
		}
	}
	return &pb.Part{Body: &pb.Part_Data{Data: inline("application/json", bytes.Clone(raw))}}
}

// onlyText joins blocks that are all text.
func onlyText(raw json.RawMessage) (string, bool) {
	var list []struct{ Type, Text string }
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return "", false
	}
	var out []string
	for _, b := range list {
		if b.Type != "text" {
			return "", false
		}
		out = append(out, b.Text)
	}
	return strings.Join(out, "\n"), true
}

// inline is b in a reading of other bytes: what is too long for a record stands there alone.
func inline(media string, b []byte) *pb.Data {
	if len(b) > agentstate.SpillSize {
		return &pb.Data{MediaType: media}
	}
	return agentstate.Inline(media, b)
}
