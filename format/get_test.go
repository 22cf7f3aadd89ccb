package format

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// readings counts ReadAt.
type readings struct {
	io.ReaderAt
	n atomic.Int64
}

func (r *readings) ReadAt(p []byte, off int64) (int, error) {
	r.n.Add(1)
	return r.ReaderAt.ReadAt(p, off)
}

// Whoever asks for records in their order reads a page of the index once, however many pages there are: keys that come one
// after the other lie in all of them.
func TestGetReadsPagesOnce(t *testing.T) {
	const pages = 3 * keptMembers
	recs := []agentstate.Record{&pb.Origin{Meta: agentstate.Meta("origin", nil, "test"), Product: "test"}}
	for i := range pages * pageEntries {
		recs = append(recs, &pb.Memory{Meta: agentstate.Meta("memory", nil, fmt.Sprint(i))})
	}
	a := sealed(t, nil, append(recs, statement(map[string]uint64{"memory": pages * pageEntries}))...)
	ra := &readings{ReaderAt: bytes.NewReader(a)}
	r, err := NewReader(ra, int64(len(a)), &ReaderOptions{Policy: IntegrityOnly()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ra.n.Store(0)
	for i := 1; i < len(recs); i += 37 {
		key := recs[i].GetMeta().GetKey()
		if got, err := r.Get(t.Context(), key); err != nil || got.GetMeta().GetKey() != key {
			t.Fatalf("%s: got %v, %v", key, got, err)
		}
	}
	if most := int64(pages + 1 + len(r.c.shards)); ra.n.Load() > most {
		t.Errorf("%d readings for %d records, want at most %d: each page and each shard once", ra.n.Load(), len(recs)/37, most)
	}
}

// A cache holds what weighs at most so much together, or the last value alone.
func TestCacheWeight(t *testing.T) {
	c, loads := newCache(10, func(n int) int { return n }), 0
	for _, n := range []int{4, 5, 4, 3, 5, 4, 20, 20} { // 3 drives out 5, 5 drives out 4, 4 drives out 3, 20 all
		if got, err := c.get(fmt.Sprint(n), func() (int, error) { loads++; return n, nil }); got != n || err != nil {
			t.Fatalf("got %d, %v, want %d", got, err, n)
		}
	}
	if loads != 6 || c.sum != 20 || c.order.Len() != 1 || len(c.by) != 1 {
		t.Errorf("%d values were made, %d is kept in %d and %d", loads, c.sum, c.order.Len(), len(c.by))
	}
}
