package format

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// fingerprintBits is how much of a key's SHA-256 the index holds.
const fingerprintBits = 40

// fingerprint is the first 40 bits of the SHA-256 of key.
func fingerprint(sum [32]byte) uint64 {
	return binary.BigEndian.Uint64(sum[:]) >> (64 - fingerprintBits)
}

// entry is one record in a run of the index. hi and lo are half of the key's SHA-256, so that
// equal entries are equal keys.
type entry struct {
	hi, lo uint64
	shard  uint32
	pos    uint16
	comp   uint8
}

// run is the stretch of the index in memory: at most runEntries, and a table that finds a key
// that comes twice.
type run struct {
	entries []entry
	table   []uint32 // open addressing over lo; index into entries + 1
}

func (r *run) full() bool { return len(r.entries) >= runEntries }

// has tells whether the key of this digest is in the run.
func (r *run) has(sum [32]byte) bool {
	if len(r.table) == 0 {
		return false
	}
	hi, lo := halves(sum)
	mask := uint64(len(r.table) - 1)
	for at := lo & mask; r.table[at] != 0; at = (at + 1) & mask {
		if e := &r.entries[r.table[at]-1]; e.hi == hi && e.lo == lo {
			return true
		}
	}
	return false
}

func (r *run) add(sum [32]byte, comp int, shard uint64, pos int) {
	if 2*len(r.entries) >= len(r.table) {
		r.grow()
	}
	hi, lo := halves(sum)
	r.entries = append(r.entries, entry{hi, lo, uint32(shard), uint16(pos), uint8(comp)})
	r.insert(lo, uint32(len(r.entries)))
}

func (r *run) insert(lo uint64, n uint32) {
	mask := uint64(len(r.table) - 1)
	at := lo & mask
	for r.table[at] != 0 {
		at = (at + 1) & mask
	}
	r.table[at] = n
}

func (r *run) grow() {
	n := max(1024, 2*len(r.table))
	r.table = make([]uint32, n)
	r.entries = slices.Grow(r.entries, n/2-len(r.entries))
	for i, e := range r.entries {
		r.insert(e.lo, uint32(i+1))
	}
}

// take sorts the run by compartment and fingerprint, gives it away and starts the next one.
// The result is valid until the next add.
func (r *run) take() []entry {
	es := r.entries
	slices.SortFunc(es, func(a, b entry) int {
		if a.comp != b.comp {
			return cmp.Compare(a.comp, b.comp)
		}
		if a.hi != b.hi {
			return cmp.Compare(a.hi, b.hi)
		}
		return cmp.Compare(a.lo, b.lo)
	})
	r.entries = r.entries[:0]
	clear(r.table)
	return es
}

func halves(sum [32]byte) (hi, lo uint64) {
	return binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])
}

func keySum(key string) [32]byte { return sha256.Sum256([]byte(key)) }
