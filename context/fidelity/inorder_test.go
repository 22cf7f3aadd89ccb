package fidelity_test

import (
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
)

// TestLossesInOrder: what is lost of a record is listed in the order of the schema, whatever build it is.
func TestLossesInOrder(t *testing.T) {
	seen := 0
	for _, kind := range agentstate.Kinds() {
		if !agentstate.IsState(kind) {
			continue
		}
		full, empty := agentstate.New(kind), agentstate.New(kind)
		for _, r := range []agentstate.Record{full, empty} {
			m := r.ProtoReflect()
			m.Mutable(m.Descriptor().Fields().ByName("meta"))
			r.GetMeta().Key = kind + "/a"
		}
		m := full.ProtoReflect()
		fds := m.Descriptor().Fields()
		for i := range fds.Len() {
			if fd := fds.Get(i); fd.Kind() == protoreflect.StringKind && !fd.IsList() {
				m.Set(fd, protoreflect.ValueOfString("x"))
			}
		}
		last := -1
		for _, l := range compare(t, memstate.Whole("x", full), memstate.Whole("x", empty), nil).Losses {
			if fd := fds.ByName(protoreflect.Name(l.Path)); fd != nil {
				if seen++; fd.Index() < last {
					t.Errorf("%s: %s is listed behind %s", kind, l.Path, fds.Get(last).Name())
				}
				last = fd.Index()
			}
		}
	}
	if seen == 0 {
		t.Error("nothing was lost")
	}
}
