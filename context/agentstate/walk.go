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
func Blobs(r Record, f func(*pb.Blob)) { walk(r.ProtoReflect(), "", nil, f) }

func walk(m protoreflect.Message, path string, ref func(field, key string), blob func(*pb.Blob)) {
	if b, ok := m.Interface().(*pb.Blob); ok {
		if blob != nil {
			blob(b)
		}
		return
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := path + string(fd.Name())
		isRef := ref != nil && isReference(fd)
		each := func(v protoreflect.Value) {
			switch {
			case fd.Message() != nil:
				walk(v.Message(), name+".", ref, blob)
			case isRef && v.String() != "":
				ref(name, v.String())
			}
		}
		if fd.IsList() {
			for i := range v.List().Len() {
				each(v.List().Get(i))
			}
		} else {
			each(v)
		}
		return true
	})
}

func isReference(fd protoreflect.FieldDescriptor) bool {
	if fd.Kind() != protoreflect.StringKind {
		return false
	}
	n := string(fd.Name())
	return strings.HasSuffix(n, "_key") || strings.HasSuffix(n, "_keys")
}
