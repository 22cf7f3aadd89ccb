package unpack

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/recordjson"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A column is one field of a kind, as people want to see it.
type column struct {
	name string
	// value is nil, string, int64, uint64, float64 or bool.
	value func(r agentstate.Record) any
}

// columns are those of every record of a kind: the key first, then the fields in the order of the
// schema, a Meta's among them but for native.
func columns(r agentstate.Record) []column {
	var out []column
	m := r.ProtoReflect().Descriptor()
	meta := m.Fields().ByName("meta").Message()
	for i := range meta.Fields().Len() {
		if fd := meta.Fields().Get(i); fd.Name() != "native" {
			out = append(out, column{label(fd), func(r agentstate.Record) any { return value(r.GetMeta().ProtoReflect(), fd) }})
		}
	}
	if _, ok := r.(*pb.Message); ok {
		out = append(out, column{"said", func(r agentstate.Record) any { return said(r.(*pb.Message)) }})
	}
	for i := range m.Fields().Len() {
		if fd := m.Fields().Get(i); fd.Name() != "meta" {
			out = append(out, column{label(fd), func(r agentstate.Record) any { return value(r.ProtoReflect(), fd) }})
		}
	}
	return out
}

const nanos = "_unix_nano"

// label is the name of the column of fd: times lose the unit that they no longer have.
func label(fd protoreflect.FieldDescriptor) string {
	return strings.TrimSuffix(string(fd.Name()), nanos)
}

func value(m protoreflect.Message, fd protoreflect.FieldDescriptor) any {
	if !m.Has(fd) {
		return nil
	}
	v := m.Get(fd)
	if fd.IsList() {
		var list []json.RawMessage
		for i := range v.List().Len() {
			list = append(list, element(fd, v.List().Get(i)))
		}
		b, err := json.Marshal(list)
		if err != nil { // its elements are JSON
			return nil
		}
		return string(b)
	}
	switch fd.Kind() {
	case protoreflect.MessageKind:
		if d, ok := v.Message().Interface().(*pb.Data); ok {
			if sum := d.GetBlob().GetSha256(); len(sum) > 0 {
				return blobFolder + "/" + hex.EncodeToString(sum)
			}
			if utf8.Valid(d.GetInline()) && d.GetBlob() == nil {
				return string(d.GetInline())
			}
		}
		return string(recordjson.AppendMessage(nil, v.Message()))
	case protoreflect.BytesKind:
		if b := v.Bytes(); strings.HasSuffix(string(fd.Name()), "_json") && utf8.Valid(b) {
			return string(b)
		}
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case protoreflect.EnumKind:
		return enum(fd, v.Enum())
	case protoreflect.Sfixed64Kind, protoreflect.Int64Kind, protoreflect.Sint64Kind:
		if strings.HasSuffix(string(fd.Name()), nanos) {
			return time.Unix(0, v.Int()).UTC().Format("2006-01-02T15:04:05.000000000Z") // of one length: texts in the order of time
		}
	}
	return v.Interface() // string, bool, numbers
}

// enum is the word of a value without the prefix that all words of its type have.
func enum(fd protoreflect.FieldDescriptor, n protoreflect.EnumNumber) any {
	d := fd.Enum().Values().ByNumber(n)
	if d == nil {
		return int64(n)
	}
	prefix := strings.TrimSuffix(string(fd.Enum().Values().ByNumber(0).Name()), "UNSPECIFIED")
	return strings.ToLower(strings.TrimPrefix(string(d.Name()), prefix))
}

func element(fd protoreflect.FieldDescriptor, v protoreflect.Value) json.RawMessage {
	if fd.Kind() == protoreflect.MessageKind {
		return recordjson.AppendMessage(nil, v.Message())
	}
	b, err := json.Marshal(v.Interface())
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}

// said is what a person reads of a message: its text, and a word for what is not text.
func said(m *pb.Message) any {
	var out []string
	for _, p := range m.GetParts() {
		switch b := p.Body.(type) {
		case *pb.Part_Text:
			out = append(out, b.Text)
		case *pb.Part_Refusal:
			out = append(out, b.Refusal)
		case *pb.Part_ToolCall:
			out = append(out, "[calls "+b.ToolCall.GetName()+" "+string(b.ToolCall.GetArgumentsJson())+"]")
		case *pb.Part_ToolResult:
			out = append(out, "[result "+b.ToolResult.GetName()+" "+inline(b.ToolResult.GetOutput())+"]")
		case *pb.Part_Reasoning:
			out = append(out, "[thinks "+b.Reasoning.GetText()+"]")
		case *pb.Part_Media:
			out = append(out, "[file "+b.Media.GetName()+" "+b.Media.GetData().GetMediaType()+"]")
		case *pb.Part_Data:
			out = append(out, "[data "+inline(b.Data)+"]")
		case *pb.Part_Approval:
			out = append(out, "[approval]")
		case *pb.Part_Citation:
			out = append(out, "[source "+b.Citation.GetTitle()+"]")
		}
	}
	if len(out) == 0 {
		return nil
	}
	return strings.ToValidUTF8(strings.Join(out, "\n"), "\uFFFD")
}

func inline(d *pb.Data) string {
	if b := d.GetInline(); utf8.Valid(b) {
		return string(b)
	}
	return d.GetMediaType()
}
