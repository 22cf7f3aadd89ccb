package derive_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/derive"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// state are two people's memories, a conversation of each and one of both.
func state() []agentstate.Record {
	m := func(kind string, d pb.Derivation, subjects []string, parts ...string) *pb.Meta {
		return &pb.Meta{Key: agentstate.Key(kind, parts...), Derivation: d, SubjectKeys: subjects}
	}
	const told, seen, guessed = pb.Derivation_DERIVATION_PROVIDED, pb.Derivation_DERIVATION_OBSERVED, pb.Derivation_DERIVATION_INFERRED
	ann, bob := []string{"principal/ann"}, []string{"principal/bob"}
	at := func(key string) []*pb.Native {
		return []*pb.Native{{Type: "checkpoints", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{{Name: "doc", Value: &pb.Column_Splice{Splice: &pb.Splice{
			Pieces: []*pb.Piece{{Body: &pb.Piece_Literal{Literal: []byte("{")}}, {Body: &pb.Piece_At{At: key + "#value"}}}}}}}}}}}
	}
	rs := []agentstate.Record{
		&pb.Origin{Meta: &pb.Meta{Key: "origin/1"}},
		&pb.Principal{Meta: m("principal", 0, nil, "ann")},
		&pb.Principal{Meta: m("principal", 0, nil, "bob")},
		&pb.ToolGrant{Meta: m("toolgrant", 0, nil, "ann", "pay"), PrincipalKey: "principal/ann"},
		&pb.MemorySpace{Meta: m("memoryspace", 0, nil, "ann"), OwnerKey: "principal/ann"},
		&pb.MemorySpace{Meta: m("memoryspace", 0, nil, "team")},
		&pb.Memory{Meta: m("memory", guessed, nil, "ann", "1"), SpaceKey: "memoryspace/ann"},
		&pb.Memory{Meta: m("memory", told, ann, "team", "1"), SpaceKey: "memoryspace/team"},
		&pb.Memory{Meta: m("memory", seen, bob, "team", "2"), SpaceKey: "memoryspace/team"},
		&pb.Memory{Meta: m("memory", guessed, nil, "team", "3"), SpaceKey: "memoryspace/team", SourceKeys: []string{"memory/team/1"}},
		&pb.Revision{Meta: m("revision", 0, nil, "1"), OfKey: "memory/team/1"},
		&pb.Conversation{Meta: m("conversation", told, nil, "a"), ParticipantKeys: []string{"principal/ann", "agent/x"}},
		&pb.Conversation{Meta: m("conversation", told, nil, "both"), ParticipantKeys: []string{"principal/ann", "principal/bob"}},
		&pb.Message{Meta: &pb.Meta{Key: "message/a/1", ViewOfKeys: []string{"channelvalue/a"}}, ConversationKey: "conversation/a"},
		&pb.Message{Meta: m("message", told, ann, "both", "1"), ConversationKey: "conversation/both"},
		&pb.Message{Meta: m("message", told, bob, "both", "2"), ConversationKey: "conversation/both"},
		&pb.Message{Meta: &pb.Meta{Key: "message/both/3", SubjectKeys: ann, ViewOfKeys: []string{"channelvalue/shared"}}, ConversationKey: "conversation/both"},
		&pb.Message{Meta: &pb.Meta{Key: "message/both/4", ViewOfKeys: []string{"channelvalue/shared"}}, ConversationKey: "conversation/both"},
		&pb.ChannelValue{Meta: &pb.Meta{Key: "channelvalue/shared"}},
		&pb.ChannelValue{Meta: &pb.Meta{Key: "channelvalue/a"}, ConversationKey: "conversation/a"},
		&pb.ChannelValue{Meta: &pb.Meta{Key: "channelvalue/loose"}},
		&pb.Checkpoint{Meta: &pb.Meta{Key: "checkpoint/both/1", Native: at("channelvalue/a")}, ConversationKey: "conversation/both"},
		&pb.Checkpoint{Meta: &pb.Meta{Key: "checkpoint/both/2", Native: at("channelvalue/loose")}, ConversationKey: "conversation/both"},
		&pb.PendingWrite{Meta: m("pendingwrite", 0, nil, "1"), CheckpointKey: "checkpoint/both/1"},
		&pb.Embedding{Meta: m("embedding", 0, nil, "ann", "1"), OfKey: "memory/ann/1"},
		&pb.Opaque{Meta: m("opaque", 0, nil, "1"), AboutKeys: []string{"message/both/1"}},
		&pb.Opaque{Meta: m("opaque", 0, nil, "2")},
	}
	counts := map[string]uint64{}
	for _, r := range rs[1:] {
		counts[agentstate.KindOf(r)]++
	}
	st := &pb.Completeness{Meta: &pb.Meta{Key: "completeness/1"}}
	for _, k := range agentstate.StateKinds() {
		kc := &pb.KindCompleteness{Kind: k, Class: pb.KindCompleteness_CLASS_ABSENT}
		if n := counts[k]; n > 0 {
			kc = &pb.KindCompleteness{Kind: k, Class: pb.KindCompleteness_CLASS_ENUMERATED, Enumerated: n, Exhausted: true, Reference: proto.Uint64(n), ReferenceRoute: "count", AccessBasis: "whole file"}
		}
		st.Kinds = append(st.Kinds, kc)
	}
	return append(rs, st)
}

type list []agentstate.Record

func (l list) Records(context.Context, *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		for _, r := range l {
			if !yield(proto.Clone(r).(agentstate.Record), nil) {
				return
			}
		}
	}
}

type part struct {
	kept, dead []string
	coverage   map[string]agentstate.KindVerdict
	*derive.Part
}

func take(t *testing.T, o derive.Options) part {
	t.Helper()
	p, err := derive.New(t.Context(), list(state()), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	out := part{Part: p}
	mem := &memstate.State{}
	rep, err := agentstate.Copy(t.Context(), mem, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	out.coverage = rep.Verdict.Kinds
	for r, err := range mem.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if tomb, ok := r.(*pb.Tombstone); ok {
			out.dead = append(out.dead, tomb.OfKey)
		} else if agentstate.IsState(agentstate.KindOf(r)) {
			out.kept = append(out.kept, r.GetMeta().Key)
		}
	}
	slices.Sort(out.kept)
	slices.Sort(out.dead)
	return out
}

// An archive without tombstones, given as one that has them, is not taken for an empty list.
func TestNoTombstones(t *testing.T) {
	p := take(t, derive.Options{Only: []string{"principal/ann"}})
	if keys, err := derive.TombstoneKeys(t.Context(), p.Part); !errors.Is(err, derive.ErrNoTombstones) {
		t.Errorf("%q, %v", keys, err)
	}
}

// A person's data goes with all that is part of it; what two people share stays with the other's words.
func TestExclude(t *testing.T) {
	p := take(t, derive.Options{Exclude: []string{"principal/ann"}})
	dead := []string{
		"channelvalue/a", "channelvalue/shared", "checkpoint/both/1", "conversation/a", "embedding/ann/1", "memory/ann/1", "memory/team/1", "memoryspace/ann", "message/a/1",
		"message/both/1", "message/both/3", "message/both/4", "opaque/1", "pendingwrite/1", "principal/ann", "revision/1", "toolgrant/ann/pay",
	}
	if d := cmp.Diff(dead, p.dead); d != "" {
		t.Errorf("tombstones (-want +got)\n%s", d)
	}
	tombstones, err := derive.TombstoneKeys(t.Context(), p.Part)
	slices.Sort(tombstones)
	if d := cmp.Diff(dead, tombstones); d != "" || err != nil {
		t.Errorf("tombstones (-want +got)\n%s%v", d, err)
	}
	kept := []string{
		"channelvalue/loose", "checkpoint/both/2", "conversation/both", "memory/team/2", "memory/team/3", "memoryspace/team", "message/both/2", "opaque/2", "principal/bob",
	}
	if d := cmp.Diff(kept, p.kept); d != "" {
		t.Errorf("kept (-want +got)\n%s", d)
	}
	if p.Mentions != 2 { // the shared conversation names her, a memory was made from hers
		t.Errorf("%d mentions, want 2", p.Mentions)
	}
	if c := p.coverage["memory"].Coverage; c <= agentstate.Listed {
		t.Errorf("memories were left out, and memory is %s", c)
	}
	if c := p.coverage["entity"].Coverage; c != 0 {
		t.Errorf("there are no entities, and entity is %s", c)
	}
}

// An access bundle has what is of one person, what that needs, and no names of others in tombstones.
func TestOnly(t *testing.T) {
	p := take(t, derive.Options{Only: []string{"principal/bob"}})
	want := []string{ // a conversation that two people share is of each of them, whole
		"channelvalue/a", "channelvalue/loose", "checkpoint/both/1", "checkpoint/both/2", "conversation/both", "memory/team/2", "memoryspace/team",
		"message/both/1", "message/both/2", "message/both/3", "message/both/4", "opaque/1", "pendingwrite/1", "principal/bob",
	}
	if d := cmp.Diff(want, p.kept); d != "" {
		t.Errorf("kept (-want +got)\n%s", d)
	}
	if len(p.dead) > 0 {
		t.Errorf("tombstones name others: %v", p.dead)
	}
	told := func(r agentstate.Record) (bool, error) {
		return slices.Contains([]string{"provided", "observed"}, derive.Derivation(r.GetMeta().GetDerivation())), nil
	}
	p = take(t, derive.Options{Only: []string{"principal/ann"}, Keep: told})
	want = []string{"conversation/a", "conversation/both", "memory/team/1", "memoryspace/team", "message/both/1", "message/both/2"}
	if d := cmp.Diff(want, p.kept); d != "" {
		t.Errorf("kept (-want +got)\n%s", d)
	}
}

func TestWhere(t *testing.T) {
	for expression, want := range map[string][]string{
		`kind == "memory" && derivation == "inferred"`:                                  {"memory/ann/1", "memory/team/3", "memoryspace/ann", "memoryspace/team"},
		`record.conversation_key == "conversation/both" && "principal/bob" in subjects`: {"conversation/both", "message/both/2"},
		`key startsWith "opaque/" && created.Year() < 2000`:                             {"opaque/1", "opaque/2"},
		`labels["tenant"] == "x" || kind == "revision"`:                                 {"revision/1"},
	} {
		keep, err := derive.Where(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if d := cmp.Diff(want, take(t, derive.Options{Keep: keep}).kept); d != "" {
			t.Errorf("%s (-want +got)\n%s", expression, d)
		}
	}
	for _, bad := range []string{"", "kind", `kind == 5`, "1", `nothing == "x"`} {
		if _, err := derive.Where(bad); err == nil {
			t.Errorf("%q is no condition", bad)
		}
	}
	keep, err := derive.Where(`record.parts[3].text == "x"`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := derive.New(t.Context(), list(state()), derive.Options{Keep: keep}); err == nil || !strings.Contains(err.Error(), "cannot be evaluated") {
		t.Error(err)
	}
}

// Whole numbers are compared digit by digit.
func TestWhereNumbers(t *testing.T) {
	r := &pb.Memory{Meta: &pb.Meta{Key: "memory/a", CreatedUnixNano: 1795921300578402177}, Importance: proto.Float64(0.5)}
	for expression, want := range map[string]bool{
		"record.meta.created_unix_nano == 1795921300578402177": true,
		"record.meta.created_unix_nano == 1795921300578402176": false,
		"record.meta.created_unix_nano > 1.5":                  true,
		"record.importance == 0.5":                             true,
		"record.importance * 2 == 1":                           true,
	} {
		keep, err := derive.Where(expression)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := keep(r); err != nil || got != want {
			t.Errorf("%s: %t %v", expression, got, err)
		}
	}
}

func TestNothing(t *testing.T) {
	for _, o := range []derive.Options{
		{Exclude: []string{"principal/zoe"}},
		{Only: []string{"principal/zoe"}},
		{Keep: func(agentstate.Record) (bool, error) { return false, nil }},
	} {
		if _, err := derive.New(t.Context(), list(state()), o); !errors.Is(err, derive.ErrNothing) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	p := take(t, derive.Options{Tombstones: []string{"principal/zoe", "memory/team/2"}, Now: time.Unix(5, 0)})
	if d := cmp.Diff([]string{"memory/team/2"}, p.dead); d != "" {
		t.Error(d)
	}
}

// Of an archive with blobs, what is kept has its bytes.
func TestBlobs(t *testing.T) {
	src := memstate.Sample(30)
	p, err := derive.New(t.Context(), src, derive.Options{Keep: func(agentstate.Record) (bool, error) { return true, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := agentstate.Copy(t.Context(), &memstate.State{}, p, nil); err != nil {
		t.Fatal(err)
	}
}

// TestHold: what is under a legal hold is not left out; nothing is derived until a person decides.
func TestHold(t *testing.T) {
	src := memstate.New(state()...)
	for name, o := range map[string]derive.Options{
		"the person":          {Exclude: []string{"principal/ann"}, Holds: []string{"principal/ann"}},
		"one of her records":  {Tombstones: []string{"principal/ann"}, Holds: []string{"memory/team/1"}},
		"hers, the other way": {Exclude: []string{"memory/team/1"}, Holds: []string{"principal/ann"}},
	} {
		if p, err := derive.New(t.Context(), src, o); !errors.Is(err, derive.ErrHold) {
			t.Errorf("%s: %v %v", name, p, err)
		}
	}
	p, err := derive.New(t.Context(), src, derive.Options{Exclude: []string{"memory/team/2"}, Holds: []string{"principal/ann"}})
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
}

// A history outlives its memory in some runtimes, and does not say whose it was: that it stays is said, and
// the key of the memory takes it out.
func TestUnowned(t *testing.T) {
	rs := list{
		&pb.Origin{Meta: &pb.Meta{Key: "origin/1"}},
		&pb.Principal{Meta: &pb.Meta{Key: "principal/ann"}},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/1", SubjectKeys: []string{"principal/ann"}}},
		&pb.Revision{Meta: &pb.Meta{Key: "revision/1"}, OfKey: "memory/1"},
		&pb.Revision{Meta: &pb.Meta{Key: "revision/2"}, OfKey: "memory/2"},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/2"}}, // the reference is soft: either may stand first
		&pb.Revision{Meta: &pb.Meta{Key: "revision/gone"}, OfKey: "memory/gone"},
		&pb.Embedding{Meta: &pb.Meta{Key: "embedding/gone"}, OfKey: "memory/gone"},
		&pb.Completeness{Meta: &pb.Meta{Key: "completeness/1"}},
	}
	for _, c := range []struct {
		exclude, of string
		left, n     uint64
	}{{"principal/ann", "memory/gone", 3, 2}, {"memory/gone", "", 2, 0}, {"", "", 0, 0}} {
		o := derive.Options{Exclude: []string{c.exclude}}
		if c.exclude == "" {
			o = derive.Options{Keep: func(agentstate.Record) (bool, error) { return true, nil }}
		}
		p, err := derive.New(t.Context(), rs, o)
		if err != nil {
			t.Errorf("%s: %v", c.exclude, err)
			continue
		}
		defer p.Close()
		if _, err := agentstate.Copy(t.Context(), &memstate.State{}, p, nil); err != nil {
			t.Fatal(err)
		}
		var left uint64
		for _, n := range p.Left {
			left += n
		}
		if left != c.left || p.Unowned != c.n || p.UnownedOf != c.of {
			t.Errorf("%s: left out %v, unowned %d of %q", c.exclude, p.Left, p.Unowned, p.UnownedOf)
		}
	}
}
