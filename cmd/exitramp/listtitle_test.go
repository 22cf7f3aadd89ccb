package main

import (
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestTitles: a run and a state say more in a list than that they are there.
func TestTitles(t *testing.T) {
	state := &pb.State{Meta: &pb.Meta{Labels: []*pb.Label{{Name: "agent", Value: "ops\x1b"}, {Name: "agent", Value: "billing"}, {Name: "other", Value: "x"}}}, Scope: "run", Value: agentstate.Inline("", []byte("four"))}
	run := &pb.Run{Meta: &pb.Meta{CreatedUnixNano: 1e18}, ConversationKey: "conversation/s", InputTokens: 1200, OutputTokens: 7}
	for want, r := range map[string]agentstate.Record{
		"run  ops\ufffd, billing  4 B":                               state,
		"2001-09-09 01:46:40  1,200 tokens in, 7 out conversation/s": run,
		"conversation/s": &pb.Run{ConversationKey: "conversation/s"},
		"no value":       &pb.State{},
	} {
		if got := title(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
