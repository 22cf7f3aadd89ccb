package replay_test

import (
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestDenialOff: a grant is not let through beside a denial that stays off.
func TestDenialOff(t *testing.T) {
	const allow, deny = pb.ToolGrant_EFFECT_ALLOW, pb.ToolGrant_EFFECT_DENY
	bash := func(pattern string) *pb.ToolGrant {
		return &pb.ToolGrant{Pattern: pattern, PatternDialect: "claude-code", Enabled: true}
	}
	for name, c := range map[string]struct {
		allow, deny *pb.ToolGrant
		waits       bool
	}{
		"the same tool in patterns":      {bash("Bash"), bash("Bash(rm:*)"), true},
		"another tool":                   {bash("WebFetch"), bash("Read(./.env)"), false},
		"a command, and what it reads":   {bash("Bash(cat:*)"), bash("Read(./.env)"), true},
		"a file, and commands":           {bash("Read"), bash("Bash(rm:*)"), false},
		"a pattern over tools":           {bash("mcp__files__read"), bash("mcp__*"), true},
		"patterns of two dialects":       {bash("Bash"), &pb.ToolGrant{Pattern: "shell", PatternDialect: "codex", Enabled: true}, true},
		"pattern and tool":               {bash("Bash"), &pb.ToolGrant{ToolKey: "tool/bash", Enabled: true}, true},
		"everyone":                       {&pb.ToolGrant{PrincipalKey: "principal/ada", ToolKey: "tool/x"}, &pb.ToolGrant{ToolKey: "tool/x", Enabled: true}, true},
		"another person":                 {&pb.ToolGrant{PrincipalKey: "principal/ada", ToolKey: "tool/x"}, &pb.ToolGrant{PrincipalKey: "principal/bob", ToolKey: "tool/x", Enabled: true}, false},
		"a group":                        {&pb.ToolGrant{PrincipalKey: "principal/ada", ToolKey: "tool/x"}, &pb.ToolGrant{PrincipalKey: "principal/staff", ToolKey: "tool/x", Enabled: true}, true},
		"a principal that nobody names":  {&pb.ToolGrant{PrincipalKey: "principal/ada"}, &pb.ToolGrant{PrincipalKey: "principal/none", Enabled: true}, true},
		"another key of a tool":          {&pb.ToolGrant{ToolKey: "tool/x"}, &pb.ToolGrant{ToolKey: "tool/y", Enabled: true}, false},
		"a group, and one of it":         {&pb.ToolGrant{PrincipalKey: "principal/staff", ToolKey: "tool/x"}, &pb.ToolGrant{PrincipalKey: "principal/ada", ToolKey: "tool/x", Enabled: true}, true},
		"all tools of an MCP server":     {bash("mcp__files__read"), bash("mcp__files"), true},
		"a server of a long name":        {bash("mcp__my__srv__read"), bash("mcp__my__srv"), true},
		"MCP, and no MCP":                {bash("Bash"), bash("mcp__files"), false},
		"another MCP server":             {bash("mcp__files__read"), bash("mcp__mail"), false},
		"another tool of a server":       {bash("mcp__files__read"), bash("mcp__files__write"), false},
		"a longer name":                  {bash("mcp__files__read"), bash("mcp__files__read_all"), false},
		"a server, and one tool of it":   {bash("mcp__files"), bash("mcp__files__write"), true},
		"all of a server, and one tool":  {bash("mcp__files__*"), bash("mcp__files__write"), true},
		"all of MCP, and one tool":       {bash("mcp__*"), bash("mcp__files__write"), true},
		"some of a server, and others":   {bash("mcp__files__get_*"), bash("mcp__files__write"), true},
		"servers that begin alike":       {bash("mcp__files__read"), bash("mcp__fi*"), true},
		"a server of an odd name":        {bash("mcp__a___b"), bash("mcp__a_"), true},
		"tools that begin with _":        {bash("mcp__a__*"), bash("mcp__a___*"), true},
		"some that begin with _":         {bash("mcp__a___*"), bash("mcp__a"), true},
		"a server that ends in _":        {bash("mcp__a_"), bash("mcp__a"), true},
		"and the other way round":        {bash("mcp__a"), bash("mcp__a_"), true},
		"a server of nothing":            {bash("mcp__files__read"), bash("mcp____*"), true},
		"a server of a plugin":           {bash("mcp__plugin_x_y__z"), bash("mcp__plugin_x_y"), true},
		"another server of a plugin":     {bash("mcp__plugin_x_y__z"), bash("mcp__plugin_x__*"), false},
		"a name of many pieces":          {bash("mcp" + strings.Repeat("__a", 40)), bash("mcp" + strings.Repeat("__a", 30) + "__b"), true},
		"MCP, and everything":            {bash("mcp__files__read"), bash("*"), true},
		"all tools that write files":     {bash("Write"), bash("Edit(./secrets/**)"), true},
		"all tools that read files":      {bash("Grep"), bash("Read(./.env)"), true},
		"policies in the pattern":        {&pb.ToolGrant{Pattern: "permit(principal, action, resource);", PatternDialect: "cedar"}, &pb.ToolGrant{Pattern: "forbid(principal, action, resource);", PatternDialect: "cedar", Enabled: true}, true},
		"what asks, at the source":       {bash("Bash"), &pb.ToolGrant{Pattern: "Bash(git push:*)", PatternDialect: "claude-code", Enabled: true, Effect: pb.ToolGrant_EFFECT_ASK}, true},
		"a denial that may be in force":  {bash("Bash"), &pb.ToolGrant{Meta: &pb.Meta{Labels: []*pb.Label{agentstate.NotKnownEnforced("UPDATING")}}, Pattern: "Bash(rm:*)", PatternDialect: "claude-code"}, true},
		"a denial that is off in source": {&pb.ToolGrant{ToolKey: "tool/x"}, &pb.ToolGrant{ToolKey: "tool/x"}, false},
	} {
		labels := c.deny.GetMeta().GetLabels()
		c.allow.Meta, c.allow.Effect, c.deny.Meta = meta("toolgrant", "a"), allow, meta("toolgrant", "d")
		c.deny.Meta.Labels = labels
		if c.deny.Effect == 0 {
			c.deny.Effect = deny
		}
		src := memstate.Whole("x",
			&pb.Principal{Meta: meta("principal", "ada"), Form: pb.Principal_FORM_USER},
			&pb.Principal{Meta: meta("principal", "bob"), Form: pb.Principal_FORM_USER},
			&pb.Principal{Meta: meta("principal", "staff"), Form: pb.Principal_FORM_GROUP},
			c.allow, c.deny)
		dst, path := memstate.NewRuntime(nil), journal(t)
		var asked []replay.Approval
		o := replay.Options{Approved: []string{"toolgrant/a"}, OnWaiting: func(a replay.Approval) { asked = append(asked, a) }}
		rep := mustRun(t, dst, src, path, o)
		if waits := rep.Waiting == 2; waits != c.waits || rep.Actions[replay.Held] != rep.Waiting {
			t.Errorf("%s: %d wait, %+v", name, rep.Waiting, rep.Actions)
		}
		if c.waits && (!strings.Contains(asked[0].What, "toolgrant/d may deny some of what it allows") || !asked[0].Denied() || asked[1].Denied()) {
			t.Errorf("%s: a person is told %q", name, asked[0].What)
		}
		// Both, and both arrive: in the same run.
		o.Approved = append(o.Approved, "toolgrant/d")
		if rep = mustRun(t, dst, src, path, o); rep.Waiting != 0 || rep.Actions[replay.Held] != 0 {
			t.Errorf("%s: with both approved: %+v", name, rep.Actions)
		}
		get[*pb.ToolGrant](t, dst, "toolgrant/a")
		get[*pb.ToolGrant](t, dst, "toolgrant/d")
	}
}

// TestDenialLowered: what a person lowers to a denial lets nothing through, and waits for nobody.
func TestDenialLowered(t *testing.T) {
	src := memstate.Whole("x",
		&pb.ToolGrant{Meta: meta("toolgrant", "a"), ToolKey: "tool/x", Effect: pb.ToolGrant_EFFECT_ALLOW},
		&pb.ToolGrant{Meta: meta("toolgrant", "d"), ToolKey: "tool/x", Effect: pb.ToolGrant_EFFECT_DENY, Enabled: true})
	as := []replay.Approval{sign(replay.Approval{Key: "toolgrant/a", Effect: "deny"})}
	if rep := mustRun(t, memstate.NewRuntime(nil), src, journal(t), replay.Options{Approvals: as}); rep.Waiting != 1 || rep.Actions[replay.Created] != 1 {
		t.Errorf("%+v", rep.Actions)
	}
}

// TestDenialAsked: a grant that asks waits for no other that asks, nor does one that a person lowers to asking; both
// wait for a denial.
func TestDenialAsked(t *testing.T) {
	const ask, deny, allow = pb.ToolGrant_EFFECT_ASK, pb.ToolGrant_EFFECT_DENY, pb.ToolGrant_EFFECT_ALLOW
	for _, beside := range []pb.ToolGrant_Effect{ask, deny} {
		src := memstate.Whole("x",
			&pb.ToolGrant{Meta: meta("toolgrant", "a"), ToolKey: "tool/x", Effect: allow},
			&pb.ToolGrant{Meta: meta("toolgrant", "b"), ToolKey: "tool/x", Effect: ask},
			&pb.ToolGrant{Meta: meta("toolgrant", "d"), ToolKey: "tool/x", Effect: beside, Enabled: true})
		as := []replay.Approval{sign(replay.Approval{Key: "toolgrant/a", Effect: "ask"}), sign(replay.Approval{Key: "toolgrant/b", Effect: "ask"})}
		rep := mustRun(t, memstate.NewRuntime(nil), src, journal(t), replay.Options{Approvals: as})
		if want := map[pb.ToolGrant_Effect]uint64{ask: 2, deny: 0}[beside]; rep.Actions[replay.Created] != want {
			t.Errorf("beside %s: %+v", beside, rep.Actions)
		}
	}
}

// TestDenialWaits: a denial that is approved and waits all the same, since nobody understands all of it, is off.
func TestDenialWaits(t *testing.T) {
	d := &pb.ToolGrant{Meta: meta("toolgrant", "d"), ToolKey: "tool/x", Effect: pb.ToolGrant_EFFECT_DENY, Enabled: true, ApprovalMode: 99}
	src := memstate.Whole("x", &pb.ToolGrant{Meta: meta("toolgrant", "a"), ToolKey: "tool/x", Effect: pb.ToolGrant_EFFECT_ALLOW}, d)
	rep := mustRun(t, memstate.NewRuntime(nil), src, journal(t), replay.Options{Approved: []string{"toolgrant/a", "toolgrant/d"}})
	if rep.Actions[replay.Held] != 2 || rep.Actions[replay.Created] != 0 {
		t.Errorf("%+v", rep.Actions)
	}
}

// TestDenialOfLongName: the name of a tool costs what its length costs, and no more.
func TestDenialOfLongName(t *testing.T) {
	g := func(name string, e pb.ToolGrant_Effect) *pb.ToolGrant {
		return &pb.ToolGrant{Meta: meta("toolgrant", name), Pattern: "mcp__" + strings.Repeat("a", 200_000), PatternDialect: "claude-code", Effect: e, Enabled: true}
	}
	began := time.Now()
	rep, err := replay.Plan(t.Context(), memstate.NewRuntime(nil), memstate.Whole("x", g("a", pb.ToolGrant_EFFECT_ALLOW), g("d", pb.ToolGrant_EFFECT_DENY)),
		&replay.Options{Approved: []string{"toolgrant/a"}})
	if took := time.Since(began); err != nil || rep.Waiting != 2 || took > 10*time.Second {
		t.Errorf("%+v, in %s: %v", rep, took, err)
	}
}

// TestDenialInPolicy: where grants arrive in their policies alone, a policy that allows waits for one that denies.
func TestDenialInPolicy(t *testing.T) {
	grant := func(key, policy string, effect pb.ToolGrant_Effect) *pb.ToolGrant {
		return &pb.ToolGrant{Meta: &pb.Meta{Key: key, ViewOfKeys: []string{policy}}, Pattern: "Bash", PatternDialect: "claude-code", Effect: effect, Enabled: true, PolicyKey: policy}
	}
	src := memstate.Whole("x",
		&pb.Policy{Meta: meta("policy", "a")}, &pb.Policy{Meta: meta("policy", "d")},
		grant("toolgrant/a", "policy/a", pb.ToolGrant_EFFECT_ALLOW), grant("toolgrant/d", "policy/d", pb.ToolGrant_EFFECT_DENY))
	exact := memstate.RuntimeOptions{Exact: true}
	path := journal(t)
	dst := memstate.NewRuntime(&exact)
	o := replay.Options{Approved: []string{"policy/a"}}
	if rep := mustRun(t, dst, src, path, o); rep.Waiting != 2 || rep.Actions[replay.Created] != 0 {
		t.Errorf("%+v", rep.Actions)
	}
	o.Approved = append(o.Approved, "policy/d")
	if rep := mustRun(t, dst, src, path, o); rep.Waiting != 0 || rep.Undenied != 0 {
		t.Errorf("%+v", rep)
	}
	exact.Refuse = func(r agentstate.Record) string {
		if r.GetMeta().GetKey() == "policy/d" {
			return "no place"
		}
		return ""
	}
	path = journal(t)
	dst = memstate.NewRuntime(&exact)
	for range 2 {
		if rep := mustRun(t, dst, src, path, o); rep.Undenied != 1 {
			t.Errorf("a policy that was refused: %+v", rep)
		}
	}
}

// TestDenialOfLowered: what a person lowered to a denial is none of the source's, also when the run is resumed.
func TestDenialOfLowered(t *testing.T) {
	src := memstate.Whole("x",
		&pb.ToolGrant{Meta: meta("toolgrant", "a"), ToolKey: "tool/x", Effect: pb.ToolGrant_EFFECT_ALLOW, Enabled: true},
		&pb.ToolGrant{Meta: meta("toolgrant", "d"), ToolKey: "tool/x", Effect: pb.ToolGrant_EFFECT_DENY, Enabled: true})
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{Refuse: func(r agentstate.Record) string {
		if r.GetMeta().GetKey() == "toolgrant/d" {
			return "no place"
		}
		return ""
	}})
	path := journal(t)
	o := replay.Options{Approvals: []replay.Approval{sign(replay.Approval{Key: "toolgrant/a", Effect: "deny"}), sign(replay.Approval{Key: "toolgrant/d", Effect: "deny"})}}
	for range 2 {
		if rep := mustRun(t, dst, src, path, o); rep.Undenied != 0 || rep.Actions[replay.Refused] != 1 {
			t.Errorf("%+v", rep)
		}
	}
}

// TestDenialLeft: a denial that the target does not take beside a grant that it takes is counted, in a plan, in a run
// and when it is resumed; where no grant arrives, nothing is wider.
func TestDenialLeft(t *testing.T) {
	src := memstate.Whole("x",
		&pb.ToolGrant{Meta: meta("toolgrant", "a"), ToolKey: "tool/x", Effect: pb.ToolGrant_EFFECT_ALLOW},
		&pb.ToolGrant{Meta: meta("toolgrant", "d"), ToolKey: "tool/x", Effect: pb.ToolGrant_EFFECT_DENY, Enabled: true},
		&pb.ToolGrant{Meta: meta("toolgrant", "q"), ToolKey: "tool/x", Effect: pb.ToolGrant_EFFECT_ASK, Enabled: true},
		&pb.ToolGrant{Meta: &pb.Meta{Key: "toolgrant/u", Labels: []*pb.Label{agentstate.NotKnownEnforced("UPDATING")}}, ToolKey: "tool/x", Effect: pb.ToolGrant_EFFECT_DENY})
	for refused, want := range map[string]uint64{"toolgrant/d": 1, "toolgrant/q": 1, "toolgrant/u": 1, "toolgrant/": 0, "none": 0} {
		dst := memstate.NewRuntime(&memstate.RuntimeOptions{Refuse: func(r agentstate.Record) string {
			if strings.HasPrefix(r.GetMeta().GetKey(), refused) {
				return "no place"
			}
			return ""
		}})
		o := replay.Options{Approved: []string{"toolgrant/a", "toolgrant/d", "toolgrant/q", "toolgrant/u"}}
		if rep, err := replay.Plan(t.Context(), dst, src, &o); err != nil || rep.Undenied != want {
			t.Errorf("%s: a plan counts %d, want %d: %v", refused, rep.Undenied, want, err)
		}
		path := journal(t)
		for range 2 {
			if rep := mustRun(t, dst, src, path, o); rep.Undenied != want {
				t.Errorf("%s: %d, want %d", refused, rep.Undenied, want)
			}
		}
	}
}
