package formattest_test

import (
	"encoding/hex"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/format/internal/tree"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func (f *forge) root(comp int) *pb.Root {
	f.t.Helper()
	r := &pb.Root{}
	if err := proto.Unmarshal(f.content(comp, rootName(comp, f.keys != nil)), r); err != nil {
		f.t.Fatal(err)
	}
	return r
}

// setRoot writes r, its table of members' sizes put right.
func (f *forge) setRoot(comp int, r *pb.Root) *forge {
	f.t.Helper()
	for _, s := range r.Shards {
		if f.has(s.Member) {
			s.StoredSize = uint64(len(f.get(s.Member)))
		}
	}
	for _, v := range r.Vectors {
		v.StoredSize = uint64(len(f.get(v.Member)))
	}
	for _, run := range r.Index {
		for _, p := range run.Pages {
			p.StoredSize = uint64(len(f.get(p.Member)))
		}
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	if err != nil {
		f.t.Fatal(err)
	}
	f.setContent(comp, rootName(comp, f.keys != nil), b)
	return f
}

func (f *forge) editRoot(edit func(*pb.Root)) *forge {
	f.t.Helper()
	r := f.root(0)
	edit(r)
	return f.setRoot(0, r).refresh()
}

// shardOf is the first shard of kind in r.
func (f *forge) shardOf(r *pb.Root, kind string) *pb.Shard {
	f.t.Helper()
	for _, s := range r.Shards {
		if s.Kind == kind {
			return s
		}
	}
	f.t.Fatalf("no shard of kind %s", kind)
	return nil
}

// top makes the tree over the shards anew, in the manifest.
func (f *forge) top(r *pb.Root) {
	f.t.Helper()
	var tr tree.Tree
	for _, s := range r.Shards {
		tr.Append(tree.ShardLeaf(s.Kind, s.Ordinal, s.Count, tree.Hash(s.Root)))
	}
	root := tr.Root()
	f.manifest("root", fmt.Sprintf("%q", hex.EncodeToString(root[:])))
	f.manifest("shards", fmt.Sprint(len(r.Shards)))
}

func (f *forge) salt(raw []byte) []byte {
	heads := fieldsOf(raw, 15)
	if len(heads) == 0 {
		return make([]byte, 32)
	}
	h := &pb.ShardHeader{}
	if err := proto.Unmarshal(heads[0], h); err != nil {
		f.t.Fatal(err)
	}
	return h.Salt
}
