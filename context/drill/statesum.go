package drill

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
)

// stateSum is the digest of a state while it is read; evidence.Runtime says over what.
type stateSum struct {
	kinds []string // that count; nil: all
	sums  map[string]*kindSum
	size  [8]byte
	buf   []byte
}

type kindSum struct {
	records uint64
	h       hash.Hash
}

func newStateSum(kinds []string) *stateSum {
	return &stateSum{kinds: kinds, sums: map[string]*kindSum{}}
}

// add counts w in, where it is state: what a reading says of itself differs from one to the next.
func (s *stateSum) add(w agentstate.Wired) error {
	kind := agentstate.KindOf(w.Record)
	if !agentstate.IsState(kind) || len(s.kinds) > 0 && !slices.Contains(s.kinds, kind) {
		return nil
	}
	k := s.sums[kind]
	if k == nil {
		k = &kindSum{h: sha256.New()}
		s.sums[kind] = k
	}
	b := w.Wire
	if b == nil {
		var err error
		if b, err = s.spell(w.Record); err != nil {
			return fmt.Errorf("drill: %s: %w", kind, err)
		}
	}
	k.records++
	k.h.Write(binary.BigEndian.AppendUint64(s.size[:0], uint64(len(b))))
	k.h.Write(b)
	return nil
}

// spell gives the bytes of r as an archive spells them, until the next call.
func (s *stateSum) spell(r agentstate.Record) (b []byte, err error) {
	v, ok := r.(agentstate.Generated)
	if !ok {
		return proto.MarshalOptions{Deterministic: true}.Marshal(r)
	}
	n := v.SizeVT()
	s.buf = slices.Grow(s.buf[:0], n)[:n]
	if !agentstate.MarshalInto(s.buf, v) {
		err = errors.New("a record is not well-formed")
	}
	return s.buf, err
}

// sum is the digest, in hexadecimal, and how many records it is over.
func (s *stateSum) sum() (digest string, records uint64) {
	var b strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(s.sums)) {
		k := s.sums[kind]
		records += k.records
		fmt.Fprintf(&b, "%s %d %s\n", kind, k.records, hex.EncodeToString(k.h.Sum(nil)))
	}
	return hexSum([]byte(b.String())), records
}
