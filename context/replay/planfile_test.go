package replay_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func planOptions() replay.Options {
	return replay.Options{
		ArchiveSHA256: archive, TargetURL: "memory:x", Kinds: nil,
		Approved: []string{"toolgrant/ada/refund"}, Tombstones: []string{"memory/ada/0003"},
	}
}

func writePlan(t testing.TB, dst replay.Target, src agentstate.Source) ([]byte, *replay.Report) {
	t.Helper()
	var b bytes.Buffer
	o := planOptions()
	rep, err := replay.WritePlan(t.Context(), &b, dst, src, &o)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), rep
}

func lossy() *memstate.Runtime {
	return memstate.NewRuntime(&memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
		if m, ok := r.(*pb.Message); ok && m.NativeId == "0002" {
			return []fidelity.Loss{{Path: "native_id", Grade: fidelity.Transformed, Why: "mapped"}}
		}
		return nil
	}})
}

func TestPlanFile(t *testing.T) {
	b, rep := writePlan(t, lossy(), memstate.Sample(5))
	if bytes.Contains(b, []byte("likes tea")) || bytes.Contains(b, []byte("You help")) {
		t.Error("the plan holds content")
	}
	var lines []replay.Receipt
	p, err := replay.ReadPlan(bytes.NewReader(b), func(rc replay.Receipt) error { lines = append(lines, rc); return nil })
	if err != nil {
		t.Fatal(err)
	}
	o := planOptions()
	if p.ArchiveSHA256 != o.ArchiveSHA256 || p.TargetURL != o.TargetURL || !cmp.Equal(p.Approved, o.Approved) || !cmp.Equal(p.Tombstones, o.Tombstones) {
		t.Errorf("%+v", p)
	}
	rep.Losses = nil // in the lines
	if d := cmp.Diff(rep, p.Report); d != "" {
		t.Error(d)
	}
	// Every record that is not simply created is named.
	want := rep.Records - rep.Actions[replay.Created] + 1
	if uint64(len(lines)) != want {
		t.Errorf("%d lines, want %d", len(lines), want)
	}
	for _, rc := range lines {
		if rc.Action == replay.Created && (rc.Key != "message/t1/0002" || rc.Losses[0].Why != "mapped") {
			t.Errorf("%+v", rc)
		}
	}
	stop := errors.New("stop")
	if _, err := replay.ReadPlan(bytes.NewReader(b), func(replay.Receipt) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestPlanFileIsChecked(t *testing.T) {
	b, _ := writePlan(t, lossy(), memstate.Sample(3))
	end := bytes.LastIndexByte(b[:len(b)-1], '\n') // in the last line, JSON takes names in any case
	for i := 0; i < len(b); i += 3 {               // any flipped byte, any cut
		bad := bytes.Clone(b)
		bad[i] ^= 0x20
		if _, err := replay.ReadPlan(bytes.NewReader(bad), nil); err == nil && i < end {
			t.Errorf("byte %d flipped, and nobody notices", i)
		}
		if _, err := replay.ReadPlan(bytes.NewReader(b[:i]), nil); !errors.Is(err, replay.ErrPlan) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	for _, s := range []string{"", "{}\n", "hello\n", strings.Repeat("x", 5<<20), string(b) + "{}\n", string(b) + "x"} {
		if _, err := replay.ReadPlan(strings.NewReader(s), nil); !errors.Is(err, replay.ErrPlan) {
			t.Errorf("%.20q: %v", s, err)
		}
	}
}

func TestReviewedPlan(t *testing.T) {
	src := memstate.Sample(5)
	prepare := func() (*memstate.Runtime, *replay.Options) {
		dst := lossy()
		b, _ := writePlan(t, dst, src)
		p, err := replay.ReadPlan(bytes.NewReader(b), nil)
		if err != nil {
			t.Fatal(err)
		}
		o := planOptions()
		j, err := replay.OpenJournal(journal(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { j.Close() })
		o.Reviewed, o.Journal = p, j
		return dst, &o
	}
	dst, o := prepare()
	if again, err := replay.Plan(t.Context(), dst, src, o); err != nil || again.Answers != o.Reviewed.Report.Answers || dst.Len() > 0 {
		t.Fatal(err)
	}
	rep, err := replay.Apply(t.Context(), dst, src, o)
	if err != nil || rep.Answers != o.Reviewed.Report.Answers {
		t.Fatal(err)
	}
	// The run has begun: the target is not as it was, and that is right.
	if _, err := replay.Apply(t.Context(), dst, src, o); err != nil {
		t.Error(err)
	}

	for name, change := range map[string]func(dst *memstate.Runtime, o *replay.Options, src *agentstate.Source){
		"archive":    func(_ *memstate.Runtime, o *replay.Options, _ *agentstate.Source) { o.ArchiveSHA256[0]++ },
		"target":     func(_ *memstate.Runtime, o *replay.Options, _ *agentstate.Source) { o.TargetURL = "memory:y" },
		"approvals":  func(_ *memstate.Runtime, o *replay.Options, _ *agentstate.Source) { o.Approved = nil },
		"tombstones": func(_ *memstate.Runtime, o *replay.Options, _ *agentstate.Source) { o.Tombstones = nil },
		"kinds":      func(_ *memstate.Runtime, o *replay.Options, _ *agentstate.Source) { o.Kinds = []string{"memory"} },
		"records to create": func(_ *memstate.Runtime, _ *replay.Options, src *agentstate.Source) {
			*src = memstate.Sample(6)
		},
		"got 32": func(dst *memstate.Runtime, _ *replay.Options, _ *agentstate.Source) {
			dst.Set(&pb.Memory{Meta: meta("memory", "ada", "0001")})
		},
		"the target's answers": func(_ *memstate.Runtime, _ *replay.Options, src *agentstate.Source) {
			*src = source{*src, func(_ int, r agentstate.Record) (agentstate.Record, error) {
				if m, ok := r.(*pb.Memory); ok && m.Name == "0001" {
					m.Meta.Key = "memory/ada/other" // as many records, but others
				}
				return r, nil
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dst, o := prepare()
			var src agentstate.Source = memstate.Sample(5)
			change(dst, o, &src)
			had := dst.Len()
			for verb, run := range map[string]func(context.Context, replay.Target, agentstate.Source, *replay.Options) (*replay.Report, error){"plan": replay.Plan, "apply": replay.Apply} {
				if _, err := run(t.Context(), dst, src, o); !errors.Is(err, replay.ErrStale) || !strings.Contains(err.Error(), name) {
					t.Errorf("%s: %v", verb, err)
				}
			}
			if dst.Len() != had || o.Journal.Run() != "" {
				t.Error("something was written")
			}
		})
	}
}

type full struct{ n int }

func (w *full) Write(b []byte) (int, error) {
	if w.n -= len(b); w.n < 0 {
		return 0, errGone
	}
	return len(b), nil
}

func TestDiskFull(t *testing.T) {
	o := planOptions()
	if _, err := replay.WritePlan(t.Context(), &full{500}, lossy(), memstate.Sample(3), &o); !errors.Is(err, errGone) {
		t.Error(err)
	}
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{Transactional: true, Refuse: func(agentstate.Record) string { return "no" }})
	if _, err := run(t, dst, memstate.Sample(3), journal(t), replay.Options{Refused: &full{100}}); !errors.Is(err, errGone) {
		t.Error(err)
	}
}

func FuzzReadPlan(f *testing.F) {
	b, _ := writePlan(f, lossy(), memstate.Sample(3))
	f.Add(b)
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := replay.ReadPlan(bytes.NewReader(b), nil); (p == nil) != (err != nil) && err == nil {
			t.Fatal("neither a plan nor an error")
		}
	})
}
