package format

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Field numbers of every <Kind>Shard.
const (
	shardRecords protowire.Number = 1
	shardHeader  protowire.Number = 15
)

// Field numbers of Embedding that a shard holds in place of the vector.
const (
	embeddingElement protowire.Number = 6
	embeddingVector  protowire.Number = 7
	embeddingSHA256  protowire.Number = 8
	embeddingMember  protowire.Number = 9
	embeddingIndex   protowire.Number = 10
)

type shardKey struct {
	kind string
	comp int
}

// openShard is a shard that still takes records.
type openShard struct {
	shardKey
	ordinal uint64
	salt    [32]byte
	raw     []byte // the header, then records
	count   int
	cut     int // bytes of vectors that its records left in vector members
}

func (s *openShard) empty() bool { return s.count == 0 }

// begin writes the header into the empty buffer.
func (s *openShard) begin(id archiveID) error {
	h, err := proto.MarshalOptions{Deterministic: true}.Marshal(&pb.ShardHeader{
		ArchiveId: id[:], Kind: s.kind, Ordinal: s.ordinal, Compartment: uint32(s.comp), Salt: s.salt[:],
	})
	if err != nil {
		return fmt.Errorf("format: shard header: %v", err)
	}
	s.raw = protowire.AppendTag(s.raw[:0], shardHeader, protowire.BytesType)
	s.raw = protowire.AppendBytes(s.raw, h)
	return nil
}

// append marshals r behind the records, if check finds no fault in its bytes. On error the shard
// is as it was.
func (s *openShard) append(r proto.Message, size int, check func(rec []byte) error) error {
	at := len(s.raw)
	raw := protowire.AppendTag(s.raw, shardRecords, protowire.BytesType)
	raw = protowire.AppendVarint(raw, uint64(size))
	body := len(raw)
	raw, err := appendRecord(raw, r, size)
	if err == nil {
		err = check(raw[body:])
	}
	if err != nil {
		s.raw = s.raw[:at]
		return err
	}
	s.raw = raw
	s.count++
	return nil
}

func sizeOf(r proto.Message) int {
	if v, ok := r.(agentstate.Generated); ok {
		return v.SizeVT()
	}
	return proto.Size(r)
}

// appendRecord appends r, whose size was sizeOf. Text is checked before, by record.Measure, or behind it, by the scanner. A record that no generated code can have made,
// such as one with a nil pointer in a oneof, is an error.
func appendRecord(dst []byte, r proto.Message, size int) (out []byte, err error) {
	v, ok := r.(agentstate.Generated)
	if !ok {
		out, err = proto.MarshalOptions{Deterministic: true}.MarshalAppend(dst, r)
		if err == nil && len(out)-len(dst) != size {
			err = errChanged
		}
		return out, err
	}
	defer func() {
		if p := recover(); p != nil {
			out, err = dst, errChanged
		}
	}()
	out = grow(dst, size)[:len(dst)+size]
	if !agentstate.MarshalInto(out[len(dst):], v) {
		err = errChanged
	}
	return out, err
}

// grow makes room for n more bytes in a buffer that will be used again. It doubles, where append
// adds a quarter each time, and comes out a little above a shard's size.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	return append(make([]byte, 0, max(2*cap(b), len(b)+n, 4<<10+4)), b...)
}

var errChanged = errors.New("not well-formed, or changed while it was written")

// appendBytes is append for a record that is bytes already.
func (s *openShard) appendBytes(rec []byte) {
	s.raw = protowire.AppendTag(s.raw, shardRecords, protowire.BytesType)
	s.raw = protowire.AppendBytes(s.raw, rec)
	s.count++
}

// salt makes the 32 bytes that a shard's nonces come from.
func (w *Writer) salt(ordinal uint64) (out [32]byte) {
	if len(w.opts.Seed) > 0 {
		m := hmac.New(sha256.New, w.opts.Seed)
		m.Write(binary.BigEndian.AppendUint64(nil, ordinal))
		m.Sum(out[:0])
		return out
	}
	rand.Read(out[:])
	return out
}

// cutVector takes the vector out of the bytes of an Embedding, as std marshalling makes them,
// and puts its digest and place there instead.
func cutVector(dst, rec, vector []byte, member uint64, index int) ([]byte, bool) {
	tag := protowire.AppendTag(nil, embeddingVector, protowire.BytesType)
	tag = protowire.AppendVarint(tag, uint64(len(vector)))
	at := vectorAt(rec, len(vector))
	if at < 0 || !bytes.HasPrefix(rec[at:], tag) {
		return dst, false
	}
	sum := sha256.Sum256(vector)
	dst = append(dst, rec[:at]...)
	dst = protowire.AppendTag(dst, embeddingSHA256, protowire.BytesType)
	dst = protowire.AppendBytes(dst, sum[:])
	dst = protowire.AppendTag(dst, embeddingMember, protowire.VarintType)
	dst = protowire.AppendVarint(dst, member)
	if index > 0 {
		dst = protowire.AppendTag(dst, embeddingIndex, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(index))
	}
	return append(dst, rec[at+len(tag)+len(vector):]...), true
}

// vectorAt is the offset of the tag of the vector field, -1 when there is none of n bytes.
func vectorAt(rec []byte, n int) int {
	for at := 0; at < len(rec); {
		num, typ, k := protowire.ConsumeField(rec[at:])
		if k < 0 {
			return -1
		}
		if num == embeddingVector && typ == protowire.BytesType && k > n {
			return at
		}
		at += k
	}
	return -1
}

// walkShard checks the frame of a shard message, header first and once and then records alone,
// with lengths in their shortest form, and calls f for each record.
func walkShard(raw []byte, header func(b []byte) error, f func(i int, rec []byte) error) error {
	for i := -1; len(raw) > 0; i++ {
		num, typ, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return errTag(n)
		}
		want := shardRecords
		if i < 0 {
			want = shardHeader
		}
		if num != want || typ != protowire.BytesType || n != 1 {
			return fmt.Errorf("field %d where field %d has to be", num, want)
		}
		raw = raw[n:]
		size, n := protowire.ConsumeVarint(raw)
		if n < 0 {
			return errTag(n)
		}
		if n != protowire.SizeVarint(size) {
			return fmt.Errorf("length of record %d is longer than it need be", i)
		}
		if size > uint64(len(raw)-n) {
			return fmt.Errorf("record %d goes beyond the shard", i)
		}
		body := raw[n : n+int(size)]
		raw = raw[n+int(size):]
		var err error
		if i < 0 {
			err = header(body)
		} else {
			err = f(i, body)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
