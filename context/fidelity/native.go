package fidelity

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// native adds a native form: a document is one field, a row is one a column.
func (f *flattener) native(r agentstate.Record, i uint32, n *pb.Native) {
	f.index = binary.AppendUvarint(f.index[:0], uint64(i))
	defer func() { f.index = f.index[:0] }()
	path := f.paths.id(root, "native")
	if u := n.ProtoReflect().GetUnknown(); len(u) > 0 {
		f.value(f.paths.id(path, alien), "bytes", u)
	}
	f.value(path, "type", []byte(n.Type))
	if d := n.GetData(); d != nil {
		f.data(path, d)
	}
	for _, c := range n.GetRow().GetColumns() {
		if f.err == nil {
			f.column(r, c)
		}
	}
}

func (f *flattener) column(r agentstate.Record, c *pb.Column) {
	path := f.paths.id(f.paths.id(root, "native"), c.Name)
	if c.Type != "" {
		f.value(path, "type", []byte(c.Type))
	}
	content := func(class string, b []byte, blob *pb.Blob) {
		sum, err := f.sum(b, blob)
		if err != nil {
			f.err = err
			return
		}
		f.value(path, class, sum)
	}
	switch v := c.Value.(type) {
	case nil:
		f.value(path, "null", c.ProtoReflect().GetUnknown())
	case *pb.Column_Integer:
		f.value(path, "integer", binary.BigEndian.AppendUint64(nil, uint64(v.Integer)))
	case *pb.Column_Real:
		f.value(path, "real", binary.BigEndian.AppendUint64(nil, math.Float64bits(v.Real)))
	case *pb.Column_Text:
		content("text", v.Text, nil)
	case *pb.Column_Blob:
		content("blob", v.Blob, nil)
	case *pb.Column_TextRef:
		content("text", nil, v.TextRef)
	case *pb.Column_BlobRef:
		content("blob", nil, v.BlobRef)
	case *pb.Column_At:
		f.citation(path, "blob", r, []*pb.Piece{{Body: &pb.Piece_At{At: v.At}}})
	case *pb.Column_Splice:
		class := "blob"
		if v.Splice.GetText() {
			class = "text"
		}
		f.citation(path, class, r, v.Splice.GetPieces())
	default:
		f.err = fmt.Errorf("%w: column %q: %T", agentstate.ErrUnsupported, c.Name, c.Value)
	}
}

// citation adds bytes in pieces. Without a piece of another record their content is known here, and
// counts as if it lay in the column; else the digest is of the pieces, and says so.
func (f *flattener) citation(path uint16, class string, r agentstate.Record, pieces []*pb.Piece) {
	whole, run := sha256.New(), sha256.New()
	var layout []byte
	foreign, some := false, false
	flush := func() {
		if some {
			layout = run.Sum(append(layout, 'L'))
			run.Reset()
			some = false
		}
	}
	for _, p := range pieces {
		if f.err != nil {
			return
		}
		w := io.MultiWriter(whole, run)
		switch v := p.Body.(type) {
		case *pb.Piece_Literal:
			w.Write(v.Literal)
			some = true
		case *pb.Piece_Blob:
			f.err = f.copyBlob(w, v.Blob)
			some = true
		case *pb.Piece_At:
			key, field, _ := strings.Cut(v.At, "#")
			if key == "" || key == r.GetMeta().GetKey() {
				class, some = f.own(w, class, r, field, len(pieces)), true
				continue
			}
			flush()
			foreign = true
			if f.key != nil {
				key = f.key(key)
			}
			layout = fmt.Appendf(layout, "A%q#%q", key, field)
		default:
			f.err = fmt.Errorf("%w: a piece of a later release", agentstate.ErrUnsupported)
		}
	}
	switch {
	case class == "null":
		f.value(path, class, nil)
		return
	case !foreign:
		f.value(path, class, whole.Sum(nil))
		return
	}
	flush()
	f.cites[path] = true
	f.value(path, class+" in pieces", layout)
}

// own writes a field of r itself. A column that is nothing but a text field is text, and one that is
// nothing but an absent one is null.
func (f *flattener) own(w io.Writer, class string, r agentstate.Record, name string, pieces int) string {
	m := r.ProtoReflect()
	fd := m.Descriptor().Fields().ByName(protoreflect.Name(name))
	if fd == nil || fd.IsList() {
		f.err = fmt.Errorf("%w: it cites its field %q", agentstate.ErrNotFound, name)
		return class
	}
	switch fd.Kind() {
	case protoreflect.StringKind:
		io.WriteString(w, m.Get(fd).String())
		if pieces == 1 {
			return "text"
		}
	case protoreflect.BytesKind:
		w.Write(m.Get(fd).Bytes())
	case protoreflect.MessageKind:
		d, ok := m.Get(fd).Message().Interface().(*pb.Data)
		switch {
		case !ok:
			f.err = fmt.Errorf("%w: it cites its field %q, which holds no bytes", agentstate.ErrUnsupported, name)
		case !m.Has(fd) && pieces == 1:
			return "null"
		case d.GetBlob() != nil:
			f.err = f.copyBlob(w, d.GetBlob())
		default:
			w.Write(d.GetInline())
		}
	}
	return class
}
