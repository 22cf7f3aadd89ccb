package recordgen

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const sizeHead = head + `import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Size is how many bytes the known fields of r are, if all text in it is UTF-8 and no pointer
// that generated code sets is missing.
func (m *Measure) Size(r agentstate.Record) (int, bool) {
	m.Blobs = m.Blobs[:0]
	n := -1
	switch r := r.(type) {
`

// measure writes the function that measures messages of md; below zero: not to be measured.
func measure(w *bytes.Buffer, md protoreflect.MessageDescriptor) {
	fmt.Fprintf(w, "\nfunc (m *Measure) %s(r *pb.%s) int {\nn := 0\n", funcName(md), goName(md))
	if md.Name() == "Blob" {
		w.WriteString("m.Blobs = append(m.Blobs, r)\n")
	}
	done := map[protoreflect.Name]bool{}
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		if o := fd.ContainingOneof(); o == nil || o.IsSynthetic() {
			sizeOf(w, fd, "r."+camel(fd.Name()))
		} else if !done[o.Name()] {
			done[o.Name()] = true
			sizeOfOneof(w, md, o)
		}
	}
	w.WriteString("return n\n}\n")
}

// sizeOf adds the size of one field, whose value is v.
func sizeOf(w *bytes.Buffer, fd protoreflect.FieldDescriptor, v string) {
	tag := protowire.SizeTag(fd.Number())
	switch {
	case fd.IsList() && fd.Message() != nil:
		fmt.Fprintf(w, "for _, x := range %s {\nif x == nil {\nreturn -1\n}\n", v)
		sizeOfMessage(w, fd, "x", tag)
		w.WriteString("}\n")
	case fd.IsList():
		fmt.Fprintf(w, "for _, x := range %s {\n", v)
		sizeOfValue(w, fd, "x", tag)
		w.WriteString("}\n")
	case fd.Message() != nil:
		fmt.Fprintf(w, "if x := %s; x != nil {\n", v)
		sizeOfMessage(w, fd, "x", tag)
		w.WriteString("}\n")
	case fd.HasOptionalKeyword():
		fmt.Fprintf(w, "if %s != nil {\n", v)
		sizeOfValue(w, fd, "*"+v, tag)
		w.WriteString("}\n")
	case fd.Kind() == protoreflect.StringKind || fd.Kind() == protoreflect.BytesKind:
		fmt.Fprintf(w, "if x := %s; len(x) > 0 {\n", v)
		sizeOfValue(w, fd, "x", tag)
		w.WriteString("}\n")
	case fd.Kind() == protoreflect.BoolKind:
		fmt.Fprintf(w, "if %s {\nn += %d\n}\n", v, tag+1)
	default:
		fmt.Fprintf(w, "if x := %s; x != 0 {\n", v)
		sizeOfValue(w, fd, "x", tag)
		w.WriteString("}\n")
	}
}

func sizeOfOneof(w *bytes.Buffer, md protoreflect.MessageDescriptor, o protoreflect.OneofDescriptor) {
	fmt.Fprintf(w, "switch o := r.%s.(type) {\ncase nil:\n", camel(o.Name()))
	for i := range o.Fields().Len() {
		fd := o.Fields().Get(i)
		name := camel(fd.Name())
		fmt.Fprintf(w, "case *pb.%s_%s:\n", goName(md), name)
		tag := protowire.SizeTag(fd.Number())
		if fd.Message() != nil {
			fmt.Fprintf(w, "if o == nil || o.%s == nil {\nreturn -1\n}\n", name)
			sizeOfMessage(w, fd, "o."+name, tag)
			continue
		}
		w.WriteString("if o == nil {\nreturn -1\n}\n")
		sizeOfValue(w, fd, "o."+name, tag)
	}
	w.WriteString("default:\nreturn -1\n}\n")
}

func sizeOfMessage(w *bytes.Buffer, fd protoreflect.FieldDescriptor, v string, tag int) {
	fmt.Fprintf(w, "k := m.%s(%s)\nif k < 0 {\nreturn -1\n}\nn += %d + delimited(k)\n", funcName(fd.Message()), v, tag)
}

// sizeOfValue adds the size of v, which is there.
func sizeOfValue(w *bytes.Buffer, fd protoreflect.FieldDescriptor, v string, tag int) {
	switch fd.Kind() {
	case protoreflect.StringKind:
		fmt.Fprintf(w, "if !utf8.ValidString(%s) {\nreturn -1\n}\nn += %d + delimited(len(%s))\n", v, tag, v)
	case protoreflect.BytesKind:
		fmt.Fprintf(w, "n += %d + delimited(len(%s))\n", tag, v)
	case protoreflect.BoolKind:
		fmt.Fprintf(w, "n += %d\n", tag+1)
	case protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		fmt.Fprintf(w, "n += %d\n", tag+8)
	case protoreflect.Sint64Kind:
		fmt.Fprintf(w, "n += %d + protowire.SizeVarint(protowire.EncodeZigZag(%s))\n", tag, v)
	default:
		fmt.Fprintf(w, "n += %d + protowire.SizeVarint(uint64(%s))\n", tag, v)
	}
}
