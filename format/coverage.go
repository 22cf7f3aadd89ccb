package format

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// coverage computes the coverage from the facts in the root, and compares it, and the counts,
// with what the archive says.
func (c *contents) coverage() error {
	if c.summary == nil {
		return nil // compartment 0 is closed
	}
	name := rootName(0, c.a.man.encrypted())
	if n := len(c.summary.Compartments); n != len(c.roots) {
		return mismatch(ErrPayload, name, "compartments", fmt.Sprint(len(c.roots)), fmt.Sprint(n))
	}
	kinds := publishedKinds(c.a.man.SchemaSHA256)
	for _, k := range kinds {
		if !slices.Contains(c.summary.KnownKinds, k) {
			return refuse(ErrCoverage, name, fmt.Sprintf("kind %s is not among those that the writer knew", k))
		}
	}
	counts := map[string]uint64{}
	for _, s := range c.shards {
		counts[s.Kind] += s.Count
	}
	t, err := c.facts(name)
	if err != nil {
		return err
	}
	for k, n := range counts {
		if have := t.Records[k]; n > have || len(c.closed) == 0 && n != have {
			return mismatch(ErrPayload, name, "records of kind "+k, fmt.Sprint(have), fmt.Sprint(n))
		}
	}
	if len(c.closed) == 0 {
		for k, n := range t.Records {
			if counts[k] != n {
				return mismatch(ErrPayload, name, "records of kind "+k, fmt.Sprint(n), fmt.Sprint(counts[k]))
			}
		}
	}
	c.verdict = agentstate.Judge(t, c.summary.KnownKinds)
	if got := c.verdict.Coverage.String(); got != c.a.man.Coverage {
		return mismatch(ErrCoverage, nameManifest, "coverage from the facts", got, c.a.man.Coverage)
	}
	if want := summarize(t, &c.verdict); !proto.Equal(&pb.Summary{Kinds: want}, &pb.Summary{Kinds: c.summary.Kinds}) {
		return refuse(ErrCoverage, name, "coverage by kind is not what follows from the facts")
	}
	if kinds == nil {
		c.verdict.Coverage, c.verdict.Why = agentstate.Unknown, "no release published the schema: which kinds there are is not known"
	}
	for k := range c.verdict.Kinds { // the writer may have known more than this release
		if !slices.Contains(agentstate.Kinds(), k) {
			c.verdict.Kinds[k] = agentstate.KindVerdict{Coverage: agentstate.Unknown, Why: "not understood by this release"}
			c.verdict.Coverage = agentstate.Unknown
		}
	}
	return nil
}

// facts is the tally that the root stands for.
func (c *contents) facts(member string) (*agentstate.Tally, error) {
	t := &agentstate.Tally{Records: map[string]uint64{}, Views: map[string]uint64{}, Statements: c.summary.Statements}
	gaps := 0
	for _, k := range c.summary.Kinds {
		if k.Views > k.Records || k.Uncounted > k.Gaps || k.Gaps > uint64(c.a.lim.Gaps-gaps) || k.Missing < k.Gaps-k.Uncounted {
			return nil, refuse(ErrPayload, member, fmt.Sprintf("counts of kind %q do not go together", k.Kind))
		}
		if k.Records > 0 {
			t.Records[k.Kind], t.Views[k.Kind] = k.Records, k.Views
		}
		t.Gaps = append(t.Gaps, gapsFor(k)...)
		gaps += int(k.Gaps)
	}
	if n := t.Records["gap"]; n != uint64(gaps) {
		return nil, mismatch(ErrPayload, member, "gaps", fmt.Sprint(n), fmt.Sprint(gaps))
	}
	return t, nil
}

// gapsFor is as many gaps as k counts, of the same total size: Judge looks at no more.
func gapsFor(k *pb.KindSummary) []*pb.Gap {
	out := make([]*pb.Gap, 0, k.Gaps)
	none := &pb.Gap{Kind: k.Kind}
	for range k.Uncounted {
		out = append(out, none)
	}
	counted := k.Gaps - k.Uncounted
	if counted == 0 {
		return out
	}
	one := &pb.Gap{Kind: k.Kind, Count: 1}
	for range counted - 1 {
		out = append(out, one)
	}
	return append(out, &pb.Gap{Kind: k.Kind, Count: k.Missing - (counted - 1)})
}
