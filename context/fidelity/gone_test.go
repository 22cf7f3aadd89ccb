package fidelity_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestGoneWasToChange: that a value was to become another one is no word for one that is gone, but for a text that may
// stand in another field of its record.
func TestGoneWasToChange(t *testing.T) {
	origin := &pb.Origin{Meta: meta("origin", "x")}
	text := func(s string) *pb.Memory_Text { return &pb.Memory_Text{Text: s} }
	want := &pb.Memory{Meta: meta("memory", "m"), Content: text("likes tea"), Name: "tea"}
	want.Meta.CreatedUnixNano = 1_700_000_000_123_456_789
	said := func(paths ...string) func(_, path string) (fidelity.Grade, string, bool) {
		return func(_, path string) (fidelity.Grade, string, bool) {
			return fidelity.Transformed, "in another form", slices.Contains(paths, path)
		}
	}
	const created = "meta.created_unix_nano"
	for name, tc := range map[string]struct {
		change func(m *pb.Memory)
		said   []string
		open   string // that nobody announced
	}{
		"cut":                      {func(m *pb.Memory) { m.Meta.CreatedUnixNano = 1_700_000_000_123_000_000 }, []string{created}, ""},
		"a time that is gone":      {func(m *pb.Memory) { m.Meta.CreatedUnixNano = 0 }, []string{created}, created},
		"and a text that is other": {func(m *pb.Memory) { m.Meta.CreatedUnixNano = 0; m.Content = text("tea") }, []string{created, "text"}, created},
		"a text that is gone":      {func(m *pb.Memory) { m.Content = nil }, []string{"text"}, "text"},
		"a text elsewhere":         {func(m *pb.Memory) { m.Content, m.Name = nil, "tea: likes tea" }, []string{"text", "name"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := proto.CloneOf(want)
			tc.change(got)
			o := &fidelity.Options{Announced: said(tc.said...)}
			rep := compare(t, memstate.New(origin, want), memstate.New(origin, got), o)
			var open []string
			for _, l := range rep.Unannounced {
				open = append(open, l.Path)
			}
			if strings.Join(open, " ") != tc.open || rep.Announced != map[bool]uint64{true: 1}[tc.open == ""] {
				t.Errorf("want %q that nobody announced, got %q: %+v", tc.open, open, rep.Losses)
			}
		})
	}
}
