package fidelity

import "github.com/exitramp/exitramp/internal/diskmap"

// bits are one bit an entry.
type bits []uint64

func newBits(n int) bits      { return make(bits, n/64+1) }
func (b bits) has(n int) bool { return b[n/64]>>(n%64)&1 == 1 }
func (b bits) set(n int)      { b[n/64] |= 1 << (n % 64) }

// copied notes one record more under a key of which one of want was due, and expected as expect says.
func (c *comparer) copied(key string, expect Expectation) {
	if expect == Ignored {
		return
	}
	c.rep.extra(key)
	c.rep.twice(key)
	k := c.rep.kind(key)
	k.Duplicates++
	k.Copies++
	if expect == Absent {
		k.Forbidden++
	}
}

// other notes a record of got under a key that is not in want. first: it is the first one under it.
func (c *comparer) other(key string) (first bool, err error) {
	c.rep.extra(key)
	if c.buried != nil {
		_, dead, err := c.buried.View(key)
		if err != nil {
			return false, err
		}
		if dead {
			c.rep.kind(key).Forbidden++
		}
	}
	first, err = c.others.Add(key, nil)
	if err == nil && !first {
		c.rep.kind(key).Duplicates++
	}
	return first, err
}

// bury notes a record of which want has a tombstone. One that want has as well came back before.
func (c *comparer) bury(key string) (err error) {
	if c.buried == nil {
		if c.buried, err = diskmap.New(c.opts.Dir); err != nil {
			return err
		}
	}
	if c.opts.Key != nil {
		key = c.opts.Key(key)
	}
	return c.buried.Put(key, nil)
}
