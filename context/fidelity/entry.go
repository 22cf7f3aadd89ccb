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
}

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

func (e *entry) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(e.n))
	b = append(b, e.rank|byte(e.expect)<<2)
	b = binary.AppendVarint(b, e.made)
	b = binary.AppendUvarint(b, uint64(len(e.key)))
	b = append(b, e.key...)
	for _, f := range e.fields {
		b = f.append(b)
	}
	return b
}

var errEntry = errors.New("fidelity: the temporary file is damaged")

func decode(b []byte) (*entry, error) {
	n, i := binary.Uvarint(b)
	if i <= 0 || i >= len(b) {
		return nil, errEntry
	}
	e := &entry{n: int(n), rank: b[i] & 3, expect: Expectation(b[i] >> 2)}
	b = b[i+1:]
	if e.made, i = binary.Varint(b); i <= 0 {
		return nil, errEntry
	}
	b = b[i:]
	l, i := binary.Uvarint(b)
	if i <= 0 || uint64(len(b)-i) < l {
		return nil, errEntry
	}
	e.key, b = string(b[i:i+int(l)]), b[i+int(l):]
	if len(b)%fieldSize != 0 {
		return nil, errEntry
	}
	for ; len(b) > 0; b = b[fieldSize:] {
		e.fields = append(e.fields, fieldOf(b))
	}
	return e, nil
}
