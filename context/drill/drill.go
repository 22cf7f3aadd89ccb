// Package drill rehearses an exit: it takes the state out of a runtime, or out of the last archive
// of it, puts it into another, reads it back, and says what was lost, how long it took, and whether
// what has to be refused was refused.
//
// A [Plan] says before the drill what counts as good enough. [Run] carries it out in phases, each
// timed: export (planned drills alone), verify, plan, replay, read-back, controls, tear-down. What it
// measured becomes a predicate of package evidence, whose verdict is computed from 46 statements,
// each answered with pass, fail, warn or not tested. A drill that is killed goes on when it is run
// again; what it leaves for that lies in the output folder. Its end is a line in a [Ledger].
//
// The package knows no archive format and no runtime; an [Env] has both.
package drill

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/context/unpack"
)

// Errors that callers act on.
var (
	// ErrBroken: the drill was broken off in a phase that can go on. Run it again.
	ErrBroken = errors.New("drill: broken off; run it again to go on")
	// ErrArchive: there is an archive already where a planned drill would make one.
	ErrArchive = errors.New("drill: an archive is never overwritten")
	// ErrEnded: a drill of this name has ended. Evidence is never overwritten.
	ErrEnded = errors.New("drill: a drill of this name has ended")
)

// The phases.
const (
	phaseExport   = "export"
	phaseVerify   = "verify"
	phaseRead     = "read" // L1: the records are looked at
	phaseNeutral  = "neutral store"
	phasePlan     = "plan"
	phaseReplay   = "replay"
	phaseReadBack = "read-back"
	phaseControls = "controls"
	phaseTasks    = "tasks"
	phaseTearDown = "tear-down"
)

// Outcome is a drill that has ended.
type Outcome struct {
	Predicate *evidence.Predicate
	Judgement *evidence.Judgement
	Statement []byte   // as it is in the file
	Files     []string // that the drill left
	Hints     []string // what a person does next
}

// run is the state of one Run.
type run struct {
	p   *Plan
	e   *Env
	st  *state
	now func() time.Time

	facts    *Facts
	neutral  bool // what was read back is of the neutral store
	controls []evidence.NegativeControl
	skipped  []string // controls that do not apply
	undo     *replay.UndoReport
	undoErr  error
	stop     *evidence.Stop
	digests  []string // of the archive's manifest, at each opening
}

// Run carries out p. The error is nil for every drill that has ended, whatever its verdict. ErrBroken:
// run it again.
func Run(ctx context.Context, p *Plan, e *Env) (*Outcome, error) {
	r := &run{p: p, e: e, now: e.Now}
	if r.now == nil {
		r.now = time.Now
	}
	if err := os.MkdirAll(p.Output, 0o755); err != nil {
		return nil, fmt.Errorf("drill: %w", err)
	}
	if _, err := os.Lstat(r.file(".statement.json")); err == nil {
		return nil, fmt.Errorf("%w: %s is there; give this one another name", ErrEnded, r.file(".statement.json"))
	}
	if _, err := os.Lstat(r.file(".drill.json")); errors.Is(err, fs.ErrNotExist) && p.Mode == evidence.Planned {
		if _, err := os.Lstat(p.Archive); err == nil {
			return nil, fmt.Errorf("%w: a planned drill makes %s, and it is there already", ErrArchive, p.Archive)
		}
	}
	var err error
	if r.st, err = loadState(r.file(".drill.json"), p, newID(), r.now()); err != nil {
		return nil, err
	}
	if r.st.Statement == nil {
		if err := r.phases(ctx); err != nil {
			return nil, errors.Join(err, r.st.save())
		}
	}
	return r.finish(ctx)
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return "drill-" + hex.EncodeToString(b[:])
}

// file is a file that the drill leaves.
func (r *run) file(suffix string) string { return filepath.Join(r.p.Output, r.p.Name+suffix) }

func (r *run) journal() string {
	if r.p.Replay.Journal != "" {
		return r.p.Replay.Journal
	}
	return r.file(".journal")
}

// phase times f. Its counts are what it returns.
func (r *run) phase(name string, f func() (records uint64, bytes int64, err error)) error {
	if r.e.Progress != nil {
		r.e.Progress(name, nil)
	}
	began := r.now()
	n, size, err := f()
	r.st.Phases = append(r.st.Phases, evidence.Phase{Name: name, Start: began.UTC(), Seconds: r.now().Sub(began).Seconds(), Records: n, Bytes: size})
	return err
}

// see is a callback for records of a phase.
func (r *run) see(phase string) func(agentstate.Record) {
	if r.e.Progress == nil {
		return func(agentstate.Record) {}
	}
	return func(rec agentstate.Record) { r.e.Progress(phase, rec) }
}

// stopped ends the drill in a phase: an exit would have ended there.
func (r *run) stopped(phase string, err error) {
	r.stop = &evidence.Stop{Phase: phase, Why: err.Error()}
	var ref *Refused
	if errors.As(err, &ref) {
		r.stop.Class = ref.Class
	}
}

// broken is an error of a phase that goes on when the drill is run again.
func broken(phase string, err error) error { return fmt.Errorf("%w: %s: %w", ErrBroken, phase, err) }

// phases runs all of them. An error is of a drill that has not ended.
func (r *run) phases(ctx context.Context) error {
	steps := []func(context.Context) error{r.export, r.verify}
	switch {
	case r.p.reaches(evidence.L3):
		steps = append(steps, r.planReplay, r.replay, r.readBack, r.runTasks)
	case r.p.reaches(evidence.L2):
		steps = append(steps, r.neutralStore)
	default:
		steps = append(steps, r.look)
	}
	for _, step := range append(steps, r.runControls, r.tearDown) {
		if err := ctx.Err(); err != nil {
			return broken("between phases", err)
		}
		if err := step(ctx); err != nil {
			return err
		}
		if r.stop != nil {
			return nil
		}
	}
	return nil
}

func (r *run) export(ctx context.Context) error {
	if r.p.Mode != evidence.Planned || r.st.Sealed {
		return nil
	}
	n := uint64(0)
	err := r.phase(phaseExport, func() (uint64, int64, error) {
		src, err := r.e.Source(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer src.Close()
		see := r.see(phaseExport)
		err = r.e.Archives.Seal(ctx, r.p.Archive, src, func(rec agentstate.Record) {
			if agentstate.IsState(agentstate.KindOf(rec)) {
				n++
			}
			see(rec)
		})
		return n, sizeOf(r.p.Archive), err
	})
	switch {
	case err == nil:
		r.st.Sealed = true
		return r.st.save()
	case ctx.Err() != nil || n > 0:
		return broken(phaseExport, err)
	}
	r.stopped(phaseExport, err)
	return nil
}

func sizeOf(path string) int64 {
	fi, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return fi.Size()
}

func (r *run) verify(ctx context.Context) error {
	began := r.now()
	err := r.phase(phaseVerify, func() (uint64, int64, error) {
		f, err := r.e.Archives.Check(ctx, r.p.Archive)
		if err != nil {
			return 0, sizeOf(r.p.Archive), err
		}
		r.facts = f
		return f.Archive.Records, f.Archive.Bytes, nil
	})
	if err != nil {
		if ctx.Err() != nil {
			return broken(phaseVerify, err)
		}
		r.stopped(phaseVerify, err)
		return nil
	}
	r.digests = append(r.digests, r.facts.Archive.ManifestSHA256)
	if r.st.Exit.IsZero() {
		r.st.Exit = began.UTC()
		return r.st.save()
	}
	return nil
}

// open opens the archive to act on it.
func (r *run) open(ctx context.Context) (Runtime, error) { return r.e.Archives.Open(ctx, r.p.Archive) }

// look reads the records once, where no later phase does.
func (r *run) look(ctx context.Context) error {
	o := newObserver(r.p.Canaries)
	err := r.phase(phaseRead, func() (uint64, int64, error) {
		src, err := r.open(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer src.Close()
		n := uint64(0)
		for rec, err := range src.Records(ctx, nil) {
			if err != nil {
				return n, 0, err
			}
			n++
			o.record(rec)
		}
		return n, 0, ctx.Err()
	})
	if err != nil {
		return broken(phaseRead, err)
	}
	r.st.saw(o, r.e.Models)
	return nil
}

// neutralStore writes the archive as JSON Lines, which need nobody's software, and compares. The
// folder holds everything in the clear and is gone when the phase ends.
func (r *run) neutralStore(ctx context.Context) error {
	r.neutral = true
	dir, err := os.MkdirTemp(r.p.Output, "."+r.p.Name+".neutral.")
	if err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	defer os.RemoveAll(dir)
	o := newObserver(r.p.Canaries)
	folder := filepath.Join(dir, "state")
	src, err := r.open(ctx)
	if err != nil {
		return broken(phaseNeutral, err)
	}
	defer src.Close()
	err = r.phase(phaseNeutral, func() (uint64, int64, error) {
		d, err := unpack.Create(folder, unpack.JSONL, nil)
		if err != nil {
			return 0, 0, err
		}
		defer d.Close()
		_, err = agentstate.Copy(ctx, d, &tap{Source: src, look: o.record}, &agentstate.CopyOptions{OnRecord: r.see(phaseNeutral)})
		return r.facts.Archive.Records, 0, err
	})
	if err != nil {
		return broken(phaseNeutral, err)
	}
	r.st.saw(o, r.e.Models)
	err = r.phase(phaseReadBack, func() (uint64, int64, error) {
		got, err := unpack.Open(folder)
		if err != nil {
			return 0, 0, err
		}
		defer got.Close()
		r.st.Back, err = ReadBack(ctx, src, got, nil, r.p.Canaries)
		return r.facts.Archive.Records, 0, err
	})
	if err != nil {
		return broken(phaseReadBack, err)
	}
	return nil
}

// options are those of plan and replay.
func (r *run) options(phase string) *replay.Options {
	o := r.e.Replay
	b, _ := hex.DecodeString(r.facts.Archive.ManifestSHA256)
	copy(o.ArchiveSHA256[:], b)
	o.OnReceipt = func(rc replay.Receipt) {
		if r.e.Progress != nil {
			r.e.Progress(phase, agentstate.New(agentstate.KindOfKey(rc.Key)))
		}
	}
	return &o
}

// planReplay asks the target what it would do. It is the first to read the archive's records, and so
// looks at them. After a replay has begun there is nothing to ask.
func (r *run) planReplay(ctx context.Context) error {
	if r.st.Planned {
		return nil
	}
	o := newObserver(nil)
	err := r.phase(phasePlan, func() (uint64, int64, error) {
		src, err := r.open(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer src.Close()
		rt, dst, err := r.e.Target(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer rt.Close()
		rep, err := replay.Plan(ctx, dst, &tap{Source: src, look: o.record}, r.options(phasePlan))
		if err != nil {
			return 0, 0, err
		}
		r.st.Before = map[string]uint64{}
		for kind, acts := range rep.Kinds {
			r.st.Before[kind] = acts[replay.Same]
		}
		return rep.Records, 0, nil
	})
	if err != nil {
		if ctx.Err() != nil {
			return broken(phasePlan, err)
		}
		r.stopped(phasePlan, err)
		return nil
	}
	r.st.saw(o, r.e.Models)
	r.st.Planned = true
	return r.st.save()
}

func (r *run) replay(ctx context.Context) error {
	if r.st.Back != nil {
		return nil
	}
	begun := false // something may be in the target
	err := r.phase(phaseReplay, func() (uint64, int64, error) {
		src, err := r.open(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer src.Close()
		rt, dst, err := r.e.Target(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer rt.Close()
		j, err := replay.OpenJournal(r.journal())
		if err != nil {
			return 0, 0, err
		}
		defer j.Close()
		refused := &lazyFile{path: r.file(".refused.ndjson")}
		defer refused.Close()
		o := r.options(phaseReplay)
		o.Journal, o.Refused = j, refused
		r.st.Report, err = replay.Apply(ctx, dst, src, o)
		begun = j.Run() != ""
		if err != nil {
			return 0, 0, err
		}
		return r.st.Report.Records, 0, refused.Close()
	})
	switch {
	case err == nil:
		r.st.Resumed += r.st.Report.Resumed
		return r.st.save()
	case ctx.Err() != nil || begun:
		return broken(phaseReplay, err)
	}
	r.stopped(phaseReplay, err)
	return nil
}

func (r *run) readBack(ctx context.Context) error {
	if r.st.Back != nil {
		return nil
	}
	err := r.phase(phaseReadBack, func() (n uint64, size int64, err error) {
		if r.e.ReadBack != nil {
			r.st.Back, err = r.e.ReadBack(ctx, r.journal())
		} else {
			r.st.Back, err = r.readBackHere(ctx)
		}
		if err != nil {
			return 0, 0, err
		}
		return r.st.Back.Fidelity.Records, 0, nil
	})
	if err != nil {
		r.st.Back = nil
		return broken(phaseReadBack, err)
	}
	return r.st.save()
}

func (r *run) readBackHere(ctx context.Context) (*Back, error) {
	src, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	rt, _, err := r.e.Target(ctx)
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	j, err := replay.OpenJournal(r.journal())
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return ReadBack(ctx, src, rt, j, r.p.Canaries)
}

func (r *run) runTasks(ctx context.Context) error {
	if r.e.Tasks == nil || !r.p.reaches(evidence.L4) || r.st.Tasks != nil {
		return nil
	}
	err := r.phase(phaseTasks, func() (uint64, int64, error) {
		s, err := r.e.Tasks(ctx)
		if err != nil {
			return 0, 0, err
		}
		r.st.Tasks = s
		return uint64(len(s.Tasks) * s.Runs), 0, nil
	})
	if err != nil {
		return broken(phaseTasks, err)
	}
	return r.st.save()
}

func (r *run) runControls(ctx context.Context) error {
	err := r.phase(phaseControls, func() (_ uint64, _ int64, err error) {
		r.controls, r.skipped, err = r.e.Controls(ctx, r.p.Archive, r.facts)
		return 0, 0, err
	})
	if err != nil {
		return broken(phaseControls, err)
	}
	return nil
}

// tearDown takes out of the target what this drill put there.
func (r *run) tearDown(ctx context.Context) error {
	if r.p.Keep || !r.p.reaches(evidence.L3) {
		return nil
	}
	r.undoErr = r.phase(phaseTearDown, func() (uint64, int64, error) {
		rt, dst, err := r.e.Target(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer rt.Close()
		j, err := replay.OpenJournal(r.journal())
		if err != nil {
			return 0, 0, err
		}
		defer j.Close()
		if r.undo, err = replay.Undo(ctx, dst, j); err != nil {
			return 0, 0, err
		}
		return r.undo.Removed, 0, nil
	})
	if r.undoErr != nil && ctx.Err() != nil {
		return broken(phaseTearDown, r.undoErr)
	}
	return nil
}

// lazyFile comes into being with its first byte.
type lazyFile struct {
	path string
	f    *os.File
}

func (l *lazyFile) Write(b []byte) (int, error) {
	if l.f == nil {
		f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return 0, err
		}
		l.f = f
	}
	return l.f.Write(b)
}

// Close syncs. Closed twice, it does nothing.
func (l *lazyFile) Close() error {
	if l.f == nil {
		return nil
	}
	err := errors.Join(l.f.Sync(), l.f.Close())
	l.f = nil
	return err
}
