package formattest_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Members of the small archive.
const (
	memoryShard  = "data/r/memory/00000004.pb.zst"
	messageShard = "data/r/message/00000006.pb.zst"
	vectorMember = "data/v/00000001.zst"
	indexPage    = "data/i/00000001.pb.zst"
	rootMember   = "data/root.pb.zst"
	blobChunk    = "data/b/00000001/000001.zst"
)

// frameFaults are faults of the zstd frame of a shard; everything around it is right.
func frameFaults() []fault {
	frameFault := func(name, class, comment string, edit func(t *testing.T, f *forge, b []byte) []byte) fault {
		return fault{name: "frame-" + name, expect: class, comment: comment, member: memoryShard, released: 3, archive: func(t *testing.T) []byte {
			f := base(t)
			return f.editFrame("memory", func(b []byte) []byte { return edit(t, f, b) }).bytes()
		}}
	}
	// with compresses the content with other options.
	with := func(opts ...zstd.EOption) func(t *testing.T, f *forge, b []byte) []byte {
		return func(t *testing.T, f *forge, b []byte) []byte {
			raw, err := f.dec.Decode(nil, b, -1)
			if err != nil {
				t.Fatal(err)
			}
			enc, err := zstd.NewWriter(nil, append([]zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(true)}, opts...)...)
			if err != nil {
				t.Fatal(err)
			}
			return enc.EncodeAll(raw, nil)
		}
	}
	return []fault{
		frameFault("two", "payload", "two frames one behind the other", func(t *testing.T, f *forge, b []byte) []byte {
			return f.enc.Compress(bytes.Clone(b), []byte("second"), false)
		}),
		frameFault("empty-second", "payload", "a second frame of no content", func(t *testing.T, f *forge, b []byte) []byte {
			return f.enc.Compress(bytes.Clone(b), nil, false)
		}),
		frameFault("skippable-first", "payload", "a skippable frame in front", func(_ *testing.T, _ *forge, b []byte) []byte {
			return append(append(le32(le32(nil, 0x184D2A50), 4), "skip"...), b...)
		}),
		frameFault("skippable-last", "payload", "a skippable frame behind", func(_ *testing.T, _ *forge, b []byte) []byte {
			return append(le32(le32(bytes.Clone(b), 0x184D2A5F), 4), "skip"...)
		}),
		frameFault("no-checksum", "payload", "a frame without checksum", with(zstd.WithEncoderCRC(false))),
		frameFault("wrong-checksum", "payload", "the checksum is off by one", func(_ *testing.T, _ *forge, b []byte) []byte {
			b = bytes.Clone(b)
			b[len(b)-1]++
			return b
		}),
		frameFault("no-content-size", "payload", "a frame without content size", func(t *testing.T, f *forge, b []byte) []byte {
			raw, err := f.dec.Decode(nil, b, -1)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			w, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			w.Write(raw)
			w.Flush() // the header is out before the size is known
			w.Close()
			return out.Bytes()
		}),
		frameFault("dictionary", "payload", "a frame that names a dictionary", func(_ *testing.T, _ *forge, b []byte) []byte {
			// magic, descriptor with a dictionary id of one byte, then the id before the content size
			out := append(bytes.Clone(b[:4]), b[4]|1)
			return append(append(out, 7), b[5:]...)
		}),
		frameFault("reserved-bit", "payload", "the reserved bit of the frame header", func(_ *testing.T, _ *forge, b []byte) []byte {
			b = bytes.Clone(b)
			b[4] |= 8
			return b
		}),
		frameFault("claim-3-gib", "payload", "a content size of 3 GiB in the frame alone", func(_ *testing.T, _ *forge, b []byte) []byte { return claim(b, 3<<30) }),
		frameFault("claim-huge", "payload", "a content size of 2^63 in the frame alone", func(_ *testing.T, _ *forge, b []byte) []byte { return claim(b, 1<<63) }),
		frameFault("short-content", "payload", "less content than the frame says", func(t *testing.T, f *forge, b []byte) []byte {
			size := b[5]
			if b[4]>>6 == 1 {
				return put16(bytes.Clone(b), 5, binary.LittleEndian.Uint16(b[5:])+1)
			}
			b = bytes.Clone(b)
			b[5] = size + 1
			return b
		}),
		frameFault("bomb", "payload", "a block of 128 KiB of zeros where the frame says 300 bytes", func(_ *testing.T, _ *forge, b []byte) []byte {
			head := append(bytes.Clone(b[:4]), 1<<6|0x20|4)
			head = le16(head, 300-256)
			h := uint32(128<<10)<<3 | 1<<1 | 1
			head = append(head, byte(h), byte(h>>8), byte(h>>16), 0)
			return le32(head, 0)
		}),
		frameFault("cut", "payload", "a frame that ends in its last block", func(_ *testing.T, _ *forge, b []byte) []byte { return b[:len(b)-5] }),
		frameFault("gzip", "payload", "no zstd at all", func(*testing.T, *forge, []byte) []byte {
			return []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		}),
		frameFault("empty", "payload", "a member of no bytes", func(*testing.T, *forge, []byte) []byte { return nil }),
		{name: "frame-claim-3-gib-declared", expect: "payload", comment: "a content size of 3 GiB, in the root as well", member: rootMember, archive: func(t *testing.T) []byte {
			f := base(t)
			r := f.root(0)
			s := f.shardOf(r, "memory")
			f.setFrame(0, s.Member, claim(f.frame(0, s.Member), 3<<30))
			s.RawSize = 3 << 30
			return f.setRoot(0, r).refresh().bytes()
		}},
		{name: "root-claim-3-gib", expect: "limit", comment: "the frame of the root claims 3 GiB", member: rootMember, archive: func(t *testing.T) []byte {
			f := base(t)
			f.setFrame(0, rootMember, claim(f.frame(0, rootMember), 3<<30))
			return f.refresh().bytes()
		}},
	}
}

// claim is frame b with another content size, in eight bytes.
func claim(b []byte, size uint64) []byte {
	width := [4]int{1, 2, 4, 8}[b[4]>>6]
	out := append(bytes.Clone(b[:4]), b[4]|3<<6)
	return append(binary.LittleEndian.AppendUint64(out, size), b[5+width:]...)
}

// shardFaults are faults of the message in a shard; digests, sizes and trees follow it.
func shardFaults() []fault {
	shardFault := func(name, comment string, edit func(raw []byte) []byte) fault {
		return fault{name: "shard-" + name, expect: "payload", comment: comment, member: memoryShard, released: 3, archive: func(t *testing.T) []byte {
			return base(t).editShard("memory", edit).bytes()
		}}
	}
	header := func(name, comment string, edit func(h *pb.ShardHeader)) fault {
		return shardFault(name, comment, func(raw []byte) []byte {
			h := &pb.ShardHeader{}
			if err := proto.Unmarshal(fieldsOf(raw, 15)[0], h); err != nil {
				panic(err)
			}
			edit(h)
			b, err := proto.MarshalOptions{Deterministic: true}.Marshal(h)
			if err != nil {
				panic(err)
			}
			return message(b, fieldsOf(raw, 1)...)
		})
	}
	return []fault{
		shardFault("no-header", "records alone", func(raw []byte) []byte {
			var b []byte
			for _, r := range fieldsOf(raw, 1) {
				b = field(b, 1, r)
			}
			return b
		}),
		shardFault("two-headers", "the header twice", func(raw []byte) []byte {
			h := fieldsOf(raw, 15)[0]
			return append(field(nil, 15, h), message(h, fieldsOf(raw, 1)...)...)
		}),
		shardFault("late-header", "the header behind the first record", func(raw []byte) []byte {
			recs := fieldsOf(raw, 1)
			return append(field(nil, 1, recs[0]), message(fieldsOf(raw, 15)[0], recs[1:]...)...)
		}),
		shardFault("other-field", "a field 2 between the records", func(raw []byte) []byte { return field(bytes.Clone(raw), 2, []byte("x")) }),
		shardFault("group", "a group behind the records", func(raw []byte) []byte { return append(bytes.Clone(raw), 3<<3|3, 3<<3|4) }),
		shardFault("long-tag", "the tag of the first record in two bytes", func(raw []byte) []byte {
			head, recs := fieldsOf(raw, 15)[0], fieldsOf(raw, 1)
			b := append(field(nil, 15, head), 0x8a, 0) // 10, overlong
			b = protowire.AppendBytes(b, recs[0])
			for _, r := range recs[1:] {
				b = field(b, 1, r)
			}
			return b
		}),
		shardFault("long-length", "the length of the last record in one byte more than it needs", func(raw []byte) []byte {
			head, recs := fieldsOf(raw, 15)[0], fieldsOf(raw, 1)
			last := recs[len(recs)-1]
			b := message(head, recs[:len(recs)-1]...)
			b = append(b, 1<<3|2, byte(len(last))|0x80, byte(len(last)>>7)|0x80, 0)
			return append(b, last...)
		}),
		shardFault("beyond-end", "a record that claims to go on behind the end", func(raw []byte) []byte {
			return append(bytes.Clone(raw), 1<<3|2, 0xff, 0xff, 0xff, 0xff, 7)
		}),
		shardFault("trailing-byte", "half a tag at the end", func(raw []byte) []byte { return append(bytes.Clone(raw), 0x8a) }),
		header("archive-id", "the header of another archive", func(h *pb.ShardHeader) { h.ArchiveId = make([]byte, 16) }),
		header("kind-header", "the header names another kind", func(h *pb.ShardHeader) { h.Kind = "message" }),
		header("ordinal-header", "the header has another ordinal", func(h *pb.ShardHeader) { h.Ordinal++ }),
		header("compartment-header", "the header names a compartment that is not there", func(h *pb.ShardHeader) { h.Compartment = 1 }),
		header("short-salt", "a salt of 16 bytes", func(h *pb.ShardHeader) { h.Salt = h.Salt[:16] }),
		{name: "shard-no-records", expect: "payload", comment: "a shard of no records", archive: func(t *testing.T) []byte {
			return base(t).editShard("memory", func(raw []byte) []byte { return message(fieldsOf(raw, 15)[0]) }).bytes()
		}},
		recordFault("other-kind", "a record whose key is of another kind", func(rec []byte) []byte {
			return bytes.Replace(rec, []byte("memory/s/1"), []byte("memorz/s/1"), 1)
		}),
		recordFault("no-key", "a record without a key", func(rec []byte) []byte {
			_, _, n := protowire.ConsumeField(rec) // meta is first
			return rec[n:]
		}),
		recordFault("invalid-utf8", "text that is not UTF-8", func(rec []byte) []byte {
			return bytes.Replace(rec, []byte("Tuesday"), []byte("Tues\xff\xfey"), 1)
		}),
		recordFault("surrogate", "text with a surrogate in UTF-8", func(rec []byte) []byte {
			return bytes.Replace(rec, []byte("Tuesday"), []byte("T\xed\xa0\x80day"), 1)
		}),
		recordFault("cut-record", "a record that ends in a field", func(rec []byte) []byte { return append(rec, 5<<3|2, 9, 'x') }),
		recordFault("bad-tag", "field number 0", func(rec []byte) []byte { return append(rec, 0<<3|2, 0) }),
		recordFault("bad-group", "an end of a group that never began", func(rec []byte) []byte { return append(rec, 9<<3|4) }),
		recordFault("deep-group", "groups nested 65 deep in a field that nobody knows", func(rec []byte) []byte {
			for range 65 {
				rec = protowire.AppendTag(rec, 99, protowire.StartGroupType)
			}
			for range 65 {
				rec = protowire.AppendTag(rec, 99, protowire.EndGroupType)
			}
			return rec
		}),
		{name: "key-twice", expect: "payload", comment: "two records of one key, both in the index", archive: func(t *testing.T) []byte {
			f := base(t).editRecord("memory", 1, func(rec []byte) []byte {
				return bytes.Replace(rec, []byte("memory/s/1"), []byte("memory/s/2"), 1)
			})
			return f.renamed("memory/s/1", "memory/s/2").bytes()
		}, released: smallRecords},
	}
}

// recordFault is a fault inside the second record of the memory shard.
func recordFault(name, comment string, edit func(rec []byte) []byte) fault {
	return fault{name: "record-" + name, expect: "payload", comment: comment, member: memoryShard, released: 3, archive: func(t *testing.T) []byte {
		return base(t).editRecord("memory", 1, edit).bytes()
	}}
}

// renamed gives the index entry of one key the fingerprint of another.
func (f *forge) renamed(old, now string) *forge {
	f.t.Helper()
	type entry struct {
		fp, shard uint64
		pos       uint32
	}
	of := func(key string) uint64 {
		h := sha256.Sum256([]byte(key))
		return binary.BigEndian.Uint64(h[:]) >> 24
	}
	return f.editIndex(func(p *pb.IndexPage, fence *pb.IndexFence) {
		var es []entry
		at := uint64(0)
		for i, d := range p.FingerprintDeltas {
			at += d
			e := entry{at, p.Shards[i], p.Positions[i]}
			if e.fp == of(old) {
				e.fp = of(now)
			}
			es = append(es, e)
		}
		slices.SortStableFunc(es, func(a, b entry) int { return cmp.Compare(a.fp, b.fp) })
		at = 0
		for i, e := range es {
			p.FingerprintDeltas[i], p.Shards[i], p.Positions[i] = e.fp-at, e.shard, e.pos
			at = e.fp
		}
		fence.First, fence.Last = es[0].fp, at
	})
}
