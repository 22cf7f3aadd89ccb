package values

import (
	"fmt"
	"iter"
	"strconv"
)

// Checkpoint is what of a checkpoint document is needed to know its channels.
type Checkpoint struct {
	ID           string
	TS           string
	V            int64
	Channels     []Channel // channel_versions, in the order of the document
	Inline       []Span    // channel_values, in the order of the document
	Updated      []string  // updated_channels; nil: the document has none
	PendingSends bool      // it holds sends itself, as version 3 and below do
}

// Channel is a channel and its version, as a blob's version column spells it.
type Channel struct{ Name, Version string }

// Span is where a channel's value stands in the document: b[Start:End] is itself a value of the
// serializer.
type Span struct {
	Name       string
	Start, End int
}

// ParseCheckpoint reads a checkpoint document: msgpack or JSON, also PostgreSQL's JSONB as text.
func ParseCheckpoint(serializer string, b []byte) (*Checkpoint, error) {
	v, err := parse(serializer, b)
	if err != nil {
		return nil, err
	}
	if v.kind() != kMap {
		return nil, fmt.Errorf("%w: a checkpoint is a map", ErrValue)
	}
	base := len(b) - len(v.b)
	if !v.pack {
		base = space(b, 0)
	}
	c := &Checkpoint{}
	for f := range v.fields() {
		name, _ := f.key.text()
		switch name {
		case "id":
			c.ID, _ = f.value.text()
		case "ts":
			c.TS, _ = f.value.text()
		case "v":
			c.V, _ = strconv.ParseInt(f.value.number(), 10, 64)
		case "channel_versions":
			for x := range f.value.fields() {
				n, ok := x.key.text()
				if !ok {
					return nil, fmt.Errorf("%w: a channel's name is not text", ErrValue)
				}
				ver, ok := x.value.text()
				if !ok {
					ver = x.value.number()
				}
				c.Channels = append(c.Channels, Channel{n, ver})
			}
		case "channel_values":
			at := base + f.at
			for x := range f.value.fields() {
				n, ok := x.key.text()
				if !ok {
					return nil, fmt.Errorf("%w: a channel's name is not text", ErrValue)
				}
				c.Inline = append(c.Inline, Span{n, at + x.at, at + x.at + len(x.value.b)})
			}
		case "updated_channels":
			if f.value.kind() == kArray {
				c.Updated = []string{}
				for x := range f.value.items() {
					s, _ := x.text()
					c.Updated = append(c.Updated, s)
				}
			}
		case "pending_sends":
			c.PendingSends = sendsWait(f.value)
		}
	}
	return c, nil
}

// Seen are the nodes that have run, each with the channels that it has seen, in a checkpoint document.
func Seen(serializer string, b []byte) iter.Seq2[string, string] {
	return func(yield func(node, channel string) bool) {
		v, err := parse(serializer, b)
		if err != nil {
			return
		}
		for node := range v.field("versions_seen").fields() {
			name, _ := node.key.text()
			for ch := range node.value.fields() {
				if channel, ok := ch.key.text(); ok && !yield(name, channel) {
					return
				}
			}
		}
	}
}

// sendsWait tells whether a list of sends holds any. PostgreSQL's first releases wrote it as a serializer's name and
// its bytes in base64.
func sendsWait(v val) bool {
	n, last := 0, ""
	for x := range v.items() {
		n++
		last, _ = x.text()
	}
	return n > 0 && (n != 2 || last != "W10=" && last != "kA==") // [] in JSON, and in msgpack
}

// number is a number's text, "" for anything else.
func (v val) number() string {
	if v.kind() != kNumber {
		return ""
	}
	if v.pack {
		return packNumber(v.b)
	}
	return string(v.b)
}

// KV is a name and a value; values that are not text are JSON.
type KV struct{ Name, Value string }

// Metadata is the metadata document of a checkpoint.
type Metadata struct {
	Source  string // "input", "loop", "update", "fork"
	Step    *int64 // nil: not said
	RunID   string
	Parents []KV     // namespace → checkpoint id
	Delta   []string // channels that are rebuilt from writes
	Extra   []KV     // what the caller added
}

// ParseMetadata reads a metadata document, which is JSON everywhere.
func ParseMetadata(b []byte) (Metadata, error) {
	var m Metadata
	v, err := parse("json", b)
	if err != nil {
		return m, err
	}
	for f := range v.fields() {
		name, _ := f.key.text()
		switch name {
		case "source":
			m.Source, _ = f.value.text()
		case "step":
			if n, err := strconv.ParseInt(f.value.number(), 10, 64); err == nil {
				m.Step = &n
			}
		case "run_id":
			m.RunID, _ = f.value.text()
		case "parents":
			for x := range f.value.fields() {
				ns, _ := x.key.text()
				id, _ := x.value.text()
				m.Parents = append(m.Parents, KV{ns, id})
			}
		case "counters_since_delta_snapshot":
			for x := range f.value.fields() {
				ch, _ := x.key.text()
				m.Delta = append(m.Delta, ch)
			}
		case "writes":
		default:
			m.Extra = append(m.Extra, KV{name, plain(f.value, 4096)})
		}
	}
	return m, nil
}

// plain is a text as it is, and anything else as JSON.
func plain(v val, max int) string {
	if s, ok := v.text(); ok {
		if len(s) > max {
			s = validCut(s, max)
		}
		return s
	}
	return string(render(v, max))
}
