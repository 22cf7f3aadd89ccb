package exportertest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// The samples are read by all tests, and changed by none.
var (
	small = func() *memstate.State { s := memstate.Sample(5); s.MarkEvery = 7; return s }()
	large = memstate.Sample(30)
)

const canary = "hunter2-canary"

type recs = []agentstate.Record

// bad are drivers with one defect each, by the rule that must find it.
func bad() map[string][]Harness {
	out := map[string][]Harness{
		"origin first": {
			edited(func(rs recs, _ int) recs { return rs[1:] }),
			edited(func(rs recs, _ int) recs { rs[0].(*pb.Origin).Product = ""; return rs }),
		},
		"statement last": {
			edited(func(rs recs, _ int) recs { return rs[:len(rs)-1] }),
		},
		"every kind spoken of": {
			on(func(st *pb.Completeness) { st.Kinds = st.Kinds[1:] }),
		},
		"counts are true": {
			on(func(st *pb.Completeness) { st.Kinds[0].Enumerated++ }),
			on(func(st *pb.Completeness) { st.Kinds[0].Class = pb.KindCompleteness_CLASS_ABSENT }),
		},
		"hard references precede": {
			edited(func(rs recs, _ int) recs {
				_, i := find[*pb.Message](rs)
				_, j := find[*pb.Conversation](rs)
				rs[i], rs[j] = rs[j], rs[i]
				return rs
			}),
			on(func(m *pb.Message) { m.ConversationKey = "conversation/gone" }),
		},
		"break": {
			streamed(func(_ context.Context, _ *agentstate.ReadOptions, base iter.Seq2[agentstate.Record, error], yield func(agentstate.Record, error) bool) {
				for r, err := range base {
					yield(r, err) // whatever the answer is
				}
			}),
		},
		"nothing left behind": {
			streamed(func(ctx context.Context, _ *agentstate.ReadOptions, base iter.Seq2[agentstate.Record, error], yield func(agentstate.Record, error) bool) {
				type pair struct {
					r   agentstate.Record
					err error
				}
				c := make(chan pair)
				go func() {
					defer close(c)
					for r, err := range base {
						c <- pair{r, err}
					}
				}()
				for p := range c {
					if ctx.Err() != nil { // what the goroutine has in hand is not one record more
						yield(nil, ctx.Err())
						return
					}
					if !yield(p.r, p.err) {
						return
					}
				}
			}),
		},
		"cancel": {
			streamed(func(_ context.Context, opts *agentstate.ReadOptions, base iter.Seq2[agentstate.Record, error], yield func(agentstate.Record, error) bool) {
				for r, err := range base { // stops, and says nothing
					if errors.Is(err, context.Canceled) || !yield(r, err) {
						return
					}
				}
			}),
		},
		"records are the caller's: later": {
			streamed(func(_ context.Context, _ *agentstate.ReadOptions, base iter.Seq2[agentstate.Record, error], yield func(agentstate.Record, error) bool) {
				buf := make([]byte, 0, 64)
				for r, err := range base {
					if m, ok := r.(*pb.Message); ok && m.Role == pb.Role_ROLE_ASSISTANT { // a scanner's line
						call := m.Parts[1].GetToolCall()
						buf = append(buf[:0], call.ArgumentsJson...)
						call.ArgumentsJson = buf
					}
					if p, ok := r.(*pb.PendingWrite); ok {
						buf = append(buf[:0], "overwritten by a later line"...)
						p.TaskId = "a"
					}
					if !yield(r, err) {
						return
					}
				}
			}),
		},
		"records are the caller's: change": {
			func() Harness {
				h := edited(func(rs recs, _ int) recs { return rs })
				openGood := h.Open
				h.Open = func(ctx context.Context) (agentstate.Source, error) {
					src, err := openGood(ctx)
					if err != nil {
						return nil, err
					}
					r, err := read(ctx, src, nil)
					return inner{r.recs, src.(agentstate.BlobSource)}, err
				}
				return h
			}(),
		},
		"resume": {
			streamed(func(_ context.Context, opts *agentstate.ReadOptions, base iter.Seq2[agentstate.Record, error], yield func(agentstate.Record, error) bool) {
				resumed := opts != nil && opts.Cursor != nil
				n := 0
				for r, err := range base {
					if n++; resumed && n == 2 { // forgets the first record after the cursor
						continue
					}
					if !yield(r, err) {
						return
					}
				}
			}),
			streamed(func(_ context.Context, opts *agentstate.ReadOptions, base iter.Seq2[agentstate.Record, error], yield func(agentstate.Record, error) bool) {
				for r, err := range base { // counts anew after a break
					if st, ok := r.(*pb.Completeness); ok && opts != nil && opts.Cursor != nil {
						st.Kinds[0].Enumerated = 0
					}
					if !yield(r, err) {
						return
					}
				}
			}),
		},
		"kinds": {
			streamed(func(_ context.Context, opts *agentstate.ReadOptions, base iter.Seq2[agentstate.Record, error], yield func(agentstate.Record, error) bool) {
				for r, err := range base { // control records are of no kind that was asked for
					if opts != nil && opts.Kinds != nil && r != nil && !slices.Contains(opts.Kinds, agentstate.KindOf(r)) {
						continue
					}
					if !yield(r, err) {
						return
					}
				}
			}),
			streamed(func(_ context.Context, opts *agentstate.ReadOptions, base iter.Seq2[agentstate.Record, error], yield func(agentstate.Record, error) bool) {
				n := 0
				for r, err := range base {
					if _, ok := r.(*pb.Message); ok && opts != nil && opts.Kinds != nil {
						if n++; n == 2 {
							continue
						}
					}
					if !yield(r, err) {
						return
					}
				}
			}),
		},

		"key form": {
			edited(func(rs recs, _ int) recs { m, _ := find[*pb.Opaque](rs); m.Meta.Key = "opaque/a b"; return rs }),
			edited(func(rs recs, _ int) recs { m, _ := find[*pb.Opaque](rs); m.Meta.Key = "opaque"; return rs }),
		},
		"keys are unique": {
			edited(func(rs recs, _ int) recs {
				_, i := find[*pb.Embedding](rs)
				rs[i+1].GetMeta().Key = rs[i].GetMeta().Key
				return rs
			}),
		},
		"keys again": {
			on(func(m *pb.Opaque) { m.Meta.Key = agentstate.Key("opaque", fmt.Sprintf("%020d", rand.Uint64())) }),
		},
		"order again": {
			edited(func(rs recs, run int) recs {
				_, i := find[*pb.Embedding](rs)
				if run%2 == 0 {
					rs[i], rs[i+1] = rs[i+1], rs[i]
				}
				return rs
			}),
		},
		"content again": {
			edited(func(rs recs, run int) recs {
				st, _ := find[*pb.Completeness](rs)
				st.Kinds[0].Reference = new(uint64(run))
				return rs
			}),
			edited(func(rs recs, run int) recs {
				st, _ := find[*pb.Completeness](rs)
				st.Kinds[0].Class = pb.KindCompleteness_Class(1 + run%2)
				return rs
			}),
			edited(func(rs recs, run int) recs {
				m, _ := find[*pb.Opaque](rs)
				m.Meta.UpdatedUnixNano = int64(run)
				return rs
			}),
		},
		"encodable": {
			edited(func(rs recs, _ int) recs { m, _ := find[*pb.Memory](rs); m.Name = "\xff"; return rs }),
		},
		"size": {
			on(func(m *pb.Memory) {
				for range 17 {
					m.Tags = append(m.Tags, strings.Repeat("x", 1<<20))
				}
			}),
		},
		"spill": {
			on(func(m *pb.State) { m.Value = agentstate.Inline("", make([]byte, agentstate.SpillSize+1)) }),
			on(func(m *pb.Checkpoint) {
				m.Meta.Native[0].GetRow().Columns[0].Value = &pb.Column_Text{Text: make([]byte, agentstate.SpillSize+1)}
			}),
		},
		"native once": {
			edited(func(rs recs, _ int) recs {
				_, i := find[*pb.Memory](rs)
				n := agentstate.Document("line", "", []byte(strings.Repeat("once ", 20)))
				rs[i].GetMeta().Native, rs[i+2].GetMeta().Native = []*pb.Native{n}, []*pb.Native{n}
				return rs
			}),
			on(func(m *pb.ChannelValue) {
				v := []byte(strings.Repeat("once ", 20))
				m.Value = agentstate.Inline("", v)
				m.Meta.Native[0].GetRow().Columns[6].Value = &pb.Column_Blob{Blob: v}
			}),
		},
		"views have no native": {
			edited(func(rs recs, _ int) recs {
				for _, r := range rs {
					if len(r.GetMeta().ViewOfKeys) > 0 {
						r.GetMeta().Native = []*pb.Native{agentstate.Document("line", "", []byte("x"))}
					}
				}
				return rs
			}),
		},
		"blobs": {
			func() Harness { // a plain Source
				h := good()
				openGood := h.Open
				h.Open = func(ctx context.Context) (agentstate.Source, error) {
					src, err := openGood(ctx)
					return struct{ agentstate.Source }{src}, err
				}
				h.Fault = nil
				return h
			}(),
			edited(func(rs recs, _ int) recs { // a blob that is shorter than it says
				m, _ := find[*pb.Artifact](rs)
				m.Data.GetBlob().Size++
				return rs
			}),
		},
		"secrets": {
			on(func(o *pb.Origin) { o.Location = "postgres://u:" + canary + "@host" }),
		},
	}
	for name, h := range badTargets() {
		out[name] = append(out[name], h...)
	}
	for _, f := range memstate.LosingFaults() {
		out["fault: "+string(f)] = []Harness{faulty(f, clean)} // does not notice
	}
	for _, f := range memstate.PassingFaults() {
		out["fault: "+string(f)] = []Harness{faulty(f, func() agentstate.Source {
			return &memstate.Client{Server: memstate.NewServer(large, 10, f), Tries: 1}
		})}
	}
	out["fault: "+string(memstate.Hanging)] = []Harness{faulty(memstate.Hanging, func() agentstate.Source {
		return stream{clean(), func(_ context.Context, opts *agentstate.ReadOptions, _ iter.Seq2[agentstate.Record, error], yield func(agentstate.Record, error) bool) {
			src := &memstate.Client{Server: memstate.NewServer(large, 10, memstate.Hanging)}
			late, stop := context.WithTimeout(context.Background(), patience*2)
			defer stop()
			for r, err := range src.Records(late, opts) { // asks with a context of its own
				if !yield(r, err) {
					return
				}
			}
		}}
	})}
	return out
}

// inner hands out the records that it holds.
type inner struct {
	recs recs
	agentstate.BlobSource
}

func (s inner) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		for _, r := range s.recs {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// failing are the names of those of the rules that h breaks.
func failing(t *testing.T, h Harness, rules []Rule) []string {
	t.Helper()
	var out []string
	h.seen = &seen{}
	for _, r := range rules {
		if err := r.Check(t.Context(), h); err != nil && !errors.Is(err, errSkip) {
			out = append(out, r.Name)
			if testing.Verbose() {
				t.Logf("%s: %v", r.Name, err)
			}
		}
	}
	return out
}

// TestRulesFind: each rule finds the drivers that break it, and nothing else is found. The plain run looks for something else
// with a quarter of the rules, another one for each driver.
func TestRulesFind(t *testing.T) {
	all, n := bad(), 0
	for _, r := range Rules() {
		if r.Why == "" {
			t.Errorf("%s: does not say why", r.Name)
		}
		if len(all[r.Name]) == 0 {
			t.Errorf("%s: no driver breaks it: a rule that cannot fail", r.Name)
		}
		for i, h := range all[r.Name] {
			n++
			var rules []Rule
			for j, other := range Rules() {
				if other.Name == r.Name || (n+j)%loadtest.Of(4, 1) == 0 {
					rules = append(rules, other)
				}
			}
			t.Run(fmt.Sprintf("%s/%d", r.Name, i), func(t *testing.T) {
				t.Parallel()
				if d := cmp.Diff([]string{r.Name}, failing(t, h, rules)); d != "" {
					t.Error(d)
				}
			})
		}
		delete(all, r.Name)
	}
	for name := range all {
		t.Errorf("%s is no rule", name)
	}
}
