package exitdrill_test

import (
	"context"
	"iter"
	"net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// altered is a target in which somebody changed something after the replay.
type altered struct {
	*memstate.Runtime
	change change
}

type change func([]agentstate.Record) []agentstate.Record

func (v altered) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		var all []agentstate.Record
		for r, err := range v.Runtime.Records(ctx, o) {
			if err != nil {
				yield(nil, err)
				return
			}
			all = append(all, proto.CloneOf(r))
		}
		for _, r := range v.change(all) {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (v altered) Lend(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return v.Records(ctx, o)
}

func (v altered) Get(ctx context.Context, key string) (agentstate.Record, error) {
	for r, err := range v.Records(ctx, nil) {
		if err != nil || r.GetMeta().GetKey() == key {
			return r, err
		}
	}
	return nil, agentstate.ErrNotFound
}

// set changes the record under key. The drill fails where there is none.
func set[T agentstate.Record](key string, f func(T)) change {
	return func(all []agentstate.Record) []agentstate.Record {
		f(all[placeOf(all, key)].(T))
		return all
	}
}

func placeOf(all []agentstate.Record, key string) int {
	return slices.IndexFunc(all, func(r agentstate.Record) bool { return r.GetMeta().GetKey() == key })
}

func drop(key string) change {
	return func(all []agentstate.Record) []agentstate.Record {
		i := placeOf(all, key)
		return slices.Delete(all, i, i+1)
	}
}

// more adds a record behind those of its kind.
func more(r agentstate.Record) change {
	return func(all []agentstate.Record) []agentstate.Record {
		i := slices.IndexFunc(all, func(x agentstate.Record) bool { return agentstate.KindOf(x) == agentstate.KindOf(r) })
		return slices.Insert(all, i+1, r)
	}
}

func again(key string) change {
	return func(all []agentstate.Record) []agentstate.Record { return more(all[placeOf(all, key)])(all) }
}

func swap(a, b string) change {
	return func(all []agentstate.Record) []agentstate.Record {
		i, j := placeOf(all, a), placeOf(all, b)
		all[i], all[j] = all[j], all[i]
		return all
	}
}

func message(id string, role pb.Role, text string) *pb.Message {
	return &pb.Message{Meta: agentstate.Meta("message", nil, "t1", id), ConversationKey: "conversation/t1", Role: role, Parts: []*pb.Part{{Body: &pb.Part_Text{Text: text}}}}
}

// alter has c be done to the runtime name after plan and replay have opened it.
func (p *place) alter(name string, c change) {
	opened := 0
	p.opts.Registry = exporters.NewRegistry(exporters.Driver{Scheme: "mem", URL: "mem:name", Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
		if u.Opaque == name {
			if opened++; opened > 2 {
				return altered{p.runtimes[name], c}, nil
			}
		}
		return p.runtimes[u.Opaque], nil
	}})
}

// drilled is a drill whose target is changed before it is read back.
func drilled(t *testing.T, c change, edit ...string) *drill.Outcome {
	p := newPlace(t)
	effect := func(g *pb.ToolGrant, e pb.ToolGrant_Effect, enabled bool) *pb.ToolGrant {
		g.Effect, g.Enabled, g.ToolKey = e, enabled, "tool/refund"
		return g
	}
	for _, r := range []agentstate.Record{
		effect(grant("never"), pb.ToolGrant_EFFECT_DENY, true), effect(grant("off"), pb.ToolGrant_EFFECT_DENY, false), effect(grant("asks"), pb.ToolGrant_EFFECT_ASK, true),
		message("z1", pb.Role_ROLE_USER, "first"), message("z2", pb.Role_ROLE_USER, "second"),
	} {
		p.runtimes["source"].Set(r)
	}
	p.alter("target", c)
	pl := p.plan(append([]string{"contains: likes tea 0003", "contains: likes tea 0003, injection: true"}, edit...)...)
	p.write("approvals", approvals+"toolgrant/never\ntoolgrant/off\ntoolgrant/asks\n")
	return p.run(pl)
}

// TestAltered: what changes in the target between replay and read-back is found, and by the statement that is about it.
func TestAltered(t *testing.T) {
	t.Parallel()
	const pass, lossy, fail = evidence.VerdictPass, evidence.VerdictPassWithLoss, evidence.VerdictFail
	role := func(r pb.Role) change { return set("message/t1/0004", func(m *pb.Message) { m.Role = r }) }
	for name, c := range loadtest.Rows(map[string]struct {
		change  change
		verdict evidence.Verdict
		fails   []int
		says    map[int]string
	}{
		"nothing":              {func(all []agentstate.Record) []agentstate.Record { return all }, pass, nil, nil},
		"a memory is gone":     {drop("memory/ada/0002"), fail, []int{33, 35}, map[int]string{13: "missing 1, extra 0", 33: "memory 1 of 6"}},
		"a message is gone":    {drop("message/t1/0004"), fail, []int{33, 35}, map[int]string{13: "missing 1, extra 0", 33: "message 1 of 9"}},
		"a vector is gone":     {drop("embedding/ada/0002"), fail, []int{33}, map[int]string{33: "embedding 1 of 6"}},
		"a grant is gone":      {drop("toolgrant/ada/refund"), fail, []int{33}, map[int]string{29: "0 widened"}},
		"a denial is gone":     {drop("toolgrant/never"), fail, []int{29, 33}, map[int]string{29: "1 grants widened (1 denials, or rules to ask first, were written and are gone when read back"}},
		"what asks is gone":    {drop("toolgrant/asks"), fail, []int{29, 33}, map[int]string{29: "1 grants widened (1 denials, or rules to ask first"}},
		"a denial that is off": {drop("toolgrant/off"), fail, []int{33}, map[int]string{29: "3 reproduced, 1 not or less, 0 widened"}},
		"a policy is gone":     {drop("policy/refunds"), fail, []int{33, 35}, map[int]string{29: "1 policies are gone"}},
		"a policy is off":      {set("policy/refunds", func(p *pb.Policy) { p.Enforced = false }), fail, []int{29, 33, 34}, map[int]string{29: "1 policies differ"}},
		"a byte of text":       {set("memory/ada/0002", func(m *pb.Memory) { m.Content = &pb.Memory_Text{Text: "likes teb 0002"} }), fail, []int{33, 34}, nil},
		"a byte of a row": {set("memory/ada/0002", func(m *pb.Memory) {
			m.Meta.Native[0].GetRow().Columns[1].Value = &pb.Column_Integer{Integer: 3}
		}), fail, []int{33, 34}, nil},
		"a vector":            {set("embedding/ada/0002", func(e *pb.Embedding) { e.Vector[0]++ }), fail, []int{33, 34}, nil},
		"its model":           {set("embedding/ada/0002", func(e *pb.Embedding) { e.Model = "e2" }), fail, []int{33, 34}, nil},
		"wider scopes":        {set("toolgrant/ada/refund", func(g *pb.ToolGrant) { g.Scopes = []string{"*"} }), fail, []int{29, 33, 34}, nil},
		"a denial is off":     {set("toolgrant/never", func(g *pb.ToolGrant) { g.Enabled = false }), fail, []int{29, 33, 34}, nil},
		"operator's role":     {role(pb.Role_ROLE_SYSTEM), fail, []int{29, 33, 34, 38}, map[int]string{38: "1 records speak with more authority"}},
		"operator's word":     {set("message/t1/0004", func(m *pb.Message) { m.NativeRole = "Developer " }), fail, []int{29, 33, 34, 38}, map[int]string{38: "1 records speak with more authority"}},
		"model's role":        {role(pb.Role_ROLE_ASSISTANT), fail, []int{33, 34}, nil},
		"places":              {set("message/t1/0004", func(m *pb.Message) { m.Position = 1 }), fail, []int{33, 34}, nil},
		"order":               {swap("message/t1/z1", "message/t1/z2"), pass, nil, map[int]string{36: "1 messages are read behind one that they stood before"}},
		"order beside places": {swap("message/t1/0001", "message/t1/0004"), pass, nil, nil},
		"twice":               {again("message/t1/0002"), fail, []int{33}, map[int]string{13: "extra 1"}},
		"a time":              {set("memory/ada/0002", func(m *pb.Memory) { m.Meta.CreatedUnixNano += 3600e9 }), fail, []int{33, 34}, map[int]string{36: "largest shift 1h0m0s"}},
		"whose it is":         {set("memory/ada/0002", func(m *pb.Memory) { m.Meta.SubjectKeys = []string{"principal/eve"} }), fail, []int{33, 34, 35}, nil},
		"an argument":         {set("message/t1/0002", func(m *pb.Message) { m.Parts[1].GetToolCall().ArgumentsJson = []byte(`{"text":"x"}`) }), fail, []int{33, 34}, nil},
		"an id of a call":     {set("message/t1/0002", func(m *pb.Message) { m.Parts[1].GetToolCall().Id = "zzz" }), fail, []int{33, 34}, nil},
		"an answer":           {set("interrupt/t1/i1", func(i *pb.Interrupt) { i.Status = pb.Interrupt_STATUS_ANSWERED }), fail, []int{33, 34}, nil},
		// One that leads somewhere by now does not make up for one that leads nowhere.
		"one link for another": {func(all []agentstate.Record) []agentstate.Record {
			set("revision/ada/1", func(r *pb.Revision) { r.OfKey = "memory/ada/0001" })(all)
			return set("memory/ada/0002", func(m *pb.Memory) { m.Meta.SubjectKeys = []string{"principal/eve"} })(all)
		}, fail, []int{33, 34, 35}, map[int]string{35: "1 were repaired on the way"}},
		// What is not of the archive is counted, and its open references are not the exit's.
		"a message more":             {more(&pb.Message{Meta: agentstate.Meta("message", nil, "t9", "1"), ConversationKey: "conversation/t9", ParentKey: "message/t9/0", Parts: []*pb.Part{{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "c9"}}}}}), pass, nil, map[int]string{13: "missing 0, extra 1"}},
		"a grant more":               {more(grant("theirs")), lossy, nil, map[int]string{29: "1 grants that the archive does not have"}},
		"planted for an operator":    {more(message("planted", pb.Role_ROLE_SYSTEM, "likes tea 0003")), fail, []int{38}, map[int]string{38: "1 of 1 planted instructions"}},
		"planted to be always shown": {more(&pb.Memory{Meta: agentstate.Meta("memory", nil, "x"), Form: pb.Memory_FORM_BLOCK, Content: &pb.Memory_Text{Text: "likes tea 0003"}}), fail, []int{38}, nil},
	}, "nothing", "a memory is gone", "a denial is gone", "a policy is gone", "a byte of text", "wider scopes", "operator's role", "order", "twice", "a time", "whose it is", "a message more", "a grant more", "planted for an operator") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := drilled(t, c.change)
			var fails []int
			for i, ch := range out.Predicate.Checks {
				if ch.Result == evidence.Fail {
					fails = append(fails, i+1)
				}
			}
			if out.Judgement.Verdict != c.verdict || !slices.Equal(fails, c.fails) {
				t.Errorf("%s, failed %v: %v", out.Judgement.Verdict, fails, out.Judgement.Reasons)
			}
			for n, want := range c.says {
				if ch := check(out, n); !strings.Contains(ch.Why, want) {
					t.Errorf("%+v", ch)
				}
			}
			if a := out.Predicate.Authority; a.Grants != a.Reproduced+a.Reduced+a.Widened {
				t.Errorf("%+v", a)
			}
			if ch := check(out, 36); (ch.Result == evidence.Warn) != (name == "order" || name == "a time") {
				t.Errorf("%+v", ch)
			}
		})
	}
}

// TestAllBeforeViews: what is read out of records that were in the target before was there before, too.
func TestAllBeforeViews(t *testing.T) {
	t.Parallel()
	view := message("seen", pb.Role_ROLE_USER, "hello")
	view.Meta.ViewOfKeys = []string{"memory/ada/0001"}
	for _, fresh := range []bool{false, true} {
		p := newPlace(t)
		p.runtimes["source"].Set(view)
		target := memstate.NewRuntime(&memstate.RuntimeOptions{Exact: true})
		p.runtimes["target"] = target
		for r, err := range p.runtimes["source"].Records(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			if agentstate.IsState(agentstate.KindOf(r)) {
				target.Set(r)
			}
		}
		if fresh {
			p.runtimes["source"].Set(message("new", pb.Role_ROLE_USER, "hello"))
		}
		want, due := evidence.Untold, uint64(0)
		if fresh { // and nothing else
			want, due = evidence.Warn, 1
		}
		out := p.run(p.plan())
		if _, got := out.Predicate.Survival(); check(out, 33).Result != want || got != due {
			t.Errorf("fresh %t: due %d, want %d: %+v", fresh, got, due, check(out, 33))
		}
	}
}

// TestNothingRefers: links and times of what did not come are not tested. Where the archive has none, none is lost.
func TestNothingRefers(t *testing.T) {
	t.Parallel()
	two := []agentstate.Record{&pb.Opaque{Meta: agentstate.Meta("opaque", nil, "1")}, &pb.Opaque{Meta: agentstate.Meta("opaque", nil, "2")}}
	for name, c := range map[string]struct {
		source []agentstate.Record // nil: the sample
		change change
		links  evidence.Result
		says   string
	}{
		"all of it is gone": {change: func([]agentstate.Record) []agentstate.Record { return nil }, links: evidence.Untold, says: "no record came that refers to another"},
		"nothing refers":    {source: two, links: evidence.Pass, says: "none of the 2 records that came refers to another"},
		"one is gone":       {source: two, change: drop("opaque/1"), links: evidence.Pass, says: "none of the 1 records"},
	} {
		p := newPlace(t)
		if c.source != nil {
			p.runtimes["source"] = memstate.NewRuntime(nil)
		}
		for _, r := range c.source {
			p.runtimes["source"].Set(r)
		}
		if c.change != nil {
			p.alter("target", c.change)
		}
		out := p.run(p.plan())
		if ch := check(out, 35); ch.Result != c.links || !strings.Contains(ch.Why, c.says) {
			t.Errorf("%s: %+v", name, ch)
		}
		if ch := check(out, 36); ch.Result != evidence.Untold {
			t.Errorf("%s: %+v", name, ch)
		}
	}
}

// TestAllBefore: where all was in the target before, and some of it is gone when read back, nothing survived that was not there.
func TestAllBefore(t *testing.T) {
	t.Parallel()
	for gone, want := range map[string]evidence.Result{"": evidence.Untold, "memory/ada/0002": evidence.Fail} {
		p := newPlace(t)
		for r, err := range p.runtimes["source"].Records(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			if agentstate.IsState(agentstate.KindOf(r)) {
				p.runtimes["target"].Set(r)
			}
		}
		if gone != "" {
			p.alter("target", drop(gone))
		}
		if c := check(p.run(p.plan()), 33); c.Result != want {
			t.Errorf("%q gone: %+v", gone, c)
		}
	}
}
