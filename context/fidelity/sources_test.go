package fidelity_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func meta(kind string, parts ...string) *pb.Meta { return agentstate.Meta(kind, nil, parts...) }

func compare(t testing.TB, want, got agentstate.Source, o *fidelity.Options) *fidelity.Report {
	t.Helper()
	rep, err := both(t, want, got, o)
	if err != nil {
		t.Fatal(err)
	}
	sum := uint64(0)
	for _, n := range rep.Grades {
		sum += n
	}
	if sum != rep.Fields {
		t.Errorf("%d fields, and the grades add up to %d: %v", rep.Fields, sum, rep.Grades)
	}
	byField, announced := map[fidelity.Grade]uint64{}, uint64(0)
	for kind, paths := range rep.FieldN {
		for path, grades := range paths {
			lost := uint64(0)
			for g, n := range grades {
				if byField[g] += n; g != fidelity.Exact {
					lost += n
				}
			}
			if lost != rep.LossN[kind+"."+path] {
				t.Errorf("%s.%s: %v, and LossN says %d", kind, path, grades, rep.LossN[kind+"."+path])
			}
		}
	}
	for _, k := range rep.Kinds {
		announced += k.Announced
	}
	if d := cmp.Diff(rep.Grades, byField); d != "" && rep.Fields > 0 || announced != rep.Announced {
		t.Error("the kinds do not add up:", d, announced, rep.Announced)
	}
	return rep
}

// both compares at a glance where that can be done, and field by field, and wants one report.
func both(t testing.TB, want, got agentstate.Source, o *fidelity.Options) (*fidelity.Report, error) {
	t.Helper()
	rep, err := fidelity.Compare(t.Context(), want, got, o)
	slow, slowErr := fidelity.Compare(t.Context(), noKeys{want}, got, o) // which flattens every record
	if fmt.Sprint(err) != fmt.Sprint(slowErr) {
		t.Errorf("at a glance %v, field by field %v", err, slowErr)
	}
	if d := cmp.Diff(slow, rep, anyOrder()); d != "" {
		t.Errorf("at a glance it is another report: %s", d)
	}
	return rep, err
}

// anyOrder lets losses stand in any order, and does not count on others than the first thousand.
func anyOrder() cmp.Option {
	return cmp.Transformer("sort", func(ls []fidelity.Loss) map[fidelity.Loss]int {
		out := map[fidelity.Loss]int{}
		if len(ls) == 1000 {
			out[fidelity.Loss{}] = 1000
			return out
		}
		for _, l := range ls {
			out[l]++
		}
		return out
	})
}

// records are the records of s.
func records(t testing.TB, s agentstate.Source) []agentstate.Record {
	t.Helper()
	var out []agentstate.Record
	for r, err := range s.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// with is the sample, and its blobs, with some records changed.
func with(t testing.TB, edit func(r agentstate.Record) agentstate.Record) agentstate.Source {
	t.Helper()
	base := memstate.Sample(4)
	var rs []agentstate.Record
	for _, r := range records(t, base) {
		if r = edit(r); r != nil {
			rs = append(rs, r)
		}
	}
	return edited{memstate.New(rs...), base}
}

// at edits the record of a key.
func at[R agentstate.Record](key string, edit func(r R)) func(agentstate.Record) agentstate.Record {
	return func(r agentstate.Record) agentstate.Record {
		if r.GetMeta().Key == key {
			edit(r.(R))
		}
		return r
	}
}

// without leaves out the record of a key.
func without(key string) func(agentstate.Record) agentstate.Record {
	return func(r agentstate.Record) agentstate.Record {
		if r.GetMeta().Key == key {
			return nil
		}
		return r
	}
}

// expect is x of all records.
func expect(x fidelity.Expectation) *fidelity.Options {
	return &fidelity.Options{Expect: func(agentstate.Record) fidelity.Expectation { return x }}
}

type edited struct {
	*memstate.State
	base *memstate.State
}

func (e edited) OpenBlob(ctx context.Context, b *pb.Blob) (io.ReadCloser, error) {
	return e.base.OpenBlob(ctx, b)
}

var errGone = errors.New("connection gone")

type stream func(yield func(agentstate.Record, error) bool)

func (s stream) Records(context.Context, *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return iter.Seq2[agentstate.Record, error](s)
}

// made is n records, each made as it is read.
func made(n int, record func(i int) agentstate.Record) stream {
	return func(yield func(agentstate.Record, error) bool) {
		for i := range n {
			if !yield(record(i), nil) {
				return
			}
		}
	}
}
