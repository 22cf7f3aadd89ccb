package fidelity

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// entry is what is kept of a record of want.
type entry struct {
	n      int
	key    string // in want
	expect Expectation
	rank   byte
	made   int64 // Meta.CreatedUnixNano
	fields []field
	whole  bool // it has a glance, and no fields
	glance glance
}

// due tells whether the record is compared.
func (e *entry) due() bool { return e.expect == Required || e.expect == Optional }

// rank is 2 for what a runtime takes for words of its operator, or always shows to the model, 1 for
// words of a person, and 0 for the rest: what a model or a tool said commands nobody. A grant that
// allows is 2, one that asks 1, and one that denies 0.
func rank(r agentstate.Record) byte {
	switch r := r.(type) {
	case *pb.Message:
		if r.Role == pb.Role_ROLE_SYSTEM || slices.Contains([]string{"system", "developer"}, r.NativeRole) {
			return 2
		}
		if r.Role == pb.Role_ROLE_USER {
			return 1
		}
	case *pb.ToolGrant:
		switch r.Effect {
		case pb.ToolGrant_EFFECT_ALLOW:
			return 2
		case pb.ToolGrant_EFFECT_ASK:
			return 1
		}
	case *pb.Memory:
		if r.Form == pb.Memory_FORM_BLOCK {
			return 2
		}
	}
	return 0
}

const fieldSize = 2 + 1 + 16

// Of the byte with rank and expectation: what follows.
const (
	hasKey    = 1 << 4 // another one than in got
	hasGlance = 1 << 5
)

// append appends e, which lies under the key at.
func (e *entry) append(b []byte, at string) []byte {
	flags := e.rank | byte(e.expect)<<2
	if e.key != at {
		flags |= hasKey
	}
	if e.whole {
		flags |= hasGlance
	}
	b = append(binary.AppendUvarint(b, uint64(e.n)), flags)
	b = binary.AppendVarint(b, e.made)
	if e.key != at {
		b = appendText(b, e.key)
	}
	if e.whole {
		return append(append(b, e.glance.fields[:]...), e.glance.native[:]...)
	}
	return appendFields(b, e.fields)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendFields(b []byte, fs []field) []byte {
	for _, f := range fs {
		b = f.append(b)
	}
	return b
}

var errEntry = errors.New("fidelity: the temporary file is damaged")

// decode reads the entry under the key at.
func decode(at string, b []byte) (e entry, err error) {
	n, i := binary.Uvarint(b)
	if i <= 0 || i >= len(b) {
		return e, errEntry
	}
	flags := b[i]
	e = entry{n: int(n), key: at, rank: flags & 3, expect: Expectation(flags >> 2 & 3)}
	b = b[i+1:]
	if e.made, i = binary.Varint(b); i <= 0 {
		return e, errEntry
	}
	b = b[i:]
	if flags&hasKey != 0 {
		if e.key, b, err = textOf(b); err != nil {
			return e, err
		}
	}
	if flags&hasGlance != 0 {
		if len(b) != 32 {
			return e, errEntry
		}
		e.whole, e.glance = true, glance{[16]byte(b[:16]), [16]byte(b[16:])}
		return e, nil
	}
	e.fields, err = fieldsOf(b)
	return e, err
}

func textOf(b []byte) (string, []byte, error) {
	l, i := binary.Uvarint(b)
	if i <= 0 || uint64(len(b)-i) < l {
		return "", nil, errEntry
	}
	return string(b[i : i+int(l)]), b[i+int(l):], nil
}

func fieldsOf(b []byte) ([]field, error) {
	if len(b)%fieldSize != 0 {
		return nil, errEntry
	}
	fs := make([]field, 0, len(b)/fieldSize)
	for ; len(b) > 0; b = b[fieldSize:] {
		fs = append(fs, fieldOf(b))
	}
	return fs, nil
}
