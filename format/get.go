package format

import (
	"container/list"
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// What a Reader keeps for Get: decoded members, and entries of the index. Neighbours in the index are keys by chance, so a page
// that is not kept is decoded for one entry of it; 2 Mi entries take 32 MiB.
const (
	keptMembers = 8
	keptEntries = 1 << 21
)

// Get finds a record by key: one page of the index a run, then one shard, and for an Embedding
// one vector member. The members read last are kept.
func (r *Reader) Get(ctx context.Context, key string) (agentstate.Record, error) {
	var out agentstate.Record
	err := r.locate(ctx, key, func(d *decoder, s *shardTable, raw *rawShard, i int) (err error) {
		out, err = d.record(s.comp, s.Shard, raw.record(i))
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// A wanted record is looked for by the fingerprint of its key.
type wanted struct {
	key  string
	fp   uint64
	take taker
}

// taker takes the record that was looked for: the i-th of a checked shard.
type taker func(d *decoder, s *shardTable, raw *rawShard, i int) error

// locate finds the record of a key and hands it to take.
func (r *Reader) locate(ctx context.Context, key string, take taker) error {
	want := &wanted{key, fingerprint(keySum(key)), take}
	for comp, root := range r.c.roots {
		if root == nil {
			continue
		}
		for _, run := range root.Index {
			if done, err := r.find(ctx, comp, run, want); done || err != nil {
				return err
			}
		}
	}
	if len(r.c.closed) > 0 {
		return fmt.Errorf("format: %s: %w; %d compartments are closed", key, agentstate.ErrNotFound, len(r.c.closed))
	}
	return fmt.Errorf("format: %s: %w", key, agentstate.ErrNotFound)
}

// find looks in one run.
func (r *Reader) find(ctx context.Context, comp int, run *pb.IndexRun, want *wanted) (bool, error) {
	at := sort.Search(len(run.Pages), func(i int) bool { return run.Pages[i].Last >= want.fp })
	for ; at < len(run.Pages) && run.Pages[at].First <= want.fp; at++ {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		p, err := r.page(comp, run.Pages[at])
		if err != nil {
			return false, err
		}
		i, _ := slices.BinarySearch(p.fps, want.fp)
		for ; i < len(p.fps) && p.fps[i] == want.fp; i++ {
			if done, err := r.at(comp, p, i, want); done || err != nil {
				return done, err
			}
		}
	}
	return false, nil
}

// at hands over the record at entry i of p if it is the wanted one.
func (r *Reader) at(comp int, p *page, i int, want *wanted) (bool, error) {
	s := r.c.shards[uint64(p.shards[i])]
	if s == nil || s.comp != comp {
		return false, refuse(ErrPayload, p.member, fmt.Sprintf("entry %d names shard %d, which is not in its compartment", i, p.shards[i]))
	}
	raw, err := r.shards.get(s.Member, func() (*rawShard, error) { return r.loadRaw(s) })
	if err != nil {
		return false, err
	}
	if uint64(p.positions[i]) >= uint64(len(raw.ends)) {
		return false, refuse(ErrPayload, p.member, fmt.Sprintf("entry %d names record %d of %d", i, p.positions[i], len(raw.ends)))
	}
	d, err := r.decoder()
	if err != nil {
		return false, err
	}
	defer r.put(d)
	rec := raw.record(int(p.positions[i]))
	if err := d.scan.record(s.Kind, rec); err != nil {
		return false, refuse(ErrPayload, s.Member, err.Error())
	}
	if string(d.scan.key) != want.key {
		return false, nil // another key with the same fingerprint
	}
	return true, want.take(d, s, raw, int(p.positions[i]))
}

// rawShard is a checked shard as bytes.
type rawShard struct {
	raw          []byte
	starts, ends []uint32
}

func (s *rawShard) record(i int) []byte { return s.raw[s.starts[i]:s.ends[i]] }

func (r *Reader) loadRaw(s *shardTable) (*rawShard, error) {
	d, err := r.decoder()
	if err != nil {
		return nil, err
	}
	defer r.put(d)
	out := &rawShard{starts: make([]uint32, 0, s.Count), ends: make([]uint32, 0, s.Count)}
	left := []int{}
	out.raw, err = d.shard(nil, s.comp, s.Shard, func(_ int, rec []byte) error {
		left = append(left, cap(rec)) // bytes from its start to the end of the buffer
		out.ends = append(out.ends, uint32(len(rec)))
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, n := range left {
		start := uint32(cap(out.raw) - n)
		out.starts = append(out.starts, start)
		out.ends[i] += start
	}
	return out, nil
}

// page is a decoded page of the index, packed: 16 bytes an entry.
type page struct {
	member    string
	fps       []uint64
	shards    []uint32
	positions []uint32
}

func (r *Reader) page(comp int, f *pb.IndexFence) (*page, error) {
	return r.pages.get(f.Member, func() (*page, error) {
		d, err := r.decoder()
		if err != nil {
			return nil, err
		}
		defer r.put(d)
		return d.page(comp, f)
	})
}

// page reads and checks one page.
func (d *decoder) page(comp int, f *pb.IndexFence) (*page, error) {
	raw, err := d.content(nil, comp, f.Member, int64(f.RawSize))
	if err != nil {
		return nil, err
	}
	m := &pb.IndexPage{}
	if err := (proto.UnmarshalOptions{RecursionLimit: d.c.a.lim.Depth}).Unmarshal(raw, m); err != nil {
		return nil, refuse(ErrPayload, f.Member, "not an IndexPage: "+err.Error())
	}
	n := len(m.FingerprintDeltas)
	if string(m.ArchiveId) != string(d.c.a.man.id[:]) || m.Compartment != uint32(comp) {
		return nil, refuse(ErrPayload, f.Member, "page of another archive or compartment")
	}
	if p := parseName(f.Member); p.typ == typeIndex && p.n != m.Number {
		return nil, mismatch(ErrPayload, f.Member, "page", fmt.Sprint(p.n), fmt.Sprint(m.Number))
	}
	if uint64(n) != f.Count || len(m.Shards) != n || len(m.Positions) != n {
		return nil, mismatch(ErrPayload, f.Member, "entries", fmt.Sprint(f.Count), fmt.Sprintf("%d, %d, %d", n, len(m.Shards), len(m.Positions)))
	}
	p := &page{f.Member, m.FingerprintDeltas, make([]uint32, n), m.Positions}
	for i := range n {
		if m.Shards[i] > math.MaxUint32 {
			return nil, refuse(ErrPayload, f.Member, fmt.Sprintf("entry %d names shard %d, which no archive has", i, m.Shards[i]))
		}
		p.shards[i] = uint32(m.Shards[i])
		if i == 0 {
			continue
		}
		if p.fps[i] += p.fps[i-1]; p.fps[i] < p.fps[i-1] {
			return nil, refuse(ErrPayload, f.Member, "fingerprints do not ascend")
		}
	}
	if p.fps[0] != f.First || p.fps[n-1] != f.Last {
		return nil, refuse(ErrPayload, f.Member, "fingerprints are not those of the fence")
	}
	return p, nil
}

// cache keeps the values used last, of a weight of at most so many together, and always the last one. It is safe for several
// goroutines; a value that two of them want at once may be made twice.
type cache[V any] struct {
	weight func(V) int
	most   int

	mu    sync.Mutex
	sum   int
	by    map[string]*list.Element
	order *list.List // front: used last
}

type cached[V any] struct {
	key   string
	value V
}

func newCache[V any](most int, weight func(V) int) *cache[V] {
	return &cache[V]{weight: weight, most: most, by: map[string]*list.Element{}, order: list.New()}
}

func (c *cache[V]) get(key string, load func() (V, error)) (V, error) {
	c.mu.Lock()
	if e, ok := c.by[key]; ok {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		return e.Value.(*cached[V]).value, nil
	}
	c.mu.Unlock()
	v, err := load()
	if err != nil {
		return v, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.by[key]; !ok {
		c.by[key] = c.order.PushFront(&cached[V]{key, v})
		c.sum += c.weight(v)
	}
	for c.sum > c.most && c.order.Len() > 1 {
		last := c.order.Remove(c.order.Back()).(*cached[V])
		delete(c.by, last.key)
		c.sum -= c.weight(last.value)
	}
	return v, nil
}
