package langgraph

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// pgCell reads one value of a result as it came over the wire. Statements cast their columns, so
// only a few types come.
func pgCell(fd pgconn.FieldDescription, b []byte) (cell, error) {
	if b == nil {
		return cell{}, nil
	}
	binaryForm := fd.Format == pgtype.BinaryFormatCode
	switch fd.DataTypeOID {
	case pgtype.ByteaOID:
		if binaryForm {
			return cell{kind: blob, b: append([]byte{}, b...)}, nil
		}
		if len(b) < 2 || b[0] != '\\' || b[1] != 'x' {
			return cell{}, fmt.Errorf("langgraph: bytea is not in hex form")
		}
		out := make([]byte, hex.DecodedLen(len(b)-2))
		if _, err := hex.Decode(out, b[2:]); err != nil {
			return cell{}, fmt.Errorf("langgraph: bytea: %w", err)
		}
		return cell{kind: blob, b: out}, nil
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		if !binaryForm {
			n, err := strconv.ParseInt(string(b), 10, 64)
			return cell{kind: integer, i: n}, err
		}
		switch len(b) {
		case 2:
			return cell{kind: integer, i: int64(int16(binary.BigEndian.Uint16(b)))}, nil
		case 4:
			return cell{kind: integer, i: int64(int32(binary.BigEndian.Uint32(b)))}, nil
		case 8:
			return cell{kind: integer, i: int64(binary.BigEndian.Uint64(b))}, nil
		}
	case pgtype.UUIDOID:
		if binaryForm && len(b) == 16 {
			h := hex.EncodeToString(b)
			return textCell(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]), nil
		}
	case pgtype.Float8OID:
		if binaryForm && len(b) == 8 {
			return cell{kind: real, f: math.Float64frombits(binary.BigEndian.Uint64(b))}, nil
		}
		f, err := strconv.ParseFloat(string(b), 64)
		return cell{kind: real, f: f}, err
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.NameOID, pgtype.UnknownOID:
		return cell{kind: text, b: append([]byte{}, b...)}, nil
	}
	if !binaryForm {
		return cell{kind: text, b: append([]byte{}, b...)}, nil
	}
	return cell{}, fmt.Errorf("langgraph: unexpected type %d in a result", fd.DataTypeOID)
}
