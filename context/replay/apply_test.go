package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

var archive = [32]byte{1, 2, 3}

// run is one call of Apply with the journal at path.
func run(t *testing.T, dst replay.Target, src agentstate.Source, path string, o replay.Options) (*replay.Report, error) {
	t.Helper()
	j, err := replay.OpenJournal(path)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	o.Journal, o.ArchiveSHA256, o.TargetURL = j, archive, "memory:x"
	return replay.Apply(t.Context(), dst, src, &o)
}

func mustRun(t *testing.T, dst replay.Target, src agentstate.Source, path string, o replay.Options) *replay.Report {
	t.Helper()
	rep, err := run(t, dst, src, path, o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func journal(t *testing.T) string { return filepath.Join(t.TempDir(), "run.journal") }

// held are the keys that a plan holds back.
func held(t *testing.T, src agentstate.Source) []string {
	t.Helper()
	rep, err := replay.Plan(t.Context(), memstate.NewRuntime(nil), src, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rep.Held
}

func keys(t *testing.T, src agentstate.Source) []string {
	t.Helper()
	var out []string
	for r, err := range src.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if agentstate.IsState(agentstate.KindOf(r)) {
			out = append(out, r.GetMeta().Key)
		}
	}
	slices.Sort(out)
	return out
}

func sum(m map[replay.Action]uint64) (n uint64) {
	for _, v := range m {
		n += v
	}
	return n
}

func TestApply(t *testing.T) {
	src, dst, path := memstate.Sample(5), memstate.NewRuntime(nil), journal(t)
	all := keys(t, src)
	var refused bytes.Buffer
	seen := 0
	rep := mustRun(t, dst, src, path, replay.Options{Approved: held(t, src), Refused: &refused, OnReceipt: func(replay.Receipt) { seen++ }})
	if d := cmp.Diff(all, keys(t, dst)); d != "" {
		t.Error(d)
	}
	if rep.Records != uint64(len(all)) || rep.Actions[replay.Created] != rep.Records || seen != len(all) || refused.Len() != 0 {
		t.Errorf("%+v, %d receipts, %q", rep, seen, refused.String())
	}
	if rep.Run == "" || rep.Resumed != 0 {
		t.Errorf("run %q, resumed %d", rep.Run, rep.Resumed)
	}
	// Blobs arrive.
	b, err := agentstate.As[agentstate.BlobSource](dst)
	if !err {
		t.Fatal("no blobs")
	}
	a, _ := dst.Get(t.Context(), "artifact/report")
	if rc, err := b.OpenBlob(t.Context(), a.(*pb.Artifact).Data.GetBlob()); err != nil {
		t.Error(err)
	} else {
		rc.Close()
	}

	// The same journal again: the run has ended, and nothing is asked.
	again := mustRun(t, dst, src, path, replay.Options{Approved: held(t, src)})
	if again.Resumed != rep.Records || again.Actions[replay.Created] != rep.Records {
		t.Errorf("%+v", again)
	}
	// Another journal: everything is there alike.
	same := mustRun(t, dst, src, journal(t), replay.Options{Approved: held(t, src)})
	if same.Actions[replay.Same] != rep.Records || sum(same.Actions) != rep.Records {
		t.Errorf("%v", same.Actions)
	}
}

func TestPlanIsApplyThatWritesNothing(t *testing.T) {
	src := memstate.Sample(5)
	refuse := func(r agentstate.Record) string {
		if agentstate.KindOf(r) == "revision" {
			return "no history here"
		}
		return ""
	}
	for _, o := range []memstate.RuntimeOptions{{}, {OwnIDs: true}, {Transactional: true}, {Exact: true}, {Refuse: refuse}} {
		dst := memstate.NewRuntime(&o)
		dst.Set(&pb.Memory{Meta: &pb.Meta{Key: "memory/ada/0001"}})
		plan, err := replay.Plan(t.Context(), dst, src, nil)
		if err != nil {
			t.Fatal(err)
		}
		if dst.Len() != 1 {
			t.Errorf("%+v: the plan wrote %d records", o, dst.Len()-1)
		}
		rep := mustRun(t, dst, src, journal(t), replay.Options{})
		rep.Run = ""
		if d := cmp.Diff(plan, rep); d != "" {
			t.Errorf("%+v: what was done is not what was planned: %s", o, d)
		}
		if sum(rep.Actions) != rep.Records {
			t.Errorf("%d records in, %v", rep.Records, rep.Actions)
		}
		for k, m := range rep.Kinds {
			if sum(m) == 0 {
				t.Errorf("%s: nothing", k)
			}
		}
	}
}

// TestAddsUp: written, refused, same, held, skipped and conflict are the records that came in.
func TestAddsUp(t *testing.T) {
	sample := memstate.Sample(6)
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{Exact: true, Refuse: func(r agentstate.Record) string {
		switch r.GetMeta().Key {
		case "memory/ada/0003":
			return "16,412 of 16,000 bytes"
		case "memoryspace/users/ada":
			return ""
		}
		return ""
	}})
	// One is there alike, one with other content.
	same, _ := sample.Get(t.Context(), "memory/ada/0001")
	other, _ := sample.Get(t.Context(), "memory/ada/0002")
	other.(*pb.Memory).Content = &pb.Memory_Text{Text: "of another"}
	dst.Set(same)
	dst.Set(other)
	var refused bytes.Buffer
	rep := mustRun(t, dst, sample, journal(t), replay.Options{Refused: &refused, Tombstones: []string{"memory/ada/0004"}})
	want := map[replay.Action]uint64{
		replay.Same: 1, replay.Conflict: 1, replay.Refused: 1,
		replay.Skipped: 3, // a view, and memory 4 with its embedding
		replay.Held:    9, // six kinds of authority, an agent, a skill, a system message
	}
	want[replay.Created] = rep.Records - 1 - 1 - 1 - 3 - 9
	if d := cmp.Diff(want, rep.Actions); d != "" {
		t.Error(d)
	}
	if n := uint64(len(keys(t, sample))); rep.Records != n {
		t.Errorf("%d records, want %d", rep.Records, n)
	}
	if uint64(dst.Len()) != want[replay.Created]+2 {
		t.Errorf("the target holds %d", dst.Len())
	}
	if left, _ := dst.Get(t.Context(), "memory/ada/0002"); !proto.Equal(left, other) {
		t.Error("the conflict was not left as it was")
	}
	if len(rep.Conflicts) != 1 || rep.Conflicts[0].Why == "" || len(rep.Refused) != 1 || len(rep.Held) != 9 {
		t.Errorf("%v %v %v", rep.Conflicts, rep.Refused, rep.Held)
	}
	// The file names key, kind and reason, and no content.
	var lines []map[string]string
	for l := range strings.Lines(refused.String()) {
		var m map[string]string
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, m)
	}
	wantLines := []map[string]string{
		{"key": "memory/ada/0002", "kind": "memory", "action": "conflict", "why": "other content under this key"},
		{"key": "memory/ada/0003", "kind": "memory", "action": "refuse", "why": "16,412 of 16,000 bytes"},
	}
	if d := cmp.Diff(wantLines, lines); d != "" {
		t.Error(d)
	}
	if strings.Contains(refused.String(), "tea") {
		t.Error("content in the file of refused records")
	}
}

func TestKinds(t *testing.T) {
	dst := memstate.NewRuntime(nil)
	rep := mustRun(t, dst, memstate.Sample(4), journal(t), replay.Options{Kinds: []string{"memoryspace", "memory"}})
	if rep.Records != 5 || dst.Len() != 5 {
		t.Errorf("%d records, %d in the target", rep.Records, dst.Len())
	}
}

// source is a stream with a defect.
type source struct {
	agentstate.Source
	edit func(i int, r agentstate.Record) (agentstate.Record, error)
}

func (s source) Unwrap() agentstate.Source { return s.Source }

func (s source) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		i := 0
		for r, err := range s.Source.Records(ctx, o) {
			if err == nil {
				r, err = s.edit(i, r)
			}
			i++
			if errors.Is(err, errSkip) {
				continue
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

var (
	errSkip = errors.New("skip")
	errGone = errors.New("connection gone")
)

func TestApplyRefusesBadStreams(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(i int, r agentstate.Record) (agentstate.Record, error)
		want error
		say  string
	}{
		{"breaks off", func(i int, r agentstate.Record) (agentstate.Record, error) {
			if i == 9 {
				return nil, errGone
			}
			return r, nil
		}, errGone, "after model/m1"},
		{"is cut short", func(_ int, r agentstate.Record) (agentstate.Record, error) {
			if _, ok := r.(*pb.Completeness); ok {
				return nil, errSkip
			}
			return r, nil
		}, replay.ErrSource, "cut short"},
		{"goes on after its statement", func(i int, r agentstate.Record) (agentstate.Record, error) {
			if i == 3 {
				return &pb.Completeness{Meta: &pb.Meta{Key: "completeness/x"}}, nil
			}
			if _, ok := r.(*pb.Completeness); ok {
				return nil, errSkip
			}
			return r, nil
		}, replay.ErrSource, "cut short"},
		{"has no origin", func(i int, r agentstate.Record) (agentstate.Record, error) {
			if i == 0 {
				return nil, errSkip
			}
			return r, nil
		}, replay.ErrSource, "no origin"},
		{"has two origins", func(i int, r agentstate.Record) (agentstate.Record, error) {
			if i == 1 {
				return &pb.Origin{Meta: &pb.Meta{Key: "origin/y"}}, nil
			}
			return r, nil
		}, replay.ErrSource, "second origin"},
		{"yields nil", func(i int, r agentstate.Record) (agentstate.Record, error) {
			if i == 4 {
				return nil, nil
			}
			return r, nil
		}, replay.ErrSource, "nil"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dst := memstate.NewRuntime(&memstate.RuntimeOptions{Transactional: true})
			src := source{memstate.Sample(3), c.edit}
			_, err := run(t, dst, src, journal(t), replay.Options{})
			if !errors.Is(err, c.want) || !errors.Is(err, replay.ErrSource) || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%v", err)
			}
			if dst.Len() != 0 {
				t.Errorf("%d records count", dst.Len())
			}
			if _, err := replay.Plan(t.Context(), dst, src, nil); !errors.Is(err, c.want) {
				t.Errorf("the plan: %v", err)
			}
		})
	}
}

func TestApplyCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{Transactional: true})
	j, err := replay.OpenJournal(journal(t))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	_, err = replay.Apply(ctx, dst, memstate.Sample(2000), &replay.Options{Journal: j, OnReceipt: func(replay.Receipt) { cancel() }})
	if !errors.Is(err, context.Canceled) || dst.Len() != 0 || j.Done() {
		t.Error(err, dst.Len(), j.Done())
	}
}

func TestTargetErrors(t *testing.T) {
	if _, err := replay.Apply(t.Context(), memstate.NewRuntime(nil), memstate.Sample(3), nil); !errors.Is(err, replay.ErrJournal) {
		t.Errorf("without a journal: %v", err)
	}
	path := journal(t)
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{Fail: func(s memstate.Step) error {
		if s.Key == "memory/ada/0002" {
			return errGone
		}
		return nil
	}})
	if _, err := run(t, dst, memstate.Sample(3), path, replay.Options{}); !errors.Is(err, errGone) || !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), "memory/ada/0002") {
		t.Error(err)
	}
	// A target that takes nothing leaves no journal behind.
	path = journal(t)
	if _, err := run(t, closed{}, memstate.Sample(3), path, replay.Options{}); !errors.Is(err, replay.ErrTarget) || strings.Count(err.Error(), "replay: target") != 1 {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a journal of a run that never began")
	}
	// What a driver answers is checked.
	for _, rc := range []replay.Receipt{{}, {Action: 99}, {Action: replay.Created, Target: "\xff"}} {
		if _, err := run(t, answers{rc}, memstate.Sample(3), journal(t), replay.Options{}); err == nil {
			t.Errorf("%+v is taken", rc)
		}
	}
}

type closed struct{}

func (closed) Begin(context.Context, *replay.Run) (replay.Writer, error) {
	return nil, fmt.Errorf("%w: schema 12 is newer than this release", replay.ErrTarget)
}

type answers struct{ rc replay.Receipt }

func (a answers) Begin(context.Context, *replay.Run) (replay.Writer, error) { return a, nil }
func (a answers) Write(context.Context, agentstate.Record) (replay.Receipt, error) {
	return a.rc, nil
}
func (answers) Commit(context.Context) error { return nil }
func (answers) Close() error                 { return nil }

func TestLossesAreCounted(t *testing.T) {
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
		m, ok := r.(*pb.Message)
		if !ok {
			return nil
		}
		m.NativeId = ""
		return []fidelity.Loss{{Path: "native_id", Grade: fidelity.Dropped, Why: "the target makes its own"}}
	}})
	path := journal(t)
	rep := mustRun(t, dst, memstate.Sample(1500), path, replay.Options{})
	if rep.LossCount["message.native_id"] != 1500 || len(rep.Losses) != 1000 || rep.Losses[500].Key == "" {
		t.Errorf("%v, %d listed", rep.LossCount, len(rep.Losses))
	}
	// From the journal, the same.
	if again := mustRun(t, dst, memstate.Sample(1500), path, replay.Options{}); again.LossCount["message.native_id"] != 1500 {
		t.Errorf("%v", again.LossCount)
	}
}
