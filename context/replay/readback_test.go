package replay_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func readBack(t *testing.T, want, got agentstate.Source, path string) *fidelity.Report {
	t.Helper()
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	rep, err := replay.ReadBack(t.Context(), want, got, j)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestReadBack(t *testing.T) {
	for name, opts := range runtimes() {
		t.Run(name, func(t *testing.T) {
			src, path := memstate.Sample(5), journal(t)
			dst := memstate.NewRuntime(&opts)
			dst.Set(&pb.Memory{Meta: meta("memory", "before")}) // never counts as arrived
			rep := mustRun(t, dst, src, path, replay.Options{})
			got := readBack(t, src, dst, path)
			want := rep.Actions[replay.Created]
			if got.Records != want || got.Same != want || got.ExtraN != 1 {
				t.Errorf("%d of %d the same, want %d; extra %v; %v", got.Same, got.Records, want, got.Extra, got.Losses)
			}
			// A view is not written by an exact target, and memstate makes none when it reads.
			views := uint64(0)
			if opts.Exact {
				views = 1
			}
			if got.MissingN != views || got.Skipped != rep.Actions[replay.Held] {
				t.Errorf("missing %v, skipped %d", got.Missing, got.Skipped)
			}

			// A record that somebody changed or removed is found.
			var key string
			for r, err := range dst.Records(t.Context(), nil) {
				if m, ok := r.(*pb.Message); ok && err == nil && m.NativeId == "0004" {
					key = m.Meta.Key
					m.Role = pb.Role_ROLE_SYSTEM
					dst.Set(m)
					break
				}
			}
			got = readBack(t, src, dst, path)
			if got.Match() || got.Same != want-1 || len(got.Raised) != 1 || got.Losses[0].Key != "message/t1/0004" {
				t.Errorf("%s was changed: %+v", key, got)
			}
		})
	}
}

// TestReadBackAnnounced: what the replay had said is graded as it said, and nothing else is.
func TestReadBackAnnounced(t *testing.T) {
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
		m, ok := r.(*pb.Memory)
		if !ok {
			return nil
		}
		m.Tags = nil
		if m.Name == "0002" {
			m.Content = nil // and says nothing of it
		}
		return []fidelity.Loss{{Path: "tags", Grade: fidelity.Dropped, Why: "the target has no tags"}}
	}})
	src, path := memstate.Sample(4), journal(t)
	mustRun(t, dst, src, path, replay.Options{})
	got := readBack(t, src, dst, path)
	if got.Announced != 3 || got.Records-got.Same != 4 || got.LossN["memory.tags"] != 4 || got.LossN["memory.text"] != 1 {
		t.Errorf("%+v", got)
	}
	want := []fidelity.Loss{{Key: "memory/ada/0002", Path: "text", Grade: fidelity.Dropped, Why: "is not there"}}
	if d := cmp.Diff(want, got.Unannounced); d != "" || got.UnannouncedN != 1 {
		t.Error(d, got.UnannouncedN)
	}
	for _, l := range got.Losses {
		if l.Grade != fidelity.Dropped || (l.Path == "tags") != (l.Why == "the target has no tags") {
			t.Errorf("%+v", l)
		}
	}
}

// TestReadBackView: which record a view names first is not counted as a difference that nobody
// announced; what it says is.
func TestReadBackView(t *testing.T) {
	src, path := memstate.Sample(5), journal(t)
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{Exact: true})
	mustRun(t, dst, src, path, replay.Options{})
	var view agentstate.Record
	for r, err := range src.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if len(r.GetMeta().GetViewOfKeys()) > 0 {
			view = proto.Clone(r).(agentstate.Record)
		}
	}
	view.GetMeta().ViewOfKeys = []string{"memory/ada/0002"}
	dst.Set(view)
	if got := readBack(t, src, dst, path); got.UnannouncedN != 0 || got.MissingN != 0 || got.Announced != 1 {
		t.Errorf("%+v", got)
	}
	view.GetMeta().CreatedUnixNano++
	dst.Set(view)
	if got := readBack(t, src, dst, path); got.UnannouncedN != 1 {
		t.Errorf("%+v", got)
	}
}

// TestReadBackShorterView: a view of what did not arrive whole may begin later, and says the rest as it was.
func TestReadBackShorterView(t *testing.T) {
	conv := &pb.Conversation{Meta: meta("conversation", "t")}
	conv.Meta.ViewOfKeys, conv.Meta.CreatedUnixNano = []string{"checkpoint/t/2"}, 1
	other := &pb.Conversation{Meta: meta("conversation", "u")}
	other.Meta.ViewOfKeys, other.Meta.CreatedUnixNano = []string{"checkpoint/u/1"}, 1
	src, path := memstate.Whole("x", conv, other, &pb.Checkpoint{Meta: meta("checkpoint", "t", "1")},
		&pb.Checkpoint{Meta: meta("checkpoint", "t", "2")}, &pb.Checkpoint{Meta: meta("checkpoint", "u", "1")}), journal(t)
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{Exact: true, Refuse: func(r agentstate.Record) string {
		return map[string]string{"checkpoint/t/1": "it is not taken"}[r.GetMeta().GetKey()]
	}})
	mustRun(t, dst, src, path, replay.Options{})
	for _, c := range []*pb.Conversation{conv, other} {
		c = proto.Clone(c).(*pb.Conversation)
		c.Meta.CreatedUnixNano++
		dst.Set(c)
	}
	if got := readBack(t, src, dst, path); got.UnannouncedN != 1 || got.Unannounced[0].Key != "conversation/u" || got.MissingN != 0 {
		t.Errorf("%+v", got)
	}
	conv = proto.Clone(conv).(*pb.Conversation)
	conv.Title = "another"
	dst.Set(conv)
	if got := readBack(t, src, dst, path); got.UnannouncedN != 2 {
		t.Errorf("%+v", got)
	}
}

// TestReadBackWithoutJournal compares everything, key by key.
func TestReadBackWithoutJournal(t *testing.T) {
	src := memstate.Sample(4)
	rep, err := replay.ReadBack(t.Context(), src, memstate.Sample(4), nil)
	if err != nil || !rep.Match() {
		t.Error(err, rep)
	}
}

// TestConflictsAreNotArrived: a record that was there with other content is left out, and is not
// called missing or the same.
func TestConflictsAreNotArrived(t *testing.T) {
	src, path := memstate.Sample(4), journal(t)
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{Refuse: func(r agentstate.Record) string {
		if r.GetMeta().Key == "memory/ada/0003" {
			return "too long"
		}
		return ""
	}})
	dst.Set(&pb.Memory{Meta: meta("memory", "ada", "0001"), Name: "another"})
	rep := mustRun(t, dst, src, path, replay.Options{})
	got := readBack(t, src, dst, path)
	if !got.Match() || got.Skipped != rep.Actions[replay.Held]+2 || got.Same != rep.Actions[replay.Created] || got.ExtraN != 0 || got.NotWritten["conflict"] != 1 || got.NotWritten["refuse"] != 1 || got.NotWritten["hold"] != rep.Actions[replay.Held] {
		t.Errorf("%s\n%+v", fmt.Sprint(rep.Actions), got)
	}
}

// TestRevived: what must stay dead and is there all the same is called extra.
func TestRevived(t *testing.T) {
	src, path := memstate.Sample(4), journal(t)
	dst := memstate.NewRuntime(nil)
	mustRun(t, dst, src, path, replay.Options{Tombstones: []string{"memory/ada/0002"}})
	if got := readBack(t, src, dst, path); !got.Match() || got.ExtraN != 0 {
		t.Errorf("%+v", got)
	}
	dst.Set(&pb.Memory{Meta: meta("memory", "ada", "0002")})
	if got := readBack(t, src, dst, path); got.ExtraN != 1 || got.Extra[0] != "memory/ada/0002" {
		t.Errorf("%+v", got)
	}
}

// elsewhere skips memories as lost and messages as what comes with others.
type elsewhere struct{ *memstate.Runtime }

type elsewhereWriter struct{ replay.Writer }

func (e elsewhere) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w, err := e.Runtime.Begin(ctx, run)
	return elsewhereWriter{w}, err
}

func (w elsewhereWriter) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	switch r := r.(type) {
	case *pb.Memory:
		return replay.Receipt{Action: replay.Skipped, Why: "no place for " + r.Name}, nil
	case *pb.Message:
		return replay.Receipt{Action: replay.Skipped, Why: "comes along", NoLoss: true}, nil
	}
	return w.Writer.Write(ctx, r)
}

// TestNoPlace: what a target has no place for is counted by kind and reason, in plan, run and the
// answers of a run that has ended. What must stay away, and what comes with others, is not lost.
func TestNoPlace(t *testing.T) {
	src, path := memstate.Sample(30), journal(t)
	dst := elsewhere{memstate.NewRuntime(nil)}
	o := replay.Options{Tombstones: []string{"memory/ada/0002"}}
	plan, err := replay.Plan(t.Context(), dst, src, &o)
	if err != nil {
		t.Fatal(err)
	}
	sum := uint64(0)
	for _, n := range plan.NoPlace["memory"] {
		sum += n
	}
	if len(plan.NoPlace) != 1 || sum != plan.Kinds["memory"][replay.Skipped]-1 || plan.NoPlace["memory"]["no place for 0001"] != 1 || plan.NoPlace["memory"]["no place for 0002"] != 0 {
		t.Errorf("%v of %v", plan.NoPlace, plan.Kinds)
	}
	if n := len(plan.NoPlace["memory"]); n != 21 || plan.NoPlace["memory"]["other reasons"] != sum-20 {
		t.Errorf("%d reasons: %v", n, plan.NoPlace)
	}
	for range 2 {
		rep := mustRun(t, dst, src, path, o)
		if d := cmp.Diff(plan.NoPlace, rep.NoPlace); d != "" {
			t.Error(d)
		}
	}
}

// TestAnswer: the journal says of each record what became of it, and under which key it is read.
func TestAnswer(t *testing.T) {
	for name, opts := range runtimes() {
		src, path := memstate.Sample(5), journal(t)
		dst := memstate.NewRuntime(&opts)
		rep := mustRun(t, dst, src, path, replay.Options{})
		j, err := replay.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		actions := map[replay.Action]uint64{}
		for r, err := range src.Records(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			key := r.GetMeta().Key
			rc, ok, err := j.Answer(key)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				continue // origin, statement
			}
			actions[rc.Action]++
			if rc.Action != replay.Created {
				continue
			}
			if got, err := dst.Get(t.Context(), rc.TargetKey()); err != nil || agentstate.KindOf(got) != agentstate.KindOf(r) {
				t.Errorf("%s: %s is not read under %s: %v", name, key, rc.TargetKey(), err)
			}
		}
		if d := cmp.Diff(rep.Actions, actions); d != "" {
			t.Error(name, d)
		}
		if _, ok, err := j.Answer("memory/none"); ok || err != nil {
			t.Error(name, ok, err)
		}
	}
}
