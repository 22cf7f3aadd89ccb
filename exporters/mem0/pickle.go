package mem0

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Values of a pickle: nil, bool, int64, *big.Int, float64, string, []byte, *list, *dict, *instance.
// Strings are UTF-8, in which half characters stand by themselves as Python writes them.
type (
	list struct {
		items []any
		runs  [][]byte // in place of items: numbers alone, as vectors are, each after its opcode
	}
	dict     struct{ keys, vals []any }
	instance struct {
		class string
		state any
	}
	global string // a class that is named; only those of classOf
	mark   struct{}
)

// models is the module of what qdrant-client writes.
const models = "qdrant_client.http.models.models"

// errPickle: it holds what qdrant-client does not write. Loading it may run any program.
var errPickle = errors.New("not a point as qdrant-client writes it")

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errPickle, fmt.Sprintf(format, args...))
}

// maxValues bounds the values of one pickle, each of which takes some 64 bytes here: an opcode makes
// one, and a vector of the longest embedder has some thousands. maxLong bounds the bytes of a number:
// its decimal form takes more than linear time.
const (
	maxValues = 4 << 20
	maxLong   = 1 << 10
)

// A machine walks the opcodes of a pickle. It makes data and calls nothing: the only classes that
// it takes are PointStruct and SparseVector, and they become instances here.
type machine struct {
	in    []byte
	at    int
	stack []any
	memo  []any
	n     int
	names map[string]any
}

// unpickle reads a pickle of protocol 2 to 5.
func unpickle(b []byte) (any, error) {
	m := &machine{}
	return m.run(b)
}

// run is unpickle with what an earlier run has left of room.
func (m *machine) run(b []byte) (any, error) {
	clear(m.stack[:cap(m.stack)])
	clear(m.memo[:cap(m.memo)])
	if cap(m.stack)+cap(m.memo) > 1<<12 {
		m.stack, m.memo = nil, nil
	}
	m.in, m.at, m.n, m.stack, m.memo = b, 0, 0, m.stack[:0], m.memo[:0]
	for {
		op, err := m.take(1)
		if err != nil {
			return nil, err
		}
		if op[0] == '.' {
			if len(m.stack) != 1 || m.at != len(b) {
				return nil, bad("%d values and %d bytes are left at its end", len(m.stack), len(b)-m.at)
			}
			return m.stack[0], nil
		}
		if m.n++; m.n > maxValues {
			return nil, bad("more than %d opcodes", maxValues)
		}
		if err := m.step(op[0]); err != nil {
			return nil, err
		}
	}
}

func (m *machine) take(n uint64) ([]byte, error) {
	if n > uint64(len(m.in)-m.at) {
		return nil, bad("cut short at byte %d", m.at)
	}
	b := m.in[m.at : m.at+int(n)]
	m.at += int(n)
	return b, nil
}

// number is a little-endian number of n bytes.
func (m *machine) number(n uint64) (uint64, error) {
	b, err := m.take(n)
	if err != nil {
		return 0, err
	}
	var w [8]byte
	copy(w[:], b)
	return binary.LittleEndian.Uint64(w[:]), nil
}

func (m *machine) push(v any) error {
	m.stack = append(m.stack, v)
	return nil
}

func (m *machine) pop() (any, error) {
	if len(m.stack) == 0 {
		return nil, bad("its stack is empty")
	}
	v := m.stack[len(m.stack)-1]
	if _, ok := v.(mark); ok {
		return nil, bad("a mark where a value belongs")
	}
	m.stack = m.stack[:len(m.stack)-1]
	return v, nil
}

// items are the values down to the mark.
func (m *machine) items() ([]any, error) {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if _, ok := m.stack[i].(mark); ok {
			out := m.stack[i+1:]
			m.stack = m.stack[:i]
			return out, nil
		}
	}
	return nil, bad("no mark")
}

func (m *machine) top() any {
	if len(m.stack) == 0 {
		return nil
	}
	return m.stack[len(m.stack)-1]
}

func (m *machine) step(op byte) error {
	switch op {
	case 0x80: // PROTO
		v, err := m.number(1)
		if err == nil && (m.at != 2 || v < 2 || v > 5) {
			err = bad("protocol %d", v)
		}
		return err
	case 0x95: // FRAME
		n, err := m.number(8)
		if err == nil && n > uint64(len(m.in)-m.at) {
			err = bad("cut short at byte %d", m.at)
		}
		return err
	case '(':
		if m.numbers() {
			return nil
		}
		return m.push(mark{})
	case 'N':
		return m.push(nil)
	case 0x88:
		return m.push(true)
	case 0x89:
		return m.push(false)
	case 0x94: // MEMOIZE
		if len(m.stack) == 0 {
			return bad("nothing to remember")
		}
		m.memo = append(m.memo, m.top())
		return nil
	case 'q', 'r': // BINPUT, LONG_BINPUT: as Python writes them, one after the other
		n, err := m.number(width(op))
		if err == nil && (n != uint64(len(m.memo)) || len(m.stack) == 0) {
			err = bad("its memory has gaps")
		}
		m.memo = append(m.memo, m.top())
		return err
	case 'h', 'j': // BINGET, LONG_BINGET
		n, err := m.number(width(op))
		if err == nil && n >= uint64(len(m.memo)) {
			err = bad("it recalls what it has not remembered")
		}
		if err != nil {
			return err
		}
		return m.push(m.memo[n])
	case 'K', 'M', 'J', 0x8a, 0x8b, 'G', 0x8c, 'X', 0x8d:
		return m.scalar(op)
	}
	return m.build(op)
}

// scalar takes a number or a string.
func (m *machine) scalar(op byte) error {
	switch op {
	case 'K', 'M', 'J': // BININT1, BININT2, BININT
		n, err := m.number(width(op))
		if err != nil {
			return err
		}
		if op == 'J' {
			return m.push(int64(int32(n)))
		}
		return m.push(int64(n))
	case 0x8a, 0x8b: // LONG1, LONG4
		n, err := m.number(width(op))
		if err == nil && n > maxLong {
			err = bad("a number of %d bytes", n)
		}
		if err != nil {
			return err
		}
		b, err := m.take(n)
		if err != nil {
			return err
		}
		return m.push(long(b))
	case 'G':
		b, err := m.take(8)
		if err != nil {
			return err
		}
		return m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	case 0x8c, 'X', 0x8d: // strings
		n, err := m.number(width(op))
		if err != nil {
			return err
		}
		b, err := m.take(n)
		if err != nil {
			return err
		}
		return m.push(m.text(b))
	}
	return bad("opcode %#x is no value", op)
}

// text is a string. Short ones, which are mostly the names of fields, are kept for the next pickles.
func (m *machine) text(b []byte) any {
	if len(b) > 32 {
		return string(b)
	}
	if s, ok := m.names[string(b)]; ok {
		return s
	}
	var s any = string(b)
	if m.names == nil {
		m.names = map[string]any{}
	}
	if len(m.names) < 256 {
		m.names[string(b)] = s
	}
	return s
}

// numbers takes a run of numbers up to the opcode that appends them to a list which holds nothing else,
// as the bulk of a point is; false: it is none.
func (m *machine) numbers() bool {
	l, ok := m.top().(*list)
	if !ok || l.items != nil {
		return false
	}
	end := m.at
	for end+9 <= len(m.in) && m.in[end] == 'G' {
		end += 9
	}
	if end == m.at || end >= len(m.in) || m.in[end] != 'e' {
		return false
	}
	l.runs = append(l.runs, m.in[m.at:end])
	m.at = end + 1
	return true
}

// width is how many bytes the number after an opcode has.
func width(op byte) uint64 {
	switch op {
	case 'M':
		return 2
	case 'J', 'X', 'r', 'j', 0x8b:
		return 4
	case 0x8d:
		return 8
	}
	return 1
}

// build runs the opcodes that put values together.
func (m *machine) build(op byte) error {
	switch op {
	case ']', 0x8f: // EMPTY_LIST, EMPTY_SET
		return m.push(&list{})
	case '}':
		return m.push(&dict{keys: make([]any, 0, 12), vals: make([]any, 0, 12)})
	case ')':
		return m.push([]any(nil))
	case 'a': // APPEND
		v, err := m.pop()
		if err != nil {
			return err
		}
		return m.extend([]any{v})
	case 'e', 0x90: // APPENDS, ADDITEMS
		vs, err := m.items()
		if err != nil {
			return err
		}
		return m.extend(vs)
	case 's', 'u': // SETITEM, SETITEMS
		var vs []any
		var err error
		if op == 'u' {
			vs, err = m.items()
		} else if len(m.stack) > 2 {
			vs = m.stack[len(m.stack)-2:]
			m.stack = m.stack[:len(m.stack)-2]
		}
		d, ok := m.top().(*dict)
		if err != nil || !ok || len(vs)%2 != 0 {
			return bad("members without an object")
		}
		for i := 0; i < len(vs); i += 2 {
			d.set(vs[i], vs[i+1])
		}
		return nil
	case 0x93: // STACK_GLOBAL
		name, err := m.pop()
		if err != nil {
			return err
		}
		module, err := m.pop()
		if err != nil {
			return err
		}
		n, _ := name.(string)
		of, _ := module.(string)
		if of == models && (n == "PointStruct" || n == "SparseVector") {
			return m.push(global(n))
		}
		return bad("it names %.40q of %.60q", n, of)
	case 0x81: // NEWOBJ
		args, err := m.pop()
		if err != nil {
			return err
		}
		class, err := m.pop()
		if err != nil {
			return err
		}
		g, ok := class.(global)
		if a, is := args.([]any); !ok || !is || len(a) != 0 {
			return bad("it makes what is no point")
		}
		return m.push(&instance{class: string(g)})
	case 'b': // BUILD
		state, err := m.pop()
		if err != nil {
			return err
		}
		o, ok := m.top().(*instance)
		if !ok || o.state != nil {
			return bad("it builds what is no point")
		}
		o.state = state
		return nil
	}
	return bad("opcode 0x%02x", op)
}

func (m *machine) extend(vs []any) error {
	l, ok := m.top().(*list)
	if !ok {
		return bad("elements without a list")
	}
	l.items = append(l.values(), vs...)
	return nil
}
