package mem0

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A reason is what is said of a field that differs; grade 0: as found.
type reason struct {
	grade fidelity.Grade
	why   string
}

// differences are the losses of a record that arrives as got: so the plan says what a reading of the
// target will find, and nothing else. dropped is what is said of fields that are gone.
func (w *writer) differences(want, got agentstate.Record, dropped string, reasons map[string]reason) []fidelity.Loss {
	a, b := map[string]string{}, map[string]string{}
	w.leaves(want.ProtoReflect(), "", "", a, true)
	w.leaves(got.ProtoReflect(), "", "", b, false)
	var paths []string
	for p := range a {
		paths = append(paths, p)
	}
	for p := range b {
		if _, ok := a[p]; !ok {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	var out []fidelity.Loss
	for _, p := range paths {
		if a[p] == b[p] {
			continue
		}
		l := fidelity.Loss{Key: want.GetMeta().GetKey(), Path: p, Grade: fidelity.Transformed, Why: "as mem0 holds it"}
		switch {
		case b[p] == "":
			l.Grade, l.Why = fidelity.Dropped, dropped
		case a[p] == "":
			l.Grade, l.Why = fidelity.Defaulted, "read out of the row"
		}
		if r, ok := reasons[p]; ok && (l.Grade != fidelity.Dropped || r.grade != 0) {
			if l.Why = r.why; r.grade != 0 {
				l.Grade = r.grade
			}
		}
		out = append(out, l)
	}
	return out
}

// leaves are the values of a record by path. Keys of other records are those under which the target
// yields them.
func (w *writer) leaves(m protoreflect.Message, at, index string, out map[string]string, mapped bool) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(fd.Name())
		if at == "meta." && slices.Contains([]string{"key", "origin_key", "native"}, name) {
			return true
		}
		one := func(v protoreflect.Value, index string) {
			if fd.Message() != nil {
				d, ok := v.Message().Interface().(*pb.Data)
				if !ok {
					w.leaves(v.Message(), at+name+".", index, out, mapped)
					return
				}
				out[at+name] += fmt.Sprintf("%s %q %q %v", index, d.MediaType, d.GetInline(), d.GetBlob().GetId())
				return
			}
			s := fmt.Sprint(v.Interface())
			if mapped && (strings.HasSuffix(name, "_key") || strings.HasSuffix(name, "_keys")) {
				s = w.keyThere(s)
			}
			out[at+name] += fmt.Sprintf("%s %q", index, s)
		}
		if !fd.IsList() {
			one(v, index)
			return true
		}
		for i := range v.List().Len() {
			one(v.List().Get(i), fmt.Sprint(index, ".", i))
		}
		return true
	})
}

// keyThere is the key under which the target yields what the run has written so far.
func (w *writer) keyThere(key string) string {
	if to, ok := w.run.Target(key); ok && agentstate.KindOfKey(to) == agentstate.KindOfKey(key) {
		return to
	}
	return key
}
