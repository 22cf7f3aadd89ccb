package drill

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
)

// texts are the texts and bytes of a record, read when somebody asks for them.
type texts struct {
	r    agentstate.Record
	list []placed
	read bool
}

// placed is one of them. A plan may have thousands of known answers, and each is looked for in each record of its kind.
type placed struct{ path, value string }

// hold tells whether a text or bytes at path, or below it, contain want.
func (t *texts) hold(path, want string) bool {
	if !t.read {
		t.read = true
		t.add(t.r.ProtoReflect(), "")
	}
	for _, x := range t.list {
		if (path == "" || x.path == path || strings.HasPrefix(x.path, path) && x.path[len(path)] == '.') && strings.Contains(x.value, want) {
			return true
		}
	}
	return false
}

// add gathers those of m, which stands at at.
func (t *texts) add(m protoreflect.Message, at string) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		here := at + string(fd.Name())
		one := func(v protoreflect.Value) {
			switch {
			case fd.Message() != nil:
				t.add(v.Message(), here+".")
			case fd.Kind() == protoreflect.StringKind:
				t.list = append(t.list, placed{here, v.String()})
			case fd.Kind() == protoreflect.BytesKind:
				t.list = append(t.list, placed{here, string(v.Bytes())})
			}
		}
		if fd.IsList() {
			for i := range v.List().Len() {
				one(v.List().Get(i))
			}
		} else {
			one(v)
		}
		return true
	})
}
