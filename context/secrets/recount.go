package secrets

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Recount is src, a part of an archive that was scanned, with the summary of that scan counted anew from the
// labels of the records that are left. Where nobody scanned, nothing is said.
func Recount(src agentstate.Source) agentstate.Source { return recounted{src} }

type recounted struct{ agentstate.Source }

// Unwrap is the source itself.
func (r recounted) Unwrap() agentstate.Source { return r.Source }

// Records are those of the source.
func (r recounted) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		left := map[string]*Summary{agentstate.LabelSecrets: {}, agentstate.LabelRedacted: {}}
		for rec, err := range r.Source.Records(ctx, o) {
			if st, ok := rec.(*pb.Completeness); ok && err == nil {
				restate(st, left)
			} else if err == nil && rec != nil {
				for _, l := range rec.GetMeta().GetLabels() {
					var c Counts
					if s := left[l.GetName()]; s != nil && json.Unmarshal([]byte(l.GetValue()), &c) == nil {
						s.add(agentstate.KindOf(rec), c)
					}
				}
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

// restate puts what is left into the summary that st holds. A scan that only labelled is counted by
// one label, one that took secrets out by the other.
func restate(st *pb.Completeness, left map[string]*Summary) {
	s := Of(st)
	if s == nil {
		return
	}
	n := left[agentstate.LabelSecrets]
	if s.Mode == Redact.String() {
		n = left[agentstate.LabelRedacted]
	}
	s.Found, s.Records = n.Found, n.Records
	b, _ := json.Marshal(s) // of text and numbers
	agentstate.SetOwnLabel(st.Meta, agentstate.LabelScan, string(b))
}
