package fidelity_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestFlagWasToChange: a flag that was to become another one is false, and not gone.
func TestFlagWasToChange(t *testing.T) {
	origin := &pb.Origin{Meta: meta("origin", "x")}
	want := &pb.ToolGrant{Meta: meta("toolgrant", "g"), Pattern: "rm", Enabled: true}
	got := proto.CloneOf(want)
	got.Enabled = false
	for said, open := range map[string]uint64{"enabled": 0, "pattern": 1} {
		o := &fidelity.Options{Announced: func(_, path string) (fidelity.Grade, string, bool) {
			return fidelity.Transformed, "a person sets it", path == said
		}}
		if rep := compare(t, memstate.New(origin, want), memstate.New(origin, got), o); rep.UnannouncedN != open {
			t.Errorf("said of %s: %d that nobody announced, want %d: %v", said, rep.UnannouncedN, open, rep.Unannounced)
		}
	}
}
