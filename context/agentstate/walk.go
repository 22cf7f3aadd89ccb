package agentstate

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Refs calls f for every reference in r: the field's name as in the schema, with its path
// ("channels.value_key"), and the key. A reference is a string field whose name ends in _key
// or _keys, and nothing else is, so that a new field needs no new code.
func Refs(r Record, f func(field, key string)) { walk(r.ProtoReflect(), "", f, nil) }

// Blobs calls f for every blob that r holds. What f changes stays changed.
func Blobs(r Record, f func(*pb.Blob)) {
	// Native rows are most of what a record is, and plain code walks them ten times faster.
	for _, n := range r.GetMeta().GetNative() {
		switch b := n.Body.(type) {
		case *pb.Native_Data:
			if x := b.Data.GetBlob(); x != nil {
				f(x)
			}
		case *pb.Native_Row:
			for _, c := range b.Row.GetColumns() {
				columnBlobs(c, f)
			}
		}
	}
	if !usualBlobs(r, f) {
		walk(r.ProtoReflect(), "", nil, f)
	}
}

// usualBlobs calls f for the blobs outside of Meta, where r is of a kind of which there are many; false:
// it is not.
func usualBlobs(r Record, f func(*pb.Blob)) bool {
	data := func(d *pb.Data) {
		if b := d.GetBlob(); b != nil {
			f(b)
		}
	}
	switch r := r.(type) {
	case *pb.Memory:
		data(r.GetData())
	case *pb.Embedding:
	case *pb.ChannelValue:
		data(r.Value)
	case *pb.Message:
		for _, p := range r.Parts {
			data(p.GetData())
			data(p.GetToolResult().GetOutput())
			data(p.GetReasoning().GetOpaque())
			data(p.GetMedia().GetData())
		}
	default:
		return false
	}
	return true
}

func columnBlobs(c *pb.Column, f func(*pb.Blob)) {
	switch v := c.Value.(type) {
	case *pb.Column_BlobRef:
		f(v.BlobRef)
	case *pb.Column_TextRef:
		f(v.TextRef)
	case *pb.Column_Splice:
		for _, p := range v.Splice.GetPieces() {
			if x := p.GetBlob(); x != nil {
				f(x)
			}
		}
	}
}

// walk visits references, or blobs outside of Meta.
func walk(m protoreflect.Message, path string, ref func(field, key string), blob func(*pb.Blob)) {
	if blob != nil {
		if b, ok := m.Interface().(*pb.Blob); ok {
			blob(b)
			return
		}
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() != nil:
			if blob != nil && !holdsBlob(fd.Message()) {
				return true
			}
			sub := path
			if ref != nil {
				sub += string(fd.Name()) + "."
			}
			each(fd, v, func(v protoreflect.Value) { walk(v.Message(), sub, ref, blob) })
		case ref != nil && isReference(fd):
			each(fd, v, func(v protoreflect.Value) {
				if v.String() != "" {
					ref(path+string(fd.Name()), v.String())
				}
			})
		}
		return true
	})
}

func each(fd protoreflect.FieldDescriptor, v protoreflect.Value, f func(protoreflect.Value)) {
	if !fd.IsList() {
		f(v)
		return
	}
	for i := range v.List().Len() {
		f(v.List().Get(i))
	}
}

// holdsBlob tells whether messages of type md may hold a blob outside of a Meta.
func holdsBlob(md protoreflect.MessageDescriptor) bool {
	switch md.Name() {
	case "Meta", "Label", "ChannelRef", "Branch", "ToolCall", "Approval", "Citation", "Attachment", "KindCompleteness":
		return false
	}
	return true // a type that is not named above is looked into
}

func isReference(fd protoreflect.FieldDescriptor) bool {
	if fd.Kind() != protoreflect.StringKind {
		return false
	}
	n := string(fd.Name())
	return strings.HasSuffix(n, "_key") || strings.HasSuffix(n, "_keys")
}
