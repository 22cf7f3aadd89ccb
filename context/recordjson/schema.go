package recordjson

import (
	"bytes"
	"encoding/json"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Schema is the JSON Schema (2020-12) of the lines of a kind. It is made from the descriptors, so
// that it cannot disagree with the .proto files.
func Schema(kind string) ([]byte, error) {
	m := agentstate.New(kind).ProtoReflect().Descriptor()
	defs := map[string]any{}
	root := objectSchema(m, defs)
	props := root["properties"].(map[string]any)
	props["kind"] = map[string]any{"const": kind}
	root["required"] = []string{"kind", "meta"}
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "exitramp.v1." + string(m.Name())
	root["$defs"] = defs
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(root)
	return b.Bytes(), err
}

func objectSchema(m protoreflect.MessageDescriptor, defs map[string]any) map[string]any {
	props := map[string]any{unknownField: map[string]any{"type": "string", "contentEncoding": "base64"}}
	for i := range m.Fields().Len() {
		fd := m.Fields().Get(i)
		s := fieldSchema(fd, defs)
		if fd.IsList() {
			s = map[string]any{"type": "array", "items": s}
		}
		props[fieldName(fd)] = s
		if fd.Kind() == protoreflect.BytesKind && textual(m, fd) {
			props[string(fd.Name())+textSuffix] = map[string]any{"type": "string"}
		}
	}
	return map[string]any{"type": "object", "properties": props, "additionalProperties": false}
}

func textual(m protoreflect.MessageDescriptor, fd protoreflect.FieldDescriptor) bool {
	for _, t := range []protoreflect.ProtoMessage{&pb.Data{}, &pb.Column{}, &pb.ToolCall{}, &pb.Piece{}} {
		if t.ProtoReflect().Descriptor() == m {
			return readable(t.ProtoReflect(), fd)
		}
	}
	return false
}

func fieldSchema(fd protoreflect.FieldDescriptor, defs map[string]any) map[string]any {
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		n := string(fd.Message().Name())
		if _, ok := defs[n]; !ok {
			defs[n] = nil // claimed; the schema has no recursive type, and this would stop one
			defs[n] = objectSchema(fd.Message(), defs)
		}
		return map[string]any{"$ref": "#/$defs/" + n}
	case protoreflect.StringKind:
		return map[string]any{"type": "string"}
	case protoreflect.BytesKind:
		return map[string]any{"type": "string", "contentEncoding": "base64"}
	case protoreflect.BoolKind:
		return map[string]any{"type": "boolean"}
	case protoreflect.EnumKind:
		var names []any
		for i := range fd.Enum().Values().Len() {
			names = append(names, string(fd.Enum().Values().Get(i).Name()))
		}
		return map[string]any{"anyOf": []any{map[string]any{"enum": names}, map[string]any{"type": "integer"}}}
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return map[string]any{"type": []string{"number", "string"}}
	}
	return map[string]any{"type": "integer"}
}
