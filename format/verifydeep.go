package format

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/container"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// deep reads everything that the keys at hand open, and the rest as stored.
func (v *verifier) deep(ctx context.Context) error {
	if err := v.index(ctx); err != nil {
		return err
	}
	if err := v.records(ctx); err != nil {
		return err
	}
	for _, t := range v.c.vectors {
		if n := t.refs.Load(); n != t.Count {
			return mismatch(ErrPayload, t.Member, "vectors that a record names", fmt.Sprint(t.Count), fmt.Sprint(n))
		}
	}
	for _, t := range v.c.blobs {
		if t.refs.Load() == 0 {
			return refuse(ErrPayload, blobID(t.Number), "no record names this blob")
		}
	}
	if err := v.rest(ctx); err != nil {
		return err
	}
	if err := v.summary(); err != nil {
		return err
	}
	v.out.Coverage = v.c.verdict
	if v.c.summary == nil {
		v.out.Coverage = agentstate.Verdict{Coverage: agentstate.ParseCoverage(v.a.man.Coverage)}
	}
	for _, n := range v.c.closed {
		v.out.NotVerified = append(v.out.NotVerified, fmt.Sprintf("compartment %d", n))
	}
	if len(v.c.closed) == 0 {
		v.out.Level = LevelDeep
	}
	return nil
}

// index reads all pages, so that each record can be looked up.
func (v *verifier) index(ctx context.Context) error {
	type task struct {
		comp int
		f    *pb.IndexFence
	}
	var tasks []task
	for comp, root := range v.c.roots {
		for _, run := range root.GetIndex() {
			for _, f := range run.Pages {
				tasks = append(tasks, task{comp, f})
			}
		}
	}
	pages, comps := make([]*page, len(tasks)), make([]int, len(tasks))
	err := v.each(ctx, len(tasks), func(d *decoder, i int) error {
		var err error
		comps[i] = tasks[i].comp
		pages[i], err = d.page(tasks[i].comp, tasks[i].f)
		return err
	})
	if err != nil {
		return err
	}
	return v.places.fill(pages, comps, v.c.shards)
}

// records reads every shard: its tree, its records, their places in the index, their vectors
// and their references.
func (v *verifier) records(ctx context.Context) error {
	shards := slices.Collect(maps.Values(v.c.shards))
	slices.SortFunc(shards, func(a, b *shardTable) int {
		if x, y := a.Kind == "embedding", b.Kind == "embedding"; x != y { // with all their vectors they take longest
			if x {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Ordinal, b.Ordinal)
	})
	var dangling atomic.Uint64
	err := v.each(ctx, len(shards), func(d *decoder, i int) error {
		s := shards[i]
		n := uint64(0)
		d.scan.refs = func(b []byte) {
			if s.Kind != "tombstone" && d.refs.dangles(&v.places, b) { // what a tombstone names is meant to be gone
				n++
			}
		}
		fps := v.places.of[s.Ordinal] // nil: uneven
		local := agentstate.Tally{Records: map[string]uint64{}, Views: map[string]uint64{}}
		var err error
		d.raw, err = d.shard(d.raw[:0], s.comp, s.Shard, func(i int, rec []byte) error {
			if fps == nil {
				return nil
			}
			return v.record(d, s, rec, fps[i], &local)
		})
		if err != nil {
			return err
		}
		dangling.Add(n)
		v.merge(&local)
		return nil
	})
	if err != nil {
		return err
	}
	v.out.Dangling = dangling.Load()
	return v.places.uneven // after the shards: one that lies about its records says where
}

// record checks one record of a shard whose tree is right; the index has fp at its place.
func (v *verifier) record(d *decoder, s *shardTable, rec []byte, fp uint64, t *agentstate.Tally) error {
	sum := sha256.Sum256(d.scan.key)
	if v.places.shared[fp] && !v.first(sum) {
		return refuse(ErrPayload, s.Member, fmt.Sprintf("%s is the key of another record as well", d.scan.key))
	}
	if fingerprint(sum) != fp {
		return refuse(ErrPayload, s.Member, fmt.Sprintf("%s: not in the index at its place", d.scan.key))
	}
	t.Records[s.Kind]++
	if d.scan.view {
		t.Views[s.Kind]++
	}
	for _, b := range d.scan.blobs {
		n, _ := blobNumber(string(b.id)) // checked by shard
		v.c.blobs[n].refs.Add(1)
	}
	switch s.Kind {
	case "embedding", "gap", "completeness":
	default:
		return nil
	}
	r, err := d.message(s.Shard, rec)
	if err != nil {
		return err
	}
	switch r := r.(type) {
	case *pb.Embedding:
		if cut(r) {
			_, err = d.vector(s.comp, r)
		}
	case *pb.Gap:
		t.Gaps = append(t.Gaps, &pb.Gap{Kind: r.Kind, Count: r.Count})
	case *pb.Completeness:
		t.Statements = append(t.Statements, factsOf(r))
	}
	return err
}

// first tells whether no record had the key of this digest before.
func (v *verifier) first(sum [32]byte) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.keys[sum] {
		return false
	}
	if v.keys == nil {
		v.keys = map[[32]byte]bool{}
	}
	v.keys[sum] = true
	return true
}

func (v *verifier) merge(t *agentstate.Tally) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tally.Records == nil {
		v.tally.Records, v.tally.Views = map[string]uint64{}, map[string]uint64{}
	}
	for k, n := range t.Records {
		v.tally.Records[k] += n
		v.tally.Views[k] += t.Views[k]
	}
	v.tally.Gaps = append(v.tally.Gaps, t.Gaps...)
	v.tally.Statements = append(v.tally.Statements, t.Statements...)
}

// rest reads blobs to the end, and members that no record led to as stored.
func (v *verifier) rest(ctx context.Context) error {
	blobs := slices.Collect(maps.Values(v.c.blobs))
	err := v.each(ctx, len(blobs), func(d *decoder, i int) error {
		h := sha256.New()
		for n := uint64(0); ; n++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			if d.raw, err = d.chunk(d.raw[:0], blobs[i], n, h); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
	if err != nil {
		return err
	}
	var es []container.Entry
	for _, e := range v.a.entries {
		if m := v.a.members[e.Name[len(v.a.prefix):]]; !v.read(m) {
			es = append(es, e)
		}
	}
	return v.storedMembers(ctx, es)
}

// read tells whether the deep pass has read m.
func (v *verifier) read(m *member) bool {
	switch m.place.typ {
	case typeRecords, typeVectors, typeIndex:
		return true
	case typeOpaque, typeBlob:
		return len(v.c.closed) == 0
	}
	return false
}

// summary compares what was counted with what the root says.
func (v *verifier) summary() error {
	v.out.Records = v.tally.Records
	if v.out.Records == nil {
		v.out.Records = map[string]uint64{}
	}
	known := map[string]bool{}
	for _, k := range agentstate.Kinds() {
		known[k] = true
	}
	for k, n := range v.out.Records {
		if !known[k] {
			v.out.Unknown += n
		}
	}
	if v.c.summary == nil || len(v.c.closed) > 0 {
		return nil
	}
	name := rootName(0, v.a.man.encrypted())
	got := summarize(&v.tally, &v.c.verdict)
	if !proto.Equal(&pb.Summary{Kinds: got}, &pb.Summary{Kinds: v.c.summary.Kinds}) {
		return refuse(ErrCoverage, name, "counts of records, views or gaps are not those of the records")
	}
	if !sameStatements(v.tally.Statements, v.c.summary.Statements) {
		return refuse(ErrCoverage, name, "facts about kinds are not those of the Completeness records")
	}
	return nil
}

// sameStatements compares without regard to order: shards are read in any.
func sameStatements(a, b []*pb.Completeness) bool {
	texts := func(sts []*pb.Completeness) []string {
		var out []string
		for _, st := range sts {
			t, err := proto.MarshalOptions{Deterministic: true}.Marshal(st)
			if err != nil {
				return nil
			}
			out = append(out, string(t))
		}
		slices.Sort(out)
		return out
	}
	return len(a) == len(b) && slices.Equal(texts(a), texts(b))
}
