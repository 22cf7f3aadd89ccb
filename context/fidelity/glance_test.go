package fidelity_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// FuzzGlance: whatever two records hold, a comparison at a glance says what one field by field says.
// Each record is there several times, since only what was met before is compared at a glance.
func FuzzGlance(f *testing.F) {
	kinds := agentstate.StateKinds()
	var last []byte
	for r, err := range memstate.Sample(3).Records(f.Context(), nil) {
		if err != nil {
			f.Fatal(err)
		}
		if k := slices.Index(kinds, agentstate.KindOf(r)); k >= 0 {
			b, err := proto.Marshal(r)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(byte(k), b, b, false)
			f.Add(byte(k), b, append(slices.Clone(b), 0x12, 1, 'x'), true)
			f.Add(byte(k), last, b, false)
			last = b
		}
	}
	f.Add(byte(slices.Index(kinds, "memory")), []byte{0x59, 0, 0, 0, 0, 0, 0, 0, 0x80}, []byte{}, false) // −0 and nothing
	f.Fuzz(func(t *testing.T, k byte, a, b []byte, other bool) {
		kind := kinds[int(k)%len(kinds)]
		named := func(b []byte, n int) agentstate.Record {
			r := agentstate.New(kind)
			if proto.Unmarshal(b, r) != nil {
				return nil
			}
			m := r.ProtoReflect()
			m.Mutable(m.Descriptor().Fields().ByName("meta"))
			r.GetMeta().Key = fmt.Sprintf("%s/%d", kind, n)
			return r
		}
		if named(a, 0) == nil || named(b, 0) == nil {
			return
		}
		want := memstate.Whole("x", named(a, 1), named(a, 2), named(b, 3), named(b, 4), named(a, 5))
		product := "x"
		if other {
			product = "y" // native forms are not compared
		}
		got := memstate.Whole(product, named(a, 1), named(b, 2), named(b, 3), named(a, 4), named(a, 5))
		for _, o := range []*fidelity.Options{nil, {Key: func(key string) string { return key }}, {Announced: func(key, path string) (fidelity.Grade, string, bool) {
			return fidelity.Dropped, "said", len(path)%2 == 0
		}}} {
			both(t, want, got, o)
		}
	})
}

// TestGlance: own labels, keys of the origin and, between two products, native forms make no difference; all else does.
func TestGlance(t *testing.T) {
	memory := func(n int, edit func(m *pb.Memory)) agentstate.Record {
		m := &pb.Memory{Meta: agentstate.Meta("memory", agentstate.Document("row", "", []byte("x")), fmt.Sprint(n)), Name: "n", SpaceKey: "memoryspace/s"}
		m.Meta.Labels = []*pb.Label{{Name: "l", Value: "v"}}
		if edit != nil {
			edit(m)
		}
		return m
	}
	for name, c := range map[string]struct {
		edit  func(m *pb.Memory)
		same  bool // in one product
		other bool // in two
	}{
		"nothing":      {func(*pb.Memory) {}, true, true},
		"own label":    {func(m *pb.Memory) { agentstate.SetOwnLabel(m.Meta, agentstate.LabelSecrets, "{}") }, true, true},
		"origin":       {func(m *pb.Memory) { m.Meta.OriginKey = "origin/x" }, true, true},
		"native":       {func(m *pb.Memory) { m.Meta.Native[0].GetData().Body = &pb.Data_Inline{Inline: []byte("y")} }, false, true},
		"no native":    {func(m *pb.Memory) { m.Meta.Native = nil }, false, true},
		"label":        {func(m *pb.Memory) { m.Meta.Labels[0].Value = "w" }, false, false},
		"no label":     {func(m *pb.Memory) { m.Meta.Labels = nil }, false, false},
		"field":        {func(m *pb.Memory) { m.Name = "m" }, false, false},
		"reference":    {func(m *pb.Memory) { m.SpaceKey = "memoryspace/t" }, false, false},
		"a later time": {func(m *pb.Memory) { m.Meta.CreatedUnixNano = 1 }, false, false},
	} {
		for product, alike := range map[string]bool{"x": c.same, "y": c.other} {
			want := memstate.Whole("x", memory(1, nil), memory(2, nil), memory(3, nil))
			got := memstate.Whole(product, memory(1, nil), memory(2, nil), memory(3, c.edit))
			rep := compare(t, want, got, nil)
			if rep.Records != 3 || (rep.Same == 3) != alike || rep.Same < 2 {
				t.Errorf("%s, %s: %d of %d alike", name, product, rep.Same, rep.Records)
			}
		}
	}
}

// TestLarge: there is room for a record of any size, whatever size the one before it had.
func TestLarge(t *testing.T) {
	var rs []agentstate.Record
	for i, n := range []int{1, 64<<10 - 1, 64 << 10, 2 << 20, 1, 3 << 20, 0} {
		rs = append(rs, &pb.Memory{Meta: agentstate.Meta("memory", nil, fmt.Sprint(i)), Name: strings.Repeat("x", n)})
	}
	for range 2 { // the second of each path is compared at a glance
		if rep := compare(t, memstate.Whole("x", rs...), memstate.Whole("x", rs...), nil); int(rep.Same) != len(rs) {
			t.Errorf("%d of %d alike", rep.Same, len(rs))
		}
		slices.Reverse(rs)
	}
}

// TestManyDiffer: where so many differ that the first state is read once more, it is the same report.
func TestManyDiffer(t *testing.T) {
	var want, got []agentstate.Record
	for i := range 3000 {
		m := &pb.Memory{Meta: agentstate.Meta("memory", nil, fmt.Sprint(i)), Name: fmt.Sprint(i)}
		want = append(want, m)
		g := proto.Clone(m).(*pb.Memory)
		if i%2 == 1 {
			g.Name = "ä"
		}
		got = append(got, g)
	}
	rep := compare(t, memstate.Whole("x", want...), memstate.Whole("x", got...), nil)
	if rep.Same != 1500 || rep.Grades[fidelity.Transformed] != 1500 || rep.LossN["memory.name"] != 1500 {
		t.Errorf("%+v", rep)
	}
}
