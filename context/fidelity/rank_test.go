package fidelity_test

import (
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestLifted: a limit that is missing widens what is there, if something is that it would hold down.
func TestLifted(t *testing.T) {
	const allow, ask, deny = pb.ToolGrant_EFFECT_ALLOW, pb.ToolGrant_EFFECT_ASK, pb.ToolGrant_EFFECT_DENY
	g := func(name string, e pb.ToolGrant_Effect) *pb.ToolGrant {
		return &pb.ToolGrant{Meta: meta("toolgrant", name), Effect: e, Enabled: true}
	}
	off, idle := g("l", deny), g("x", allow)
	off.Enabled, idle.Enabled = false, false
	unclear := g("l", deny)
	unclear.Enabled, unclear.Meta.Labels = false, []*pb.Label{agentstate.NotKnownEnforced("UPDATING")}
	for name, c := range map[string]struct {
		limit *pb.ToolGrant
		rest  []agentstate.Record
		want  uint64
	}{
		"a denial, and what allows":  {g("l", deny), []agentstate.Record{g("x", allow)}, 1},
		"a denial, and what asks":    {g("l", deny), []agentstate.Record{g("x", ask)}, 1},
		"a question, what allows":    {g("l", ask), []agentstate.Record{g("x", allow)}, 1},
		"a question, what asks":      {g("l", ask), []agentstate.Record{g("x", ask)}, 0},
		"a denial, and another":      {g("l", deny), []agentstate.Record{g("x", deny)}, 0},
		"a denial, and nothing":      {g("l", deny), nil, 0},
		"off at the source":          {off, []agentstate.Record{g("x", allow)}, 0},
		"what allows is off":         {g("l", deny), []agentstate.Record{idle}, 0},
		"may be on at the source":    {unclear, []agentstate.Record{g("x", allow)}, 1},
		"what allows is no limit":    {g("l", allow), []agentstate.Record{g("x", allow)}, 0},
		"what allows was there, too": {g("l", deny), []agentstate.Record{g("theirs", allow)}, 1},
	} {
		rest := c.rest
		if name != "what allows was there, too" {
			rest = append([]agentstate.Record{c.limit}, rest...)
		} else {
			rest = []agentstate.Record{c.limit}
		}
		rep := compare(t, memstate.Whole("x", rest...), memstate.Whole("x", c.rest...), nil)
		if k := rep.Kinds["toolgrant"]; k.Missing != 1 || k.Lifted != c.want || k.Overruled != 0 {
			t.Errorf("%s: %+v", name, k)
		}
	}
}

// TestOverruled: of what got has under the key of a limit that was not written, only what is in force allows more, or limits.
func TestOverruled(t *testing.T) {
	const allow, ask, deny = pb.ToolGrant_EFFECT_ALLOW, pb.ToolGrant_EFFECT_ASK, pb.ToolGrant_EFFECT_DENY
	g := func(name string, e pb.ToolGrant_Effect, on bool) *pb.ToolGrant {
		return &pb.ToolGrant{Meta: meta("toolgrant", name), Effect: e, Enabled: on}
	}
	for name, c := range map[string]struct {
		limit *pb.ToolGrant
		got   []agentstate.Record
		want  uint64
	}{
		"what allows":                  {g("l", deny, true), []agentstate.Record{g("l", allow, true)}, 1},
		"what allows and is off":       {g("l", deny, true), []agentstate.Record{g("l", allow, false)}, 0},
		"what asks":                    {g("l", ask, true), []agentstate.Record{g("l", ask, true)}, 0},
		"off, and nothing else":        {g("l", deny, true), []agentstate.Record{g("l", deny, false)}, 0},
		"off, and another one allows":  {g("l", deny, true), []agentstate.Record{g("l", deny, false), g("x", allow, true)}, 1},
		"off, and another one asks":    {g("l", ask, true), []agentstate.Record{g("l", ask, false), g("x", ask, true)}, 0},
		"off, and another one is, too": {g("l", deny, true), []agentstate.Record{g("l", deny, false), g("x", allow, false)}, 0},
		"no limit":                     {g("l", deny, false), []agentstate.Record{g("l", allow, true)}, 0},
	} {
		rep := compare(t, memstate.Whole("x", c.limit), memstate.Whole("x", c.got...), expect(fidelity.Ignored))
		if k := rep.Kinds["toolgrant"]; k.Overruled != c.want || k.Skipped != 1 {
			t.Errorf("%s: %+v", name, k)
		}
	}
}

// TestBuried: what want has a tombstone of must not be in got, under its name there; what want has as well may.
func TestBuried(t *testing.T) {
	stone := func(of string) *pb.Tombstone {
		return &pb.Tombstone{Meta: agentstate.Meta("tombstone", nil, of), OfKey: of}
	}
	m := func(name string) *pb.Memory { return &pb.Memory{Meta: meta("memory", name)} }
	want := memstate.Whole("x", m("back"), stone("memory/back"), stone("memory/gone"), stone("memory/never"))
	got := memstate.Whole("x", m("back"), m("new"), m("other"))
	rep := compare(t, want, got, &fidelity.Options{Key: func(key string) string {
		if key == "memory/gone" {
			return "memory/new"
		}
		return key
	}})
	if k := rep.Kinds["memory"]; k.Records != 1 || k.Extra != 2 || k.Forbidden != 1 {
		t.Errorf("%+v", k)
	}
}

// TestReordered: where nothing but the order of reading says which message is first, that one is kept.
func TestReordered(t *testing.T) {
	at := func(c string, n int, edit func(*pb.Message)) *pb.Message {
		m := msg(c, n)
		m.Position, m.ParentKey, m.Meta.CreatedUnixNano = 0, "", 7
		if edit != nil {
			edit(m)
		}
		return m
	}
	for name, c := range map[string]struct {
		edit func(*pb.Message)
		want uint64
	}{
		"nothing":         {nil, 1},
		"no time":         {func(m *pb.Message) { m.Meta.CreatedUnixNano = 0 }, 1},
		"a place":         {func(m *pb.Message) { m.Position = 1 }, 0},
		"another time":    {func(m *pb.Message) { m.Meta.CreatedUnixNano = 5 }, 0},
		"what it follows": {func(m *pb.Message) { m.ParentKey = "message/a/9" }, 0},
	} {
		first := at("a", 1, c.edit)
		want := memstate.Whole("x", conv("a"), conv("b"), first, at("a", 2, nil), at("b", 1, nil), at("b", 2, nil))
		got := memstate.Whole("x", conv("a"), conv("b"), at("b", 1, nil), at("b", 2, nil), at("a", 2, nil), first) // conversations have no order
		if rep := compare(t, want, got, nil); rep.Times.Reordered != c.want {
			t.Errorf("%s: %+v", name, rep.Times)
		}
	}
}
