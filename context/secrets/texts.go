package secrets

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
)

// place is one text of a record.
type place struct {
	m      protoreflect.Message
	fd     protoreflect.FieldDescriptor
	at     int  // in a list; -1: none
	key    bool // part of the identity of this record or of another
	native bool // the runtime's own bytes
}

// text is what is there, in buf where it is a string. It is not to be written to.
func (p place) text(buf *[]byte) []byte {
	v := p.m.Get(p.fd)
	if p.at >= 0 {
		v = v.List().Get(p.at)
	}
	if p.fd.Kind() == protoreflect.BytesKind {
		return v.Bytes()
	}
	*buf = append((*buf)[:0], v.String()...)
	return *buf
}

// set puts b there. Bytes of a record may be shared: they are never written to.
func (p place) set(b []byte) {
	v := protoreflect.ValueOfBytes(b)
	if p.fd.Kind() == protoreflect.StringKind {
		v = protoreflect.ValueOfString(string(b))
	}
	if p.at >= 0 {
		p.m.Mutable(p.fd).List().Set(p.at, v)
		return
	}
	p.m.Set(p.fd, v)
}

// field is one that may hold text, or a message with text.
type field struct {
	fd            protoreflect.FieldDescriptor
	message, list bool
	key, native   bool
}

// plans are the fields of messages that are looked at, each found once. They are for one goroutine.
type plans map[protoreflect.MessageDescriptor][]field

// of leaves out what is no text of anybody: vectors, digests, names of columns and of types.
func (ps plans) of(md protoreflect.MessageDescriptor) []field {
	if p, ok := ps[md]; ok {
		return p
	}
	p := []field{}
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		name := string(fd.Name())
		f := field{fd: fd, list: fd.IsList()}
		switch fd.Kind() {
		case protoreflect.MessageKind:
			if fd.Message().Name() == "Blob" {
				continue // its bytes are opened and looked at
			}
			f.message, f.native = true, md.Name() == "Meta" && name == "native"
		case protoreflect.StringKind, protoreflect.BytesKind:
			f.key = name == "at" || md.Name() == "Meta" && name == "key" || strings.HasSuffix(name, "_key") || strings.HasSuffix(name, "_keys")
			switch {
			case fd.Kind() == protoreflect.BytesKind && (name == "vector" || strings.HasSuffix(name, "sha256")),
				md.Name() == "Column" && (name == "name" || name == "type"), md.Name() == "Native" && name == "type", name == "media_type":
				continue
			}
		default:
			continue
		}
		p = append(p, f)
	}
	ps[md] = p
	return p
}

// texts calls f for every text of r, native ones first, and references only where refs says so.
func (ps plans) texts(r agentstate.Record, refs bool, f func(place)) {
	ps.walk(r.ProtoReflect(), refs, false, f)
}

func (ps plans) walk(m protoreflect.Message, refs, native bool, f func(place)) {
	for _, x := range ps.of(m.Descriptor()) {
		if !m.Has(x.fd) || x.key && !refs && x.fd.Name() != "key" {
			continue
		}
		switch v := m.Get(x.fd); {
		case x.list:
			for i := range v.List().Len() {
				if x.message {
					ps.walk(v.List().Get(i).Message(), refs, native || x.native, f)
				} else {
					f(place{m, x.fd, i, x.key, native})
				}
			}
		case x.message:
			ps.walk(v.Message(), refs, native || x.native, f)
		default:
			f(place{m, x.fd, -1, x.key, native})
		}
	}
}

// mask is text with every byte between from and to of found as an asterisk: of the same length, so
// that what counts lengths (msgpack, pickle) and what has quotes (JSON) stays what it was.
func mask(text []byte, found []Finding) []byte {
	out := slices.Clone(text)
	for _, f := range found {
		for i := f.Start; i < f.End; i++ {
			out[i] = '*'
		}
	}
	return out
}
