package replay_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

var today = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

func power() *memstate.State {
	return memstate.Whole("x",
		&pb.Credential{Meta: meta("credential", "c"), Scopes: []string{"read", "write"}, PrincipalKey: "principal/ada"},
		&pb.ToolGrant{Meta: meta("toolgrant", "allow"), PrincipalKey: "principal/ada", ToolKey: "tool/refund", Scopes: []string{"read", "write"}, Effect: pb.ToolGrant_EFFECT_ALLOW},
		&pb.ToolGrant{Meta: meta("toolgrant", "ask"), Pattern: "Bash(ls:*)", Effect: pb.ToolGrant_EFFECT_ASK},
		&pb.ToolGrant{Meta: meta("toolgrant", "deny"), Pattern: "Bash(rm:*)", Scopes: []string{"a", "b"}, Effect: pb.ToolGrant_EFFECT_DENY},
		&pb.Trigger{Meta: meta("trigger", "t"), AgentKey: "agent/a", Enabled: true},
		&pb.Policy{Meta: meta("policy", "p")},
	)
}

// asked are the lines that a plan of power writes for a person.
func asked(t *testing.T) []replay.Approval {
	t.Helper()
	var as []replay.Approval
	if _, err := replay.Plan(t.Context(), memstate.NewRuntime(nil), power(), &replay.Options{OnWaiting: func(a replay.Approval) { as = append(as, a) }}); err != nil {
		t.Fatal(err)
	}
	return as
}

func TestApprovalsFile(t *testing.T) {
	as := asked(t)
	if len(as) != 6 {
		t.Fatalf("%+v", as)
	}
	b := bytes.NewBufferString(replay.ApprovalsHeader)
	for _, a := range as {
		l, err := a.Line()
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(l)
	}
	want := `- {key: toolgrant/allow, what: a toolgrant gives power, principal: principal/ada, tool: tool/refund, scopes_before: [read, write], scopes_after: [read, write], effect: allow, approved_by: "", date: ""}` + "\n"
	if !strings.Contains(b.String(), want) || strings.Count(b.String(), "\n- {") != len(as) {
		t.Error(b.String())
	}
	if !replay.IsApprovals(b.Bytes()) || replay.IsApprovals([]byte("# x\ntoolgrant/ask\n")) {
		t.Error("it is not told from a list of keys")
	}
	// As it is written, it approves nothing.
	if got, err := replay.ParseApprovals(b.Bytes(), today); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
	signed := strings.ReplaceAll(b.String(), `approved_by: "", date: ""`, `approved_by: Grace, date: 2026-11-28`)
	got, err := replay.ParseApprovals([]byte(signed), today)
	if err != nil || len(got) != len(as) || got[0].By != "Grace" || got[0].Date != "2026-11-28" {
		t.Errorf("%+v %v", got, err)
	}
	for name, c := range map[string]struct{ line, say string }{
		"no date":        {"{key: a, approved_by: Grace, date: ''}", "or neither"},
		"no name":        {"{key: a, approved_by: ' ', date: 2026-11-28}", "or neither"},
		"future":         {"{key: a, approved_by: Grace, date: 2026-11-30}", "future"},
		"future instant": {"{key: a, approved_by: Grace, date: '2026-11-28T09:00:01Z'}", "future"},
		"no day":         {"{key: a, approved_by: Grace, date: today}", "want 2026-11-28"},
		"no key":         {"{approved_by: Grace, date: 2026-11-28}", "no key"},
		"twice":          {"{key: a}\n- {key: a}", "twice"},
		"unknown field":  {"{key: a, yes: true}", "yes"},
	} {
		if _, err := replay.ParseApprovals([]byte("approvals:\n- "+c.line+"\n"), today); !errors.Is(err, replay.ErrApproval) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func sign(a replay.Approval) replay.Approval {
	a.By, a.Date = "Grace", "2026-11-28"
	return a
}

// TestApprovals: what is signed arrives, narrowed where it is; the journal knows by whom, and reading
// back expects what was let through, not what was there.
func TestApprovals(t *testing.T) {
	dst, path := memstate.NewRuntime(nil), journal(t)
	var as []replay.Approval
	for _, a := range asked(t) {
		switch a.Key {
		case "policy/p":
			continue
		case "toolgrant/allow":
			a.After, a.Effect = []string{"read"}, "ask"
		case "toolgrant/ask":
			a.Effect = "deny"
		}
		as = append(as, sign(a))
	}
	var got []replay.Receipt
	rep := mustRun(t, dst, power(), path, replay.Options{Approvals: as, OnReceipt: func(rc replay.Receipt) { got = append(got, rc) }})
	if rep.Actions[replay.Created] != 5 || !slices.Equal(rep.Held, []string{"policy/p"}) || rep.Waiting != 1 {
		t.Errorf("%+v", rep)
	}
	for _, rc := range got {
		if rc.Action == replay.Created && (rc.Approval == nil || rc.Approval.By != "Grace") {
			t.Errorf("%+v", rc)
		}
	}
	g := get[*pb.ToolGrant](t, dst, "toolgrant/allow")
	if !cmp.Equal(g.Scopes, []string{"read"}) || g.Effect != pb.ToolGrant_EFFECT_ASK {
		t.Error(g)
	}
	if g := get[*pb.ToolGrant](t, dst, "toolgrant/ask"); g.Effect != pb.ToolGrant_EFFECT_DENY {
		t.Error(g)
	}
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if back, err := replay.ReadBack(t.Context(), power(), dst, j); err != nil || back.Same != back.Records || back.Records != 5 {
		t.Errorf("%v %+v", err, back)
	}
	g.Scopes, g.Effect = []string{"read", "write"}, pb.ToolGrant_EFFECT_ALLOW
	dst.Set(g)
	if back, err := replay.ReadBack(t.Context(), power(), dst, j); err != nil || back.UnannouncedN != 2 || len(back.Raised) != 1 {
		t.Errorf("a grant that is as wide as it was passes for a narrowed one: %v %+v", err, back)
	}
}

// TestApprovalsRefused: nothing is ever wider than the source, and nothing is written.
func TestApprovalsRefused(t *testing.T) {
	all := map[string]replay.Approval{}
	for _, a := range asked(t) {
		all[a.Key] = sign(a)
	}
	for name, c := range map[string]struct {
		key    string
		change func(a *replay.Approval)
		say    string
	}{
		"scope more":            {"toolgrant/allow", func(a *replay.Approval) { a.After = append(a.After, "admin") }, `"admin" is wider`},
		"before is a lie":       {"toolgrant/allow", func(a *replay.Approval) { a.Before, a.After = []string{"admin"}, []string{"admin"} }, "wider"},
		"credential":            {"credential/c", func(a *replay.Approval) { a.After = []string{"admin"} }, "wider"},
		"scopes where none are": {"toolgrant/ask", func(a *replay.Approval) { a.After = []string{"x"} }, "wider"},
		"no scopes":             {"toolgrant/allow", func(a *replay.Approval) { a.After = nil }, "may mean all"},
		"effect raised":         {"toolgrant/ask", func(a *replay.Approval) { a.Effect = "allow" }, "raised"},
		"denial raised":         {"toolgrant/deny", func(a *replay.Approval) { a.Effect = "ask" }, "raised"},
		"denial of less":        {"toolgrant/deny", func(a *replay.Approval) { a.After = []string{"a"} }, "lets more through"},
		"denial of what asked":  {"toolgrant/allow", func(a *replay.Approval) { a.Effect, a.After = "deny", []string{"read"} }, "lets more through"},
		"no effect":             {"toolgrant/allow", func(a *replay.Approval) { a.Effect = "" }, "want \"allow\" or less"},
		"effect of another":     {"trigger/t", func(a *replay.Approval) { a.Effect = "allow" }, "effect"},
		"another tool":          {"toolgrant/allow", func(a *replay.Approval) { a.Tool = "*" }, "tool: want \"tool/refund\", got \"*\""},
		"a pattern for a tool":  {"toolgrant/allow", func(a *replay.Approval) { a.Tool = "Bash(ls:*)" }, "tool: want \"tool/refund\", got another pattern"},
		"another pattern":       {"toolgrant/deny", func(a *replay.Approval) { a.Tool = "Bash(ls:*)" }, "tool: want the pattern of the archive"},
		"another person":        {"toolgrant/allow", func(a *replay.Approval) { a.Principal = "principal/user/none" }, "principal: want"},
		"another before":        {"toolgrant/allow", func(a *replay.Approval) { a.Before = []string{"read"} }, "scopes_before: want"},
		"nobody":                {"toolgrant/ask", func(a *replay.Approval) { a.Key = "toolgrant/none" }, "no such record"},
	} {
		a := all[c.key]
		a.After = slices.Clone(a.After)
		c.change(&a)
		for _, src := range []agentstate.Source{power(), plain{power()}} {
			dst := memstate.NewRuntime(nil)
			_, err := run(t, dst, src, journal(t), replay.Options{Approvals: []replay.Approval{a}})
			if !errors.Is(err, replay.ErrApproval) || !strings.Contains(err.Error(), c.say) || strings.Contains(err.Error(), "Bash(") || dst.Len() > 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	// The runtime's own bytes hold the wider grant.
	a := all["toolgrant/allow"]
	a.After = []string{"read"}
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{Exact: true})
	if _, err := run(t, dst, power(), journal(t), replay.Options{Approvals: []replay.Approval{a}}); !errors.Is(err, replay.ErrApproval) {
		t.Error(err)
	}
}

// plain hides that a source has access by key.
type plain struct{ agentstate.Source }

// TestApprovalsAreBound: a plan is of the approvals that it was made with.
func TestApprovalsAreBound(t *testing.T) {
	var b bytes.Buffer
	o := planOptions()
	o.Approvals = []replay.Approval{sign(asked(t)[1])}
	dst := memstate.NewRuntime(nil)
	if _, err := replay.WritePlan(t.Context(), &b, dst, power(), &o); err != nil {
		t.Fatal(err)
	}
	p, err := replay.ReadPlan(&b, nil)
	if err != nil {
		t.Fatal(err)
	}
	j, err := replay.OpenJournal(journal(t))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	o.Reviewed, o.Journal = p, j
	more := o
	more.Approvals = nil
	if _, err := replay.Apply(t.Context(), dst, power(), &more); !errors.Is(err, replay.ErrStale) || dst.Len() > 0 {
		t.Error(err)
	}
	if _, err := replay.Apply(t.Context(), dst, power(), &o); err != nil || dst.Len() != 1 {
		t.Error(err, dst.Len())
	}
}

func FuzzApprovals(f *testing.F) {
	f.Add([]byte(replay.ApprovalsHeader + "- {key: a, approved_by: Grace, date: 2026-11-28, scopes_after: [x]}\n"))
	f.Add([]byte("approvals: []\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		as, err := replay.ParseApprovals(b, today)
		if err != nil && !errors.Is(err, replay.ErrApproval) {
			t.Fatal(err)
		}
		for _, a := range as {
			if a.By == "" || a.Date == "" || a.Key == "" {
				t.Fatalf("%+v is not signed", a)
			}
		}
	})
}
