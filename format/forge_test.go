package format

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/format/internal/frame"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func TestForgedContent(t *testing.T) {
	base := small(t, nil)
	if err := tryVerify(newForger(t, base).archive(t, nil)); err != nil {
		t.Fatalf("the forger's own archive: %v", err)
	}
	shard := func(f *forger, name string) *pb.Shard {
		for _, s := range f.root.Shards {
			if s.Member == name {
				return s
			}
		}
		return nil
	}
	first := func(f *forger, kind string) string { return f.name("data/r/" + kind + "/") }
	for _, c := range []struct {
		name  string
		class string // empty: payload
		f     func(f *forger) func(*pb.Root)
	}{
		{"header missing", "", func(f *forger) func(*pb.Root) {
			n := first(f, "memory")
			_, _, k := protowire.ConsumeField(f.raw[n])
			f.raw[n] = f.raw[n][k:]
			return nil
		}},
		{"header twice", "", func(f *forger) func(*pb.Root) {
			n := first(f, "memory")
			_, _, k := protowire.ConsumeField(f.raw[n])
			f.raw[n] = append(bytes.Clone(f.raw[n][:k]), f.raw[n]...)
			return nil
		}},
		{"header late", "", func(f *forger) func(*pb.Root) {
			n := first(f, "memory")
			_, _, k := protowire.ConsumeField(f.raw[n])
			f.raw[n] = append(bytes.Clone(f.raw[n][k:]), f.raw[n][:k]...)
			return nil
		}},
		{"header of a sibling", "", func(f *forger) func(*pb.Root) {
			f.records(first(f, "memory"), func(h []byte, r [][]byte) ([]byte, [][]byte) { h[2] ^= 1; return h, r })
			return nil
		}},
		{"overlong varint", "", func(f *forger) func(*pb.Root) {
			n := first(f, "memory")
			_, _, k := protowire.ConsumeField(f.raw[n])
			rest := f.raw[n][k:]
			size, m := protowire.ConsumeVarint(rest[1:])
			out := append(bytes.Clone(f.raw[n][:k]), rest[0], byte(size)|0x80, byte(size>>7)|0x80, 0)
			f.raw[n] = append(out, rest[1+m:]...)
			return nil
		}},
		{"count off by one", "", func(f *forger) func(*pb.Root) {
			s := shard(f, first(f, "memory"))
			s.Count++
			return nil
		}},
		{"record added", "", func(f *forger) func(*pb.Root) {
			n := first(f, "memory")
			f.records(n, func(h []byte, r [][]byte) ([]byte, [][]byte) {
				m, _ := proto.Marshal(&pb.Memory{Meta: &pb.Meta{Key: "memory/added"}})
				return h, append(r, m)
			})
			shard(f, n).Count++
			return nil
		}},
		{"kind swapped", "", func(f *forger) func(*pb.Root) {
			f.records(first(f, "memory"), func(h []byte, r [][]byte) ([]byte, [][]byte) {
				r[0] = bytes.Replace(r[0], []byte("memory/s/0"), []byte("policy/s/0"), 1)
				return h, r
			})
			return nil
		}},
		{"invalid UTF-8", "", func(f *forger) func(*pb.Root) {
			f.records(first(f, "memory"), func(h []byte, r [][]byte) ([]byte, [][]byte) {
				r[0] = protowire.AppendString(protowire.AppendTag(r[0], 3, protowire.BytesType), "\xff")
				return h, r
			})
			return nil
		}},
		{"depth 65", "", func(f *forger) func(*pb.Root) {
			f.records(first(f, "memory"), func(h []byte, r [][]byte) ([]byte, [][]byte) {
				for range 64 {
					r[0] = protowire.AppendTag(r[0], 99, protowire.StartGroupType)
				}
				for range 64 {
					r[0] = protowire.AppendTag(r[0], 99, protowire.EndGroupType)
				}
				return h, r
			})
			return nil
		}},
		{"vector changed", "", func(f *forger) func(*pb.Root) {
			f.raw[f.name("data/v/")][0] ^= 1
			return nil
		}},
		{"blob changed", "", func(f *forger) func(*pb.Root) {
			f.raw[f.name("data/b/")][0] ^= 1
			return nil
		}},
		{"blob longer", "", func(f *forger) func(*pb.Root) {
			n := f.name("data/b/")
			f.raw[n] = append(f.raw[n], 'x')
			return nil
		}},
		{"index to the wrong record", "", func(f *forger) func(*pb.Root) {
			n := f.name("data/i/")
			p := &pb.IndexPage{}
			proto.Unmarshal(f.raw[n], p)
			p.Shards[0], p.Shards[1] = p.Shards[1], p.Shards[0]
			p.Positions[0], p.Positions[1] = p.Positions[1], p.Positions[0]
			f.raw[n], _ = proto.Marshal(p)
			return nil
		}},
		{"index short of an entry", "", func(f *forger) func(*pb.Root) {
			n := f.name("data/i/")
			p := &pb.IndexPage{}
			proto.Unmarshal(f.raw[n], p)
			last := len(p.Shards) - 1
			p.FingerprintDeltas, p.Shards, p.Positions = p.FingerprintDeltas[:last], p.Shards[:last], p.Positions[:last]
			f.raw[n], _ = proto.Marshal(p)
			sum := uint64(0)
			for _, d := range p.FingerprintDeltas {
				sum += d
			}
			return func(r *pb.Root) { r.Index[0].Pages[0].Last, r.Index[0].Pages[0].Count = sum, uint64(last) }
		}},
		{"key twice", "", func(f *forger) func(*pb.Root) {
			f.records(first(f, "memory"), func(h []byte, r [][]byte) ([]byte, [][]byte) {
				r[1] = r[0]
				return h, r
			})
			n := f.name("data/i/")
			p := &pb.IndexPage{}
			proto.Unmarshal(f.raw[n], p)
			s := shard(f, first(f, "memory")).Ordinal
			one, two := uint64(0), uint64(0)
			sum := uint64(0)
			for i, d := range p.FingerprintDeltas {
				if sum += d; p.Shards[i] == s && p.Positions[i] == 0 {
					one = sum
				}
			}
			type e struct {
				fp, shard uint64
				pos       uint32
			}
			var es []e
			sum = 0
			for i, d := range p.FingerprintDeltas {
				sum += d
				two = sum
				if p.Shards[i] == s && p.Positions[i] == 1 {
					two = one
				}
				es = append(es, e{two, p.Shards[i], p.Positions[i]})
			}
			slices.SortFunc(es, func(a, b e) int { return int(int64(a.fp) - int64(b.fp)) })
			before := uint64(0)
			for i, x := range es {
				p.FingerprintDeltas[i], p.Shards[i], p.Positions[i] = x.fp-before, x.shard, x.pos
				before = x.fp
			}
			f.raw[n], _ = proto.Marshal(p)
			return func(r *pb.Root) { r.Index[0].Pages[0].First, r.Index[0].Pages[0].Last = es[0].fp, before }
		}},
		{"shard not in the root", "", func(f *forger) func(*pb.Root) {
			return func(r *pb.Root) { r.Shards = r.Shards[1:] }
		}},
		{"shard twice in the root", "", func(f *forger) func(*pb.Root) {
			return func(r *pb.Root) { r.Shards = append(r.Shards, r.Shards[0]) }
		}},
		{"records of another shard", "", func(f *forger) func(*pb.Root) {
			return func(r *pb.Root) { r.Shards[0].Root, r.Shards[1].Root = r.Shards[1].Root, r.Shards[0].Root }
		}},
		{"coverage raised", "coverage", func(f *forger) func(*pb.Root) {
			f.man.Coverage = "RECONCILED"
			return nil
		}},
		{"coverage raised, also in the root", "coverage", func(f *forger) func(*pb.Root) {
			f.man.Coverage = "RECONCILED"
			return func(r *pb.Root) {
				for _, k := range r.Summary.Kinds {
					if k.Coverage != "" {
						k.Coverage = "RECONCILED"
					}
				}
			}
		}},
		{"a kind forgotten", "coverage", func(f *forger) func(*pb.Root) {
			return func(r *pb.Root) { r.Summary.KnownKinds = r.Summary.KnownKinds[1:] }
		}},
		{"a statement forgotten", "coverage", func(f *forger) func(*pb.Root) {
			return func(r *pb.Root) { r.Summary.Statements = nil }
		}},
		{"facts raised in the root alone", "coverage", func(f *forger) func(*pb.Root) {
			return func(r *pb.Root) {
				for _, k := range r.Summary.Statements[0].Kinds {
					k.RelistRoute = "another"
				}
			}
		}},
		{"views forgotten", "", func(f *forger) func(*pb.Root) {
			return func(r *pb.Root) { r.Summary.Kinds[0].Views = 1 << 60 }
		}},
		{"two frames", "", func(f *forger) func(*pb.Root) {
			f.framed = func(name string, raw []byte) []byte {
				var enc frame.Encoder
				out := enc.Compress(nil, raw, false)
				if strings.HasPrefix(name, "data/r/memory/") {
					out = enc.Compress(out, nil, false)
				}
				return out
			}
			return nil
		}},
		{"not a frame", "", func(f *forger) func(*pb.Root) {
			f.framed = func(name string, raw []byte) []byte {
				var enc frame.Encoder
				if strings.HasPrefix(name, "data/r/memory/") {
					return raw
				}
				return enc.Compress(nil, raw, false)
			}
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newForger(t, base)
			err := tryVerify(f.archive(t, c.f(f)))
			if want := c.class; Class(err) != want && (want != "" || Class(err) != "payload") {
				t.Errorf("class %q: %v", Class(err), err)
			}
			t.Log(err)
		})
	}
}

// Content of any sort behind right digests: refused with a class, or read.
func FuzzContent(f *testing.F) {
	base := small(f, nil)
	var names []string
	for _, n := range newForger(f, base).names {
		if strings.HasSuffix(n, ".zst") {
			names = append(names, n)
			f.Add(len(names)-1, newForger(f, base).raw[n])
		}
	}
	if len(names) < 5 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, i int, raw []byte) {
		if i < 0 || i >= len(names) {
			return
		}
		fg := newForger(t, base)
		fg.raw[names[i]] = raw
		if names[i] == "data/root.pb.zst" {
			if fg.root = new(pb.Root); proto.Unmarshal(raw, fg.root) != nil {
				return
			}
		}
		b := fg.archive(t, nil)
		if err := tryVerify(b); err != nil && Class(err) == "" {
			t.Fatalf("no class: %v", err)
		}
		r, err := NewReader(bytes.NewReader(b), int64(len(b)), &ReaderOptions{Policy: IntegrityOnly()})
		if err != nil {
			return
		}
		for rec, err := range r.Records(context.Background(), nil) {
			if err != nil {
				if Class(err) == "" {
					t.Fatalf("no class: %v", err)
				}
				break
			}
			if _, err := r.Get(context.Background(), rec.GetMeta().GetKey()); err != nil && Class(err) == "" && !strings.Contains(fmt.Sprint(err), "not found") {
				t.Fatalf("no class: %v", err)
			}
		}
	})
}
