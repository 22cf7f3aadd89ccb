package format

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// everyKind makes n records of each kind, with every field set but blobs and what the archive
// sets itself. Vectors are of several lengths and types.
func everyKind(n int, seed uint64) []agentstate.Record {
	g := &filler{rand.New(rand.NewPCG(seed, 1))}
	var out []agentstate.Record
	for _, kind := range agentstate.Kinds() {
		for i := range n {
			r := agentstate.New(kind)
			g.fill(r.ProtoReflect(), 0)
			r.GetMeta().Key = agentstate.Key(kind, fmt.Sprint(i), "käy/"+fmt.Sprint(seed))
			switch r := r.(type) {
			case *pb.Embedding:
				r.VectorSha256, r.VectorMember, r.VectorIndex = nil, 0, 0
				r.Element = []pb.Embedding_Element{pb.Embedding_ELEMENT_FLOAT32, pb.Embedding_ELEMENT_FLOAT16}[i%2]
				r.Vector = g.vector([]int{1, 16, 384, 1536}[i%4])
			case *pb.Completeness:
				r.Kinds = []*pb.KindCompleteness{{Kind: "memory", Class: pb.KindCompleteness_CLASS_ENUMERATED, Enumerated: uint64(n), Exhausted: true}}
			case *pb.Gap:
				r.Kind, r.Count = "memory", uint64(i%3)
			}
			out = append(out, r)
		}
	}
	return out
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(7, 7)) }

type filler struct{ *rand.Rand }

func (g *filler) fill(m protoreflect.Message, depth int) {
	fds := m.Descriptor().Fields()
	for i := range fds.Len() {
		fd := fds.Get(i)
		if fd.Message() != nil && fd.Message().Name() == "Blob" || depth > 6 {
			continue
		}
		if o := fd.ContainingOneof(); o != nil && m.WhichOneof(o) != nil && g.IntN(2) == 0 {
			continue
		}
		if fd.IsList() {
			for range 1 + g.IntN(2) {
				if fd.Message() != nil {
					g.fill(m.Mutable(fd).List().AppendMutable().Message(), depth+1)
				} else {
					m.Mutable(fd).List().Append(g.value(fd))
				}
			}
			continue
		}
		if fd.Message() != nil {
			g.fill(m.Mutable(fd).Message(), depth+1)
			continue
		}
		m.Set(fd, g.value(fd))
	}
}

func (g *filler) value(fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(strings.Repeat("tëxt\x00 ", 1+g.IntN(4)) + fmt.Sprint(g.Uint32()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0xff, 0, byte(g.Uint32())})
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(1)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(g.NormFloat64())
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(1.5)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(g.Uint32())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(-int32(g.Uint32() >> 8))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(g.Uint64())
	}
	return protoreflect.ValueOfInt64(-int64(g.Uint64() >> 8))
}

func (g *filler) vector(dim int) []byte {
	out := make([]byte, 0, 4*dim)
	for range dim {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(g.NormFloat64()/40)))
	}
	return out
}

// state is a source of the records a Judge has facts for: n memories in a space, reconciled.
func state(n int) []agentstate.Record {
	out := []agentstate.Record{
		&pb.Origin{Meta: agentstate.Meta("origin", nil, "test"), Product: "test", Location: "unit test"},
		&pb.MemorySpace{Meta: agentstate.Meta("memoryspace", nil, "s"), Path: []string{"s"}},
	}
	g := &filler{rand.New(rand.NewPCG(7, uint64(n)))}
	for i := range n {
		out = append(out, memory(g, i))
	}
	return append(out, statement(map[string]uint64{"memoryspace": 1, "memory": uint64(n)}))
}

func memory(g *filler, i int) *pb.Memory {
	text := make([]string, 20+g.IntN(60))
	for k := range text {
		text[k] = words[g.IntN(len(words))]
	}
	m := &pb.Memory{
		Meta:     agentstate.Meta("memory", agentstate.Document("row", "application/json", []byte(fmt.Sprintf(`{"id":%d}`, i))), "s", fmt.Sprint(i)),
		SpaceKey: agentstate.Key("memoryspace", "s"), Name: fmt.Sprint(i),
		Content: &pb.Memory_Text{Text: strings.Join(text, " ")},
	}
	m.Meta.CreatedUnixNano = 1_790_000_000_000_000_000 + int64(i)*1e9
	return m
}

var words = strings.Fields(`the customer asked for a refund of the order that arrived late and the agent
 looked up shipping rules before it answered with an apology voucher number email preference language
 time zone never call after six prefers short answers account manager renewal contract invoice`)

// statement says that everything of the counted kinds is there, and that there is nothing else.
func statement(counts map[string]uint64) *pb.Completeness {
	st := &pb.Completeness{Meta: agentstate.Meta("completeness", nil, "1"), Observer: "observer-zq", Account: "account-zq"}
	for _, k := range agentstate.StateKinds() {
		n, ok := counts[k]
		f := &pb.KindCompleteness{Kind: k, Class: pb.KindCompleteness_CLASS_ABSENT}
		if ok {
			f.Class, f.Enumerated, f.Exhausted = pb.KindCompleteness_CLASS_ENUMERATED, n, true
			f.Reference, f.ReferenceRoute, f.AccessBasis = &n, "count(*)", "whole file"
		}
		st.Kinds = append(st.Kinds, f)
	}
	return st
}

// sealed writes recs to memory.
func sealed(t testing.TB, opts *WriterOptions, recs ...agentstate.Record) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		if err := w.Put(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t testing.TB, b []byte, opts *ReaderOptions) *Reader {
	t.Helper()
	if opts == nil {
		opts = &ReaderOptions{}
	}
	if opts.Policy == nil {
		opts.Policy = IntegrityOnly()
	}
	r, err := NewReader(bytes.NewReader(b), int64(len(b)), opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func collect(t testing.TB, seq iter.Seq2[agentstate.Record, error]) []agentstate.Record {
	t.Helper()
	var out []agentstate.Record
	for r, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// sameRecords compares without regard to the order between kinds.
func sameRecords(t testing.TB, want, got []agentstate.Record) {
	t.Helper()
	a, b := byKey(t, want), byKey(t, got)
	if len(want) != len(got) {
		t.Errorf("%d records, want %d", len(got), len(want))
	}
	for k, w := range a {
		if g := b[k]; g == nil || !proto.Equal(w, g) {
			t.Fatalf("%s (-want +got):\n%s", k, cmp.Diff(w, g, protocmp.Transform()))
		}
	}
}

func byKey(t testing.TB, recs []agentstate.Record) map[string]agentstate.Record {
	t.Helper()
	out := map[string]agentstate.Record{}
	for _, r := range recs {
		if out[r.GetMeta().GetKey()] != nil {
			t.Fatalf("%s twice", r.GetMeta().GetKey())
		}
		out[r.GetMeta().GetKey()] = r
	}
	return out
}
