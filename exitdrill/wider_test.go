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
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestWider: a target that gives a grant or a message once as it was written and once with more authority widened the
// one and raised the other, whichever comes first.
func TestWider(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{false, true} {
		p := newPlace(t)
		p.opts.Registry = exporters.NewRegistry(exporters.Driver{Scheme: "mem", URL: "mem:name", Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			if u.Opaque == "target" {
				return wider{p.runtimes["target"], first}, nil
			}
			return p.runtimes[u.Opaque], nil
		}})
		out := p.run(p.plan())
		if a := out.Predicate.Authority; a.Widened < 1 || a.Raised != 1 || out.Judgement.Verdict != evidence.VerdictFail {
			t.Errorf("%v: %+v, %+v", first, a, out.Judgement)
		}
		for n, want := range map[int]string{29: "(1 of them stand beside another one under the same key), 1 records raised", 38: "1 records speak with more authority"} {
			if c := check(out, n); c.Result != evidence.Fail || !strings.Contains(c.Why, want) {
				t.Errorf("%v: %+v", first, c)
			}
		}
		if c := check(out, 35); c.Result == evidence.Fail {
			t.Errorf("%v: what a copy names is counted: %+v", first, c)
		}
	}
}

// wider gives each grant and one message a second time, with more authority.
type wider struct {
	*memstate.Runtime
	first bool
}

func (d wider) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		for r, err := range d.Runtime.Records(ctx, o) {
			both := []agentstate.Record{r}
			switch x := r.(type) {
			case *pb.ToolGrant:
				y := proto.CloneOf(x)
				y.Pattern, y.Scopes, y.Effect = "*", []string{"*"}, pb.ToolGrant_EFFECT_ALLOW
				both = append(both, y)
			case *pb.Message:
				if x.Meta.Key == "message/t1/0002" {
					y := proto.CloneOf(x)
					y.Role = pb.Role_ROLE_SYSTEM
					both = append(both, y)
				}
			}
			if d.first {
				slices.Reverse(both)
			}
			for _, r := range both {
				if !yield(r, err) {
					return
				}
			}
		}
	}
}

func (d wider) Lend(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return d.Records(ctx, o)
}
