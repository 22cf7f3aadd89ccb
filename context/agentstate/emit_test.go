package agentstate_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// emitted is a source of n memories and one gap that is written with an Emitter.
func emitted(ctx context.Context, n int, cursor []byte, end error) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		e := agentstate.NewEmitter(ctx, yield, &pb.Origin{Product: "x"})
		at := 0
		if err := e.Resume(cursor, &at); err != nil {
			e.Fail(err)
			return
		}
		for i := at; i < n && e.OK(); i++ {
			if i == 1 {
				e.Gap(&pb.Gap{Kind: "memory", Place: "/hr", Count: 3})
			}
			e.Put(memory(string(rune('a'+i)), "x"))
			e.Mark(i + 1)
		}
		e.Reference("memory", uint64(n+3), "count(*)", "whole file")
		e.Derived("message", "memory")
		e.Kind("dream")
		e.AbsentOthers()
		e.Statement().Observer = "role exit-reader"
		e.End(end, "tool")
	}
}

func collect(t *testing.T, seq iter.Seq2[agentstate.Record, error]) (recs []agentstate.Record, marks [][]byte, err error) {
	t.Helper()
	for r, e := range seq {
		if err != nil {
			t.Fatal("goes on after an error")
		}
		if err = e; e != nil {
			continue
		}
		if m, ok := r.(*pb.Mark); ok {
			marks = append(marks, m.Cursor)
		} else {
			recs = append(recs, r)
		}
	}
	return recs, marks, err
}

func TestEmitter(t *testing.T) {
	recs, marks, err := collect(t, emitted(t.Context(), 3, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	if k := recs[0].GetMeta().Key; k != "origin/x" {
		t.Error(k)
	}
	st, ok := recs[len(recs)-1].(*pb.Completeness)
	if !ok {
		t.Fatalf("the last is %T", recs[len(recs)-1])
	}
	if st.Meta.Key != "completeness/x" || st.Observer == "" || st.FromUnixNano == 0 || st.ToUnixNano < st.FromUnixNano {
		t.Error(st)
	}
	facts := map[string]*pb.KindCompleteness{}
	for _, k := range st.Kinds {
		facts[k.Kind] = k
	}
	for _, k := range append(agentstate.StateKinds(), "dream") {
		if facts[k] == nil {
			t.Errorf("%s is not spoken of", k)
		}
	}
	if f := facts["memory"]; f.Enumerated != 6 || !f.Exhausted || f.GetReference() != 6 || f.Class != pb.KindCompleteness_CLASS_ENUMERATED {
		t.Error(f) // three that came and three that are missing
	}
	if f := facts["message"]; f.Class != pb.KindCompleteness_CLASS_DERIVED || f.Exhausted {
		t.Error(f)
	}
	if f := facts["tool"]; f.Class != pb.KindCompleteness_CLASS_ABSENT { // said before End listed it
		t.Error(f)
	}
	var ta agentstate.Tally
	for _, r := range recs {
		ta.Add(r)
	}
	if v := agentstate.Judge(&ta, nil); v.Kinds["memory"].Coverage != agentstate.Gaps {
		t.Error(v)
	}

	// From each mark on, the same records and the same counts.
	for i, m := range marks {
		rest, _, err := collect(t, emitted(t.Context(), 3, m, nil))
		if err != nil {
			t.Fatal(err)
		}
		got := rest[len(rest)-1].(*pb.Completeness)
		if got.Resumed != 1 || got.FromUnixNano != st.FromUnixNano {
			t.Errorf("mark %d: resumed %d, from %d", i, got.Resumed, got.FromUnixNano)
		}
		for _, k := range got.Kinds {
			if k.Enumerated != facts[k.Kind].Enumerated {
				t.Errorf("mark %d: %s: %d, want %d", i, k.Kind, k.Enumerated, facts[k.Kind].Enumerated)
			}
		}
	}
}

func TestEmitterStops(t *testing.T) {
	for n := range 6 {
		i := 0
		for range emitted(t.Context(), 3, nil, nil) { // panics when it yields after the break
			if i++; i > n {
				break
			}
		}
	}
	e := agentstate.NewEmitter(t.Context(), func(r agentstate.Record, err error) bool { return agentstate.KindOf(r) == "origin" }, &pb.Origin{Product: "x"})
	if err := e.Err(); err != nil {
		t.Error(err)
	}
	if e.Put(memory("a", "x")); !errors.Is(e.Err(), agentstate.ErrStopped) {
		t.Error(e.Err())
	}
	e.End(e.Err()) // yields nothing: KindOf would panic
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	after := 0
	for _, err := range emitted(ctx, 3, nil, nil) {
		if last = err; err == nil {
			after++
		}
		cancel()
	}
	if !errors.Is(last, context.Canceled) || after != 1 {
		t.Errorf("%v after %d records", last, after)
	}
	recs, _, err := collect(t, emitted(t.Context(), 2, nil, errGone))
	if !errors.Is(err, errGone) {
		t.Error(err)
	}
	if _, ok := recs[len(recs)-1].(*pb.Completeness); ok {
		t.Error("a statement although the reading failed")
	}
}

func TestEmitterCursor(t *testing.T) {
	for _, c := range []string{"x", "{}", `{"At":"text"}`, `{"At":7,"Seen":7}`} {
		if _, _, err := collect(t, emitted(t.Context(), 3, []byte(c), nil)); !errors.Is(err, agentstate.ErrCursor) {
			t.Errorf("%s: %v", c, err)
		}
	}
	var keys []string // a place that no cursor has room for is not marked, and the stream goes on
	for r, err := range func(yield func(agentstate.Record, error) bool) {
		e := agentstate.NewEmitter(t.Context(), yield, &pb.Origin{Meta: agentstate.Meta("origin", nil, "x", "db1")})
		for _, n := range []int{1, 65 << 10, 2} {
			if !e.Mark(strings.Repeat("x", n)) {
				t.Errorf("a place of %d bytes ended the stream", n)
			}
		}
		e.End(nil)
	} {
		if err != nil {
			t.Fatal(err)
		}
		key := r.GetMeta().GetKey()
		if m, ok := r.(*pb.Mark); ok {
			key = string(m.Cursor[:min(len(m.Cursor), 12)])
		}
		keys = append(keys, key)
	}
	if want := []string{"origin/x/db1", `{"At":"x","S`, `{"At":"xx","`, "completeness/x/db1"}; !slices.Equal(keys, want) {
		t.Errorf("got %q, want %q", keys, want)
	}
}

// What a source notes is on its statement, in as much as fits into a mark, and travels with it.
func TestNotes(t *testing.T) {
	read := func(cursor []byte, texts ...string) ([]string, [][]byte) {
		recs, marks, err := collect(t, func(yield func(agentstate.Record, error) bool) {
			e := agentstate.NewEmitter(t.Context(), yield, &pb.Origin{Product: "x"})
			if err := e.Resume(cursor, new(int)); err != nil {
				t.Fatal(err)
			}
			e.Note(texts...)
			e.Mark(1)
			e.End(nil)
		})
		if err != nil {
			t.Fatal(err)
		}
		return agentstate.Notes(recs[len(recs)-1].(*pb.Completeness)), marks
	}
	long := strings.Repeat("\x01", 9999)
	said, _ := read(nil, slices.Repeat([]string{"a\xff" + long}, 30)...)
	if len(said) != 20 || !strings.HasPrefix(said[0], "a\ufffd\x01") || len(said[0]) > 600 || !strings.Contains(said[19], "more to know") {
		t.Errorf("%d: %.20q, %q", len(said), said[0], said[len(said)-1])
	}
	_, marks := read(nil, "first")
	if said, _ = read(marks[0], "second"); !slices.Equal(said, []string{"first", "second"}) {
		t.Errorf("%q", said)
	}
}
