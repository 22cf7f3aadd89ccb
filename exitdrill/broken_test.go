package exitdrill_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/evidence/report"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exitdrill"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestStopped: an exit that ends early is a FAIL, with the class of the refusal.
func TestStopped(t *testing.T) {
	t.Parallel()
	flip := func(p *place) {
		path := filepath.Join(p.dir, "a.ctxa")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/3] ^= 1
		p.write("a.ctxa", string(b))
	}
	for name, tc := range loadtest.Rows(map[string]struct {
		edit         []string
		do           func(p *place)
		phase, class string
	}{
		"altered":       {nil, flip, "verify", "digest"},
		"cut off":       {nil, func(p *place) { os.Truncate(filepath.Join(p.dir, "a.ctxa"), 5000) }, "verify", "truncated"},
		"wrong key":     {[]string{"identities: [DIR/ops.age]", "identities: [DIR/other.age]"}, nil, "verify", "no-identity"},
		"wrong escrow":  {[]string{"identities: [DIR/ops.age]", "identities: [DIR/ops.age], escrow: [DIR/other.age]"}, nil, "verify", "no-identity"},
		"not trusted":   {[]string{"trust: DIR/ops.key.pub", "trust: DIR/other.key.pub"}, nil, "verify", "untrusted"},
		"no archive":    {nil, func(p *place) { os.Remove(filepath.Join(p.dir, "a.ctxa")) }, "verify", ""},
		"no target":     {[]string{"target: mem:target", "target: mem:gone"}, nil, "plan", ""},
		"no such thing": {[]string{"target: mem:target", "target: nosuch:x"}, nil, "plan", ""},
	}, "altered", "cut off", "wrong key", "not trusted", "no archive", "no such thing") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			first := p.run(p.sealed("level: L3", "level: L1")).Predicate
			if i := slices.IndexFunc(first.Checks, func(c evidence.Check) bool { return c.ID == "AC-42" }); first.Timing.RTOSeconds != 0 || first.Checks[i].Result != evidence.Untold {
				t.Errorf("nothing was imported, in %v s: %+v", first.Timing.RTOSeconds, first.Checks[i])
			}
			if tc.do != nil {
				tc.do(p)
			}
			delete(p.runtimes, "source") // a stressed drill does not open it
			out := p.run(p.sealed(append(tc.edit, "name: q", "name: s", "mode: planned", "mode: stressed")...))
			if c := check(out, 11); c.Result != evidence.Untold {
				t.Errorf("nobody looked for a known answer: %+v", c)
			}
			s := out.Predicate.Drill.Stopped
			if s == nil || s.Phase != tc.phase || s.Class != tc.class || out.Judgement.Verdict != evidence.VerdictFail {
				t.Errorf("%+v, %v", s, out.Judgement)
			}
			if rto := out.Predicate.Timing.RTOSeconds; rto != 0 {
				t.Errorf("nothing was recovered, in %v s", rto)
			}
		})
	}
	p := newPlace(t)
	delete(p.runtimes, "source")
	if out := p.run(p.plan()); out.Predicate.Drill.Stopped == nil || out.Predicate.Drill.Stopped.Phase != "export" || out.Judgement.Verdict != evidence.VerdictFail {
		t.Errorf("no source: %+v", out.Judgement)
	}
}

// TestBroken: broken off at any step of the replay and run again, the drill ends as one that was not:
// nothing lost, nothing twice, and the evidence says so.
func TestBroken(t *testing.T) {
	t.Parallel()
	steps := 0
	{
		p := newPlace(t)
		p.runtimes["target"] = memstate.NewRuntime(&memstate.RuntimeOptions{Fail: func(s memstate.Step) error { steps = s.N; return nil }})
		p.run(p.plan())
	}
	broken := 0
	every, least := loadtest.Of(47, 5), loadtest.Of(2, 15)
	for n := 1; n <= steps; n += every {
		p := newPlace(t)
		failed := false
		rt := memstate.NewRuntime(&memstate.RuntimeOptions{Fail: func(s memstate.Step) error {
			if s.N == n && !failed {
				failed = true
				return errors.New("the line is dead")
			}
			return nil
		}})
		p.runtimes["target"] = rt
		early, err := exitdrill.Run(t.Context(), p.plan(), &p.opts)
		if err == nil && early.Predicate.Drill.Stopped != nil && early.Predicate.Drill.Stopped.Phase == "plan" {
			continue // nothing was written
		}
		if !errors.Is(err, drill.ErrBroken) {
			t.Fatalf("step %d: %v", n, err)
		}
		broken++
		if _, err := os.Stat(p.plan().Statement()); err == nil {
			t.Fatalf("step %d: a drill that was broken off left a statement", n)
		}
		out := p.run(p.plan())
		if out.Judgement.Verdict != evidence.VerdictPass || out.Predicate.Drill.Attempts != 2 || rt.Len() != p.runtimes["source"].Len() {
			t.Fatalf("step %d: %v, %d attempts, %d records", n, out.Judgement, out.Predicate.Drill.Attempts, rt.Len())
		}
		if !slices.ContainsFunc(out.Predicate.Obstacles, func(o evidence.Obstacle) bool { return strings.Contains(o.What, "2 attempts") }) {
			t.Fatalf("step %d: the evidence does not say it: %+v", n, out.Predicate.Obstacles)
		}
	}
	if broken < least {
		t.Errorf("broken off %d times of %d steps", broken, steps)
	}
}

// TestBrokenAfterSeal: killed between the archive and the note that it is there, a drill goes on with it.
func TestBrokenAfterSeal(t *testing.T) {
	t.Parallel()
	for _, edit := range [][]string{nil, {"sign: DIR/ops.key, ", ""}} {
		p := newPlace(t)
		pl := p.sealed(edit...)
		ctx, cancel := context.WithCancel(t.Context())
		p.opts.Progress = func(phase string, _ agentstate.Record) {
			if phase == "verify" {
				cancel()
			}
		}
		if _, err := exitdrill.Run(ctx, pl, &p.opts); !errors.Is(err, drill.ErrBroken) {
			t.Fatal(err)
		}
		path := filepath.Join(p.dir, "out", "q.drill.json")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p.write("out/q.drill.json", strings.Replace(string(b), `"sealed":true`, `"sealed":false`, 1))
		p.opts.Progress = nil
		out, err := exitdrill.Run(t.Context(), pl, &p.opts)
		if err != nil || out.Predicate.Drill.Attempts != 2 || edit == nil && out.Judgement.Verdict != evidence.VerdictPass || out.Predicate.Archive.ManifestSHA256 == "" && edit == nil {
			t.Errorf("%v: %v, %+v", edit, err, out)
		}
		if s := out.Predicate.Drill.Stopped; s != nil && s.Phase == "export" {
			t.Errorf("%v: %+v", edit, s)
		}
	}
}

// TestBrokenAfterTearDown: broken off when all was taken out of the target already, a drill does not say
// that it stays there, also where a hold was put since on what nothing tells the name of.
func TestBrokenAfterTearDown(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string][]string{
		"whole": nil,
		"renamed, and held since": {"target: mem:target\n", "into: [{name: m, target: \"mem:target\", kinds: [memory]}]\n",
			"replay: {approve: DIR/approvals}", "replay: {approve: DIR/approvals, map: DIR/map, holds: [DIR/hold]}"},
	} {
		p := newPlace(t)
		p.write("map", "unmapped: keep\nnamespaces: {users/*: people/*}\n")
		p.write("hold", "memory/nobody\n")
		pl := p.plan(append(edit, "keep: true", "keep: false")...).Each()[0]
		state := strings.TrimSuffix(pl.Statement(), ".statement.json") + ".drill.json"
		p.opts.Progress = func(phase string, _ agentstate.Record) {
			if phase == "tear-down" { // the disk is full from here on
				if err := errors.Join(os.Rename(state, state+".kept"), os.MkdirAll(filepath.Join(state, "x"), 0o700)); err != nil {
					t.Error(err)
				}
			}
		}
		if _, err := exitdrill.Run(t.Context(), pl, &p.opts); err == nil {
			t.Fatal("it ended")
		}
		if err := errors.Join(os.RemoveAll(state), os.Rename(state+".kept", state)); err != nil {
			t.Fatal(err)
		}
		p.opts.Progress = nil
		p.write("hold", "memoryspace/m1\n")
		out := p.run(pl)
		if edit == nil && out.Judgement.Verdict != evidence.VerdictPass || len(out.Hints) > 0 || p.runtimes["target"].Len() > 0 {
			t.Errorf("%s: %+v, %q, %d records", name, out.Judgement, out.Hints, p.runtimes["target"].Len())
		}
		if all := strings.Join(out.Predicate.Limits, " "); strings.Contains(all, "could not be taken out") || !strings.Contains(all, "was taken out of the target") {
			t.Errorf("%s: limits: %s", name, all)
		}
	}
}

// TestTwice: two runs do not carry out one drill.
func TestTwice(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	pl := p.plan()
	asked := false
	p.opts.Progress = func(phase string, _ agentstate.Record) {
		if phase != "replay" || asked {
			return
		}
		asked = true
		if _, err := exitdrill.Run(t.Context(), pl, &exitdrill.Options{Registry: p.opts.Registry}); !errors.Is(err, drill.ErrRunning) {
			t.Errorf("a second run: %v", err)
		}
	}
	if out := p.run(pl); !asked || out.Predicate.Drill.Attempts != 1 || out.Judgement.Verdict != evidence.VerdictPass {
		t.Errorf("%v: %+v", asked, out.Judgement)
	}
	if left, _ := filepath.Glob(filepath.Join(p.dir, "out", "*.lock")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// TestLedgerTaken: a drill waits for a ledger that another one writes to. Stopped meanwhile, it goes on when it is run
// again.
func TestLedgerTaken(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	pl := p.plan()
	take := func() *drill.Ledger {
		l, err := drill.OpenLedger(pl.Ledger)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	other := take()
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Second)
	defer stop()
	if _, err := exitdrill.Run(ctx, pl, &p.opts); !errors.Is(err, drill.ErrLedgerLocked) && !errors.Is(err, drill.ErrBroken) { // a slow machine has not come to it
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { other.Close() })
	if out := p.run(pl); out.Predicate.Drill.LedgerIndex != 0 || out.Judgement.Verdict != evidence.VerdictPass {
		t.Errorf("%+v", out.Judgement)
	}
}

// TestClockBehind: where the archive is of later than the drill, no recovery point is made up.
func TestClockBehind(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.run(p.plan("level: L3", "level: L1"))
	behind := time.Since(time.Unix(1_500_000_000, 0)) // the sample's memories are of 2023
	p.opts.Now = func() time.Time { return time.Now().Add(-behind) }
	out := p.run(p.plan("name: q", "name: r", "mode: planned", "mode: stressed"))
	_, known := out.Predicate.Timing.RPOSeconds["memory"]
	if c := check(out, 42); known || c.Result != evidence.Untold || !strings.Contains(c.Why, "a clock is wrong") || out.Judgement.Verdict != evidence.VerdictPartial {
		t.Errorf("%+v, %v, %+v", c, out.Predicate.Timing.RPOSeconds, out.Judgement)
	}
}

// TestAhead: a record that the source dates ahead leaves a drill untold where its kind has a target for the recovery
// point, and nowhere else.
func TestAhead(t *testing.T) {
	t.Parallel()
	for rpo, want := range map[string]evidence.Result{`{"*": 30000d}`: evidence.Untold, `{trigger: 1d, memory: 30000d}`: evidence.Untold, `{memory: 30000d}`: evidence.Pass} {
		p := newPlace(t)
		r := &pb.Trigger{Meta: agentstate.Meta("trigger", nil, "future")}
		r.Meta.CreatedUnixNano = time.Now().Add(48 * time.Hour).UnixNano()
		p.runtimes["source"].Set(r)
		out := p.run(p.plan(`rpo: {"*": 30000d}`, `rpo: `+rpo))
		if c := check(out, 42); c.Result != want || !strings.Contains(c.Why, "a clock is wrong, or the source dates records ahead") || !strings.Contains(c.Why, "known of trigger") {
			t.Errorf("%s: %+v", rpo, c)
		}
		if (out.Judgement.Verdict == evidence.VerdictPartial) != (want == evidence.Untold) {
			t.Errorf("%s: %+v", rpo, out.Judgement)
		}
	}
}

// TestStoppedInReplay: a drill that ends before anything was written says nothing of the target.
func TestStoppedInReplay(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.opts.Registry = exporters.NewRegistry(exporters.Driver{Scheme: "mem", URL: "mem:name", Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
		if u.Opaque == "target" {
			return refusing{p.runtimes["target"]}, nil
		}
		return p.runtimes[u.Opaque], nil
	}})
	out := p.run(p.plan())
	if s := out.Predicate.Drill.Stopped; s == nil || s.Phase != "replay" || out.Judgement.Verdict != evidence.VerdictFail {
		t.Fatalf("%+v, %+v", s, out.Judgement)
	}
	if c := check(out, 11); c.Result != evidence.Untold || !strings.Contains(c.Why, "the drill ended before anybody looked for the 2 known answers in the target") {
		t.Errorf("%+v", c)
	}
	if k := kind(out, "memory"); k.Canaries.Planted != 1 || k.Canaries.Recovered != nil {
		t.Errorf("%+v", k.Canaries)
	}
	if said := strings.Join(out.Predicate.Limits, " "); strings.Contains(said, "read back by the process") {
		t.Errorf("limits: %s", said)
	}
	if xml := artefact(t, out, report.NameJUnit); strings.Contains(xml, "1 found again") || strings.Count(xml, "not tested: nobody looked for 1\"") != 2 {
		t.Errorf("%s", xml)
	}
	out = p.run(p.plan("name: q", "name: never", "mode: planned", "mode: stressed", "likes tea 0003", "likes coffee"))
	if c := check(out, 11); c.Result != evidence.Fail || !strings.Contains(c.Why, "1 of them are not in the archive") {
		t.Errorf("%+v", c)
	}
}

// refusing takes no writes.
type refusing struct{ *memstate.Runtime }

func (r refusing) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	if !run.DryRun {
		return nil, errors.New("the target takes no writes today")
	}
	return r.Runtime.Begin(ctx, run)
}

// TestLedgerDamaged: a drill ends all the same, and says that the ledger was changed.
func TestLedgerDamaged(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.run(p.plan())
	path := filepath.Join(p.dir, "out", "drills.jsonl")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p.write("out/drills.jsonl", strings.Replace(string(b), `"PASS"`, `"FAIL"`, 1)+string(b))
	out := p.run(p.plan("name: q", "name: r", "mode: planned", "mode: stressed"))
	if check(out, 25).Result != evidence.Fail {
		t.Errorf("%+v", check(out, 25))
	}
	torn := fmt.Sprintf(`{"entry":1,"prev":"%x","drill":"drill-1","name":"lo`, sha256.Sum256(b[:len(b)-1]))
	p.write("out/drills.jsonl", string(b)+torn) // and that a line was torn off, which leaves no other trace
	out = p.run(p.plan("name: q", "name: s", "mode: planned", "mode: stressed"))
	if c := check(out, 25); c.Result != evidence.Warn || !strings.Contains(c.Why, "line 2 stopped in its middle") {
		t.Errorf("%+v", c)
	}
}

// TestLockTakenAway: where somebody takes the lock of a drill away, and another run ends it, its evidence stays as that run
// left it.
func TestLockTakenAway(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	pl := p.plan()
	var left []byte
	p.opts.Progress = func(phase string, _ agentstate.Record) {
		if phase != "controls" || left != nil {
			return
		}
		left = []byte{}
		if err := os.Remove(filepath.Join(p.dir, "out", pl.Name+".drill.lock")); err != nil {
			t.Error(err)
		}
		left = p.run(pl).Statement
	}
	_, err := exitdrill.Run(t.Context(), pl, &p.opts)
	if !errors.Is(err, drill.ErrEnded) {
		t.Errorf("%v, want that it has ended", err)
	}
	if b, err := os.ReadFile(pl.Statement()); err != nil || string(b) != string(left) {
		t.Errorf("%v: the statement is another one", err)
	}
}
