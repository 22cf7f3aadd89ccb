package fidelity

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func TestPaths(t *testing.T) {
	m := &pb.Memory{Meta: agentstate.Meta("memory", agentstate.Document("row", "", []byte("x")), "a"), Name: "n",
		Content: &pb.Memory_Text{Text: "t"}, Tags: []string{"a", "b"}, SpaceKey: "memoryspace/s", TtlMinutes: 1}
	m.Meta.CreatedUnixNano = 7
	m.Meta.Labels = []*pb.Label{{Name: "l", Value: "v"}}
	want := []string{"meta.created_unix_nano", "meta.labels.name", "meta.labels.value", "name", "space_key", "tags", "text", "ttl_minutes"}
	if d := cmp.Diff(want, Paths(m)); d != "" {
		t.Error(d)
	}
	agentstate.SetOwnLabel(m.Meta, agentstate.LabelSecrets, `{"jwt":1}`) // it is about the archive
	if d := cmp.Diff(want, Paths(m)); d != "" {
		t.Error(d)
	}
	m.Meta.Labels = m.Meta.Labels[1:]
	if d := cmp.Diff(slices.DeleteFunc(want, func(p string) bool { return strings.HasPrefix(p, "meta.labels") }), Paths(m)); d != "" {
		t.Error(d)
	}
}

func TestLost(t *testing.T) {
	m := &pb.Message{Meta: agentstate.Meta("message", nil, "a"), NativeId: "i", ConversationKey: "conversation/a",
		Parts: []*pb.Part{{Body: &pb.Part_Text{Text: "t"}}}}
	var got []string
	for _, l := range Lost(m, "why", "parts", "conversation_key") {
		got = append(got, l.Path+" "+l.Grade.String()+" "+l.Why)
	}
	if d := cmp.Diff([]string{"native_id dropped why"}, got); d != "" {
		t.Error(d)
	}
}
