package fidelity_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"testing"

	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
)

// TestTwice: what comes twice under one key ends nothing. It is counted, and named where one was due; the first
// of two is compared.
func TestTwice(t *testing.T) {
	of := func(ids ...string) stream {
		return made(len(ids), func(i int) agentstate.Record {
			m := &pb.Memory{Meta: meta("memory", ids[i]), Name: ids[i]}
			if slices.Contains(ids[:i], ids[i]) {
				m.Name = "another one"
			}
			return m
		})
	}
	for name, c := range map[string]struct {
		want, got stream
		opts      *fidelity.Options
		kind      fidelity.Kind
		twice     []string
	}{
		"of neither": {of("a"), of("a"), nil, fidelity.Kind{Records: 1, Same: 1}, nil},
		"of others":  {of("a"), of("a", "b", "c", "b", "b"), nil, fidelity.Kind{Records: 1, Same: 1, Extra: 4, Duplicates: 2}, nil},
		"of got":     {of("a", "b"), of("a", "b", "a", "a"), nil, fidelity.Kind{Records: 2, Same: 2, Extra: 2, Duplicates: 2, Copies: 2}, []string{"memory/a", "memory/a"}},
		"of want":    {of("a", "b", "a"), of("a", "b"), nil, fidelity.Kind{Records: 2, Same: 2, Missing: 1}, []string{"memory/a"}},
		"of both":    {of("a", "a"), of("a", "a"), nil, fidelity.Kind{Records: 1, Same: 1, Missing: 1, Extra: 1, Duplicates: 1, Copies: 1}, []string{"memory/a", "memory/a"}},
		"two in one": {of("a", "b"), of("a"), &fidelity.Options{Key: func(string) string { return "memory/a" }}, fidelity.Kind{Records: 1, Same: 1, Missing: 1}, []string{"memory/a"}},
		"forbidden":  {of("a"), of("a", "a"), expect(fidelity.Absent), fidelity.Kind{Extra: 2, Duplicates: 1, Copies: 1, Forbidden: 2}, []string{"memory/a"}},
		"ignored":    {of("a"), of("a", "a"), expect(fidelity.Ignored), fidelity.Kind{Skipped: 1}, nil},
	} {
		rep := compare(t, c.want, c.got, c.opts)
		if d := cmp.Diff(&c.kind, rep.Kinds["memory"]); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if merged := map[string]uint64{"two in one": 1}[name]; rep.Merged != merged || rep.Renamed != 0 {
			t.Errorf("%s: %d merged, %d renamed", name, rep.Merged, rep.Renamed)
		}
		if d := cmp.Diff(c.twice, rep.Twice); d != "" || rep.TwiceN != uint64(len(c.twice)) || rep.Match() != (c.kind.Same == c.kind.Records && c.twice == nil) {
			t.Errorf("%s: %d, match %v: %s", name, rep.TwiceN, rep.Match(), d)
		}
	}
}

// TestRenamed: what got has under another key is counted.
func TestRenamed(t *testing.T) {
	of := func(id string) stream {
		return made(1, func(int) agentstate.Record { return &pb.Memory{Meta: meta("memory", id), Name: "n"} })
	}
	rep := compare(t, of("a"), of("z"), &fidelity.Options{Key: func(string) string { return "memory/z" }})
	if rep.Records != 1 || rep.Renamed != 1 || rep.Merged != 0 {
		t.Errorf("%+v", rep)
	}
}

// TestManyTwice: where so many differ that the first state is read once more, the first of two is compared, too.
func TestManyTwice(t *testing.T) {
	half := 1100
	twice := func(name string) stream {
		return made(2*half, func(i int) agentstate.Record {
			m := &pb.Memory{Meta: meta("memory", fmt.Sprint(i%half)), Name: name}
			if i >= half {
				m.Name += " another"
			}
			return m
		})
	}
	rep := compare(t, keyed{twice("a\u0308")}, twice("\u00e4"), nil)
	if rep.Records != 1100 || rep.Equivalent != 1100 || rep.TwiceN != 2200 || len(rep.Twice) != 1000 || rep.MissingN != 1100 || rep.ExtraN != 1100 {
		t.Errorf("%d twice, %+v", rep.TwiceN, rep.Kinds["memory"])
	}
}

// keyed is a stream with access by key: the first record of it.
type keyed struct{ stream }

func (s keyed) Get(ctx context.Context, key string) (agentstate.Record, error) {
	for r, err := range s.Records(ctx, nil) {
		if err != nil || r.GetMeta().GetKey() == key {
			return r, err
		}
	}
	return nil, agentstate.ErrNotFound
}

// many is a state of n memories that is made as it is read.
func many(n int, differ int) stream {
	return made(n, func(i int) agentstate.Record {
		m := &pb.Memory{
			Meta: agentstate.Meta("memory", agentstate.Document("row", "", fmt.Appendf(nil, `{"id":%d,"text":"some text of an ordinary length, number %d"}`, i, i)), fmt.Sprint(i)),
			Name: fmt.Sprint(i), Form: pb.Memory_FORM_SEMANTIC, Content: &pb.Memory_Text{Text: fmt.Sprintf("some text of an ordinary length, number %d", i)},
			Tags: []string{"a", "b"},
		}
		m.Meta.CreatedUnixNano = int64(i) + 1
		if differ > 0 && i%differ == 0 {
			m.Name = "other"
		}
		return m
	})
}

// TestMany: lists stay short, counts are of all, and memory does not follow the size.
func TestMany(t *testing.T) {
	n := loadtest.Of(15_000, 50_000) // more of each than a list holds
	var held []int
	rep := compare(t, many(n, 0), measured{many(n-3000, 7), func(i int) {
		if i == 7000 || i == n-3001 { // where the lists are full, and at the end
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			held = append(held, int(m.HeapAlloc))
		}
	}}, nil)
	differ := uint64((n-3000-1)/7 + 1)
	if rep.MissingN != 3000 || len(rep.Missing) != 1000 || rep.LossN["memory.name"] != differ || len(rep.Losses) != 1000 || rep.Same+differ != rep.Records {
		t.Errorf("%d missing, %d listed; %v, %d listed; %d of %d", rep.MissingN, len(rep.Missing), rep.LossN, len(rep.Losses), rep.Same, rep.Records)
	}
	if more := slices.Max(held) - slices.Min(held); more > 512<<10 { // records themselves would be megabytes
		t.Errorf("%d bytes more are held after thousands of records: %d", more, held)
	}
}

// measured is a stream that calls at before each record.
type measured struct {
	stream
	at func(i int)
}

func (m measured) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		i := 0
		for r, err := range m.stream.Records(ctx, o) {
			m.at(i)
			if i++; !yield(r, err) {
				return
			}
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	for b.Loop() {
		compare(b, many(100_000, 0), many(100_000, 0), nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/record")
}
