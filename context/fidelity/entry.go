package fidelity

import (
	"encoding/binary"
	"errors"
)

// entry is what is kept of a record of want.
type entry struct {
	n      int
	key    string // in want
	expect Expectation
	rank   byte
	limits bool  // it is a denial in force, or a rule to ask first
	made   int64 // Meta.CreatedUnixNano
	fields []field
	whole  bool // it has a glance, and no fields
	glance glance
}

// due tells whether the record is compared.
func (e *entry) due() bool { return e.expect == Required || e.expect == Optional }

const fieldSize = 2 + 1 + 16

// Of the byte with rank and expectation: what follows.
const (
	hasKey    = 1 << 4 // another one than in got
	hasGlance = 1 << 5
	isLimit   = 1 << 6 // as entry.limits
)

// append appends e, which lies under the key at.
func (e *entry) append(b []byte, at string) []byte {
	flags := e.rank | byte(e.expect)<<2
	if e.key != at {
		flags |= hasKey
	}
	if e.limits {
		flags |= isLimit
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
	e = entry{n: int(n), key: at, rank: flags & 3, expect: Expectation(flags >> 2 & 3), limits: flags&isLimit != 0}
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
