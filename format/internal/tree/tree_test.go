package tree

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// The root and every proof agree with those of another implementation.
func TestAgainstTlog(t *testing.T) {
	hs := NewHasher("memory", bytes.Repeat([]byte{7}, 32))
	for n := 1; n <= 40; n++ {
		var tr Tree
		var leaves []Hash
		var store hashes
		for i := range n {
			l := hs.Record(uint64(i), []byte{byte(i)})
			leaves = append(leaves, l)
			tr.Append(l)
			add, err := tlog.StoredHashesForRecordHash(int64(i), tlog.Hash(l), store)
			if err != nil {
				t.Fatal(err)
			}
			store = append(store, add...)
		}
		want, err := tlog.TreeHash(int64(n), store)
		if err != nil {
			t.Fatal(err)
		}
		if tr.Root() != Hash(want) {
			t.Fatalf("%d leaves: another root", n)
		}
		for i := range n {
			p := Proof(leaves, uint64(i))
			var tp tlog.RecordProof
			for _, h := range p {
				tp = append(tp, tlog.Hash(h))
			}
			if err := tlog.CheckRecord(tp, int64(n), want, int64(i), tlog.Hash(leaves[i])); err != nil {
				t.Fatalf("%d of %d: %v", i, n, err)
			}
			if root, err := Climb(leaves[i], uint64(i), uint64(n), p); err != nil || root != tr.Root() {
				t.Fatalf("%d of %d: %v", i, n, err)
			}
			if root, err := Climb(leaves[(i+1)%n], uint64(i), uint64(n), p); n > 1 && err == nil && root == tr.Root() {
				t.Fatalf("%d of %d: a neighbour's leaf passes", i, n)
			}
		}
	}
}

type hashes []tlog.Hash

func (s hashes) ReadHashes(idx []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range idx {
		out = append(out, s[i])
	}
	return out, nil
}

// A leaf is what SPEC.md says, spelled out.
func TestLeaf(t *testing.T) {
	salt := bytes.Repeat([]byte{1}, 32)
	mac := hmac.New(sha256.New, salt)
	mac.Write(binary.BigEndian.AppendUint64(nil, 5))
	b := append([]byte{0}, "exitramp record v1\x00memory\x00"...)
	b = append(append(b, mac.Sum(nil)...), "record"...)
	if got := NewHasher("memory", salt).Record(5, []byte("record")); got != sha256.Sum256(b) {
		t.Error("record leaf")
	}
	if got := RecordLeaf("memory", NewHasher("", salt).Nonce(5), []byte("record")); got != sha256.Sum256(b) {
		t.Error("record leaf, by parts")
	}
	root := sha256.Sum256([]byte("r"))
	b = append([]byte{0}, "exitramp shard v1\x00memory\x00"...)
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, 3), 9)
	if got := ShardLeaf("memory", 3, 9, root); got != sha256.Sum256(append(b, root[:]...)) {
		t.Error("shard leaf")
	}
}

func BenchmarkRecord(b *testing.B) {
	h := NewHasher("memory", make([]byte, 32))
	rec := make([]byte, 600)
	b.SetBytes(600)
	b.ReportAllocs()
	for b.Loop() {
		h.Record(1, rec)
	}
}
