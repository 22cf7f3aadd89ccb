package langgraph

import (
	"strconv"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// kind is the storage class of a cell.
type kind byte

const (
	null    kind = iota
	integer      // i
	real         // f
	text         // b: any bytes, also NUL and invalid UTF-8
	blob         // b
)

// A cell is one value of one row, with its storage class. A value above agentstate.SpillSize
// is left in the database: big is true, size is its length and b is nil.
type cell struct {
	kind kind
	i    int64
	f    float64
	b    []byte
	big  bool
	size int64
}

func textCell(s string) cell { return cell{kind: text, b: []byte(s)} }

func (c cell) isNull() bool { return c.kind == null }

func (c cell) isBytes() bool { return c.kind == text || c.kind == blob }

// String is the text of c as it stands in keys: text as it is, numbers in decimal. A blob where
// text is expected is marked, so that it never has the key of the text with the same bytes.
func (c cell) String() string {
	switch c.kind {
	case integer:
		return strconv.FormatInt(c.i, 10)
	case real:
		return strconv.FormatFloat(c.f, 'g', -1, 64)
	case text:
		return string(c.b)
	case blob:
		return "\x00blob:" + string(c.b)
	}
	return ""
}

// arg is c as a parameter of a statement.
func (c cell) arg() any {
	switch c.kind {
	case integer:
		return c.i
	case real:
		return c.f
	case text:
		return string(c.b)
	case blob:
		if c.b == nil {
			return []byte{}
		}
		return c.b
	}
	return nil
}

// column makes col c as a column of a native row.
func (c cell) column(col *pb.Column, name, typ string) {
	col.Name, col.Type = name, typ
	switch c.kind {
	case integer:
		col.Value = &pb.Column_Integer{Integer: c.i}
	case real:
		col.Value = &pb.Column_Real{Real: c.f}
	case text:
		col.Value = &pb.Column_Text{Text: c.b}
	case blob:
		col.Value = &pb.Column_Blob{Blob: c.b}
	}
}

// cellOf is the inverse of arg, for what drivers and agentstate.Resolver return.
func cellOf(v any) (cell, bool) {
	switch v := v.(type) {
	case nil:
		return cell{}, true
	case int64:
		return cell{kind: integer, i: v}, true
	case float64:
		return cell{kind: real, f: v}, true
	case string:
		return cell{kind: text, b: []byte(v)}, true
	case []byte:
		return cell{kind: blob, b: v}, true
	}
	return cell{}, false
}
