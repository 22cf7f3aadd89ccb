package format

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestBiggerShard: that a writer closes a shard at 65,536 records binds writers. A reader takes a bigger one, as the second
// reader does.
func TestBiggerShard(t *testing.T) {
	const n = maxShardRecords + 2
	recs := []agentstate.Record{&pb.Origin{Meta: agentstate.Meta("origin", nil, "test"), Product: "test"}}
	for i := range n {
		recs = append(recs, &pb.Memory{Meta: agentstate.Meta("memory", nil, fmt.Sprint(i))})
	}
	f := newForger(t, sealed(t, &WriterOptions{ShardSize: 16 << 20}, append(recs, statement(map[string]uint64{"memory": n}))...))
	full, rest := f.root.Shards[1], f.root.Shards[2] // both of memories; one record of the second goes to the first
	if full.Count != maxShardRecords || rest.Count != 2 {
		t.Fatal(f.root.Shards)
	}
	var moved []byte
	f.records(rest.Member, func(h []byte, recs [][]byte) ([]byte, [][]byte) { moved = recs[0]; return h, recs[1:] })
	f.records(full.Member, func(h []byte, recs [][]byte) ([]byte, [][]byte) { return h, append(recs, moved) })
	full.Count, rest.Count = full.Count+1, 1
	for _, fence := range f.root.Index[0].Pages {
		p := &pb.IndexPage{}
		if err := proto.Unmarshal(f.raw[fence.Member], p); err != nil {
			t.Fatal(err)
		}
		for i, s := range p.Shards {
			switch {
			case s == rest.Ordinal && p.Positions[i] == 0:
				p.Shards[i], p.Positions[i] = full.Ordinal, maxShardRecords
			case s == rest.Ordinal:
				p.Positions[i] = 0
			}
		}
		f.raw[fence.Member], _ = proto.Marshal(p)
	}
	a := f.archive(t, nil)
	if err := tryVerify(a); err != nil {
		t.Error(err)
	}
	r := open(t, a, nil)
	for _, i := range []int{0, maxShardRecords - 1, maxShardRecords, n - 1} {
		key := recs[1+i].GetMeta().GetKey()
		if got, err := r.Get(t.Context(), key); err != nil || got.GetMeta().GetKey() != key {
			t.Errorf("%s: %v, %v", key, got, err)
		}
	}
}
