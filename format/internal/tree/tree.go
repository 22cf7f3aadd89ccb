// Package tree is the two Merkle trees of an archive, as RFC 6962 builds them: one over the
// records of a shard, one over the shards. A record leaf is salted, so that a leaf tells
// nothing of its record.
package tree

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
)

// Hash is a SHA-256.
type Hash = [sha256.Size]byte

// A Hasher makes the leaves of one shard without allocating. It is for one goroutine.
type Hasher struct {
	h      hash.Hash
	mac    hash.Hash
	prefix []byte
	num    [8]byte
	nonce  Hash
	out    Hash
}

// NewHasher returns a Hasher for a shard of kind with the given salt.
func NewHasher(kind string, salt []byte) *Hasher {
	return &Hasher{
		h: sha256.New(), mac: hmac.New(sha256.New, salt),
		prefix: append([]byte(recordTag+kind), 0),
	}
}

// Nonce is HMAC-SHA256(salt, be64(i)).
func (h *Hasher) Nonce(i uint64) Hash {
	binary.BigEndian.PutUint64(h.num[:], i)
	h.mac.Reset()
	h.mac.Write(h.num[:])
	h.mac.Sum(h.nonce[:0])
	return h.nonce
}

const (
	recordTag = "\x00exitramp record v1\x00"
	shardTag  = "\x00exitramp shard v1\x00"
)

// Record is the leaf hash of the i-th record of the shard.
func (h *Hasher) Record(i uint64, record []byte) Hash {
	h.Nonce(i)
	h.h.Reset()
	h.h.Write(h.prefix)
	h.h.Write(h.nonce[:])
	h.h.Write(record)
	h.h.Sum(h.out[:0])
	return h.out
}

// RecordLeaf is the leaf hash of one record.
func RecordLeaf(kind string, nonce Hash, record []byte) Hash {
	b := append(append([]byte(recordTag+kind), 0), nonce[:]...)
	return sha256.Sum256(append(b, record...))
}

// ShardLeaf is the leaf hash of a shard.
func ShardLeaf(kind string, ordinal, count uint64, root Hash) Hash {
	b := append([]byte(shardTag), kind...)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint64(b, ordinal)
	b = binary.BigEndian.AppendUint64(b, count)
	return sha256.Sum256(append(b, root[:]...))
}

func node(l, r Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], l[:])
	copy(b[1+sha256.Size:], r[:])
	return sha256.Sum256(b[:])
}

// A Tree takes leaves and keeps one hash for each bit of their number. The zero value is empty.
type Tree struct {
	n     uint64
	stack []Hash
}

// Reset empties the tree.
func (t *Tree) Reset() { t.n, t.stack = 0, t.stack[:0] }

// Len is the number of leaves.
func (t *Tree) Len() uint64 { return t.n }

// Append adds a leaf hash.
func (t *Tree) Append(leaf Hash) {
	t.stack = append(t.stack, leaf)
	t.n++
	for k := t.n; k&1 == 0; k >>= 1 {
		s := t.stack
		s[len(s)-2] = node(s[len(s)-2], s[len(s)-1])
		t.stack = s[:len(s)-1]
	}
}

// Root is the root hash; of no leaves, the hash of nothing.
func (t *Tree) Root() Hash {
	if t.n == 0 {
		return sha256.Sum256(nil)
	}
	r := t.stack[len(t.stack)-1]
	for i := len(t.stack) - 2; i >= 0; i-- {
		r = node(t.stack[i], r)
	}
	return r
}

// Proof is the inclusion proof of leaf i, from the leaf up.
func Proof(leaves []Hash, i uint64) []Hash {
	if len(leaves) <= 1 {
		return nil
	}
	k := split(uint64(len(leaves)))
	if i < k {
		return append(Proof(leaves[:k], i), rootOf(leaves[k:]))
	}
	return append(Proof(leaves[k:], i-k), rootOf(leaves[:k]))
}

// errProof is a proof that does not lead to the root.
var errProof = errors.New("tree: the proof does not lead to the root")

// Climb is the root that the proof of leaf, the i-th of n, leads to.
func Climb(leaf Hash, i, n uint64, proof []Hash) (Hash, error) {
	if i >= n || n > 1<<62 {
		return Hash{}, errProof
	}
	r, rest, ok := climb(leaf, i, n, proof)
	if !ok || len(rest) != 0 {
		return Hash{}, errProof
	}
	return r, nil
}

func climb(leaf Hash, i, n uint64, proof []Hash) (Hash, []Hash, bool) {
	if n == 1 {
		return leaf, proof, true
	}
	k := split(n)
	left := i < k
	sub, size := i, k
	if !left {
		sub, size = i-k, n-k
	}
	r, rest, ok := climb(leaf, sub, size, proof)
	if !ok || len(rest) == 0 {
		return r, nil, false
	}
	if left {
		return node(r, rest[0]), rest[1:], true
	}
	return node(rest[0], r), rest[1:], true
}

// split is the greatest power of two below n.
func split(n uint64) uint64 {
	k := uint64(1)
	for k*2 < n {
		k *= 2
	}
	return k
}

func rootOf(leaves []Hash) Hash {
	var t Tree
	for _, l := range leaves {
		t.Append(l)
	}
	return t.Root()
}
