// Package recordjson writes records as JSON and reads them back: one object a line, "kind" first,
// then the fields under their names in the schema. Nothing is lost on the way: bytes are base64,
// 64-bit integers are JSON numbers, what a later release added stays in "unknown_fields". Where
// bytes are text, the text stands beside them under the same name with "_text".
package recordjson

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Append appends r to dst as one JSON object without a line break: fields in the order of their
// numbers, absent ones left out. protojson is not used: its output is unstable by intent, and it
// writes 64-bit integers as strings.
func Append(dst []byte, r agentstate.Record) []byte {
	dst = appendString(append(dst, `{"kind":`...), agentstate.KindOf(r))
	dst = messageFields(dst, r.ProtoReflect(), false)
	return append(dst, '}')
}

// fieldName is the name of a field in JSON. A Gap has a field "kind", which is not the kind of the
// record: there it is "of_kind".
func fieldName(fd protoreflect.FieldDescriptor) string {
	if fd.Name() == "kind" && fd.ContainingMessage().Fields().ByName("meta") != nil {
		return "of_kind"
	}
	return string(fd.Name())
}

// AppendMessage appends m, a record or a part of one, as Append does, without "kind".
func AppendMessage(dst []byte, m protoreflect.Message) []byte {
	return append(messageFields(append(dst, '{'), m, true), '}')
}

type field struct {
	fd protoreflect.FieldDescriptor
	v  protoreflect.Value
}

// messageFields appends the fields of m; first tells that none stands before them.
func messageFields(dst []byte, m protoreflect.Message, first bool) []byte {
	fields := make([]field, 0, 16)
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		fields = append(fields, field{fd, v})
		return true
	})
	slices.SortFunc(fields, func(a, b field) int { return int(a.fd.Number()) - int(b.fd.Number()) })
	name := func(n string) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendName(dst, n), ':')
	}
	for _, f := range fields {
		fd, v := f.fd, f.v
		name(fieldName(fd))
		if fd.IsList() {
			dst = append(dst, '[')
			for i := range v.List().Len() {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = appendValue(dst, fd, v.List().Get(i))
			}
			dst = append(dst, ']')
			continue
		}
		dst = appendValue(dst, fd, v)
		if fd.Kind() == protoreflect.BytesKind && readable(m, fd) {
			if b := v.Bytes(); utf8.Valid(b) {
				name(string(fd.Name()) + textSuffix)
				dst = appendString(dst, string(b))
			}
		}
	}
	if u := m.GetUnknown(); len(u) > 0 {
		name(unknownField)
		dst = appendBytes(dst, u)
	}
	return dst
}

const (
	textSuffix   = "_text"
	unknownField = "unknown_fields"
)

// readable tells bytes that are text more often than not from digests and vectors.
func readable(m protoreflect.Message, fd protoreflect.FieldDescriptor) bool {
	switch m.Interface().(type) {
	case *pb.Data, *pb.Column, *pb.ToolCall, *pb.Piece:
		return fd.Name() != "blob"
	}
	return false
}

func appendValue(dst []byte, fd protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return AppendMessage(dst, v.Message())
	case protoreflect.StringKind:
		return appendString(dst, v.String())
	case protoreflect.BytesKind:
		return appendBytes(dst, v.Bytes())
	case protoreflect.BoolKind:
		return strconv.AppendBool(dst, v.Bool())
	case protoreflect.EnumKind:
		if d := fd.Enum().Values().ByNumber(v.Enum()); d != nil {
			return appendName(dst, string(d.Name()))
		}
		return strconv.AppendInt(dst, int64(v.Enum()), 10)
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return appendString(dst, strconv.FormatFloat(f, 'g', -1, 64))
		}
		return strconv.AppendFloat(dst, f, 'g', -1, 64)
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		return strconv.AppendUint(dst, v.Uint(), 10)
	}
	return strconv.AppendInt(dst, v.Int(), 10)
}

// appendName appends a name of the schema, in which nothing is to be escaped.
func appendName(dst []byte, s string) []byte {
	return append(append(append(dst, '"'), s...), '"')
}

// appendString appends s as encoding/json does, which is asked only where there is more in it than ASCII and quotes.
func appendString(dst []byte, s string) []byte {
	out, from := append(dst, '"'), 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			out, from = append(append(out, s[from:i]...), '\\'), i
		case c < ' ' || c >= utf8.RuneSelf || c == '<' || c == '>' || c == '&':
			b, err := json.Marshal(s)
			if err != nil {
				b = []byte(`""`)
			}
			return append(dst, b...)
		}
	}
	return append(append(out, s[from:]...), '"')
}

func appendBytes(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}
