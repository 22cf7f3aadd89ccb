package formattest_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// rootFaults are faults of the tables in the root.
func rootFaults() []fault {
	rootFault := func(name, comment, member string, edit func(r *pb.Root)) fault {
		return fault{name: "root-" + name, expect: "payload", comment: comment, member: member, archive: func(t *testing.T) []byte {
			return base(t).editRoot(edit).bytes()
		}}
	}
	shard := func(r *pb.Root) *pb.Shard { // of kind memory
		return r.Shards[slices.IndexFunc(r.Shards, func(s *pb.Shard) bool { return s.Kind == "memory" })]
	}
	return []fault{
		rootFault("kind-swapped", "the table calls the memories messages", rootMember, func(r *pb.Root) { shard(r).Kind = "message" }),
		rootFault("shards-swapped", "two rows of the table have each other's members", rootMember, func(r *pb.Root) {
			a, b := shard(r), r.Shards[5]
			a.Member, b.Member = b.Member, a.Member
		}),
		rootFault("count-alone", "one record more in the table of shards alone", manifestJSON, func(r *pb.Root) { shard(r).Count++ }),
		{name: "root-count", expect: "payload", comment: "one record more than there are; trees and counts follow", archive: func(t *testing.T) []byte {
			f := base(t)
			r := f.root(0)
			f.shardOf(r, "completeness").Count++
			for _, k := range r.Summary.Kinds {
				if k.Kind == "completeness" {
					k.Records++
				}
			}
			f.top(r)
			return f.setRoot(0, r).refresh().bytes()
		}, member: "data/r/completeness/00000011.pb.zst", released: smallRecords - 1},
		{name: "root-shard-root", expect: "payload", comment: "another Merkle root of a shard; the top follows", archive: func(t *testing.T) []byte {
			f := base(t)
			r := f.root(0)
			f.shardOf(r, "memory").Root[0] ^= 1
			f.top(r)
			return f.setRoot(0, r).refresh().bytes()
		}, member: memoryShard, released: 3},
		{name: "root-top", expect: "payload", comment: "the manifest has another root of all shards", member: manifestJSON, archive: func(t *testing.T) []byte {
			f := base(t)
			f.manifest("root", `"`+strings.Repeat("5a", 32)+`"`)
			return f.bytes()
		}},
		rootFault("raw-size", "a content size one byte above that of the frame", memoryShard, func(r *pb.Root) { shard(r).RawSize++ }).freed(3),
		rootFault("ordinal-twice", "two shards of one ordinal", rootMember, func(r *pb.Root) { shard(r).Ordinal = 5 }),
		rootFault("encoding", "an encoding that no release has", rootMember, func(r *pb.Root) { shard(r).Encoding = 9 }),
		rootFault("missing-member", "a shard whose member is not there", rootMember, func(r *pb.Root) { shard(r).Member = "data/r/memory/00000099.pb.zst" }),
		rootFault("member-twice", "two rows with one member", rootMember, func(r *pb.Root) { r.Shards[5].Member = shard(r).Member }),
		rootFault("forgotten-member", "no table names the vectors", vectorMember, func(r *pb.Root) { r.Vectors = nil }),
		rootFault("other-archive", "the root of another archive", rootMember, func(r *pb.Root) { r.ArchiveId = make([]byte, 16) }),
		rootFault("no-summary", "no summary", rootMember, func(r *pb.Root) { r.Summary = nil }),
		{name: "root-stored-size", expect: "payload", comment: "a stored size that is not that of the member", member: rootMember, archive: func(t *testing.T) []byte {
			f := base(t)
			r := f.root(0)
			shard(r).StoredSize++
			b, err := proto.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			f.setContent(0, rootMember, b)
			return f.refresh().bytes()
		}},
		{name: "root-not-a-root", expect: "payload", comment: "the root is not a protobuf message", member: rootMember, archive: func(t *testing.T) []byte {
			f := base(t)
			f.setContent(0, rootMember, []byte("no message, by any reading\xff\xff\xff"))
			return f.refresh().bytes()
		}},
		{name: "vector-digest", expect: "payload", comment: "one bit of a vector is another", released: 10, archive: func(t *testing.T) []byte {
			f := base(t)
			planes := f.content(0, vectorMember)
			planes[17] ^= 1
			f.setContent(0, vectorMember, planes)
			return f.setRoot(0, f.root(0)).refresh().bytes()
		}},
		{name: "vector-index", expect: "payload", comment: "an embedding whose vector is the third of three, and says the tenth", released: 10, archive: func(t *testing.T) []byte {
			return base(t).editRecord("embedding", 2, func(rec []byte) []byte {
				at := bytes.LastIndex(rec, []byte{10 << 3, 2})
				return append(append(bytes.Clone(rec[:at]), 10<<3, 9), rec[at+2:]...)
			}).bytes()
		}},
		rootFault("vector-count", "vectors of another length and number", "", func(r *pb.Root) { r.Vectors[0].Count, r.Vectors[0].VectorSize = 6, 32 }).freed(10),
		rootFault("vector-size", "vectors whose length is no multiple of four", rootMember, func(r *pb.Root) {
			r.Vectors[0].Count, r.Vectors[0].VectorSize = 32, 6
		}),
		rootFault("blob-digest", "the root has another digest of a blob than its record", "", func(r *pb.Root) { r.Blobs[0].Sha256[0] ^= 1 }).freed(9),
		rootFault("blob-chunks", "a blob of one chunk that claims two", rootMember, func(r *pb.Root) { r.Blobs[0].Size, r.Blobs[0].Chunks = 9<<20, 2 }),
		{name: "blob-content", expect: "payload", comment: "a chunk holds other bytes of the same length", archive: func(t *testing.T) []byte {
			f := base(t)
			f.setContent(0, blobChunk, []byte("THE bytes of a blob"))
			return f.refresh().bytes()
		}, released: smallRecords},
		{name: "blob-size", expect: "payload", comment: "a chunk is one byte shorter", member: blobChunk, archive: func(t *testing.T) []byte {
			f := base(t)
			f.setContent(0, blobChunk, []byte("the bytes of a blo"))
			return f.refresh().bytes()
		}, released: smallRecords},
	}
}

// indexFaults are faults that a reader finds only by comparing the index with the records.
func indexFaults() []fault {
	indexFault := func(name, comment string, edit func(p *pb.IndexPage, f *pb.IndexFence)) fault {
		return fault{name: "index-" + name, expect: "payload", comment: comment, released: smallRecords, archive: func(t *testing.T) []byte {
			return base(t).editIndex(edit).bytes()
		}}
	}
	return []fault{
		indexFault("wrong-record", "a key leads to the record beside it", func(p *pb.IndexPage, _ *pb.IndexFence) {
			for i, s := range p.Shards {
				if s == 4 {
					p.Positions[i] = (p.Positions[i] + 1) % 3
					return
				}
			}
		}),
		indexFault("wrong-shard", "a key leads to another shard", func(p *pb.IndexPage, _ *pb.IndexFence) { p.Shards[0] = p.Shards[0]%9 + 1 }),
		indexFault("no-shard", "a key leads to a shard that is not there", func(p *pb.IndexPage, _ *pb.IndexFence) { p.Shards[3] = 1 << 40 }),
		indexFault("missing-entry", "a record without an entry", func(p *pb.IndexPage, f *pb.IndexFence) {
			n := len(p.Shards) - 1
			p.FingerprintDeltas, p.Shards, p.Positions = p.FingerprintDeltas[:n], p.Shards[:n], p.Positions[:n]
			f.Count--
			f.Last = sum(p.FingerprintDeltas)
		}),
		indexFault("descending", "fingerprints that do not ascend", func(p *pb.IndexPage, _ *pb.IndexFence) {
			p.FingerprintDeltas[2] = -p.FingerprintDeltas[2]
		}),
		indexFault("columns", "columns of unequal length", func(p *pb.IndexPage, _ *pb.IndexFence) { p.Positions = p.Positions[1:] }),
		indexFault("fence", "a fence that is not the first fingerprint", func(_ *pb.IndexPage, f *pb.IndexFence) { f.First++ }),
	}
}

func sum(xs []uint64) (n uint64) {
	for _, x := range xs {
		n += x
	}
	return n
}

// editIndex changes the one page of the index and its fence.
func (f *forge) editIndex(edit func(p *pb.IndexPage, f *pb.IndexFence)) *forge {
	f.t.Helper()
	r, p := f.root(0), &pb.IndexPage{}
	if err := proto.Unmarshal(f.content(0, indexPage), p); err != nil {
		f.t.Fatal(err)
	}
	fence := r.Index[0].Pages[0]
	edit(p, fence)
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		f.t.Fatal(err)
	}
	f.setContent(0, indexPage, b)
	fence.RawSize = uint64(len(b))
	return f.setRoot(0, r).refresh()
}
