package main

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"iter"
	"math"
	"os"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// The JSON peer: a line a record in one deflated zip member, by the standard library, as tools
// of the .alf and .af sort do it. It holds the same content: mapped fields and native.

type line struct {
	Kind   string            `json:"kind"`
	Key    string            `json:"key"`
	At     int64             `json:"created,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	Space  string            `json:"space,omitempty"`
	Name   string            `json:"name,omitempty"`
	Path   []string          `json:"path,omitempty"`
	Tags   []string          `json:"tags,omitempty"`
	Value  json.RawMessage   `json:"value,omitempty"`
	Of     string            `json:"of,omitempty"`
	Model  string            `json:"model,omitempty"`
	Vector []float32         `json:"vector,omitempty"`
	Parent string            `json:"parent,omitempty"`
	Role   string            `json:"role,omitempty"`
	Text   string            `json:"text,omitempty"`
	Call   *call             `json:"call,omitempty"`
	Refs   map[string]string `json:"channels,omitempty"`
	Native []map[string]any  `json:"native,omitempty"`
}

type call struct {
	ID   string          `json:"id"`
	Name string          `json:"name,omitempty"`
	Args json.RawMessage `json:"args,omitempty"`
}

func toLine(r agentstate.Record) *line {
	m := r.GetMeta()
	l := &line{Kind: agentstate.KindOf(r), Key: m.Key, At: m.CreatedUnixNano}
	for _, b := range m.Labels {
		if l.Labels == nil {
			l.Labels = map[string]string{}
		}
		l.Labels[b.Name] = b.Value
	}
	for _, n := range m.Native {
		o := map[string]any{"type": n.Type}
		if d := n.GetData(); d != nil {
			o["data"] = string(d.GetInline())
		}
		for _, c := range n.GetRow().GetColumns() {
			switch v := c.Value.(type) {
			case *pb.Column_Text:
				o[c.Name] = string(v.Text)
			case *pb.Column_Integer:
				o[c.Name] = v.Integer
			case *pb.Column_At:
				o[c.Name] = v.At
			}
		}
		l.Native = append(l.Native, o)
	}
	switch r := r.(type) {
	case *pb.MemorySpace:
		l.Path = r.Path
	case *pb.Memory:
		l.Space, l.Name, l.Tags, l.Value = r.SpaceKey, r.Name, r.Tags, r.GetData().GetInline()
	case *pb.Embedding:
		l.Of, l.Model = r.OfKey, r.Model
		l.Vector = make([]float32, len(r.Vector)/4)
		for i := range l.Vector {
			l.Vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(r.Vector[4*i:]))
		}
	case *pb.Conversation:
		l.Name = r.Title
	case *pb.Message:
		l.Space, l.Parent, l.Role, l.Model = r.ConversationKey, r.ParentKey, r.Role.String(), r.Model
		for _, p := range r.Parts {
			switch b := p.Body.(type) {
			case *pb.Part_Text:
				l.Text = b.Text
			case *pb.Part_ToolCall:
				l.Call = &call{b.ToolCall.Id, b.ToolCall.Name, b.ToolCall.ArgumentsJson}
			case *pb.Part_ToolResult:
				l.Call, l.Value = &call{ID: b.ToolResult.Id}, b.ToolResult.Output.GetInline()
			}
		}
	case *pb.ChannelValue:
		l.Space, l.Value = r.ConversationKey, r.Value.GetInline()
	case *pb.Checkpoint:
		l.Space, l.Parent = r.ConversationKey, r.ParentKey
		l.Refs = map[string]string{}
		for _, c := range r.Channels {
			l.Refs[c.Channel] = c.ValueKey
		}
	}
	return l
}

func writeJSON(path string, lines []*line) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	z := zip.NewWriter(f)
	w, err := z.Create("records.jsonl")
	if err != nil {
		return err
	}
	if err := encode(w, slices.Values(lines)); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Close()
}

// jsonLines writes the same lines of the records that stream makes, in their order, one at a time.
func jsonLines(mix, count, out string) error {
	recs, n, err := made(mix, count)
	if err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	c := start()
	if err := encode(f, func(yield func(*line) bool) {
		for r := range recs {
			if !yield(toLine(r)) {
				return
			}
		}
	}); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return c.print("jsonl", n, 0, out)
}

func encode(w io.Writer, lines iter.Seq[*line]) error {
	bw := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(bw)
	for l := range lines {
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	return bw.Flush()
}

// readJSON decodes every record and returns their number and the bytes of their keys, which
// shows that the work was done.
func readJSON(path string) (n, keys int, err error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return 0, 0, err
	}
	defer z.Close()
	rc, err := z.File[0].Open()
	if err != nil {
		return 0, 0, err
	}
	defer rc.Close()
	dec := json.NewDecoder(bufio.NewReaderSize(rc, 1<<16))
	for {
		var l line
		if err := dec.Decode(&l); err == io.EOF {
			return n, keys, nil
		} else if err != nil {
			return n, keys, err
		}
		n, keys = n+1, keys+len(l.Key)
	}
}
