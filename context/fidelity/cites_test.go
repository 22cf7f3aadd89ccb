package fidelity_test

import (
	"errors"
	"strings"
	"testing"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
)

// TestSameBytesElsewhere: what lies inline here and in a blob there, or is cited here and repeated
// there, is the same.
func TestSameBytesElsewhere(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	blobs := memstate.New()
	var blob pb.Blob
	if err := blobs.PutBlob(t.Context(), &blob, strings.NewReader(long)); err != nil {
		t.Fatal(err)
	}
	undigested := &pb.Blob{Id: blob.Id} // as a runtime gives it
	value := func(d *pb.Data, col *pb.Column) agentstate.Record {
		col.Name = "value"
		return &pb.ChannelValue{
			Meta:  &pb.Meta{Key: "channelvalue/x", Native: []*pb.Native{{Type: "blobs", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{col}}}}}},
			Value: d,
		}
	}
	inline, ref := agentstate.Inline("", []byte(long)), &pb.Data{Body: &pb.Data_Blob{Blob: undigested}}
	own := &pb.Column{Value: &pb.Column_At{At: "#value"}}
	for name, r := range map[string]agentstate.Record{
		"inline, repeated":         value(inline, &pb.Column{Value: &pb.Column_Blob{Blob: []byte(long)}}),
		"inline, cited":            value(inline, proto.Clone(own).(*pb.Column)),
		"blob, cited":              value(ref, proto.Clone(own).(*pb.Column)),
		"blob, cited by its key":   value(ref, &pb.Column{Value: &pb.Column_At{At: "channelvalue/x#value"}}),
		"digested blob, another":   value(&pb.Data{Body: &pb.Data_Blob{Blob: &blob}}, &pb.Column{Value: &pb.Column_BlobRef{BlobRef: &blob}}),
		"in pieces":                value(inline, pieces(false, long[:500], "#value", "", "")),
		"in pieces, one is a blob": value(inline, &pb.Column{Value: &pb.Column_Splice{Splice: &pb.Splice{Pieces: []*pb.Piece{{Body: &pb.Piece_Blob{Blob: undigested}}}}}}),
	} {
		t.Run(name, func(t *testing.T) {
			want := edited{memstate.New(value(inline, &pb.Column{Value: &pb.Column_Blob{Blob: []byte(long)}})), blobs}
			rep := compare(t, want, edited{memstate.New(r), blobs}, &fidelity.Options{})
			if name == "in pieces" { // this one has 500 bytes more
				if rep.Match() == rep.Native {
					t.Errorf("%+v", rep)
				}
				return
			}
			if !rep.Match() {
				t.Errorf("%+v", rep.Losses)
			}
			// One byte more, and it is another.
			want.State = memstate.New(value(agentstate.Inline("", []byte(long+"!")), &pb.Column{Value: &pb.Column_Blob{Blob: []byte(long + "!")}}))
			if rep := compare(t, want, edited{memstate.New(r), blobs}, nil); rep.Match() {
				t.Error("other bytes are called the same")
			}
		})
	}
}

// pieces is a column that is literal a, what at cites, literal b, what at2 cites.
func pieces(text bool, a, at, b, at2 string) *pb.Column {
	var ps []*pb.Piece
	for i, s := range []string{a, at, b, at2} {
		switch {
		case s == "":
		case i%2 == 0:
			ps = append(ps, &pb.Piece{Body: &pb.Piece_Literal{Literal: []byte(s)}})
		default:
			ps = append(ps, &pb.Piece{Body: &pb.Piece_At{At: s}})
		}
	}
	return &pb.Column{Name: "doc", Value: &pb.Column_Splice{Splice: &pb.Splice{Pieces: ps, Text: text}}}
}

// TestOtherCitations: documents that are cut up differently, and say the same.
func TestOtherCitations(t *testing.T) {
	blobs := memstate.New()
	var blob pb.Blob
	if err := blobs.PutBlob(t.Context(), &blob, strings.NewReader("[1,2]")); err != nil {
		t.Fatal(err)
	}
	state := func(col *pb.Column) edited {
		return edited{memstate.New(
			&pb.Origin{Meta: meta("origin", "x"), Product: "x", Flavor: "y"},
			&pb.ChannelValue{Meta: meta("channelvalue", "a"), Value: agentstate.Inline("", []byte("[1,2]"))},
			&pb.ChannelValue{Meta: meta("channelvalue", "b"), Value: &pb.Data{Body: &pb.Data_Blob{Blob: &pb.Blob{Id: blob.Id}}}},
			&pb.Checkpoint{Meta: &pb.Meta{Key: "checkpoint/1", Native: []*pb.Native{{Type: "checkpoints", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{col}}}}}}},
		), blobs}
	}
	whole := &pb.Column{Name: "doc", Value: &pb.Column_Text{Text: []byte(`{"a":[1,2],"b":[1,2]}`)}}
	for _, c := range []struct {
		name      string
		want, got *pb.Column
		match     bool
	}{
		{"alike", pieces(true, `{"a":`, "channelvalue/a#value", `,"b":[1,2]}`, ""), pieces(true, `{"a":`, "channelvalue/a#value", `,"b":[1,2]}`, ""), true},
		{"here one, there the other", pieces(true, `{"a":`, "channelvalue/a#value", `,"b":[1,2]}`, ""), pieces(true, `{"a":[1,2],"b":`, "channelvalue/b#value", `}`, ""), true},
		{"here two, there none", pieces(true, `{"a":`, "channelvalue/a#value", `,"b":`, "channelvalue/b#value"), whole, false},
		{"here one, there none", pieces(true, `{"a":`, "channelvalue/b#value", `,"b":[1,2]}`, ""), whole, true},
		{"none here, one there", whole, pieces(true, `{"a":`, "channelvalue/a#value", `,"b":[1,2]}`, ""), true},
		{"text here, a blob there", whole, pieces(false, `{"a":`, "channelvalue/a#value", `,"b":[1,2]}`, ""), false},
		{"a blank more", whole, pieces(true, `{"a": `, "channelvalue/a#value", `,"b":[1,2]}`, ""), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, g := state(c.want), state(c.got)
			for i, pair := range [][2]agentstate.Source{{w, g}, {w, noKeys{g}}, {noKeys{w}, g}, {noKeys{w}, noKeys{g}}} {
				rep := compare(t, pair[0], pair[1], nil)
				if rep.Match() != c.match || rep.Records != 3 {
					t.Errorf("%d: %+v", i, rep)
				}
			}
		})
	}
	// What is cited and is not there is an error with its name.
	_, err := fidelity.Compare(t.Context(), state(whole), state(pieces(true, "", "channelvalue/gone#value", "", "")), nil)
	if !errors.Is(err, agentstate.ErrNotFound) || !strings.Contains(err.Error(), "channelvalue/gone") {
		t.Error(err)
	}
}
