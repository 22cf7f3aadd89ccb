package fidelity

import (
	"bytes"

	"google.golang.org/protobuf/encoding/protowire"
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
		n, typ, v, rest := next(b)
		switch {
		case rest == nil || n > nativeRow || typ != protowire.BytesType:
			return false
		case n == nativeData && !g.data(g.columns, v), n == nativeRow && !g.row(v, of):
			return false
		}
		b = rest
	}
	return true
}

func (g *glancer) row(b []byte, of *place) bool {
	for i := 0; len(b) > 0; i++ {
		n, typ, v, rest := next(b)
		if rest == nil || n != rowColumns || typ != protowire.BytesType || !g.column(v, of, i) {
			return false
		}
		b = rest
	}
	return true
}

// column is the i-th column of a row. It is most likely that of the last row.
func (g *glancer) column(b []byte, of *place, i int) bool {
	var name []byte
	for len(b) > 0 {
		n, typ, v, rest := next(b)
		switch {
		case rest == nil || n > columnLast || (typ == protowire.BytesType) == (n == columnInteger || n == columnReal):
			return false
		case n == columnName:
			name = v
		case n == columnAt && !g.citation(v, of), n == columnSplice && !g.splice(v, of), (n == columnBlob || n == columnText) && !g.summed(v):
			return false
		}
		b = rest
	}
	if i < len(of.columns) && of.columns[i].name == string(name) {
		g.use(of.columns[i].path)
		return true
	}
	id, ok := g.f.paths.ids[step{g.columns, string(name)}]
	if !ok {
		return false
	}
	g.use(id)
	if c := (column{string(name), id}); i < len(of.columns) {
		of.columns[i] = c
	} else if i == len(of.columns) && i < mostColumns {
		of.columns = append(of.columns, c)
	}
	return true
}

// mostColumns is how many columns of a row are at hand.
const mostColumns = 64

func (g *glancer) splice(b []byte, of *place) bool {
	for len(b) > 0 {
		n, typ, v, rest := next(b)
		switch {
		case rest == nil || n > spliceText || (typ == protowire.BytesType) != (n == splicePieces):
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
	n, typ, v, rest := next(b)
	return rest != nil && len(rest) == 0 && typ == protowire.BytesType && (n == pieceLiteral || n == pieceAt && g.citation(v, of))
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
