package replay_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/loadtest"
)

// runtimes are targets with every promise that a driver can make.
func runtimes() map[string]memstate.RuntimeOptions {
	return map[string]memstate.RuntimeOptions{
		"caller's ids":               {},
		"caller's ids, flushes":      {Flushes: true},
		"own ids":                    {OwnIDs: true},
		"own ids, flushes":           {OwnIDs: true, Flushes: true},
		"transactional":              {Transactional: true},
		"transactional in batches":   {Transactional: true, Flushes: true},
		"own ids, transactional":     {OwnIDs: true, Transactional: true},
		"own ids, batches":           {OwnIDs: true, Transactional: true, Flushes: true},
		"exact, transactional":       {Exact: true, Transactional: true},
		"exact, caller's ids, flush": {Exact: true, Flushes: true},
	}
}

// content is what a target holds, without the keys that it made itself.
func content(t *testing.T, rt *memstate.Runtime) map[string]int {
	t.Helper()
	out := map[string]int{}
	for r, err := range rt.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if agentstate.IsState(agentstate.KindOf(r)) {
			out[agentstate.KindOf(r)]++
		}
	}
	return out
}

// TestBrokenAtEveryStep breaks a run at every step there is, before and after it is done, resumes it,
// and wants what an unbroken run leaves: every record once. The plain run breaks it at the first step of each sort, and at some of the rest.
func TestBrokenAtEveryStep(t *testing.T) {
	for name, opts := range runtimes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := memstate.Sample(3)
			o := replay.Options{Approved: held(t, src)}
			whole := memstate.NewRuntime(&opts)
			steps, sorts := 0, map[string]int{}
			counting := opts
			counting.Fail = func(s memstate.Step) error {
				steps++
				if sort := fmt.Sprint(s.When, s.Op); sorts[sort] == 0 {
					sorts[sort] = steps
				}
				return nil
			}
			mustRun(t, memstate.NewRuntime(&counting), src, journal(t), o)
			unbroken := mustRun(t, whole, src, journal(t), o)
			if steps < 2*int(unbroken.Actions[replay.Created]) {
				t.Fatalf("%d steps", steps)
			}
			stride := loadtest.Of(13, 3) // odd, so that it meets moments before and after
			switch name {
			case "caller's ids", "own ids", "transactional", "own ids, batches":
				stride = loadtest.Of(5, 1)
			}
			if testing.Short() {
				stride = 13
			}
			firsts := slices.Collect(maps.Values(sorts))
			for at := 1; at <= steps; at++ {
				if at%stride != 1%stride && !slices.Contains(firsts, at) {
					continue
				}
				broken := opts
				n := 0
				where := ""
				broken.Fail = func(s memstate.Step) error {
					if n++; n == at {
						where = fmt.Sprintf("%s %s %s", s.When, s.Op, s.Key)
						return errGone
					}
					return nil
				}
				dst, path := memstate.NewRuntime(&broken), journal(t)
				if _, err := run(t, dst, src, path, o); !errors.Is(err, errGone) {
					t.Fatalf("step %d (%s): %v", at, where, err)
				}
				rep, err := run(t, dst, src, path, o)
				if err != nil {
					t.Fatalf("step %d (%s): resumed: %v", at, where, err)
				}
				if d := cmp.Diff(content(t, whole), content(t, dst)); d != "" {
					t.Fatalf("step %d (%s): %s", at, where, d)
				}
				if d := cmp.Diff(unbroken.Actions, rep.Actions); d != "" {
					t.Fatalf("step %d (%s): %s", at, where, d)
				}
				// And what the run made is all undone.
				j, err := replay.OpenJournal(path)
				if err != nil {
					t.Fatal(err)
				}
				if !j.Done() {
					t.Errorf("step %d (%s): the journal does not say that the run has ended", at, where)
				}
				undone, err := replay.Undo(t.Context(), dst, j)
				if err != nil || dst.Len() != 0 || undone.LeftN != 0 {
					t.Fatalf("step %d (%s): undo: %v, %d records left, %+v", at, where, err, dst.Len(), undone)
				}
				j.Close()
			}
		})
	}
}

// TestBrokenAgainAndAgain breaks a run several times, each time a little later, until it is through.
func TestBrokenAgainAndAgain(t *testing.T) {
	for name, opts := range runtimes() {
		if opts.Transactional && !opts.Flushes {
			continue // it starts anew each time, and would never come through
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := memstate.Sample(400) // more than two batches
			want := memstate.NewRuntime(&opts)
			whole := mustRun(t, want, src, journal(t), replay.Options{})
			n, patience := 0, 0
			opts.Fail = func(memstate.Step) error {
				if n++; n == patience {
					return errGone
				}
				return nil
			}
			dst, path := memstate.NewRuntime(&opts), journal(t)
			resumed := uint64(0)
			for attempt := 1; ; attempt++ {
				n, patience = 0, attempt*601
				rep, err := run(t, dst, src, path, replay.Options{})
				if err == nil {
					if attempt < 3 {
						t.Errorf("only %d attempts", attempt)
					}
					if d := cmp.Diff(whole.Actions, rep.Actions); d != "" {
						t.Error(d)
					}
					resumed = rep.Resumed
					break
				}
				if !errors.Is(err, errGone) || attempt > 9 {
					t.Fatal(attempt, err)
				}
			}
			if d := cmp.Diff(content(t, want), content(t, dst)); d != "" {
				t.Error(d)
			}
			if opts.Flushes && resumed == 0 {
				t.Error("what was flushed was written again")
			}
		})
	}
}

func TestJournalOfAnother(t *testing.T) {
	src, dst, path := memstate.Sample(3), memstate.NewRuntime(nil), journal(t)
	mustRun(t, dst, src, path, replay.Options{})
	open := func() *replay.Journal {
		j, err := replay.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	for _, o := range []replay.Options{
		{ArchiveSHA256: [32]byte{9}, TargetURL: "memory:x"},
		{ArchiveSHA256: archive, TargetURL: "memory:y"},
	} {
		o.Journal = open()
		if _, err := replay.Apply(t.Context(), dst, src, &o); !errors.Is(err, replay.ErrJournal) || !strings.Contains(err.Error(), "want") {
			t.Errorf("%v", err)
		}
		o.Journal.Close()
	}
	j := open()
	if _, err := replay.OpenJournal(path); !errors.Is(err, replay.ErrJournal) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second run: %v", err)
	}
	if _, err := replay.Undo(t.Context(), dst, j); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Undo(t.Context(), dst, j); !errors.Is(err, replay.ErrJournal) {
		t.Errorf("undone twice: %v", err)
	}
	j.Close()
	if _, err := run(t, dst, src, path, replay.Options{}); !errors.Is(err, replay.ErrJournal) || !strings.Contains(err.Error(), "undone") {
		t.Errorf("applied after undo: %v", err)
	}
}

// TestTornJournal cuts the journal of a broken run at every length: each opens, or says that it is
// none, and the run goes on and leaves every record once.
func TestTornJournal(t *testing.T) {
	src := memstate.Sample(3)
	opts := memstate.RuntimeOptions{}
	path := journal(t)
	n := 0
	opts.Fail = func(s memstate.Step) error {
		if n++; n == 31 {
			return errGone
		}
		return nil
	}
	dst := memstate.NewRuntime(&opts)
	if _, err := run(t, dst, src, path, replay.Options{}); !errors.Is(err, errGone) {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if fi, _ := os.Stat(path); fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", fi.Mode())
	}
	if bytes.Contains(whole, []byte("likes tea")) || bytes.Contains(whole, []byte("You help")) {
		t.Error("the journal holds content")
	}
	headEnd := bytes.IndexByte(whole, '\n') + 1
	want := content(t, func() *memstate.Runtime {
		rt := memstate.NewRuntime(nil)
		mustRun(t, rt, src, journal(t), replay.Options{})
		return rt
	}())
	for cut := 0; cut <= len(whole); cut += 61 {
		p := journal(t)
		if err := os.WriteFile(p, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := run(t, dst, src, p, replay.Options{})
		switch {
		case cut > 0 && cut < headEnd:
			if !errors.Is(err, replay.ErrJournal) {
				t.Errorf("cut in its head at %d: %v", cut, err)
			}
			continue
		case err != nil:
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if d := cmp.Diff(want, content(t, dst)); d != "" {
			t.Fatalf("cut at %d: %s", cut, d)
		}
	}
	// A flipped bit in the middle is no torn tail.
	bad := bytes.Clone(whole)
	bad[headEnd+20] ^= 1
	p := journal(t)
	if err := os.WriteFile(p, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.OpenJournal(p); !errors.Is(err, replay.ErrJournal) || !strings.Contains(err.Error(), "damaged at byte") {
		t.Errorf("%v", err)
	}
}

func TestNoJournal(t *testing.T) {
	for _, b := range []string{"hello\n", "PK\x03\x04", "00000000 {}\n", strings.Repeat("x", 10_000)} {
		p := journal(t)
		if err := os.WriteFile(p, []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := replay.OpenJournal(p); !errors.Is(err, replay.ErrJournal) {
			t.Errorf("%.20q: %v", b, err)
		}
		if got, _ := os.ReadFile(p); string(got) != b {
			t.Errorf("%.20q was changed", b)
		}
	}
	j, err := replay.OpenJournal(journal(t))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if j.Run() != "" || j.Done() {
		t.Error("a journal that is not there yet has a run")
	}
	if _, err := replay.Undo(t.Context(), memstate.NewRuntime(nil), j); !errors.Is(err, replay.ErrJournal) {
		t.Error(err)
	}
}

func FuzzOpenJournal(f *testing.F) {
	path := f.TempDir() + "/j"
	j, err := replay.OpenJournal(path)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := replay.Apply(f.Context(), memstate.NewRuntime(&memstate.RuntimeOptions{Flushes: true}), memstate.Sample(3), &replay.Options{Journal: j}); err != nil {
		f.Fatal(err)
	}
	j.Close()
	whole, err := os.ReadFile(path)
	if err != nil || len(whole) == 0 {
		f.Fatal("no seed", err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		p := t.TempDir() + "/j"
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := replay.OpenJournal(p)
		if err != nil {
			if !errors.Is(err, replay.ErrJournal) {
				t.Fatal(err)
			}
			return
		}
		j.Run()
		j.Close()
	})
}

func TestJournalClosedTwice(t *testing.T) {
	path := journal(t)
	mustRun(t, memstate.NewRuntime(nil), memstate.Whole("x"), path, replay.Options{})
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := j.Close(), j.Close(); a != nil || b != nil {
		t.Error(a, b)
	}
}
