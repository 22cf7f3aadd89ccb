package format

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"
)

// fingerprintBits is how much of a key's SHA-256 the index holds.
const fingerprintBits = 40

// fingerprint is the first 40 bits of the SHA-256 of key.
func fingerprint(sum [32]byte) uint64 {
	return binary.BigEndian.Uint64(sum[:]) >> (64 - fingerprintBits)
}

// entry is one record in a run of the index.
type entry struct {
	hi    uint64 // fingerprint, then 24 bits of a keyed hash of the key
	shard uint32
	pos   uint16
	comp  uint8
}

func (e *entry) fingerprint() uint64 { return e.hi >> (64 - fingerprintBits) }

// mark is what a run knows a key by: 40 bits that the archive holds, and 35 bits of a hash whose
// key is this process's. Equal marks are equal keys, also where someone picks keys with equal
// fingerprints.
type mark struct {
	hi  uint64
	tag uint32 // 11 bits
}

// run is the stretch of the index in memory: at most runEntries, and a table that finds a key
// that comes twice. Its size is most of what a writer holds, so it is packed: 22 bytes a record.
type run struct {
	seed    maphash.Seed
	entries []entry
	table   []uint32 // open addressing: 11 bits of tag, 21 bits of index into entries + 1
}

const indexBits = 21

func newRun() run { return run{seed: maphash.MakeSeed()} }

func (r *run) mark(key []byte) mark {
	sum := sha256.Sum256(key)
	own := maphash.Bytes(r.seed, key)
	return mark{
		hi:  fingerprint(sum)<<(64-fingerprintBits) | own&(1<<(64-fingerprintBits)-1),
		tag: uint32(own>>(64-(32-indexBits))) << indexBits,
	}
}

func (r *run) full() bool { return len(r.entries) >= runEntries }

// slot is where the search for hi begins.
func (r *run) slot(hi uint64) int {
	at, _ := bits.Mul64(hi*0x9e3779b97f4a7c15, uint64(len(r.table)))
	return int(at)
}

// after is the slot behind at.
func (r *run) after(at int) int {
	if at++; at < len(r.table) {
		return at
	}
	return 0
}

// has tells whether the key of this mark is in the run.
func (r *run) has(m mark) bool {
	if len(r.table) == 0 {
		return false
	}
	for at := r.slot(m.hi); r.table[at] != 0; at = r.after(at) {
		v := r.table[at]
		if v&^(1<<indexBits-1) == m.tag && r.entries[v&(1<<indexBits-1)-1].hi == m.hi {
			return true
		}
	}
	return false
}

func (r *run) add(m mark, comp int, shard uint64, pos int) {
	if len(r.entries) == cap(r.entries) {
		r.grow()
	}
	r.entries = append(r.entries, entry{m.hi, uint32(shard), uint16(pos), uint8(comp)})
	r.insert(m.hi, m.tag|uint32(len(r.entries)))
}

func (r *run) insert(hi uint64, v uint32) {
	at := r.slot(hi)
	for r.table[at] != 0 {
		at = r.after(at)
	}
	r.table[at] = v
}

// grow makes room for four times as many entries, and from 65,536 on for a whole run: what is not
// used of it yet takes no memory, where copying a big run would take twice as much for a while.
func (r *run) grow() {
	n := max(1024, 4*cap(r.entries))
	if n > 1<<16 {
		n = max(runEntries, cap(r.entries)+1)
	}
	r.entries = append(make([]entry, 0, n), r.entries...)
	old := r.table
	r.table = make([]uint32, n/3*4+4)
	for _, v := range old {
		if v != 0 {
			r.insert(r.entries[v&(1<<indexBits-1)-1].hi, v)
		}
	}
}

// take sorts the run by compartment and fingerprint, gives it away and starts the next one.
// The result is valid until the next add.
func (r *run) take() []entry {
	es := r.entries
	if slices.ContainsFunc(es, func(e entry) bool { return e.comp != es[0].comp }) {
		slices.SortFunc(es, compareEntries)
	} else {
		sortEntries(es)
	}
	r.entries = r.entries[:0]
	clear(r.table)
	return es
}

func compareEntries(a, b entry) int {
	if a.comp != b.comp {
		return cmp.Compare(a.comp, b.comp)
	}
	if a, b := a.fingerprint(), b.fingerprint(); a != b {
		return cmp.Compare(a, b)
	}
	if a.shard != b.shard { // not by the keyed bits: the same records are to give the same bytes
		return cmp.Compare(a.shard, b.shard)
	}
	return cmp.Compare(a.pos, b.pos)
}

// sortEntries sorts entries of one compartment, a fourth of the time of SortFunc alone: nobody else
// works meanwhile. Each goes to the stretch of its first byte, in place, then stretches are sorted.
func sortEntries(es []entry) {
	first := func(e *entry) int { return int(e.hi >> 56) }
	var from [257]int // of the stretches
	for i := range es {
		from[first(&es[i])+1]++
	}
	for k := range 256 {
		from[k+1] += from[k]
	}
	next := from
	for k := range 256 {
		for ; next[k] < from[k+1]; next[k]++ {
			for e := &es[next[k]]; first(e) != k; {
				to := &next[first(e)]
				*e, es[*to] = es[*to], *e
				*to++
			}
		}
	}
	for k := range 256 {
		slices.SortFunc(es[from[k]:from[k+1]], compareEntries)
	}
}

func keySum(key string) [32]byte { return sha256.Sum256([]byte(key)) }
