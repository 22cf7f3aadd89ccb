package main

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

// recordJSON appends r as one JSON object: "kind", then the fields in the order of their
// numbers, absent ones left out. protojson is not used: its output is unstable by intent, and
// it writes 64-bit integers as strings.
func recordJSON(dst []byte, kind string, r agentstate.Record) []byte {
	dst = appendString(append(dst, `{"kind":`...), kind)
	dst = messageFields(dst, r.ProtoReflect(), false)
	return append(dst, '}')
}

// messageFields appends the fields of m; first tells that none stands before them.
func messageFields(dst []byte, m protoreflect.Message, first bool) []byte {
	var fds []protoreflect.FieldDescriptor
	m.Range(func(fd protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		fds = append(fds, fd)
		return true
	})
	slices.SortFunc(fds, func(a, b protoreflect.FieldDescriptor) int { return int(a.Number()) - int(b.Number()) })
	name := func(n string) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendString(dst, n), ':')
	}
	for _, fd := range fds {
		v := m.Get(fd)
		name(string(fd.Name()))
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
				name(string(fd.Name()) + "_text")
				dst = appendString(dst, string(b))
			}
		}
	}
	if u := m.GetUnknown(); len(u) > 0 {
		name("unknown_fields")
		dst = appendBytes(dst, u)
	}
	return dst
}

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
		dst = append(dst, '{')
		dst = messageFields(dst, v.Message(), true)
		return append(dst, '}')
	case protoreflect.StringKind:
		return appendString(dst, v.String())
	case protoreflect.BytesKind:
		return appendBytes(dst, v.Bytes())
	case protoreflect.BoolKind:
		return strconv.AppendBool(dst, v.Bool())
	case protoreflect.EnumKind:
		if d := fd.Enum().Values().ByNumber(v.Enum()); d != nil {
			return appendString(dst, string(d.Name()))
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

func appendString(dst []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return append(dst, `""`...)
	}
	return append(dst, b...)
}

func appendBytes(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}
