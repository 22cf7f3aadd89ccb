package agentstate_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func at(s string) *pb.Piece      { return &pb.Piece{Body: &pb.Piece_At{At: s}} }
func literal(s string) *pb.Piece { return &pb.Piece{Body: &pb.Piece_Literal{Literal: []byte(s)}} }

func TestResolver(t *testing.T) {
	value := &pb.ChannelValue{
		Meta: &pb.Meta{Key: "channelvalue/t/x"}, Channel: "x\u00e9",
		Value: agentstate.Inline("application/json", []byte(`{"a":1}`)),
	}
	big := &pb.ChannelValue{
		Meta:  &pb.Meta{Key: "channelvalue/t/big"},
		Value: &pb.Data{Body: &pb.Data_Blob{Blob: &pb.Blob{Id: "b1"}}},
	}
	none := &pb.ChannelValue{Meta: &pb.Meta{Key: "channelvalue/t/none"}}
	empty := &pb.ChannelValue{Meta: &pb.Meta{Key: "channelvalue/t/empty"}, Value: agentstate.Inline("", nil)}
	res := &agentstate.Resolver{
		Get: func(_ context.Context, key string) (agentstate.Record, error) {
			for _, r := range []agentstate.Record{value, big, none, empty} {
				if r.GetMeta().Key == key {
					return r, nil
				}
			}
			return nil, agentstate.ErrNotFound
		},
		OpenBlob: func(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
			if b.Id != "b1" {
				return nil, agentstate.ErrNotFound
			}
			return io.NopCloser(strings.NewReader("\x00\xffblob")), nil
		},
	}
	later := &pb.Column{Name: "c"}
	if err := proto.Unmarshal([]byte{0x0a, 1, 'c', 0xf8, 0x06, 1}, later); err != nil || len(later.ProtoReflect().GetUnknown()) == 0 {
		t.Fatal("the column of a later release is not one", err)
	}
	splice := func(text bool, ps ...*pb.Piece) *pb.Column {
		return &pb.Column{Value: &pb.Column_Splice{Splice: &pb.Splice{Pieces: ps, Text: text}}}
	}
	for _, c := range []struct {
		name string
		col  *pb.Column
		want any
		err  error
	}{
		{"null", &pb.Column{}, nil, nil},
		{"integer", &pb.Column{Value: &pb.Column_Integer{Integer: math.MinInt64}}, int64(math.MinInt64), nil},
		{"real", &pb.Column{Value: &pb.Column_Real{Real: 0.1}}, 0.1, nil},
		{"text that is not UTF-8", &pb.Column{Value: &pb.Column_Text{Text: []byte("a\x00\xff")}}, "a\x00\xff", nil},
		{"empty text is not null", &pb.Column{Value: &pb.Column_Text{}}, "", nil},
		{"blob", &pb.Column{Value: &pb.Column_Blob{Blob: []byte{0, 1}}}, []byte{0, 1}, nil},
		{"empty blob is not null", &pb.Column{Value: &pb.Column_Blob{}}, []byte{}, nil},
		{"blob splice of nothing is not null", splice(false), []byte{}, nil},
		{"spilled blob", &pb.Column{Value: &pb.Column_BlobRef{BlobRef: &pb.Blob{Id: "b1"}}}, []byte("\x00\xffblob"), nil},
		{"spilled text", &pb.Column{Value: &pb.Column_TextRef{TextRef: &pb.Blob{Id: "b1"}}}, "\x00\xffblob", nil},
		{"own data", &pb.Column{Value: &pb.Column_At{At: "#value"}}, []byte(`{"a":1}`), nil},
		{"own text", &pb.Column{Value: &pb.Column_At{At: "#channel"}}, "xé", nil},
		{"own data under its key", &pb.Column{Value: &pb.Column_At{At: "channelvalue/t/x#value"}}, []byte(`{"a":1}`), nil},
		{"another's blob", &pb.Column{Value: &pb.Column_At{At: "channelvalue/t/big#value"}}, []byte("\x00\xffblob"), nil},
		{"absent data is null", &pb.Column{Value: &pb.Column_At{At: "channelvalue/t/none#value"}}, nil, nil},
		{"empty data is not null", &pb.Column{Value: &pb.Column_At{At: "channelvalue/t/empty#value"}}, []byte{}, nil},
		{"splice", splice(false, literal(`{"x":`), at("#value"), literal(`,"b":`), at("channelvalue/t/big#value"), &pb.Piece{Body: &pb.Piece_Blob{Blob: &pb.Blob{Id: "b1"}}}, literal("}")),
			[]byte("{\"x\":{\"a\":1},\"b\":\x00\xffblob\x00\xffblob}"), nil},
		{"text splice", splice(true, literal("a"), at("#channel")), "axé", nil},
		{"splice of nothing", splice(true), "", nil},

		{"no such record", &pb.Column{Value: &pb.Column_At{At: "channelvalue/gone#value"}}, nil, agentstate.ErrNotFound},
		{"no such record in a splice", splice(false, at("channelvalue/gone#value")), nil, agentstate.ErrNotFound},
		{"no such field", &pb.Column{Value: &pb.Column_At{At: "#nope"}}, nil, agentstate.ErrNotFound},
		{"no field named", &pb.Column{Value: &pb.Column_At{At: "channelvalue/t/x"}}, nil, agentstate.ErrNotFound},
		{"a field that holds no bytes", &pb.Column{Value: &pb.Column_At{At: "#meta"}}, nil, agentstate.ErrUnsupported},
		{"no such blob", &pb.Column{Value: &pb.Column_BlobRef{BlobRef: &pb.Blob{Id: "b2"}}}, nil, agentstate.ErrNotFound},
		{"a value of a later release is not null", later, nil, agentstate.ErrUnsupported},
		{"a piece of a later release is not empty", splice(false, &pb.Piece{}), nil, agentstate.ErrUnsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := res.Column(t.Context(), value, c.col)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if c.err != nil {
				return
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}

	// Without access to others, only what the record itself holds is found.
	var alone agentstate.Resolver
	if _, err := alone.Column(t.Context(), value, &pb.Column{Value: &pb.Column_At{At: "channelvalue/t/big#value"}}); !errors.Is(err, agentstate.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := alone.Column(t.Context(), big, &pb.Column{Value: &pb.Column_At{At: "#value"}}); !errors.Is(err, agentstate.ErrUnsupported) {
		t.Error(err)
	}
	// A few citations can claim any size.
	small := *res
	small.Limit = 20
	for _, col := range []*pb.Column{splice(false, at("#value"), at("#value"), at("#value")), splice(false, literal(strings.Repeat("x", 21)))} {
		if _, err := small.Column(t.Context(), value, col); !errors.Is(err, agentstate.ErrUnsupported) || !strings.Contains(err.Error(), "20 bytes") {
			t.Error(err)
		}
	}
	small.Limit = 5
	if _, err := small.Data(t.Context(), big.Value); !errors.Is(err, agentstate.ErrUnsupported) {
		t.Error(err)
	}
}

func TestDocumentCopies(t *testing.T) {
	b := []byte("line")
	n := agentstate.Document("log", "text/plain", b)
	b[0] = 'X'
	if got := n.GetData().GetInline(); !bytes.Equal(got, []byte("line")) {
		t.Errorf("%s", got)
	}
	m := agentstate.Meta("memory", n, "a", "b/c")
	if m.Key != "memory/a/b%2Fc" || len(m.Native) != 1 || agentstate.Meta("memory", nil).Native != nil {
		t.Error(m)
	}
}

func TestUnixNano(t *testing.T) {
	for _, c := range []struct {
		t    time.Time
		want int64
	}{
		{time.Time{}, 0},
		{time.Unix(1, 5), 1e9 + 5},
		{time.Unix(-1, 0), -1e9},
		{time.Date(2262, 4, 11, 23, 47, 15, 999999999, time.UTC), 9223372035999999999},
		{time.Date(2262, 4, 11, 23, 47, 17, 0, time.UTC), 0},
		{time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), 0},
		{time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC), 0},
		{time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("", 3600)), time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC).UnixNano()},
	} {
		if got := agentstate.UnixNano(c.t); got != c.want {
			t.Errorf("%v is %d, want %d", c.t, got, c.want)
		}
	}
}
