package format

import (
	"cmp"
	"crypto/sha256"
	"slices"
)

// places is the whole index in memory: fingerprints in ascending order, and what they stand for.
type places struct {
	fps    []uint64
	shards []uint32
	pos    []uint32
	shared map[uint64]bool // fingerprints that several records have
}

func (p *places) len() int { return len(p.fps) }

// fill joins pages. Pages of one run ascend; those of several are sorted together.
func (p *places) fill(pages []*page) {
	n := 0
	for _, g := range pages {
		n += len(g.fps)
	}
	p.fps, p.shards, p.pos = make([]uint64, 0, n), make([]uint32, 0, n), make([]uint32, 0, n)
	for _, g := range pages {
		p.fps = append(p.fps, g.fps...)
		p.pos = append(p.pos, g.positions...)
		for _, s := range g.shards {
			p.shards = append(p.shards, uint32(min(s, 1<<32-1)))
		}
	}
	p.sort(n)
	p.shared = map[uint64]bool{}
	for i := 1; i < n; i++ {
		if p.fps[i] == p.fps[i-1] {
			p.shared[p.fps[i]] = true
		}
	}
}

func (p *places) sort(n int) {
	if slices.IsSorted(p.fps) {
		return
	}
	order := make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return cmp.Compare(p.fps[a], p.fps[b]) })
	q := places{fps: make([]uint64, n), shards: make([]uint32, n), pos: make([]uint32, n)}
	for i, o := range order {
		q.fps[i], q.shards[i], q.pos[i] = p.fps[o], p.shards[o], p.pos[o]
	}
	*p = q
}

// lower is the first place whose fingerprint is not below fp. Fingerprints are spread evenly, so
// that a guess is near: doubling steps away from it bracket the place, and halving finds it.
func (p *places) lower(fp uint64) int {
	n := len(p.fps)
	if n == 0 || p.fps[n-1] < fp {
		return n
	}
	guess := min(n-1, int(float64(fp)/(1<<fingerprintBits)*float64(n)))
	lo, hi := 0, n // fps[lo-1] < fp <= fps[hi-1]
	if p.fps[guess] < fp {
		lo = guess + 1
		for step := 1; lo+step < n; step *= 2 {
			if p.fps[lo+step] >= fp {
				hi = lo + step + 1
				break
			}
			lo += step
		}
	} else {
		hi = guess + 1
		for step := 1; hi-1-step >= 0; step *= 2 {
			if p.fps[hi-1-step] < fp {
				lo = hi - step
				break
			}
			hi -= step
		}
	}
	at, _ := slices.BinarySearch(p.fps[lo:hi], fp)
	return lo + at
}

// has tells whether some record has this fingerprint.
func (p *places) has(fp uint64) bool {
	i := p.lower(fp)
	return i < len(p.fps) && p.fps[i] == fp
}

// find tells whether the index has the record of this fingerprint at this place.
func (p *places) find(fp, shard uint64, pos uint32) bool {
	for i := p.lower(fp); i < len(p.fps) && p.fps[i] == fp; i++ {
		if uint64(p.shards[i]) == shard && p.pos[i] == pos {
			return true
		}
	}
	return false
}

// refCache remembers the fingerprints of references that come again and again.
type refCache struct {
	keys [64]string
	fps  [64]uint64
}

func (c *refCache) fingerprint(key []byte) uint64 {
	h := uint32(len(key))
	for _, b := range key[max(0, len(key)-12):] {
		h = h*31 + uint32(b)
	}
	at := h % uint32(len(c.keys))
	if c.keys[at] != string(key) {
		c.keys[at], c.fps[at] = string(key), fingerprint(sha256.Sum256(key))
	}
	return c.fps[at]
}
