package agentstate

import (
	"crypto/sha256"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// transform applies f and keeps native and mapped fields in step.
func transform(r Record, f func(Record) (Record, error)) (Record, error) {
	mapped, native := mappedDigest(r), nativeDigest(r)
	out, err := f(r)
	if err != nil || out == nil || !out.ProtoReflect().IsValid() {
		return nil, err
	}
	if mapped == mappedDigest(out) {
		return out, nil
	}
	if m := out.GetMeta(); m != nil && native == nativeDigest(out) {
		m.Native = nil
	}
	dropUnknown(out.ProtoReflect())
	return out, nil
}

// mappedDigest is over all of r but its native form.
func mappedDigest(r Record) [sha256.Size]byte {
	if m := r.GetMeta(); m != nil {
		native := m.Native
		m.Native = nil
		defer func() { m.Native = native }()
	}
	return digest(r)
}

func nativeDigest(r Record) [sha256.Size]byte {
	return digest(&pb.Meta{Native: r.GetMeta().GetNative()})
}

// digest tells two states of one message in one process apart. Bytes that cannot be marshalled are
// the sink's to refuse.
func digest(m proto.Message) [sha256.Size]byte {
	b, _ := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	return sha256.Sum256(b)
}

// DropUnknown takes the fields of later releases out of r: they may say what a mapped field no longer
// says.
func DropUnknown(r Record) { dropUnknown(r.ProtoReflect()) }

// dropUnknown takes the fields of later releases out of m and of all that is in it.
func dropUnknown(m protoreflect.Message) {
	m.SetUnknown(nil)
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				dropUnknown(v.List().Get(i).Message())
			}
		default:
			dropUnknown(v.Message())
		}
		return true
	})
}
