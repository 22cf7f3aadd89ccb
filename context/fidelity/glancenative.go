package fidelity

import (
	"bytes"

	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// form is a native form of a record of type of: a document is one field, a row is one a column.
func (g *glancer) form(b []byte, of *place) bool {
	if g.columns == root {
		id, ok := g.f.paths.ids[step{root, "native"}]
		if !ok {
			return false
		}
		g.columns = id
	}
	g.use(g.columns) // its type
	for len(b) > 0 {
		n, _, v, rest := next(b)
		switch {
		case rest == nil || n > nativeRow:
			return false
		case n == nativeData && !g.data(g.columns, v), n == nativeRow && !g.row(v, of):
			return false
		}
		b = rest
	}
	return true
}

func (g *glancer) row(b []byte, of *place) bool {
	for len(b) > 0 {
		n, _, v, rest := next(b)
		if rest == nil || n != rowColumns || !g.column(v, of) {
			return false
		}
		b = rest
	}
	return true
}

func (g *glancer) column(b []byte, of *place) bool {
	var name []byte
	for len(b) > 0 {
		n, _, v, rest := next(b)
		switch {
		case rest == nil || n > columnLast:
			return false
		case n == columnName:
			name = v
		case n == columnAt && !g.citation(v, of), n == columnSplice && !g.splice(v, of), (n == columnBlob || n == columnText) && !g.summed(v):
			return false
		}
		b = rest
	}
	id, ok := g.f.paths.ids[step{g.columns, string(name)}]
	if !ok {
		return false
	}
	g.use(id)
	return true
}

func (g *glancer) splice(b []byte, of *place) bool {
	for len(b) > 0 {
		n, _, v, rest := next(b)
		switch {
		case rest == nil || n > spliceText:
			return false
		case n == splicePieces && !g.piece(v, of):
			return false
		}
		b = rest
	}
	return true
}

// piece leaves blobs to the flattener, which reads them.
func (g *glancer) piece(b []byte, of *place) bool {
	n, _, v, rest := next(b)
	return rest != nil && len(rest) == 0 && (n == pieceLiteral || n == pieceAt && g.citation(v, of))
}

// citation is "key#field" of another record, or "#field" of its own.
func (g *glancer) citation(at []byte, of *place) bool {
	key, field, _ := bytes.Cut(at, []byte("#"))
	if len(key) > 0 && g.f.key != nil && g.f.key(string(key)) != string(key) {
		return false
	}
	if len(key) > 0 && string(key) != g.self {
		return true
	}
	data, met := of.own[string(field)]
	if !met {
		fd := of.md.Fields().ByName(protoreflect.Name(field))
		data = fd != nil && fd.Message() == (*pb.Data)(nil).ProtoReflect().Descriptor()
		if fd == nil || fd.IsList() || !data && fd.Kind() != protoreflect.StringKind && fd.Kind() != protoreflect.BytesKind {
			return false // the flattener says what is wrong
		}
		if of.own == nil {
			of.own = map[string]bool{}
		}
		of.own[string(field)] = data
	}
	g.cites = g.cites || data
	return true
}
