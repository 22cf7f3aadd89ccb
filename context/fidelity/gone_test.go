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
	want := &pb.Memory{Meta: meta("memory", "m"), Content: text("tea from Köln"), Name: "tea", SpaceKey: "memoryspace/a", Limit: 3}
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
		"cut":                       {func(m *pb.Memory) { m.Meta.CreatedUnixNano = 1_700_000_000_123_000_000 }, []string{created}, ""},
		"a time that is gone":       {func(m *pb.Memory) { m.Meta.CreatedUnixNano = 0 }, []string{created}, created},
		"and a text that is other":  {func(m *pb.Memory) { m.Meta.CreatedUnixNano = 0; m.Content = text("tea") }, []string{created, "text"}, created},
		"beside a time that is cut": {func(m *pb.Memory) { m.Meta.CreatedUnixNano = 1_700_000_000_123_000_000; m.Name = "" }, []string{created, "name"}, "name"},
		"beside one in other form":  {func(m *pb.Memory) { m.Content, m.Name = text("tea from Ko\u0308ln"), "" }, []string{"name"}, "name"},
		"beside another number":     {func(m *pb.Memory) { m.Limit, m.Name = 5, "" }, []string{"limit", "name"}, "name"},
		"beside another reference":  {func(m *pb.Memory) { m.SpaceKey, m.Name = "memoryspace/b", "" }, []string{"space_key", "name"}, "name"},
		"a number that is gone":     {func(m *pb.Memory) { m.Limit, m.Name = 0, "tea: 3" }, []string{"limit", "name"}, "limit"},
		"a reference, told by name": {func(m *pb.Memory) { m.SpaceKey, m.Name = "", "a: tea" }, []string{"space_key", "name"}, ""},
		"a text that is gone":       {func(m *pb.Memory) { m.Content = nil }, []string{"text"}, "text"},
		"a text elsewhere":          {func(m *pb.Memory) { m.Content, m.Name = nil, "tea: tea from Köln" }, []string{"text", "name"}, ""},
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

// TestGonePart: a call that was to become an item of its own is not lost where the rest of its message is there, whatever
// became of the message's time. A message of which nothing is there is.
func TestGonePart(t *testing.T) {
	call := &pb.Part{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "call_1", Name: "refund", ArgumentsJson: []byte("{}")}}}
	said := func(_, path string) (fidelity.Grade, string, bool) {
		return fidelity.Transformed, "becomes 2 items", path == "parts" || strings.HasPrefix(path, "parts.")
	}
	want := &pb.Message{Meta: meta("message", "m"), Role: pb.Role_ROLE_ASSISTANT, Parts: []*pb.Part{{Body: &pb.Part_Text{Text: "a moment"}}, call}}
	for n, open := range map[int]uint64{0: 4, 1: 0} {
		got := proto.CloneOf(want)
		got.Parts = got.Parts[:n]
		rep := compare(t, memstate.New(want), memstate.New(got), &fidelity.Options{Announced: said})
		if rep.UnannouncedN != open {
			t.Errorf("%d parts left: want %d that nobody announced, got %v", n, open, rep.Unannounced)
		}
	}
}
