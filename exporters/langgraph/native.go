package langgraph

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// native is a row of t as it is held. over replaces the values of some columns: with citations of
// bytes that are held once elsewhere.
func (r *reading) native(t *table, row []cell, over map[string]*pb.Column) *pb.Native {
	made := &struct {
		pb.Native
		body pb.Native_Row
		row  pb.Row
	}{}
	n, cols := &made.row, make([]pb.Column, len(t.cols))
	n.Columns = make([]*pb.Column, 0, len(cols))
	for i, c := range t.cols {
		typ := ""
		if r.lay.engine == "postgres" {
			typ = rowType(c.typ)
		}
		if o, ok := over[c.name]; ok && row[i].isBytes() {
			o.Name, o.Type = c.name, typ
			n.Columns = append(n.Columns, o)
			continue
		}
		col := &cols[i]
		row[i].column(col, c.name, typ)
		if row[i].big {
			ref := r.blob(t, row, c.name, 0, row[i].size)
			if row[i].kind == text {
				col.Value = &pb.Column_TextRef{TextRef: ref}
			} else {
				col.Value = &pb.Column_BlobRef{BlobRef: ref}
			}
		}
		n.Columns = append(n.Columns, col)
	}
	made.Type, made.Body, made.body.Row = t.name, &made.body, n
	return &made.Native
}

// rowType is the type that a row states for a column of PostgreSQL: none where the storage class
// says it.
func rowType(typ string) string {
	switch typ {
	case "text", "varchar", "bytea", "int2", "int4", "int8":
		return ""
	}
	return typ
}

// cite is a column whose bytes are the field at of a record, in the storage class of c. A
// resolver gives bytes of Data as a blob, so text is a splice of one piece.
func cite(c cell, at string) *pb.Column {
	if c.kind == text {
		return &pb.Column{Value: &pb.Column_Splice{Splice: &pb.Splice{
			Text: true, Pieces: []*pb.Piece{{Body: &pb.Piece_At{At: at}}},
		}}}
	}
	return &pb.Column{Value: &pb.Column_At{At: at}}
}

// locator is what the id of a blob says: n bytes at off of a column of a row.
type locator struct {
	Table, Column string
	Key           []place
	Off, N        int64
}

func (r *reading) blob(t *table, row []cell, col string, off, n int64) *pb.Blob {
	id, _ := json.Marshal(locator{t.name, col, places(t.keyOf(row)), off, n})
	return &pb.Blob{Id: string(id), Size: uint64(n)}
}

// data is the value of column col of row, as Data: nil for NULL, and for a number, which stays in
// the native row.
func (r *reading) data(t *table, row []cell, col, media string) *pb.Data {
	c := row[t.col(col)]
	switch {
	case !c.isBytes():
		return nil
	case c.big:
		return &pb.Data{MediaType: media, Body: &pb.Data_Blob{Blob: r.blob(t, row, col, 0, c.size)}}
	}
	return agentstate.Inline(media, c.b)
}

// bytes is the whole value of a column, also a big one; nil above limit (0: none).
func (r *reading) bytes(ctx context.Context, t *table, row []cell, col string, limit int64) ([]byte, error) {
	c := row[t.col(col)]
	if !c.big || limit > 0 && c.size > limit {
		return c.b, nil
	}
	return r.eng.value(ctx, t, t.keyOf(row), col, 0, -1)
}

// chunk is how much of a blob is read at a time.
const chunk = 4 << 20

// blobReader reads a column piece by piece.
type blobReader struct {
	ctx context.Context
	r   *reading
	t   *table
	loc locator
	buf []byte
}

func (b *blobReader) Read(p []byte) (int, error) {
	if len(b.buf) == 0 {
		n := min(b.loc.N, chunk)
		if n == 0 {
			return 0, io.EOF
		}
		v, err := b.r.eng.value(b.ctx, b.t, cells(b.loc.Key), b.loc.Column, b.loc.Off, n)
		if err != nil {
			return 0, err
		}
		if int64(len(v)) != n {
			return 0, fmt.Errorf("langgraph: %s of %s: %d bytes where %d were announced", b.loc.Column, b.t.name, len(v), n)
		}
		b.buf, b.loc.Off, b.loc.N = v, b.loc.Off+n, b.loc.N-n
	}
	n := copy(p, b.buf)
	b.buf = b.buf[n:]
	return n, nil
}

func (b *blobReader) Close() error { return nil }

// OpenBlob opens bytes that a record points at.
func (r *reading) OpenBlob(ctx context.Context, id string) (io.ReadCloser, error) {
	var l locator
	if err := json.Unmarshal([]byte(id), &l); err != nil || r.lay.t[l.Table] == nil || r.lay.t[l.Table].col(l.Column) < 0 {
		return nil, fmt.Errorf("%w: blob %q is not of this store", agentstate.ErrNotFound, strings.ToValidUTF8(id, "?"))
	}
	return &blobReader{ctx: ctx, r: r, t: r.lay.t[l.Table], loc: l}, nil
}
