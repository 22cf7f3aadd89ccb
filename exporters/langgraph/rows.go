package langgraph

import (
	"bytes"
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
)

// rowID names a row of the target: its table and key.
func rowID(t *table, row map[string]cell) string {
	parts := []string{t.name}
	for _, k := range t.key {
		c := row[k]
		switch c.kind {
		case text:
			parts = append(parts, "t"+url.PathEscape(string(c.b)))
		case blob:
			parts = append(parts, "b"+hex.EncodeToString(c.b))
		case integer:
			parts = append(parts, "i"+strconv.FormatInt(c.i, 10))
		default:
			parts = append(parts, "?")
		}
	}
	return strings.Join(parts, "/")
}

// parseRowID is the inverse of rowID.
func parseRowID(id string) (name string, key []cell, ok bool) {
	parts := strings.Split(id, "/")
	for _, p := range parts[1:] {
		if p == "" {
			return "", nil, false
		}
		var c cell
		var err error
		switch p[0] {
		case 't':
			var u string
			u, err = url.PathUnescape(p[1:])
			c = textCell(u)
		case 'b':
			c.kind = blob
			c.b, err = hex.DecodeString(p[1:])
		case 'i':
			c.kind = integer
			c.i, err = strconv.ParseInt(p[1:], 10, 64)
		default:
			return "", nil, false
		}
		if err != nil {
			return "", nil, false
		}
		key = append(key, c)
	}
	return parts[0], key, len(key) > 0
}

// rowDigest is the version of a row in a receipt: undo leaves a row of another. It is over all columns of a row of SQLite. A whole number counts the same as integer and
// as real: the column's affinity decides between them.
func rowDigest(t *table, row map[string]cell) string {
	h := sha256.New()
	for _, c := range t.cols {
		v := row[c.name]
		if v.kind == real && v.f == math.Trunc(v.f) && math.Abs(v.f) < 1<<53 {
			v = cell{kind: integer, i: int64(v.f)}
		}
		s := v.String()
		if v.kind == blob {
			s = string(v.b)
		}
		fmt.Fprintf(h, "%s %d %d:", c.name, v.kind, len(s))
		h.Write([]byte(s))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// equal compares values with their storage class.
func (c cell) equal(o cell) bool {
	if c.kind != o.kind {
		return false
	}
	switch c.kind {
	case integer:
		return c.i == o.i
	case real:
		return math.Float64bits(c.f) == math.Float64bits(o.f)
	}
	return bytes.Equal(c.b, o.b)
}

// fits says why a column of the target cannot hold x; empty: it can. SQLite holds anything.
func fits(x cell, c column, engine string) string {
	if engine == "sqlite" || x.isNull() {
		return ""
	}
	switch c.typ {
	case "bytea":
		if x.kind != blob {
			return "want bytes"
		}
	case "int2", "int4", "int8":
		if x.kind != integer {
			return "want an integer"
		}
		if c.typ == "int4" && x.i != int64(int32(x.i)) {
			return "integer above 32 bits"
		}
	default:
		if x.kind != text {
			return "want text"
		}
		if !utf8.Valid(x.b) {
			return "text is not valid UTF-8, which PostgreSQL does not take"
		}
		if bytes.IndexByte(x.b, 0) >= 0 {
			return "text holds NUL, which PostgreSQL does not take"
		}
		switch c.typ {
		case "json", "jsonb":
			return jsonbProblem(x.b)
		case "timestamptz", "timestamp":
			if parseTime(string(x.b)) == 0 && !strings.HasSuffix(string(x.b), "infinity") {
				return "not a time"
			}
		}
	}
	return ""
}

// jsonbProblem says why PostgreSQL would refuse b as jsonb; empty: it takes it.
func jsonbProblem(b []byte) string {
	if !utf8.Valid(b) {
		return "JSON is not valid UTF-8"
	}
	if !json.Valid(b) { // also NaN and Infinity, which Python writes
		return "not JSON as PostgreSQL takes it"
	}
	depth := 0
	inString := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			inString = !inString
		case inString && c == '\\':
			i++
			if b[i] != 'u' {
				continue
			}
			n, _ := strconv.ParseUint(string(b[i+1:i+5]), 16, 16)
			i += 4
			switch {
			case n == 0:
				return "JSON text holds NUL, which jsonb does not take"
			case n >= 0xdc00 && n < 0xe000:
				return "JSON text holds half of a surrogate pair, which jsonb does not take"
			case n >= 0xd800 && n < 0xdc00:
				if i+6 >= len(b) || b[i+1] != '\\' || b[i+2] != 'u' {
					return "JSON text holds half of a surrogate pair, which jsonb does not take"
				}
				if low, _ := strconv.ParseUint(string(b[i+3:i+7]), 16, 16); low < 0xdc00 || low > 0xdfff {
					return "JSON text holds half of a surrogate pair, which jsonb does not take"
				}
				i += 6
			}
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > 1000 {
				return "JSON is nested too deep"
			}
		case c == '}' || c == ']':
			depth--
		case c == 'e' || c == 'E':
			if i > 0 && b[i-1] >= '0' && b[i-1] <= '9' {
				n, err := strconv.Atoi(strings.TrimLeft(string(exponent(b[i+1:])), "+"))
				if err != nil || n > 10000 || n < -10000 {
					return "JSON number is out of range"
				}
			}
		}
	}
	return ""
}

func exponent(b []byte) []byte {
	n := 0
	for n < len(b) && (b[n] == '+' || b[n] == '-' || b[n] >= '0' && b[n] <= '9') {
		n++
	}
	return b[:n]
}

// A cache keeps the records that were cited last: neighbouring checkpoints share most values. A nil
// record stands for one that is not there.
type cache struct {
	limit, size int
	order       *list.List
	at          map[string]*list.Element
}

type cached struct {
	key  string
	rec  agentstate.Record
	size int
}

func newCache(limit int) *cache {
	return &cache{limit: limit, order: list.New(), at: map[string]*list.Element{}}
}

func (c *cache) get(key string) (r agentstate.Record, known bool) {
	e := c.at[key]
	if e == nil {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).rec, true
}

func (c *cache) add(key string, r agentstate.Record) {
	n := 2*len(key) + 100 // the places in the list and in the map
	if r != nil {
		n += proto.Size(r) + 600 // what the messages of a record take beside their bytes
		for _, x := range r.GetMeta().GetNative() {
			n += 200 + 150*len(x.GetRow().GetColumns())
		}
	}
	if e := c.at[key]; e != nil && e.Value.(*cached).rec == nil {
		c.order.Remove(e) // it came after all
		delete(c.at, key)
		c.size -= e.Value.(*cached).size
	}
	if c.at[key] != nil || n > c.limit/4 {
		return
	}
	c.at[key] = c.order.PushFront(&cached{key, r, n})
	for c.size += n; c.size > c.limit; {
		e := c.order.Back()
		old := e.Value.(*cached)
		c.order.Remove(e)
		delete(c.at, old.key)
		c.size -= old.size
	}
}
