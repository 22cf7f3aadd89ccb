package format

import (
	"crypto/sha256"
	"fmt"
	"math/bits"
	"slices"
)

// places is the whole index in memory, both ways: which fingerprints there are, and which one each
// place in a shard has.
type places struct {
	fps    []uint64 // ascending
	start  []uint32 // where in fps each stretch of fingerprints begins that share their first bits
	shift  int      // by which a fingerprint becomes the number of its stretch
	at     []uint64 // by place, shard after shard
	of     map[uint64][]uint64
	shared map[uint64]bool // fingerprints that several records have
	uneven error           // there are more or fewer of them than records; nothing else is known then
}

// unset is no fingerprint.
const unset = 1 << 63

// fill joins pages, of which the i-th is of compartment comps[i]. They have to name all places that
// shards have, each of them in its own compartment.
func (p *places) fill(pages []*page, comps []int, shards map[uint64]*shardTable) error {
	n, want := 0, uint64(0)
	for _, g := range pages {
		n += len(g.fps)
	}
	for _, s := range shards {
		if want += s.Count; want > uint64(n) {
			break // do not trust it further
		}
	}
	if want != uint64(n) {
		p.uneven = mismatch(ErrPayload, "", "entries of the index", fmt.Sprintf("one for each record, %d at least", want), fmt.Sprint(n))
		p.stretches()
		return nil
	}
	p.at, p.of = slices.Repeat([]uint64{unset}, n), make(map[uint64][]uint64, len(shards))
	rest := p.at
	for ordinal, s := range shards {
		p.of[ordinal], rest = rest[:s.Count], rest[s.Count:]
	}
	p.fps = make([]uint64, 0, n)
	for i, g := range pages {
		p.fps = append(p.fps, g.fps...)
		for k, fp := range g.fps {
			ordinal := uint64(g.shards[k])
			at := p.of[ordinal]
			if s := shards[ordinal]; s == nil || s.comp != comps[i] || uint64(g.positions[k]) >= s.Count || at[g.positions[k]] != unset {
				return refuse(ErrPayload, g.member, fmt.Sprintf("entry %d names record %d of shard %d, which is not there, in another compartment or taken", k, g.positions[k], g.shards[k]))
			}
			at[g.positions[k]] = fp
		}
	}
	if !slices.IsSorted(p.fps) { // pages of one run ascend
		slices.Sort(p.fps)
	}
	p.shared = map[uint64]bool{}
	for i := 1; i < n; i++ {
		if p.fps[i] == p.fps[i-1] {
			p.shared[p.fps[i]] = true
		}
	}
	p.stretches()
	return nil
}

// stretches notes where they begin; some eight fingerprints are in one.
func (p *places) stretches() {
	p.shift = fingerprintBits - max(0, bits.Len(uint(len(p.fps)))-3)
	p.start = make([]uint32, 1<<(fingerprintBits-p.shift)+1)
	i := 0
	for k := range p.start {
		for i < len(p.fps) && p.fps[i]>>p.shift < uint64(k) {
			i++
		}
		p.start[k] = uint32(i)
	}
}

// has tells whether some record has this fingerprint.
func (p *places) has(fp uint64) bool {
	k := fp >> p.shift
	_, ok := slices.BinarySearch(p.fps[p.start[k]:p.start[k+1]], fp)
	return ok
}

// refCache remembers references that come again and again, and whether they dangle.
type refCache struct {
	keys     [512]string
	dangling [512]bool
}

// dangles tells whether no record has key, as far as p knows.
func (c *refCache) dangles(p *places, key []byte) bool {
	if len(key) > 256 {
		return !p.has(fingerprint(sha256.Sum256(key)))
	}
	h := uint32(len(key))
	for _, b := range key[max(0, len(key)-16):] {
		h = h*31 + uint32(b)
	}
	at := (h ^ h>>9) % uint32(len(c.keys))
	if c.keys[at] != string(key) {
		c.keys[at], c.dangling[at] = string(key), !p.has(fingerprint(sha256.Sum256(key)))
	}
	return c.dangling[at]
}
