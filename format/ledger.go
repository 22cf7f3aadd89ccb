package format

import (
	"cmp"
	"slices"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// ledger is what was written so far: the digest list and the tables of the roots.
type ledger struct {
	data   []dataMember
	tables []table // by compartment
	leaves []numbered
}

// dataMember is one line of manifest-sha256.txt.
type dataMember struct {
	name string
	size int64
	sum  [32]byte
}

// numbered is the leaf hash of shard n.
type numbered struct {
	n    uint64
	leaf [32]byte
}

// table is what the root of one compartment says of its members.
type table struct {
	shards  []*pb.Shard
	vectors []*pb.VectorMember
	runs    []*pb.IndexRun
}

func (l *ledger) note(name string, size int64, sum [32]byte) {
	l.data = append(l.data, dataMember{name, size, sum})
}

func (l *ledger) shard(j *job) {
	l.leaves = append(l.leaves, numbered{j.ordinal, j.leaf})
	t := &l.tables[j.comp]
	t.shards = append(t.shards, &pb.Shard{
		Member: j.name, Kind: j.kind, Ordinal: j.ordinal, RawSize: uint64(len(j.raw)), StoredSize: uint64(len(j.out)),
		Count: j.count, Root: append([]byte(nil), j.root[:]...), Encoding: pb.Encoding_ENCODING_PROTO,
	})
}

func (l *ledger) vectors(j *job) {
	t := &l.tables[j.comp]
	t.vectors = append(t.vectors, &pb.VectorMember{
		Member: j.name, Ordinal: j.ordinal, RawSize: uint64(len(j.raw)), StoredSize: uint64(len(j.out)),
		Count: j.count, VectorSize: uint64(len(j.raw)) / j.count, Encoding: pb.Encoding_ENCODING_PLANES,
	})
}

// sort puts the tables into the order that roots have.
func (l *ledger) sort() {
	slices.SortFunc(l.leaves, func(a, b numbered) int { return cmp.Compare(a.n, b.n) })
	for _, t := range l.tables {
		slices.SortFunc(t.shards, func(a, b *pb.Shard) int { return cmp.Compare(a.Ordinal, b.Ordinal) })
		slices.SortFunc(t.vectors, func(a, b *pb.VectorMember) int { return cmp.Compare(a.Ordinal, b.Ordinal) })
	}
}

// list is manifest-sha256.txt: the data members, sorted bytewise, as sha256sum reads it.
func (l *ledger) list() []byte {
	slices.SortFunc(l.data, func(a, b dataMember) int { return cmp.Compare(a.name, b.name) })
	var out []byte
	for _, d := range l.data {
		out = appendListLine(out, d.sum, d.name)
	}
	return out
}

func appendListLine(dst []byte, sum [32]byte, name string) []byte {
	const digits = "0123456789abcdef"
	for _, b := range sum {
		dst = append(dst, digits[b>>4], digits[b&15])
	}
	dst = append(append(append(dst, ' ', ' '), name...), '\n')
	return dst
}
