package replay_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/mapping"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func mapOf(t testing.TB, text string) *mapping.Map {
	t.Helper()
	m, err := mapping.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const names = `
unmapped: keep
tools: {refund: {name: pay.back, arguments: {text: note}}}
principals: {ada: ada@example.org}
namespaces: {users/*: people/*}
models: {m-latest: m-9}
`

func get[R agentstate.Record](t *testing.T, rt *memstate.Runtime, key string) R {
	t.Helper()
	r, err := rt.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return r.(R)
}

// TestMap: every name arrives as the map says, in all that refers to it, and reading back against
// the map finds nothing else. It does so too at a runtime that makes its own ids.
func TestMap(t *testing.T) {
	for _, own := range []bool{false, true} {
		src, dst, path := memstate.Sample(6), memstate.NewRuntime(&memstate.RuntimeOptions{OwnIDs: own}), journal(t)
		o := replay.Options{Map: mapOf(t, names), Approved: held(t, src)}
		plan, err := replay.Plan(t.Context(), dst, src, &o)
		if err != nil || dst.Len() > 0 {
			t.Fatal(err, dst.Len())
		}
		rep := mustRun(t, dst, src, path, o)
		if d := cmp.Diff(plan.LossCount, rep.LossCount); d != "" {
			t.Error(d)
		}
		if rep.Actions[replay.Created] != rep.Records {
			t.Errorf("%v", rep.Actions)
		}
		var why []string
		for _, l := range rep.Losses {
			if l.Path == "parts.tool_call.name" {
				why = append(why, l.Why)
			}
		}
		if len(why) != 2 || why[0] != "map: refund → pay.back" {
			t.Errorf("%q", why)
		}
		j, err := replay.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		back, err := replay.ReadBack(t.Context(), memstate.Sample(6), dst, j)
		if err != nil || back.MissingN+back.ExtraN+back.UnannouncedN > 0 || back.Same+back.Announced != back.Records || !own && back.Announced > 0 {
			t.Errorf("own ids %v: %v %+v", own, err, back)
		}
		if own {
			continue
		}
		msg := get[*pb.Message](t, dst, "message/t1/0002")
		call := msg.Parts[1].GetToolCall()
		if call.Name != "pay.back" || string(call.ArgumentsJson) != `{"note":"\ud800"}` || msg.Meta.Native != nil {
			t.Errorf("%v", msg)
		}
		if m := get[*pb.Message](t, dst, "message/t1/0001"); m.Meta.Native == nil {
			t.Error("a message that the map does not touch lost its native form")
		}
		if p := get[*pb.Principal](t, dst, "principal/ada@example.org"); p.Subject != "ada@example.org" {
			t.Error(p)
		}
		if s := get[*pb.MemorySpace](t, dst, "memoryspace/people/ada"); !cmp.Equal(s.Path, []string{"people", "ada"}) || s.OwnerKey != "principal/ada@example.org" {
			t.Error(s)
		}
		if m := get[*pb.Memory](t, dst, "memory/ada/0001"); m.SpaceKey != "memoryspace/people/ada" || m.Meta.SubjectKeys[0] != "principal/ada@example.org" {
			t.Error(m)
		}
		if g := get[*pb.ToolGrant](t, dst, "toolgrant/ada/refund"); g.PrincipalKey != "principal/ada@example.org" {
			t.Error(g)
		}
		if m := get[*pb.Model](t, dst, "model/m1"); m.RequestedId != "m-9" || m.ServedId != "" {
			t.Error(m)
		}
		// A field that is damaged in the target shows, although the map had changed it.
		call.Name = "pay.out"
		dst.Set(msg)
		if back, err = replay.ReadBack(t.Context(), memstate.Sample(6), dst, j); err != nil || back.UnannouncedN != 1 {
			t.Errorf("%v %+v", err, back)
		}
		// What a run wrote is undone under new names too.
		if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN != 1 || dst.Len() != 1 {
			t.Errorf("%v %+v, %d left", err, u, dst.Len())
		}
	}
}

// TestMapWaits: what has no match waits, and what a map cannot change.
func TestMapWaits(t *testing.T) {
	policy := func(text string) agentstate.Record {
		return &pb.Policy{Meta: meta("policy", "p"), Text: agentstate.Inline("text/plain", []byte(text))}
	}
	grant := func(pattern string) agentstate.Record {
		return &pb.ToolGrant{Meta: meta("toolgrant", "g"), Pattern: pattern, PatternDialect: "claude-code", Effect: pb.ToolGrant_EFFECT_ALLOW}
	}
	of := func(m *pb.Meta) *pb.Meta { m.SubjectKeys = []string{"principal/bob"}; return m }
	tools, people, spaces := "tools: {refund: pay}\n", "principals: {ada: ada2}\n", "namespaces: {a/b: c}\n"
	for name, c := range map[string]struct {
		text string
		rec  agentstate.Record
		say  string // empty: it does not wait
	}{
		"tool":                    {tools, &pb.Tool{Meta: meta("tool", "x"), Name: "other"}, "tool other has no match"},
		"tool, kept":              {tools + "unmapped: keep\n", &pb.Tool{Meta: meta("tool", "x"), Name: "other"}, ""},
		"tool that is mapped":     {tools, &pb.Tool{Meta: meta("tool", "x"), Name: "refund"}, ""},
		"past call":               {tools, &pb.Message{Meta: meta("message", "m"), Role: pb.Role_ROLE_ASSISTANT, Parts: []*pb.Part{{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Name: "other"}}}}}, ""},
		"policy":                  {tools, policy(`forbid(principal, action == "refund", resource);`), "its text names refund"},
		"policy of another":       {tools, policy(`forbid refund_all`), ""},
		"pattern":                 {tools, grant("refund(*)"), ""},
		"pattern, renamed":        {tools, grant("refund(mysql -psaid *)"), ""},
		"pattern with no match":   {tools, grant("Bash(mysql -psaid *)"), "its pattern for Bash has no match"},
		"pattern that names it":   {tools + "unmapped: keep\n", grant("mcp|refund"), "its pattern names refund"},
		"memory of someone":       {people, &pb.Memory{Meta: of(meta("memory", "m"))}, "principal/bob has no match"},
		"someone":                 {people, &pb.Principal{Meta: meta("principal", "bob")}, "principal/bob has no match"},
		"memory of someone, kept": {people + "unmapped: keep\n", &pb.Memory{Meta: of(meta("memory", "m"))}, ""},
		"space":                   {spaces, &pb.MemorySpace{Meta: meta("memoryspace", "a", "z")}, "namespace a/z has no match"},
		"model":                   {"models: {a: b}\n", &pb.Model{Meta: meta("model", "m"), RequestedId: "c"}, "model c has no match"},
	} {
		t.Run(name, func(t *testing.T) {
			dst := memstate.NewRuntime(nil)
			var got replay.Receipt
			o := replay.Options{Map: mapOf(t, c.text), Approved: []string{c.rec.GetMeta().Key}, OnReceipt: func(rc replay.Receipt) { got = rc }}
			mustRun(t, dst, memstate.Whole("x", c.rec), journal(t), o)
			if waits := c.say != ""; (got.Action == replay.Held) != waits || !strings.Contains(got.Why, c.say) || (dst.Len() == 0) != waits {
				t.Errorf("%v: %s; the target holds %d", got.Action, got.Why, dst.Len())
			}
			if strings.Contains(fmt.Sprint(got), "-psaid") {
				t.Errorf("the rule stands in the journal: %v", got)
			}
			if got.Action == replay.Held && got.Losses[0].Grade != fidelity.Quarantined {
				t.Error(got.Losses)
			}
		})
	}
}

// TestMapChildren: what is in a space that waits waits with it.
func TestMapChildren(t *testing.T) {
	dst := memstate.NewRuntime(nil)
	rep := mustRun(t, dst, memstate.Sample(3), journal(t), replay.Options{Map: mapOf(t, "namespaces: {x: y}\n")})
	if n := rep.Kinds["memory"][replay.Held]; n != 3 || rep.Kinds["memoryspace"][replay.Held] != 1 {
		t.Errorf("%v", rep.Kinds)
	}
	n := rep.Map.Nouns[0]
	if n.UnmappedN != 1 || n.Unmapped[0].From != "users/ada" || !cmp.Equal(n.Unused, []string{"x"}) {
		t.Errorf("%+v", n)
	}
}

// TestMapReport: calls are counted by tool.
func TestMapReport(t *testing.T) {
	rep, err := replay.Plan(t.Context(), memstate.NewRuntime(nil), memstate.Sample(12), &replay.Options{Map: mapOf(t, "tools: {pay: x}\n")})
	if err != nil {
		t.Fatal(err)
	}
	want := []mapping.Noun{{Noun: "tools", Policy: mapping.Hold, Unmapped: []mapping.Name{{From: "refund", Count: 4}}, UnmappedN: 1, Unused: []string{"pay"}}}
	if d := cmp.Diff(want, rep.Map.Nouns); d != "" {
		t.Error(d)
	}
}

// TestMapTombstone: who is to be forgotten is not revived under another name.
func TestMapTombstone(t *testing.T) {
	dst := memstate.NewRuntime(nil)
	rep := mustRun(t, dst, memstate.Sample(3), journal(t), replay.Options{Map: mapOf(t, names), Tombstones: []string{"principal/ada"}})
	if rep.Kinds["memory"][replay.Skipped] != 3 {
		t.Errorf("%v", rep.Kinds)
	}
	if _, err := dst.Get(t.Context(), "principal/ada@example.org"); !errors.Is(err, agentstate.ErrNotFound) {
		t.Error(err)
	}
}

// TestMapRefused: nothing is written where the map is not whole, makes one of two, or cannot reach
// what it renames.
func TestMapRefused(t *testing.T) {
	two := memstate.Whole("x", &pb.Principal{Meta: meta("principal", "ada")}, &pb.Principal{Meta: meta("principal", "eve")})
	spaces := memstate.Whole("x", &pb.MemorySpace{Meta: meta("memoryspace", "a"), Path: []string{"a"}}, &pb.MemorySpace{Meta: meta("memoryspace", "b"), Path: []string{"b"}})
	for name, c := range map[string]struct {
		src  agentstate.Source
		text string
		opts memstate.RuntimeOptions
		say  string
	}{
		"not whole":           {two, "principals: {ada: a}\nunmapped: refuse\n", memstate.RuntimeOptions{}, `1 principals have no match: "eve"`},
		"two people":          {two, "principals: {ada: eve}\nunmapped: keep\n", memstate.RuntimeOptions{}, "two people would become one"},
		"two spaces":          {spaces, "namespaces: {a: c, b: c}\n", memstate.RuntimeOptions{}, "two spaces would become one"},
		"the runtime's bytes": {two, "principals: {ada: a}\n", memstate.RuntimeOptions{Exact: true}, "bytes as they were"},
	} {
		dst := memstate.NewRuntime(&c.opts)
		_, err := run(t, dst, c.src, journal(t), replay.Options{Map: mapOf(t, c.text)})
		if !errors.Is(err, mapping.ErrMap) || !strings.Contains(err.Error(), c.say) || dst.Len() > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMapIsBound: a plan and a journal are of one map.
func TestMapIsBound(t *testing.T) {
	src, dst, path := memstate.Sample(3), memstate.NewRuntime(nil), journal(t)
	var b bytes.Buffer
	o := planOptions()
	o.Map = mapOf(t, names)
	if _, err := replay.WritePlan(t.Context(), &b, dst, src, &o); err != nil {
		t.Fatal(err)
	}
	p, err := replay.ReadPlan(&b, nil)
	if err != nil || p.Map.Digest() != o.Map.Digest() {
		t.Fatal(err)
	}
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	o.Reviewed, o.Journal = p, j
	for _, other := range []*mapping.Map{nil, mapOf(t, "tools: {a: b}\n")} {
		o := o
		o.Map = other
		if _, err := replay.Apply(t.Context(), dst, src, &o); !errors.Is(err, replay.ErrStale) || dst.Len() > 0 {
			t.Error(err)
		}
	}
	if _, err := replay.Apply(t.Context(), dst, src, &o); err != nil {
		t.Fatal(err)
	}
	o.Reviewed, o.Map = nil, nil
	if _, err := replay.Apply(t.Context(), dst, src, &o); !errors.Is(err, replay.ErrStale) || !errors.Is(err, replay.ErrJournal) {
		t.Error(err)
	}
}

// TestKeyThere: whoever looks a record up in the target learns its key from the journal.
func TestKeyThere(t *testing.T) {
	src, dst, path := memstate.Sample(3), memstate.NewRuntime(&memstate.RuntimeOptions{OwnIDs: true}), journal(t)
	mustRun(t, dst, src, path, replay.Options{Map: mapOf(t, names)})
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, key := range []string{"memory/ada/0001", "principal/ada", "memoryspace/users/ada"} {
		if r, err := dst.Get(t.Context(), j.KeyThere(key)); err != nil || agentstate.KindOf(r) != agentstate.KindOfKey(key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}
