package agentstate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func TestRefs(t *testing.T) {
	r := &pb.Checkpoint{
		Meta: &pb.Meta{
			Key: "checkpoint/t/1", OriginKey: "origin/x", SubjectKeys: []string{"principal/a", "principal/b"},
			Native: []*pb.Native{{Type: "checkpoints", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{
				{Name: "x", Value: &pb.Column_At{At: "channelvalue/t/x#value"}}, // a citation is no reference
			}}}}},
		},
		ConversationKey: "conversation/t",
		Channels:        []*pb.ChannelRef{{Channel: "a", ValueKey: "channelvalue/t/a/1"}, {Channel: "b"}},
	}
	var got [][2]string
	agentstate.Refs(r, func(field, key string) { got = append(got, [2]string{field, key}) })
	slices.SortFunc(got, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	want := [][2]string{
		{"channels.value_key", "channelvalue/t/a/1"},
		{"conversation_key", "conversation/t"},
		{"meta.origin_key", "origin/x"},
		{"meta.subject_keys", "principal/a"},
		{"meta.subject_keys", "principal/b"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// blobby holds a blob in every place that the schema has for one.
func blobby() (agentstate.Record, []string) {
	b := func(id string) *pb.Blob { return &pb.Blob{Id: id} }
	data := func(id string) *pb.Data { return &pb.Data{Body: &pb.Data_Blob{Blob: b(id)}} }
	return &pb.Message{
		Meta: &pb.Meta{Key: "message/1", Native: []*pb.Native{
			{Body: &pb.Native_Data{Data: data("1 document")}},
			{Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{
				{Value: &pb.Column_BlobRef{BlobRef: b("2 column")}},
				{Value: &pb.Column_TextRef{TextRef: b("3 text")}},
				{Value: &pb.Column_Splice{Splice: &pb.Splice{Pieces: []*pb.Piece{
					{Body: &pb.Piece_Literal{Literal: []byte("x")}},
					{Body: &pb.Piece_Blob{Blob: b("4 piece")}},
				}}}},
			}}}},
		}},
		Parts: []*pb.Part{
			{Body: &pb.Part_Text{Text: "x"}},
			{Body: &pb.Part_Data{Data: data("5 part")}},
			{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Output: data("6 nested")}}},
		},
	}, []string{"1 document", "2 column", "3 text", "4 piece", "5 part", "6 nested"}
}

func TestBlobs(t *testing.T) {
	r, want := blobby()
	var got []string
	agentstate.Blobs(r, func(b *pb.Blob) { got = append(got, b.Id); b.Size = 7 })
	if d := cmp.Diff(want, got); d != "" { // in the order of the fields, each time
		t.Error(d)
	}
	agentstate.Blobs(r, func(b *pb.Blob) {
		if b.Size != 7 {
			t.Errorf("%s: the change is lost", b.Id)
		}
	})
}

// TestBlobsOfTheSchema: wherever a record of any kind can hold a blob, it is found.
func TestBlobsOfTheSchema(t *testing.T) {
	for _, k := range agentstate.Kinds() {
		r := agentstate.New(k)
		if r == nil {
			continue
		}
		var want, got []string
		for places := []string{""}; len(places) > 0; places = places[1:] {
			at := places[0]
			one := agentstate.New(k)
			m := one.ProtoReflect()
			for _, name := range strings.Fields(at) {
				fd := m.Descriptor().Fields().ByName(protoreflect.Name(name))
				if fd.IsList() {
					m.Mutable(fd).List().AppendMutable()
					m = m.Get(fd).List().Get(0).Message()
				} else {
					m = m.Mutable(fd).Message()
				}
			}
			if b, ok := m.Interface().(*pb.Blob); ok {
				b.Id = at
				want = append(want, at)
				agentstate.Blobs(one, func(b *pb.Blob) { got = append(got, b.Id) })
				continue
			}
			for i := range m.Descriptor().Fields().Len() {
				if fd := m.Descriptor().Fields().Get(i); fd.Message() != nil {
					places = append(places, at+" "+string(fd.Name()))
				}
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", k, d)
		}
	}
}

func TestBlobsWithout(t *testing.T) {
	for _, r := range []agentstate.Record{&pb.Memory{}, &pb.Unknown{}, &pb.Memory{Meta: &pb.Meta{Native: []*pb.Native{{}}}}} {
		agentstate.Blobs(r, func(b *pb.Blob) { t.Errorf("%T: %v", r, b) })
	}
}

func BenchmarkBlobs(b *testing.B) {
	cols := make([]*pb.Column, 9)
	for i := range cols {
		cols[i] = &pb.Column{Name: "c", Value: &pb.Column_Text{Text: []byte("some text")}}
	}
	r := &pb.Message{
		Meta:  &pb.Meta{Key: "message/1", Native: []*pb.Native{{Type: "t", Body: &pb.Native_Row{Row: &pb.Row{Columns: cols}}}}},
		Parts: []*pb.Part{{Body: &pb.Part_Text{Text: "x"}}, {Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Name: "x"}}}},
	}
	b.ReportAllocs()
	for b.Loop() {
		agentstate.Blobs(r, func(*pb.Blob) {})
	}
}
