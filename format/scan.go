package format

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
)

// A scanner walks the bytes of one record without making a message of it. What it accepts,
// proto.Unmarshal accepts: tags and lengths are whole, text is UTF-8, nothing nests too deep.
// On the way it notes what the archive has to know of a record. It is for one goroutine.
type scanner struct {
	shapes   map[protoreflect.FullName]*shape
	kinds    map[string]*shape
	maxDepth int

	key   []byte         // meta.key; aliases the record
	view  bool           // meta.view_of_keys is not empty
	blobs []blobRef      // in order
	refs  func(b []byte) // nil: references are of no interest
}

// blobRef is a Blob as a record holds it. Its slices alias the record.
type blobRef struct {
	id, sum []byte
	size    uint64
}

func newScanner(maxDepth int) *scanner {
	return &scanner{shapes: map[protoreflect.FullName]*shape{}, kinds: map[string]*shape{}, maxDepth: maxDepth}
}

// shape is what the scanner has to know of a message type.
type shape struct {
	name    protoreflect.Name
	special special
	fields  []fieldShape // by number
	none    fieldShape   // of every other number
}

// special marks the messages that the scanner looks into.
type special uint8

const (
	specialNone special = iota
	specialMeta
	specialBlob
)

type fieldShape struct {
	role role
	list bool
	wire protowire.Type // of one element
	sub  *shape         // of a message
}

type role uint8

const (
	roleUnknown role = iota
	roleScalar
	roleBytes
	roleText
	roleRef // text that names a record
	roleMessage
)

// kindShape is the shape of the records of kind; that of Unknown for kinds of later releases.
func (s *scanner) kindShape(kind string) *shape {
	sh, ok := s.kinds[kind]
	if !ok {
		sh = s.shapeOf(agentstate.New(kind).ProtoReflect().Descriptor())
		if len(s.kinds) < 256 {
			s.kinds[kind] = sh
		}
	}
	return sh
}

func (s *scanner) shapeOf(md protoreflect.MessageDescriptor) *shape {
	if sh, ok := s.shapes[md.FullName()]; ok {
		return sh
	}
	sh := &shape{name: md.Name()}
	switch md.Name() {
	case "Meta":
		sh.special = specialMeta
	case "Blob":
		sh.special = specialBlob
	}
	s.shapes[md.FullName()] = sh
	fds := md.Fields()
	for i := range fds.Len() {
		fd := fds.Get(i)
		for int(fd.Number()) >= len(sh.fields) {
			sh.fields = append(sh.fields, fieldShape{})
		}
		sh.fields[fd.Number()] = s.fieldOf(fd)
	}
	return sh
}

func (s *scanner) fieldOf(fd protoreflect.FieldDescriptor) fieldShape {
	f := fieldShape{role: roleScalar, list: fd.IsList(), wire: protowire.BytesType}
	switch fd.Kind() {
	case protoreflect.MessageKind:
		f.role, f.sub = roleMessage, s.shapeOf(fd.Message())
	case protoreflect.BytesKind:
		f.role = roleBytes
	case protoreflect.StringKind:
		f.role = roleText
		if n := string(fd.Name()); strings.HasSuffix(n, "_key") || strings.HasSuffix(n, "_keys") {
			f.role = roleRef
		}
	case protoreflect.DoubleKind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		f.wire = protowire.Fixed64Type
	case protoreflect.FloatKind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		f.wire = protowire.Fixed32Type
	default:
		f.wire = protowire.VarintType
	}
	return f
}

// record scans one record of kind.
func (s *scanner) record(kind string, b []byte) error {
	s.key, s.view, s.blobs = nil, false, s.blobs[:0]
	if err := s.message(s.kindShape(kind), b, 1); err != nil {
		return err
	}
	if len(s.key) == 0 {
		return errors.New("no key")
	}
	if k, _, _ := bytes.Cut(s.key, []byte{'/'}); string(k) != kind {
		return fmt.Errorf("key %q among records of kind %s", s.key, kind)
	}
	return nil
}

func (s *scanner) message(sh *shape, b []byte, depth int) error {
	if depth > s.maxDepth {
		return fmt.Errorf("nested more than %d deep", s.maxDepth)
	}
	blob := -1
	if sh.special == specialBlob {
		blob = len(s.blobs)
		s.blobs = append(s.blobs, blobRef{})
	}
	for len(b) > 0 {
		num, typ, n := consumeTag(b)
		if n < 0 {
			return errTag(n)
		}
		b = b[n:]
		f := &sh.none
		if uint(num) < uint(len(sh.fields)) {
			f = &sh.fields[num]
		}
		if typ != protowire.BytesType {
			if n = skip(num, typ, b, s.maxDepth-depth); n < 0 {
				return errTag(n)
			}
			if blob >= 0 && num == 3 && typ == protowire.VarintType {
				s.blobs[blob].size, _ = protowire.ConsumeVarint(b)
			}
			b = b[n:]
			continue
		}
		v, n := consumeBytes(b)
		if n < 0 {
			return errTag(n)
		}
		b = b[n:]
		switch f.role {
		case roleText:
			if !utf8.Valid(v) {
				return notText(sh, num)
			}
			if num == 1 && sh.special == specialMeta {
				s.key = v
			}
		case roleRef:
			if !utf8.Valid(v) {
				return notText(sh, num)
			}
			if num == 8 && sh.special == specialMeta {
				s.view = true
			}
			if s.refs != nil && len(v) > 0 {
				s.refs(v)
			}
		case roleMessage:
			if err := s.message(f.sub, v, depth+1); err != nil {
				return err
			}
		case roleScalar:
			if n = packed(f, num, v); n < 0 {
				return errTag(n)
			}
		}
		if blob >= 0 {
			switch num {
			case 1:
				s.blobs[blob].id = v
			case 2:
				s.blobs[blob].sum = v
			}
		}
	}
	return nil
}

func notText(sh *shape, num protowire.Number) error {
	return fmt.Errorf("%s: field %d is not valid UTF-8", sh.name, num)
}

// packed walks the numbers of a list in v; below zero: v is none. Of a field that is no list, proto
// keeps v as an unknown field.
func packed(f *fieldShape, num protowire.Number, v []byte) int {
	if !f.list {
		return 0
	}
	for len(v) > 0 {
		n := protowire.ConsumeFieldValue(num, f.wire, v)
		if n < 0 {
			return n
		}
		v = v[n:]
	}
	return 0
}

// consumeTag is protowire.ConsumeTag, quick for tags of one byte, and strict: ConsumeTag lets
// numbers of 30 and 31 bits pass, for message sets, which no message of this schema is.
func consumeTag(b []byte) (protowire.Number, protowire.Type, int) {
	if len(b) > 0 && b[0] < 0x80 && b[0] >= 1<<3 {
		return protowire.Number(b[0] >> 3), protowire.Type(b[0] & 7), 1
	}
	num, typ, n := protowire.ConsumeTag(b)
	if n > 0 && num > protowire.MaxValidNumber {
		return 0, 0, badNumber
	}
	return num, typ, n
}

// consumeBytes is protowire.ConsumeBytes, quick for lengths of one byte.
func consumeBytes(b []byte) ([]byte, int) {
	if len(b) > 0 && b[0] < 0x80 && int(b[0]) < len(b) {
		n := 1 + int(b[0])
		return b[1:n], n
	}
	return protowire.ConsumeBytes(b)
}

// skip is the length of a value that is not length-delimited; groups nest at most depth deep.
func skip(num protowire.Number, typ protowire.Type, b []byte, depth int) int {
	if typ == protowire.VarintType && len(b) > 0 && b[0] < 0x80 {
		return 1
	}
	if typ != protowire.StartGroupType {
		return protowire.ConsumeFieldValue(num, typ, b)
	}
	if depth <= 0 {
		return tooDeep
	}
	total := 0
	for {
		n2, t2, n := consumeTag(b)
		if n < 0 {
			return n
		}
		b, total = b[n:], total+n
		if t2 == protowire.EndGroupType {
			if n2 != num {
				return -1
			}
			return total
		}
		if n = skip(n2, t2, b, depth-1); n < 0 {
			return n
		}
		b, total = b[n:], total+n
	}
}

// Outside the error codes of protowire.
const (
	tooDeep   = -1000
	badNumber = -1001
)

func errTag(n int) error {
	switch n {
	case tooDeep:
		return errors.New("groups nested too deep")
	case badNumber:
		return fmt.Errorf("not a protobuf message: a field number above %d", protowire.MaxValidNumber)
	}
	return fmt.Errorf("not a protobuf message: %v", protowire.ParseError(n))
}
