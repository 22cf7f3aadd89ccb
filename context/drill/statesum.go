package drill

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
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
	buf   []byte
}

type kindSum struct {
	records uint64
	h       hash.Hash
}

func newStateSum(kinds []string) *stateSum {
	return &stateSum{kinds: kinds, sums: map[string]*kindSum{}}
}

// add counts r in, where it is state: what a reading says of itself differs from one to the next.
func (s *stateSum) add(r agentstate.Record) error {
	kind := agentstate.KindOf(r)
	if !agentstate.IsState(kind) || len(s.kinds) > 0 && !slices.Contains(s.kinds, kind) {
		return nil
	}
	k := s.sums[kind]
	if k == nil {
		k = &kindSum{h: sha256.New()}
		s.sums[kind] = k
	}
	if err := s.spell(r); err != nil {
		return fmt.Errorf("drill: %s: %w", kind, err)
	}
	binary.BigEndian.PutUint64(s.buf, uint64(len(s.buf)-8))
	k.records++
	k.h.Write(s.buf)
	return nil
}

// spell puts the bytes of r behind 8 others, as an archive spells them.
func (s *stateSum) spell(r agentstate.Record) (err error) {
	v, ok := r.(interface {
		SizeVT() int
		MarshalToSizedBufferVT(b []byte) (int, error)
	})
	if !ok {
		s.buf, err = proto.MarshalOptions{Deterministic: true}.MarshalAppend(append(s.buf[:0], make([]byte, 8)...), r)
		return err
	}
	n := 8 + v.SizeVT()
	if s.buf = slices.Grow(s.buf[:0], n)[:n]; n > 8 {
		_, err = v.MarshalToSizedBufferVT(s.buf[8:])
	}
	return err
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
