package exitdrill_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/evidence/report"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exitdrill"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/mcpmemory"
	"github.com/exitramp/exitramp/exporters/openaiagents"
	"github.com/exitramp/exitramp/internal/loadtest"
)

// unreadable is a target that cannot be read since it was written.
type unreadable struct {
	*memstate.Runtime
	why func() error // nil: it can
}

func (u unreadable) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	if err := u.why(); err != nil {
		return func(yield func(agentstate.Record, error) bool) { yield(nil, err) }
	}
	return u.Runtime.Records(ctx, o)
}

func (u unreadable) Lend(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return u.Records(ctx, o)
}

// unreadableAfter makes the target of p one that fails with why in the read-back and behind it.
func (p *place) unreadableAfter(why func(try int) error) {
	back, try := false, 0
	p.opts.Progress = func(phase string, _ agentstate.Record) {
		switch {
		case phase == "read-back" && !back:
			back, try = true, try+1
		case phase == "verify":
			back = false
		}
	}
	p.opts.Registry = exporters.NewRegistry(exporters.Driver{Scheme: "mem", URL: "mem:name", Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
		if u.Opaque != "target" {
			return p.runtimes[u.Opaque], nil
		}
		return unreadable{p.runtimes["target"], func() error {
			if !back {
				return nil
			}
			return why(try)
		}}, nil
	}})
}

// TestSameAgain: what keeps the target from being read twice in the same way is a finding about the exit, and the drill
// ends there; what was replayed is taken out. Before that, the same command goes on.
func TestSameAgain(t *testing.T) {
	t.Parallel()
	for name, tc := range loadtest.Rows(map[string]struct {
		why   func(try int) error
		tries int // that go on
		ends  bool
	}{
		"the same": {func(int) error { return errors.New("no such table: memory/secret-key") }, 1, true},
		"another":  {func(try int) error { return errors.New("no such table: " + "abccc"[try-1:try]) }, 3, true},
		"other numbers": {func(try int) error {
			return fmt.Errorf("no such table: memory/secret-key, process %d, page %d", 9000*try, 9999+try)
		}, 1, true},
		"another status": {func(try int) error { return fmt.Errorf("no such table: HTTP %d", 403+min(try, 3)) }, 3, true},
		"another code of SQL": {func(try int) error {
			return fmt.Errorf("no such table: a value is none that its type takes (SQLSTATE %d)", 22001+min(try, 3))
		}, 3, true},
		"nobody there":   {func(int) error { return &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED} }, 4, false},
		"locked":         {func(int) error { return openaiagents.ErrLocked }, 3, false},
		"written":        {func(int) error { return mcpmemory.ErrChanged }, 3, false},
		"journal in use": {func(int) error { return replay.ErrJournal }, 3, false},
	}, "the same", "another status", "nobody there", "locked") {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.unreadableAfter(tc.why)
			pl := p.plan("keep: true", "keep: false")
			for i := range tc.tries {
				_, err := exitdrill.Run(t.Context(), pl, &p.opts)
				if !errors.Is(err, drill.ErrBroken) {
					t.Fatalf("try %d: %v", i+1, err)
				}
				if told := strings.Contains(err.Error(), "in the same way again"); told != tc.ends {
					t.Errorf("try %d does not say what the next one means, or says what it does not: %v", i+1, err)
				}
			}
			if !tc.ends {
				return
			}
			out := p.run(pl)
			s := out.Predicate.Drill.Stopped
			if s == nil || s.Phase != "read-back" || !strings.Contains(s.Why, "no such table") || strings.Contains(s.Why, "secret-key") || out.Judgement.Verdict != evidence.VerdictFail {
				t.Errorf("%+v, %+v", s, out.Judgement)
			}
			if page := artefact(t, out, report.NameHTML); strings.Contains(page, "no target was written to") || !strings.Contains(page, "its target was not read back") {
				t.Error("page one does not say what became of the target")
			}
			if out.Predicate.Timing.RTOSeconds != 0 || check(out, 11).Result != evidence.Untold {
				t.Errorf("RTO %v, %+v", out.Predicate.Timing.RTOSeconds, check(out, 11))
			}
			if n := p.runtimes["target"].Len(); n != 0 || !strings.Contains(strings.Join(out.Predicate.Limits, " "), "were taken out of the target") {
				t.Errorf("%d records stay in the target; limits %q", n, out.Predicate.Limits)
			}
		})
	}
}

// TestSameAgainBroken: a drill that ended where its target could not be read back, and was killed behind its tear-down,
// ends there when it goes on, also where the target can be read by then: nothing that was replayed is in it any more.
func TestSameAgainBroken(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.unreadableAfter(func(try int) error {
		if try < 3 {
			return errors.New("no such table")
		}
		return nil
	})
	pl := p.plan("keep: true", "keep: false")
	if _, err := exitdrill.Run(t.Context(), pl, &p.opts); !errors.Is(err, drill.ErrBroken) {
		t.Fatal(err)
	}
	ledger := filepath.Join(p.dir, "out", "drills.jsonl")
	if err := os.Mkdir(ledger, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exitdrill.Run(t.Context(), pl, &p.opts); err == nil || p.runtimes["target"].Len() != 0 {
		t.Fatalf("its ledger is a folder: %+v, %v; %d records in the target", out, err, p.runtimes["target"].Len())
	}
	if err := os.Remove(ledger); err != nil {
		t.Fatal(err)
	}
	out := p.run(pl)
	if s := out.Predicate.Drill.Stopped; s == nil || s.Phase != "read-back" || !strings.HasSuffix(s.Why, "no such table") || out.Judgement.Verdict != evidence.VerdictFail {
		t.Errorf("%+v, %+v", s, out.Judgement)
	}
	if !strings.Contains(strings.Join(out.Predicate.Limits, " "), "taken out of the target by an attempt before") {
		t.Errorf("%q", out.Predicate.Limits)
	}
}

// TestLeft: what the last replay finds of those before it is counted once, however often it was found.
func TestLeft(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.unreadableAfter(func(try int) error {
		if try < 3 {
			return agentstate.ErrUnanswered
		}
		return nil
	})
	pl := p.plan()
	for range 2 {
		if _, err := exitdrill.Run(t.Context(), pl, &p.opts); !errors.Is(err, drill.ErrBroken) {
			t.Fatal(err)
		}
	}
	out := p.run(pl)
	want := fmt.Sprintf("3 attempts, %d records are as an earlier one left them", p.runtimes["target"].Len())
	if got := fmt.Sprint(out.Predicate.Obstacles); !strings.Contains(got, want) {
		t.Errorf("want %q, got %s", want, got)
	}
}

// silent is a target that gives no answer until it is asked often enough: to a plan, and then to a replay.
type silent struct {
	*memstate.Runtime
	asked *int
}

func (s silent) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	if *s.asked++; *s.asked == 1 || *s.asked == 3 {
		return nil, fmt.Errorf("%w: is it locked?", agentstate.ErrUnanswered)
	}
	return s.Runtime.Begin(ctx, run)
}

// TestUnanswered: a target that is locked, or that nobody answers for, shows nothing about the exit, also where nothing was
// written yet: the drill goes on.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	asked := 0
	p.opts.Registry = exporters.NewRegistry(exporters.Driver{Scheme: "mem", URL: "mem:name", Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
		if u.Opaque == "target" {
			return silent{p.runtimes["target"], &asked}, nil
		}
		return p.runtimes[u.Opaque], nil
	}})
	for _, phase := range []string{"plan", "replay"} {
		if _, err := exitdrill.Run(t.Context(), p.plan(), &p.opts); !errors.Is(err, drill.ErrBroken) || !strings.Contains(err.Error(), phase+": ") {
			t.Fatalf("%s: %v", phase, err)
		}
	}
	if out := p.run(p.plan()); out.Judgement.Verdict != evidence.VerdictPass || out.Predicate.Drill.Attempts != 3 {
		t.Errorf("%+v after %d attempts", out.Judgement, out.Predicate.Drill.Attempts)
	}
}
