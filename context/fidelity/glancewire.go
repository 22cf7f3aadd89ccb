package fidelity

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// place is a message type at a path.
type place struct {
	md     protoreflect.MessageDescriptor
	path   uint16
	fields []*edge // by number; nil: not met yet

	name    string          // of a record: its type
	own     map[string]bool // and fields that its native form cites; true: they hold bytes of their own
	columns []column        // and the columns of the last row
}

// column is the path of a column.
type column struct {
	name string
	path uint16
}

// place is that of r. Records of one kind come together.
func (g *glancer) place(r agentstate.Record) *place {
	md := r.ProtoReflect().Descriptor()
	if g.last != nil && g.last.md == md {
		return g.last
	}
	p := g.places[md]
	if p == nil {
		p = &place{md: md, path: root, name: string(md.FullName())}
		g.places[md] = p
	}
	g.last = p
	return p
}

// edge is a field at a path.
type edge struct {
	is   what
	wire protowire.Type // in another one it is of a later release
	path uint16
	sub  *place
	last string // of a reference: what it was the last time
}

type what byte

const (
	isValue what = iota
	isReference
	isMessage
	isData
)

// edge is nil where the path was not met yet, or is of a later release.
func (g *glancer) edge(p *place, n protowire.Number) *edge {
	if int(n) < len(p.fields) && p.fields[n] != nil {
		return p.fields[n]
	}
	fd := p.md.Fields().ByNumber(n)
	if fd == nil {
		return nil
	}
	id, ok := g.f.paths.ids[step{p.path, string(fd.Name())}]
	if !ok {
		return nil
	}
	e := &edge{path: id, wire: wireOf(fd)}
	switch {
	case fd.Message() == (*pb.Data)(nil).ProtoReflect().Descriptor():
		e.is = isData
	case fd.Message() != nil:
		e.is, e.sub = isMessage, &place{md: fd.Message(), path: id}
	case fd.Kind() == protoreflect.StringKind && g.f.paths.refs[id]:
		e.is = isReference
	}
	for len(p.fields) <= int(n) {
		p.fields = append(p.fields, nil)
	}
	p.fields[n] = e
	return e
}

func wireOf(fd protoreflect.FieldDescriptor) protowire.Type {
	if fd.IsPacked() {
		return protowire.BytesType
	}
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.StringKind, protoreflect.BytesKind:
		return protowire.BytesType
	case protoreflect.DoubleKind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return protowire.Fixed64Type
	case protoreflect.FloatKind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return protowire.Fixed32Type
	}
	return protowire.VarintType
}

// next is the field at the start of b: its number, its content where it has a length, and what follows
// it; nil: there is none.
func next(b []byte) (n protowire.Number, typ protowire.Type, content, rest []byte) {
	tag, b := varint(b)
	if b == nil || tag>>3 > math.MaxInt16 {
		return 0, 0, nil, nil
	}
	n, typ = protowire.Number(tag>>3), protowire.Type(tag&7)
	size := uint64(0)
	switch typ {
	case protowire.BytesType:
		if size, b = varint(b); b == nil || size > uint64(len(b)) {
			return 0, 0, nil, nil
		}
		return n, typ, b[:size], b[size:]
	case protowire.VarintType:
		_, b = varint(b)
		return n, typ, nil, b
	case protowire.Fixed64Type:
		size = 8
	case protowire.Fixed32Type:
		size = 4
	default:
		return 0, 0, nil, nil
	}
	if size > uint64(len(b)) {
		return 0, 0, nil, nil
	}
	return n, typ, nil, b[size:]
}

// varint is the varint at the start of b and what follows it; nil: there is none.
func varint(b []byte) (uint64, []byte) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), b[1:]
	}
	x, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil
	}
	return x, b[n:]
}

// Field numbers of Meta and of what native forms are made of.
const (
	recordMeta = 1

	metaKey, metaOrigin, metaLabels, metaNative = 1, 2, 7, 9
	labelName                                   = 1
	nativeData, nativeRow                       = 2, 3
	dataMediaType, dataInline, dataBlob         = 1, 2, 3
	blobSHA256                                  = 2
	rowColumns                                  = 1
	columnName, columnInteger, columnReal       = 1, 3, 4
	columnAt, columnSplice                      = 7, 8
	columnBlob, columnText, columnLast          = 9, 10, 10
	splicePieces, spliceText                    = 1, 2
	pieceLiteral, pieceAt                       = 1, 2
)
