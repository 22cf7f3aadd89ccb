package mem0

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
)

// pickleText is a string, in the form of protocol 4.
func pickleText(b []byte, s string) []byte {
	if len(s) < 256 {
		return append(append(b, 0x8c, byte(len(s))), s...)
	}
	return append(binary.LittleEndian.AppendUint32(append(b, 'X'), uint32(len(s))), s...)
}

// pickleDocument is a JSON document.
func pickleDocument(raw []byte) ([]byte, error) {
	v, ok := jsonvalue.Parse(raw)
	if !ok {
		return nil, errors.New("a payload that is no JSON")
	}
	return pickleJSON(nil, v)
}

// pickleJSON is a value of one.
func pickleJSON(b []byte, v jsonvalue.Value) ([]byte, error) {
	var err error
	switch v[0] {
	case 'n':
		return append(b, 'N'), nil
	case 't':
		return append(b, 0x88), nil
	case 'f':
		return append(b, 0x89), nil
	case '"':
		return pickleText(b, exactText(v)), nil
	case '{':
		b = append(b, '}', '(')
		v.Pairs(func(name, x jsonvalue.Value) {
			if err == nil {
				b, err = pickleJSON(pickleText(b, exactText(name)), x)
			}
		})
		return append(b, 'u'), err
	case '[':
		b = append(b, ']', '(')
		v.Elements(func(x jsonvalue.Value) {
			if err == nil {
				b, err = pickleJSON(b, x)
			}
		})
		return append(b, 'e'), err
	}
	return pickleNumber(b, v)
}

func pickleNumber(b, raw []byte) ([]byte, error) {
	if n, err := strconv.ParseInt(string(raw), 10, 32); err == nil {
		return binary.LittleEndian.AppendUint32(append(b, 'J'), uint32(n)), nil
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return binary.LittleEndian.AppendUint64(append(b, 0x8a, 8), uint64(n)), nil
	}
	if whole, ok := new(big.Int).SetString(string(raw), 10); ok && len(raw) < 1000 {
		return pickleLong(b, whole), nil
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return nil, errors.New("a number that Python cannot hold")
	}
	return binary.BigEndian.AppendUint64(append(b, 'G'), math.Float64bits(f)), nil
}

// pickleLong is a whole number of any size: little-endian, two's complement.
func pickleLong(b []byte, n *big.Int) []byte {
	size := n.BitLen()/8 + 1
	x := new(big.Int).Set(n)
	if n.Sign() < 0 {
		x.Add(x, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	be := x.FillBytes(make([]byte, size))
	slices.Reverse(be)
	return append(append(b, 0x8b, byte(size), byte(size>>8), byte(size>>16), byte(size>>24)), be...)
}

// exactText is the text of a JSON string in which half characters stand by themselves, as Python
// keeps them.
func exactText(v jsonvalue.Value) string {
	at := halfAt(v, 0)
	if at < 0 {
		return v.Text()
	}
	var out []byte
	from := 1
	for ; at >= 0; at = halfAt(v, from) {
		out = append(out, quoted(v[from:at]).Text()...)
		c := unit(v[at:])
		out = append(out, 0xe0|byte(c>>12), 0x80|byte(c>>6&0x3f), 0x80|byte(c&0x3f))
		from = at + 6
	}
	return string(append(out, quoted(v[from:len(v)-1]).Text()...))
}

func quoted(b []byte) jsonvalue.Value { return append(append([]byte{'"'}, b...), '"') }

// halfAt is where a half character stands in JSON at i or behind it; -1: there is none.
func halfAt(b []byte, i int) int {
	for i < len(b) {
		n := bytes.IndexByte(b[i:], '\\')
		if n < 0 {
			return -1
		}
		i += n
		c := unit(b[i:])
		switch {
		case c < 0:
			i += 2
		case !utf16.IsSurrogate(c):
			i += 6
		case utf16.DecodeRune(c, unit(b[i+6:])) != utf8.RuneError:
			i += 12
		default:
			return i
		}
	}
	return -1
}

// unit is the UTF-16 unit that b begins with in JSON's escape for it; -1: it begins with none.
func unit(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// pickleModel is an instance of a class of qdrant-client, with fields that are pickled already.
func pickleModel(b []byte, class string, names []string, vals [][]byte) []byte {
	b = append(pickleText(pickleText(b, models), class), 0x93, ')', 0x81, '}', '(')
	b = append(pickleText(b, "__dict__"), '}', '(')
	for i, n := range names {
		b = append(pickleText(b, n), vals[i]...)
	}
	b = append(pickleText(append(b, 'u'), "__pydantic_extra__"), 'N')
	b = append(pickleText(b, "__pydantic_fields_set__"), 0x8f, '(')
	for _, n := range names {
		b = pickleText(b, n)
	}
	b = append(pickleText(append(b, 0x90), "__pydantic_private__"), 'N', 'u', 'b')
	return b
}

// picklePoint is a row's point: payload is a JSON object, vector nil for none.
func picklePoint(id string, vector []float64, payload []byte) ([]byte, error) {
	v := []byte{'}'}
	if vector != nil {
		v = append(pickleText(append(v, '('), ""), ']', '(')
		for _, f := range vector {
			v = binary.BigEndian.AppendUint64(append(v, 'G'), math.Float64bits(f))
		}
		v = append(v, 'e', 'u')
	}
	p, err := pickleDocument(payload)
	if err != nil {
		return nil, err
	}
	b := pickleModel([]byte{0x80, 4}, "PointStruct", []string{"id", "vector", "payload"}, [][]byte{pickleText(nil, id), v, p})
	return append(b, '.'), nil
}

// rowKey is the key of a point's row. It is what qdrant-client makes of the id, or its updates and
// deletes would miss the row.
func rowKey(id any) string {
	b := []byte{0x80, 4}
	switch id := id.(type) {
	case string:
		body := append(pickleText(nil, id), 0x94, '.')
		b = append(binary.LittleEndian.AppendUint64(append(b, 0x95), uint64(len(body))), body...)
	case int64:
		switch {
		case id >= 0 && id < 256:
			b = append(b, 'K', byte(id))
		case id >= 0 && id < 65536:
			b = append(b, 'M', byte(id), byte(id>>8))
		case id >= math.MinInt32 && id <= math.MaxInt32:
			b = binary.LittleEndian.AppendUint32(append(b, 'J'), uint32(id))
		default:
			b = binary.LittleEndian.AppendUint64(append(b, 0x8a, 8), uint64(id))
		}
		b = append(b, '.')
	}
	return base64.StdEncoding.EncodeToString(b)
}

// A printer writes values of a pickle as JSON. What a pickle says often by recalling it once is
// written out as often, so the text is bounded.
type printer struct {
	b     []byte
	limit int
}

func (p *printer) value(v any, depth int) error {
	if len(p.b) > p.limit || depth > 1000 {
		return bad("its payload is far larger than itself, or too deep")
	}
	switch v := v.(type) {
	case nil:
		p.b = append(p.b, "null"...)
	case bool:
		p.b = strconv.AppendBool(p.b, v)
	case int64:
		p.b = strconv.AppendInt(p.b, v, 10)
	case *big.Int:
		p.b = v.Append(p.b, 10)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			p.b = append(p.b, "null"...) // the native form keeps it
			return nil
		}
		at := len(p.b)
		b, _ := json.Marshal(v)
		if p.b = append(p.b, b...); !bytes.ContainsAny(p.b[at:], ".e") {
			p.b = append(p.b, ".0"...) // as Python writes it: not the whole number
		}
	case string:
		p.text(v)
	case []any:
		p.b = append(p.b, "[]"...)
	case *list:
		p.b = append(p.b, '[')
		for i, x := range v.values() {
			if i > 0 {
				p.b = append(p.b, ',')
			}
			if err := p.value(x, depth+1); err != nil {
				return err
			}
		}
		p.b = append(p.b, ']')
	case *dict:
		p.b = append(p.b, '{')
		for i, k := range v.keys {
			if i > 0 {
				p.b = append(p.b, ',')
			}
			switch k := k.(type) {
			case string:
				p.text(k)
			case int64, float64, bool, nil: // in quotes, as Python writes them
				p.b = append(p.b, '"')
				if err := p.value(k, depth+1); err != nil {
					return err
				}
				p.b = append(p.b, '"')
			default:
				return bad("its payload has a name of %T", k)
			}
			p.b = append(p.b, ':')
			if err := p.value(v.vals[i], depth+1); err != nil {
				return err
			}
		}
		p.b = append(p.b, '}')
	default:
		return bad("its payload holds a %T", v)
	}
	return nil
}

// text writes a string; half characters become escapes, which JSON has for them.
func (p *printer) text(s string) {
	p.b = append(p.b, '"')
	for i := 0; i < len(s); {
		plain := i
		for i < len(s) && s[i] >= 0x20 && s[i] < utf8.RuneSelf && s[i] != '"' && s[i] != '\\' {
			i++
		}
		if p.b = append(p.b, s[plain:i]...); i == len(s) {
			break
		}
		c, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == utf8.RuneError && n == 1:
			half := loneHalf(s[i:])
			if half < 0 {
				p.b = append(p.b, "\ufffd"...)
				break
			}
			n = 3
			if c = utf16.DecodeRune(half, loneHalf(s[i+n:])); c != utf8.RuneError { // in JSON two are one
				p.b, n = utf8.AppendRune(p.b, c), 6
				break
			}
			p.b = fmt.Appendf(p.b, `\u%04x`, half)
		case c == '"' || c == '\\':
			p.b = append(p.b, '\\', byte(c))
		case c < 0x20:
			p.b = fmt.Appendf(p.b, `\u%04x`, c)
		default:
			p.b = append(p.b, s[i:i+n]...)
		}
		i += n
	}
	p.b = append(p.b, '"')
}

// loneHalf is the half character that s begins with, in the three bytes that Python writes of it; -1: none.
func loneHalf(s string) rune {
	if len(s) < 3 || s[0] != 0xed || s[1]&0xc0 != 0x80 || s[2]&0xc0 != 0x80 {
		return -1
	}
	if c := 0xd000 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f); utf16.IsSurrogate(c) {
		return c
	}
	return -1
}
