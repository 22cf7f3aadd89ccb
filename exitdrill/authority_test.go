package exitdrill_test

import (
	"context"
	"iter"
	"net/url"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func grant(name string, of ...string) *pb.ToolGrant {
	g := &pb.ToolGrant{Meta: agentstate.Meta("toolgrant", nil, name), ToolKey: "tool/" + name, Effect: pb.ToolGrant_EFFECT_ALLOW, Enabled: true}
	g.Meta.ViewOfKeys = of
	return g
}

// TestGrants: each grant counts once, whatever became of it, and grants of the target that are not of the archive
// are said.
func TestGrants(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		target memstate.RuntimeOptions
		have   []*pb.ToolGrant // in the target before
		yields *pb.ToolGrant   // read out of a policy that arrived
		want   evidence.Authority
		result evidence.Result
		says   string
	}{
		"two wait": {
			want: evidence.Authority{Grants: 3, Reproduced: 1, Reduced: 2}, result: evidence.Pass, says: "1 reproduced, 2 not or less, 0 widened",
		},
		"a view arrives in its policy": {
			target: memstate.RuntimeOptions{Exact: true}, yields: grant("view", "policy/refunds"),
			want: evidence.Authority{Grants: 3, Reproduced: 2, Reduced: 1}, result: evidence.Pass, says: "2 reproduced, 1 not or less, 0 widened",
		},
		"the target has others": {
			have: []*pb.ToolGrant{{Meta: agentstate.Meta("toolgrant", nil, "ada", "refund"), Effect: pb.ToolGrant_EFFECT_ALLOW}, grant("theirs")},
			want: evidence.Authority{Grants: 3, Reduced: 2}, result: evidence.Warn, says: "1 others under keys of grants and policies, which were left as they are, and 1 grants that the archive does not have",
		},
	} {
		p := newPlace(t)
		rt := memstate.NewRuntime(&c.target)
		for _, g := range c.have {
			rt.Set(g)
		}
		p.runtimes["source"].Set(grant("view", "policy/refunds"))
		p.runtimes["source"].Set(grant("waits"))
		p.opts.Registry = exporters.NewRegistry(exporters.Driver{Scheme: "mem", URL: "mem:name", Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			if u.Opaque == "target" {
				return viewing{rt, c.yields}, nil
			}
			return p.runtimes[u.Opaque], nil
		}})
		out := p.run(p.plan())
		got := out.Predicate.Authority
		if got.Grants != c.want.Grants || got.Reproduced != c.want.Reproduced || got.Reduced != c.want.Reduced || got.Widened != 0 {
			t.Errorf("%s: %+v", name, got)
		}
		if ch := check(out, 29); ch.Result != c.result || !strings.Contains(ch.Why, c.says) {
			t.Errorf("%s: %+v", name, ch)
		}
	}
}

// TestDenialNotTaken: grants without what was denied beside them are wider than the source.
func TestDenialNotTaken(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.runtimes["target"] = memstate.NewRuntime(&memstate.RuntimeOptions{Refuse: func(r agentstate.Record) string {
		if g, ok := r.(*pb.ToolGrant); ok && g.Effect == pb.ToolGrant_EFFECT_DENY {
			return "it has no denials"
		}
		return ""
	}})
	denial := grant("other")
	denial.Effect = pb.ToolGrant_EFFECT_DENY
	p.runtimes["source"].Set(denial)
	pl := p.plan()
	p.write("approvals", approvals+"toolgrant/other\n")
	out := p.run(pl)
	if c := check(out, 29); c.Result != evidence.Fail || !strings.Contains(c.Why, "1 grants widened (1 denials, or rules to ask first, are not in the target") || out.Judgement.Verdict != evidence.VerdictFail {
		t.Errorf("%+v, %s", c, out.Judgement.Verdict)
	}
}

// TestDenialOverruled: a target that holds, under the key of a denial, a grant of its own allows more than the source;
// where the source allows as well, or denies nothing as yet, it does not.
func TestDenialOverruled(t *testing.T) {
	t.Parallel()
	for name, c := range loadtest.Rows(map[string]struct {
		source, target pb.ToolGrant_Effect
		enabled        bool
		want           evidence.Result
	}{
		"denied":  {pb.ToolGrant_EFFECT_DENY, pb.ToolGrant_EFFECT_ASK, true, evidence.Fail},
		"asked":   {pb.ToolGrant_EFFECT_ASK, pb.ToolGrant_EFFECT_ALLOW, true, evidence.Fail},
		"less":    {pb.ToolGrant_EFFECT_ASK, pb.ToolGrant_EFFECT_DENY, true, evidence.Warn},
		"allowed": {pb.ToolGrant_EFFECT_ALLOW, pb.ToolGrant_EFFECT_ASK, true, evidence.Warn},
		"off":     {pb.ToolGrant_EFFECT_DENY, pb.ToolGrant_EFFECT_ALLOW, false, evidence.Warn},
	}, "denied", "less", "off") {
		p := newPlace(t)
		source, target := grant("other"), grant("other")
		source.Effect, source.Enabled, target.Effect = c.source, c.enabled, c.target
		p.runtimes["source"].Set(source)
		p.runtimes["target"].Set(target)
		pl := p.plan()
		p.write("approvals", approvals+"toolgrant/other\n")
		out := p.run(pl)
		if ch := check(out, 29); ch.Result != c.want || strings.Contains(ch.Why, "where the source has 1 denials, or rules to ask first, the target has grants of its own, which allow more") != (c.want == evidence.Fail) {
			t.Errorf("%s: %+v", name, ch)
		}
	}
}

// viewing reads a grant out of a policy that it holds.
type viewing struct {
	*memstate.Runtime
	view *pb.ToolGrant
}

func (v viewing) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		for r, err := range v.Runtime.Records(ctx, o) {
			if _, ok := r.(*pb.Policy); ok && v.view != nil && !yield(v.view, nil) || !yield(r, err) {
				return
			}
		}
	}
}

// Lend is Records: what is read out of others is not lent.
func (v viewing) Lend(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return v.Records(ctx, o)
}
