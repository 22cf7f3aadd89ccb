package memstate_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func keys(t *testing.T, src agentstate.Source) []string {
	t.Helper()
	var out []string
	for r, err := range src.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if _, mark := r.(*pb.Mark); !mark {
			out = append(out, r.GetMeta().Key)
		}
	}
	return out
}

func memory(name string) *pb.Memory {
	return &pb.Memory{Meta: agentstate.Meta("memory", nil, name), Name: name}
}

func TestSampleHasEveryKind(t *testing.T) {
	s := memstate.Sample(3)
	var tally agentstate.Tally
	for r, err := range s.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		tally.Add(r)
	}
	for _, k := range agentstate.StateKinds() {
		if tally.Records[k] == 0 {
			t.Errorf("no %s", k)
		}
	}
	if v := agentstate.Judge(&tally, nil); v.Coverage != agentstate.Reconciled {
		t.Error(v)
	}
	if !slices.Equal(keys(t, s), keys(t, memstate.Sample(3))) {
		t.Error("differs from time to time")
	}
}

func TestAllOrNothing(t *testing.T) {
	ctx := t.Context()
	s := memstate.New(memory("a"))
	put := func(r agentstate.Record) {
		t.Helper()
		if err := s.Put(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	put(memory("b"))
	put(memory("b")) // the same again is kept once
	put(memory("a"))
	if got := keys(t, s); !slices.Equal(got, []string{"memory/a"}) {
		t.Errorf("before Commit: %v", got)
	}
	if _, err := s.Get(ctx, "memory/b"); !errors.Is(err, agentstate.ErrNotFound) {
		t.Error(err)
	}
	for _, k := range []string{"a", "b"} {
		other := memory(k)
		other.Name = "other"
		if err := s.Put(ctx, other); !errors.Is(err, agentstate.ErrConflict) {
			t.Errorf("%s: %v", k, err)
		}
	}
	if err := s.Close(); err != nil || s.Commit(ctx) != nil || s.Len() != 1 {
		t.Errorf("after Close: %v, %d records", err, s.Len())
	}
	r := memory("c")
	put(r)
	r.Name = "changed by the caller" // Put keeps no reference
	if err := s.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(ctx, "memory/c")
	if err != nil || got.(*pb.Memory).Name != "c" {
		t.Error(got, err)
	}
	got.(*pb.Memory).Name = "changed by the reader"
	if again, _ := s.Get(ctx, "memory/c"); again.(*pb.Memory).Name != "c" {
		t.Error("Get hands out what it holds")
	}
}

// breaking breaks off after n records.
type breaking struct {
	*memstate.State
	n int
}

var errGone = errors.New("connection gone")

func (b breaking) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		i := 0
		for r, err := range b.State.Records(ctx, o) {
			if i++; i > b.n {
				yield(nil, errGone)
				return
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func TestResume(t *testing.T) {
	src := memstate.Sample(6)
	src.MarkEvery = 5
	want := keys(t, src)
	for n := 0; ; n++ {
		dst := memstate.New()
		_, err := agentstate.Copy(t.Context(), dst, breaking{src, n}, nil)
		if err == nil {
			if n < len(want) {
				t.Errorf("did not break after %d", n)
			}
			break
		}
		if !errors.Is(err, errGone) {
			t.Fatalf("%d: %v", n, err)
		}
		dst.Close()
		if (dst.Cursor() == nil) != (n < 6) || (dst.Tally() == nil) != (dst.Cursor() == nil) || dst.Len() != 0 {
			t.Errorf("%d: cursor %x, %d records", n, dst.Cursor(), dst.Len())
		}
		rep, err := agentstate.Copy(t.Context(), dst, src, nil)
		if err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		if d := cmp.Diff(want, keys(t, dst)); d != "" || rep.Verdict.Coverage != agentstate.Reconciled {
			t.Errorf("%d: %v %s", n, rep.Verdict, d)
		}
	}
	for _, cursor := range [][]byte{[]byte("x"), make([]byte, 40)} {
		for _, err := range src.Records(t.Context(), &agentstate.ReadOptions{Cursor: cursor}) {
			if cursor[0] == 'x' && !errors.Is(err, agentstate.ErrCursor) {
				t.Error(err)
			}
			break
		}
	}
	// A cursor of another state is not taken for one's own.
	var cursor []byte
	for r := range src.Records(t.Context(), nil) {
		if m, ok := r.(*pb.Mark); ok {
			cursor = m.Cursor
			break
		}
	}
	other := memstate.New(memory("a"), memory("b"), memory("c"), memory("d"), memory("e"), memory("f"))
	for _, err := range other.Records(t.Context(), &agentstate.ReadOptions{Cursor: cursor}) {
		if !errors.Is(err, agentstate.ErrCursor) {
			t.Error(err)
		}
	}
}

func TestBlobs(t *testing.T) {
	s := memstate.New()
	b := &pb.Blob{Id: "the source's"}
	if err := s.PutBlob(t.Context(), b, strings.NewReader("bytes")); err != nil || b.Size != 5 || len(b.Sha256) != 32 {
		t.Fatal(err, b)
	}
	rc, err := s.OpenBlob(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(rc); string(got) != "bytes" {
		t.Errorf("%q", got)
	}
	if _, err := s.OpenBlob(t.Context(), &pb.Blob{Id: "x"}); !errors.Is(err, agentstate.ErrNotFound) {
		t.Error(err)
	}
}

// TestConcurrent is for the race detector.
func TestConcurrent(t *testing.T) {
	s := memstate.Sample(5)
	rt := memstate.NewRuntime(nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				keys(t, s)
				_ = s.Put(t.Context(), memory(string(rune('a'+i))))
				_ = s.Commit(t.Context())
				_, _ = s.Get(t.Context(), "memory/a")
				rt.Set(memory(string(rune('a' + i))))
				keys(t, rt)
				_, _ = rt.Get(t.Context(), "memory/a")
			}
		})
	}
	wg.Wait()
	if n := s.Len() - memstate.Sample(5).Len(); n != 8 || rt.Len() != 8 {
		t.Errorf("%d and %d records", n, rt.Len())
	}
}

func TestSort(t *testing.T) {
	s := memstate.Sample(4)
	order := agentstate.Kinds()
	want := keys(t, s)
	slices.Reverse(order)
	s.Sort(order)
	if got := keys(t, s); got[0] != "completeness/sample" || slices.Equal(got, want) {
		t.Error(got[0])
	}
	s.Sort(nil)
	if d := cmp.Diff(want, keys(t, s)); d != "" {
		t.Error(d)
	}
	if r, err := s.Get(t.Context(), "memory/ada/0001"); err != nil || r.GetMeta().Key != "memory/ada/0001" {
		t.Error(r, err)
	}
}

func TestWholeStatesGapsAndViews(t *testing.T) {
	s := memstate.Whole("x", memory("a"),
		&pb.Gap{Meta: agentstate.Meta("gap", nil, "run", "1"), Kind: "run", Count: 2},
		&pb.Unknown{Meta: agentstate.Meta("dream", nil, "1")},
		&pb.Message{Meta: &pb.Meta{Key: "message/1", ViewOfKeys: []string{"memory/a"}}})
	var tally agentstate.Tally
	var last agentstate.Record
	for r, err := range s.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		tally.Add(r)
		last = r
	}
	v := agentstate.Judge(&tally, nil)
	for k, want := range map[string]agentstate.Coverage{"memory": agentstate.Reconciled, "message": agentstate.Reconciled, "run": agentstate.Gaps, "dream": agentstate.Unknown} {
		if v.Kinds[k].Coverage != want {
			t.Errorf("%s: %v", k, v.Kinds[k])
		}
	}
	if !proto.Equal(last, memstate.Statement("x", []agentstate.Record{memory("a"), &pb.Gap{Kind: "run", Count: 2, Meta: &pb.Meta{Key: "gap/run"}},
		&pb.Message{Meta: &pb.Meta{Key: "message/1", ViewOfKeys: []string{"memory/a"}}}})) {
		t.Error(last)
	}
}

// TestLend: what is lent is what is kept, with its bytes, and what is read is not.
func TestLend(t *testing.T) {
	s, rt := &memstate.State{}, memstate.NewRuntime(nil)
	for i := range 200 { // some lots
		r := memory(strconv.Itoa(i))
		rt.Set(r)
		if err := s.Put(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, src := range []agentstate.Source{s, rt} {
		lent, again := lentBy(t, src), lentBy(t, src)
		var read []agentstate.Record
		for r, err := range src.Records(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			if agentstate.IsState(agentstate.KindOf(r)) {
				read = append(read, r)
			}
		}
		if len(lent) != 200 || len(again) != 200 || len(read) != 200 {
			t.Fatalf("%T: %d lent, %d again, %d read", src, len(lent), len(again), len(read))
		}
		for i, w := range lent {
			if w.Record != again[i].Record || w.Record == read[i] || !proto.Equal(w.Record, read[i]) {
				t.Errorf("%T: record %d", src, i)
			}
			made := agentstate.New("memory")
			if err := proto.Unmarshal(w.Wire, made); err != nil || !proto.Equal(made, read[i]) {
				t.Errorf("%T: bytes of record %d: %v", src, i, err)
			}
		}
	}
}

func lentBy(t *testing.T, src agentstate.Source) (out []agentstate.Wired) {
	t.Helper()
	for w, err := range agentstate.Lent(t.Context(), src, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if agentstate.IsState(agentstate.KindOf(w.Record)) {
			out = append(out, w)
		}
	}
	return out
}

// TestLendEnds: a reader who leaves, and one who is cancelled, leave nothing running, and the second knows.
func TestLendEnds(t *testing.T) {
	s := &memstate.State{}
	for i := range 1000 {
		if err := s.Put(t.Context(), memory(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	for range s.Lend(t.Context(), nil) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n, last := 0, error(nil)
	for _, err := range s.Lend(ctx, nil) {
		if n, last = n+1, err; n == 1 {
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) || n > 600 {
		t.Errorf("after cancelling: %v, %d records", last, n)
	}
	ended(t, before)
	s = &memstate.State{MarkEvery: 1}
	for _, err := range s.Lend(t.Context(), &agentstate.ReadOptions{Cursor: []byte("no cursor")}) {
		if last = err; !errors.Is(err, agentstate.ErrCursor) {
			t.Error(err)
		}
	}
}
