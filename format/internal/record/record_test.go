package record

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/record/recordgen"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// The generated files are what recordgen makes of the descriptors of today.
func TestGenerated(t *testing.T) {
	files, err := recordgen.Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go generate ./format/internal/record (%v)", name, err)
		}
	}
}

// filler sets fields; in a oneof the one whose turn it is.
type filler struct{ n int }

func (f *filler) message(m protoreflect.Message) {
	fds := m.Descriptor().Fields()
	for i := range fds.Len() {
		fd := fds.Get(i)
		if o := fd.ContainingOneof(); o != nil && !o.IsSynthetic() && o.Fields().Get(f.n%o.Fields().Len()) != fd {
			continue
		}
		switch {
		case fd.IsList():
			l := m.Mutable(fd).List()
			for range 1 + f.n%3 {
				if fd.Message() != nil {
					f.message(l.AppendMutable().Message())
				} else {
					l.Append(f.value(fd))
				}
			}
		case fd.Message() != nil:
			f.message(m.Mutable(fd).Message())
		default:
			m.Set(fd, f.value(fd))
		}
	}
}

func (f *filler) value(fd protoreflect.FieldDescriptor) protoreflect.Value {
	f.n++
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString([]string{"", "m", "müsli"}[f.n%3])
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(bytes.Repeat([]byte{0xff, 0}, f.n%100))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(f.n%2 == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(f.n - 3))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(int64(f.n)<<uint(f.n%60) - 5)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(-f.n))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(f.n) << 20)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(f.n) << uint(f.n%60))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(f.n) / 3)
	}
	panic(fd.Kind().String())
}

// samples are records of every kind in the bytes of a canonical encoder, n of each.
func samples(t testing.TB, n int, f func(kind string, b []byte)) {
	for _, kind := range agentstate.Kinds() {
		for i := range n {
			r := agentstate.New(kind)
			if i > 0 { // 0: empty
				(&filler{i * 7}).message(r.ProtoReflect())
			}
			b, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			f(kind, b)
		}
	}
}

// Every field of every kind comes out as package proto reads it, and all blobs are found.
func TestCanonical(t *testing.T) {
	var d Decoder
	kinds, blobs := map[string]bool{}, 0
	samples(t, 40, func(kind string, b []byte) {
		kinds[kind] = true
		want := agentstate.New(kind)
		if err := proto.Unmarshal(b, want); err != nil {
			t.Fatal(err)
		}
		got, ok := d.Decode(kind, bytes.Clone(b))
		if !ok {
			t.Fatalf("%s: canonical bytes are not taken: %x", kind, b)
		}
		if !proto.Equal(got, want) {
			t.Fatalf("%s:\n got %v\nwant %v", kind, got, want)
		}
		var found []*pb.Blob
		walk(got.ProtoReflect(), func(m protoreflect.Message) {
			if b, ok := m.Interface().(*pb.Blob); ok {
				found = append(found, b)
			}
		})
		if len(found) != len(d.Blobs) {
			t.Fatalf("%s: %d blobs of %d", kind, len(d.Blobs), len(found))
		}
		blobs += len(found)
	})
	if len(kinds) != len(agentstate.Kinds()) || blobs == 0 {
		t.Errorf("%d kinds, %d blobs", len(kinds), blobs)
	}
}

func walk(m protoreflect.Message, f func(protoreflect.Message)) {
	f(m)
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				walk(v.List().Get(i).Message(), f)
			}
		default:
			walk(v.Message(), f)
		}
		return true
	})
}

// agree checks that what Decode takes, package proto takes and reads alike.
func agree(t *testing.T, d *Decoder, kind string, b []byte) (taken bool) {
	t.Helper()
	got, ok := d.Decode(kind, bytes.Clone(b))
	if !ok {
		return false
	}
	want := agentstate.New(kind)
	if err := proto.Unmarshal(b, want); err != nil {
		t.Fatalf("%s: %x is taken, and package proto says %v", kind, b, err)
	}
	if !proto.Equal(got, want) {
		t.Fatalf("%s: %x\n got %v\nwant %v", kind, b, got, want)
	}
	return true
}

// Changed, cut and doubled bytes are read as package proto reads them, or not at all.
func TestOtherBytes(t *testing.T) {
	var d Decoder
	taken, all := 0, 0
	samples(t, 2, func(kind string, b []byte) {
		for i := 0; i < len(b); i += 1 + len(b)/400 {
			c := bytes.Clone(b)
			c[i] ^= []byte{0x01, 0x80, 0xff}[all%3]
			all++
			if agree(t, &d, kind, c) {
				taken++
			}
			agree(t, &d, kind, b[:i])
			agree(t, &d, kind, append(bytes.Clone(b), b[:i]...))
		}
		unknown := protowire.AppendVarint(protowire.AppendTag(bytes.Clone(b), 1000, protowire.VarintType), 1)
		if agree(t, &d, kind, unknown) {
			t.Errorf("%s: an unknown field is lost", kind)
		}
	})
	if taken == 0 || taken == all {
		t.Errorf("%d of %d taken", taken, all)
	}
	if _, ok := d.Decode("later", nil); ok {
		t.Error("a kind of later releases is taken")
	}
}

// Every record measures as long as package proto makes it, and what no reader takes, or nobody
// can marshal, is not measured.
func TestSize(t *testing.T) {
	var m Measure
	samples(t, 40, func(kind string, b []byte) {
		r := agentstate.New(kind)
		if err := proto.Unmarshal(b, r); err != nil {
			t.Fatal(err)
		}
		n, ok := m.Size(r)
		if !ok || n != len(b) {
			t.Fatalf("%s: size %d, %v, want %d", kind, n, ok, len(b))
		}
		var d Decoder
		if _, ok := d.Decode(kind, b); !ok || !slices.EqualFunc(d.Blobs, m.Blobs, func(x, y *pb.Blob) bool { return proto.Equal(x, y) }) {
			t.Fatalf("%s: blobs %v, decoded %v", kind, m.Blobs, d.Blobs)
		}
	})
	meta := &pb.Meta{Key: "memory/1"}
	for name, r := range map[string]agentstate.Record{
		"text":          &pb.Memory{Meta: meta, Name: "a\xff"},
		"text in lists": &pb.Memory{Meta: meta, Tags: []string{"a", "\xc3"}},
		"text below":    &pb.Memory{Meta: &pb.Meta{Key: "\xff"}},
		"nil in a list": &pb.Memory{Meta: &pb.Meta{Labels: []*pb.Label{nil}}},
		"nil in oneof":  &pb.Memory{Meta: meta, Content: (*pb.Memory_Data)(nil)},
		"nil message":   &pb.Memory{Meta: meta, Content: &pb.Memory_Data{}},
		"unknown kind":  &pb.Unknown{Meta: meta},
	} {
		if n, ok := m.Size(r); ok {
			t.Errorf("%s: measured, %d", name, n)
		}
	}
}

// A record's bytes and text are its own: appending to one field changes no other.
func TestFieldsDoNotOverlap(t *testing.T) {
	in := &pb.Memory{Meta: &pb.Meta{Key: "memory/1", Native: []*pb.Native{{Type: "t", Body: &pb.Native_Data{Data: &pb.Data{
		MediaType: "x", Body: &pb.Data_Inline{Inline: []byte("abc")}}}}}}, Name: "name"}
	b, err := proto.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var d Decoder
	r, ok := d.Decode("memory", b)
	if !ok {
		t.Fatal("not taken")
	}
	m := r.(*pb.Memory)
	_ = append(m.Meta.Native[0].GetData().GetInline(), "zzzzzzzz"...)
	if !proto.Equal(m, in) {
		t.Errorf("got %v", m)
	}
}

func FuzzDecode(f *testing.F) {
	kinds := agentstate.Kinds()
	samples(f, 2, func(kind string, b []byte) {
		for i, k := range kinds {
			if k == kind {
				f.Add(uint8(i), b)
			}
		}
	})
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		agree(t, new(Decoder), kinds[int(kind)%len(kinds)], b)
	})
}

func BenchmarkDecode(b *testing.B) {
	m := &pb.Memory{Meta: agentstate.Meta("memory", nil, "users.u-1.memories", "01a0c450-6c59-7af2-93f8-060fa9ae9e14"), Name: "n", Tags: []string{"a", "b"},
		Content: &pb.Memory_Data{Data: agentstate.Inline("application/json", bytes.Repeat([]byte("text "), 80))}}
	m.Meta.Labels = []*pb.Label{{Name: "agent", Value: "support"}, {Name: "run", Value: "1"}}
	row := &pb.Row{}
	for _, n := range []string{"prefix", "key", "value", "created_at", "updated_at", "expires_at", "ttl_minutes"} {
		row.Columns = append(row.Columns, &pb.Column{Name: n, Type: "text", Value: &pb.Column_Text{Text: []byte("value of " + n)}})
	}
	m.Meta.Native = []*pb.Native{{Type: "store", Body: &pb.Native_Row{Row: row}}}
	raw, err := proto.Marshal(m)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("record", func(b *testing.B) {
		var d Decoder
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := d.Decode("memory", bytes.Clone(raw)); !ok {
				b.Fatal("not taken")
			}
		}
	})
	b.Run("proto", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			if err := proto.Unmarshal(raw, new(pb.Memory)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
