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

// TestTitlesOfMemories: what a memory says is found where libraries put it; a document that says several things is shown whole.
func TestTitlesOfMemories(t *testing.T) {
	for doc, want := range map[string]string{
		`{"content":"tea","context":"said so"}`:                             "tea",
		`{"kind":"Memory","content":{"content":"likes tea"}}`:               "likes tea",
		`{"content":["# Notes","buy tea"],"created_at":"2026-11-30"}`:       "# Notes buy tea",
		`{"kind":"Profile","content":{"name":"Ada","drinks":"tea"}}`:        `{"kind":"Profile","content":{"name":"Ada","drinks":"tea"}}`,
		`{"content":["tea",2]}`:                                             `{"content":["tea",2]}`,
		`{"kind":"Memory","content":{"content":""}}`:                        `{"kind":"Memory","content":{"content":""}}`,
		`{"content":[],"data":{"n":1},"fact":"the first that says a text"}`: "the first that says a text",
	} {
		m := &pb.Memory{Content: &pb.Memory_Data{Data: agentstate.Inline("application/json", []byte(doc))}}
		if got := title(m); got != want {
			t.Errorf("%s: %q, want %q", doc, got, want)
		}
	}
}
