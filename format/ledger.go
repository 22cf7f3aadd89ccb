package format

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"unique"

	"github.com/exitramp/exitramp/format/internal/container"
	"github.com/exitramp/exitramp/format/internal/tree"
)

// ledger is what was written so far, a row a member, in the order of the file. It is the one thing
// of a writer that grows with the archive, so a row is small and of fixed size: the directory, the
// digest list and the tables of the roots are made of rows when the archive is sealed. Rows lie in
// stretches of ledgerRows, as a slice that grows would be copied, and leave what it was behind.
type ledger struct {
	parts  [][]row
	schema string // digest in the name of the schema
}

const (
	ledgerRows = 1 << 10
	// mostCompartments is how many a row can tell apart, whatever the limits.
	mostCompartments = math.MaxUint8 + 1
)

// row is one member.
type row struct {
	sum         [32]byte // SHA-256 of what is stored; of data
	root        [32]byte // of a shard's tree
	first, last uint64   // fingerprints, of an index page
	raw         uint64   // bytes
	size        uint32   // bytes, as stored
	crc         uint32
	n, sub      uint32 // of the name
	ordinal     uint32 // of a shard or vector member; of an index page: its place in the run, from 0
	count       uint32 // records, vectors or entries
	kind        unique.Handle[string]
	typ         memberType // of the name
	holds       jobType
	comp        uint8
	age         bool
}

// note adds a member, whose name is in the grammar.
func (l *ledger) note(name string, r row) error {
	p := parseName(name)
	switch p.typ {
	case typeNone:
		return fmt.Errorf("format: %.200q is no name of a member", name)
	case typeFixed:
		p.n = uint64(slices.Index(fixedNames(), name))
	case typeRecords:
		r.kind = unique.Make(p.kind)
	case typeSchema:
		l.schema = p.digest
	}
	r.typ, r.n, r.sub, r.age = p.typ, uint32(p.n), uint32(p.sub), p.age
	if l.len()%ledgerRows == 0 {
		l.parts = append(l.parts, make([]row, 0, ledgerRows))
	}
	last := &l.parts[len(l.parts)-1]
	*last = append(*last, r)
	return nil
}

func (l *ledger) len() int {
	n := len(l.parts)
	if n == 0 {
		return 0
	}
	return (n-1)*ledgerRows + len(l.parts[n-1])
}

// from are the rows from the i-th on.
func (l *ledger) from(i int) iter.Seq[*row] {
	return func(yield func(*row) bool) {
		for ; i < l.len(); i++ {
			if !yield(&l.parts[i/ledgerRows][i%ledgerRows]) {
				return
			}
		}
	}
}

// name is the member's, without the prefix.
func (l *ledger) name(r *row) string {
	p := place{typ: r.typ, n: uint64(r.n), sub: uint64(r.sub), age: r.age}
	switch r.typ {
	case typeFixed:
		p.digest = fixedNames()[r.n]
	case typeRecords:
		p.kind = r.kind.Value()
	case typeSchema:
		p.digest = l.schema
	}
	return p.String()
}

// entries are the members for the directory.
func (l *ledger) entries(prefix string) iter.Seq[container.Entry] {
	return func(yield func(container.Entry) bool) {
		at := int64(0)
		for r := range l.from(0) {
			e := container.Entry{Name: prefix + l.name(r), Size: int64(r.size), CRC: r.crc, Offset: at}
			if !yield(e) {
				return
			}
			at = e.DataOffset() + e.Size
		}
	}
}

// data is how many data members there are, and their bytes.
func (l *ledger) data() (n, bytes uint64) {
	for r := range l.from(0) {
		if r.typ.isData() {
			n, bytes = n+1, bytes+uint64(r.size)
		}
	}
	return n, bytes
}

// sorted are the rows that keep takes, in the order of by.
func (l *ledger) sorted(keep func(*row) bool, by func(a, b *row) int) []*row {
	var out []*row
	for r := range l.from(0) {
		if keep(r) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, by)
	return out
}

func byOrdinal(a, b *row) int { return cmp.Compare(a.ordinal, b.ordinal) }

// dataByName are the data members in the bytewise order of their names. In one folder that is the
// order of numbers, up to those that have more digits than they are padded to; the names of a folder
// stand side by side, so that folders are put in order by one name of each.
func (l *ledger) dataByName() []*row {
	type folder struct {
		typ  memberType
		kind unique.Handle[string]
		n    uint32
	}
	in := map[folder][]*row{}
	for r := range l.from(0) {
		if !r.typ.isData() {
			continue
		}
		f := folder{typ: r.typ}
		switch r.typ {
		case typeRecords:
			f.kind = r.kind
		case typeFixed: // which lie anywhere
			f.n = r.n
		}
		in[f] = append(in[f], r)
	}
	for f, rows := range in {
		slices.SortFunc(rows, func(a, b *row) int {
			if f.typ != typeRoot && max(a.n, b.n) < 1e8 && max(a.sub, b.sub) < 1e6 {
				return cmp.Or(cmp.Compare(a.n, b.n), cmp.Compare(a.sub, b.sub))
			}
			return strings.Compare(l.name(a), l.name(b))
		})
	}
	return slices.Concat(slices.SortedFunc(maps.Values(in), func(a, b []*row) int {
		return strings.Compare(l.name(a[0]), l.name(b[0]))
	})...)
}

// leaves are the leaf hashes of all shards, by ordinal.
func (l *ledger) leaves() iter.Seq[tree.Hash] {
	return func(yield func(tree.Hash) bool) {
		for _, r := range l.sorted(func(r *row) bool { return r.holds == jobRecords }, byOrdinal) {
			if !yield(tree.ShardLeaf(r.kind.Value(), uint64(r.ordinal), uint64(r.count), r.root)) {
				return
			}
		}
	}
}

// list is manifest-sha256.txt, which has size bytes: the data members, sorted bytewise, as sha256sum
// reads it.
func (l *ledger) list(size uint64) []byte {
	out := make([]byte, 0, size)
	for _, r := range l.dataByName() {
		out = appendListLine(out, r.sum, l.name(r))
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
