package exportertest

import (
	"context"
	"fmt"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// How many marks are resumed from, at the most, about.
const (
	maxResumes   = 50
	briefResumes = 10
)

func resume(ctx context.Context, h Harness) error {
	a, b, err := twice(ctx, h)
	if err != nil {
		return err
	}
	if !slices.Equal(a.keys(), b.keys()) {
		return nil // another rule's business
	}
	if len(a.marks) == 0 {
		return errSkip
	}
	most := maxResumes
	if h.Brief {
		most = briefResumes
	}
	step := max(1, len(a.marks)/most)
	for i := 0; i < len(a.marks); i += step {
		m := a.marks[i]
		if len(m.cursor) > 64<<10 {
			return fmt.Errorf("mark %d: a cursor of %d bytes; 64 KiB at most", i, len(m.cursor))
		}
		var got *reading
		err := with(ctx, h, func(src agentstate.Source) (err error) {
			got, err = read(ctx, src, &agentstate.ReadOptions{Cursor: m.cursor})
			return err
		})
		if err != nil {
			return fmt.Errorf("from mark %d: %w", i, err)
		}
		keys := got.keys()
		if _, ok := got.recs[0].(*pb.Origin); ok {
			keys = keys[1:] // each stream starts with it
		}
		if d := first(a.keys()[m.after:], keys); d != "" {
			return fmt.Errorf("from mark %d, after record %d, the rest differs %s", i, m.after, d)
		}
		if was, is := a.statement(), got.statement(); was != nil && is != nil {
			for j := range was.Kinds {
				if j >= len(is.Kinds) || was.Kinds[j].Enumerated != is.Kinds[j].Enumerated {
					return fmt.Errorf("from mark %d: what was seen of %s before the break is not counted", i, was.Kinds[j].Kind)
				}
			}
		}
	}
	return nil
}

// kinds reads one kind, the one with the most records.
func kinds(ctx context.Context, h Harness) error {
	a, b, err := twice(ctx, h)
	if err != nil {
		return err
	}
	if !slices.Equal(a.keys(), b.keys()) {
		return nil
	}
	t := a.tally()
	most := ""
	for k, n := range t.Records {
		if agentstate.IsState(k) && (most == "" || n > t.Records[most] || n == t.Records[most] && k < most) {
			most = k
		}
	}
	if most == "" {
		return errSkip
	}
	var got *reading
	err = with(ctx, h, func(src agentstate.Source) (err error) {
		got, err = read(ctx, src, &agentstate.ReadOptions{Kinds: []string{most}})
		return err
	})
	if err != nil {
		return err
	}
	of := func(r *reading) (out []string) {
		for _, rec := range r.recs {
			if agentstate.KindOf(rec) == most {
				out = append(out, rec.GetMeta().GetKey())
			}
		}
		return out
	}
	if d := first(of(a), of(got)); d != "" {
		return fmt.Errorf("%s alone differs %s", most, d)
	}
	if _, ok := a.recs[0].(*pb.Origin); ok {
		if _, ok := got.recs[0].(*pb.Origin); !ok {
			return fmt.Errorf("%s alone comes without an origin", most)
		}
	}
	if a.statement() != nil && got.statement() == nil {
		return fmt.Errorf("%s alone comes without a statement", most)
	}
	v := agentstate.Judge(got.tally(), nil)
	for k := range t.Records {
		c := v.Kinds[k].Coverage
		if agentstate.IsState(k) && got.tally().Records[k] == 0 && (c == agentstate.Reconciled || c == agentstate.Listed) {
			return fmt.Errorf("%s was left out on request and is called %v", k, c)
		}
	}
	return nil
}
