package formattest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// instant is the time of creation of all vectors.
func instant() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// plain are the options of an archive whose bytes are the same each time.
func plain() *format.WriterOptions {
	return &format.WriterOptions{Created: instant(), Seed: []byte("formattest"), Workers: 1}
}

// write seals recs, and blobs before the records that hold them.
func write(t *testing.T, opts *format.WriterOptions, recs ...agentstate.Record) []byte {
	t.Helper()
	ctx := context.Background()
	var b bytes.Buffer
	w, err := format.NewWriter(&b, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		agentstate.Blobs(r, func(bl *pb.Blob) {
			body := strings.NewReader(bl.Id) // the id stands for the content until it is stored
			if n, ok := strings.CutPrefix(bl.Id, "zeros "); ok {
				var size int
				fmt.Sscan(n, &size)
				body = strings.NewReader(string(make([]byte, size)))
			}
			if err := w.PutBlob(ctx, bl, body); err != nil {
				t.Fatal(err)
			}
		})
		if err := w.Put(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func meta(kind string, parts ...string) *pb.Meta {
	return &pb.Meta{Key: agentstate.Key(kind, parts...)}
}

// smallRecords is how many small makes.
const smallRecords = 16

// small is a little of everything that the layout knows: several kinds, several records a kind,
// a blob, vectors, a reading of another record, a gap and a statement.
func small() []agentstate.Record {
	conv := agentstate.Key("conversation", "c")
	recs := []agentstate.Record{
		&pb.Origin{Meta: meta("origin", "formattest"), Product: "formattest", Flavor: "made up", Version: "1"},
		&pb.Principal{Meta: meta("principal", "ada")},
		&pb.MemorySpace{Meta: meta("memoryspace", "s")},
	}
	for i := range 3 {
		m := &pb.Memory{
			Meta: meta("memory", "s", fmt.Sprint(i)), SpaceKey: agentstate.Key("memoryspace", "s"),
			Content: &pb.Memory_Text{Text: fmt.Sprintf("Note %d: likes short answers; was told so on a Tuesday.", i)},
		}
		m.Meta.Native = []*pb.Native{{Type: "row", Body: &pb.Native_Data{Data: &pb.Data{
			MediaType: "application/json", Body: &pb.Data_Inline{Inline: []byte(fmt.Sprintf(`{"id": %d, "text": "…"}`, i))},
		}}}}
		recs = append(recs, m)
	}
	view := &pb.Conversation{Meta: meta("conversation", "c"), Title: "Refund"}
	view.Meta.ViewOfKeys = []string{agentstate.Key("opaque", "row", "1")}
	recs = append(recs, view)
	for i := range 2 {
		recs = append(recs, &pb.Message{
			Meta: meta("message", "c", fmt.Sprint(i)), ConversationKey: conv, Position: uint64(i + 1), Role: pb.Role(2 + i),
			Parts: []*pb.Part{{Body: &pb.Part_Text{Text: []string{"Where is my order?", "On its way."}[i]}}},
		})
	}
	recs = append(recs, &pb.ChannelValue{Meta: meta("channelvalue", "c", "big"), ConversationKey: conv})
	recs[len(recs)-1].GetMeta().Native = []*pb.Native{{Type: "row", Body: &pb.Native_Data{Data: &pb.Data{
		Body: &pb.Data_Blob{Blob: &pb.Blob{Id: "the bytes of a blob"}},
	}}}}
	for i := range 3 {
		recs = append(recs, &pb.Embedding{
			Meta: meta("embedding", "s", fmt.Sprint(i)), OfKey: agentstate.Key("memory", "s", fmt.Sprint(i)), Field: "text",
			Element: pb.Embedding_ELEMENT_FLOAT32, Vector: vector(i, 16),
		})
	}
	return append(recs,
		&pb.Opaque{Meta: meta("opaque", "row", "1"), AboutKeys: []string{conv}},
		&pb.Gap{Meta: meta("gap", "memory", "hr"), Kind: "memory", Place: "/hr", Reason: pb.Gap_REASON_FORBIDDEN, Permission: "SELECT on hr"},
		statement(map[string]uint64{
			"principal": 1, "memoryspace": 1, "memory": 3, "conversation": 1, "message": 2, "channelvalue": 1, "embedding": 3, "opaque": 1,
		}),
	)
}

// vector is n float32 between -0.5 and 0.5, exact on any machine.
func vector(seed, n int) (out []byte) {
	x := uint32(seed + 1)
	for range n {
		x = x*1664525 + 1013904223
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(int32(x)>>8)/(1<<24)))
	}
	return out
}

// statement has a second count for each of counts; of nothing else there is any.
func statement(counts map[string]uint64) *pb.Completeness {
	st := &pb.Completeness{Meta: meta("completeness", "1"), Observer: "formattest", Account: "none"}
	for _, k := range agentstate.StateKinds() {
		f := &pb.KindCompleteness{Kind: k, Class: pb.KindCompleteness_CLASS_ABSENT}
		if n, ok := counts[k]; ok {
			f = &pb.KindCompleteness{
				Kind: k, Class: pb.KindCompleteness_CLASS_ENUMERATED, Enumerated: n, Exhausted: true,
				Reference: &n, ReferenceRoute: "count", AccessBasis: "whole file",
			}
		}
		st.Kinds = append(st.Kinds, f)
	}
	return st
}
