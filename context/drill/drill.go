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
	"regexp"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/evidence/report"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/filelock"
)

// Errors that callers act on.
var (
	// ErrBroken: the drill was broken off in a phase that can go on. Run it again.
	ErrBroken = errors.New("drill: broken off; run it again to go on")
	// ErrArchive: there is an archive already where a planned drill would make one.
	ErrArchive = errors.New("drill: an archive is never overwritten")
	// ErrExchanged: where the archive was is another one now. Evidence is of one.
	ErrExchanged = errors.New("drill: the archive was exchanged")
	// ErrEnded: a drill of this name has ended. Evidence is never overwritten.
	ErrEnded = errors.New("drill: a drill of this name has ended")
	// ErrNoArchive: the first of several drills ended before there was an archive.
	ErrNoArchive = errors.New("drill: there is no archive to go on with")
	// ErrRunning: another run carries out the drill of this name.
	ErrRunning = errors.New("drill: another run carries it out")
)

// The phases.
const (
	phaseExport   = "export"
	phaseVerify   = "verify"
	phaseRead     = "read" // L1: the records are looked at
	phaseSecond   = "second reader"
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

	began    time.Time // this attempt, as the clock has it that is never set
	entered  time.Time // end of a drill of the ledger, where it is later than that of this one; zero: of none
	facts    *Facts
	neutral  bool // what was read back is of the neutral store
	controls []evidence.NegativeControl
	skipped  []string // controls that do not apply
	undo     *replay.UndoReport
	undoErr  error
	undone   bool // before this attempt
	stop     *evidence.Stop
	digests  []string      // of the archive's manifest, at each opening
	first    string        // digest of the archive that an earlier drill of the same plan made; empty: none did
	files    []report.File // made of the statement, where this run judged
}

// Run carries out p. The error is nil for every drill that has ended, whatever its verdict. ErrBroken:
// run it again.
func Run(ctx context.Context, p *Plan, e *Env) (*Outcome, error) {
	r := &run{p: p, e: e, now: e.Now}
	if r.now == nil {
		r.now = time.Now
	}
	for _, dir := range p.Folders() {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("drill: %w", err)
		}
	}
	worked := workedOn(r.file(".drill.lock"), r.file(stateFile))
	held, err := os.OpenFile(r.file(".drill.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("drill: %w", err)
	}
	defer filelock.Close(held)
	if !filelock.Try(held) {
		return nil, fmt.Errorf("%w: %s", ErrRunning, held.Name())
	}
	defer os.Remove(held.Name())
	defer beats(held.Name())()
	// What a drill that was killed was about to write. A neutral store holds everything in the clear.
	if err := removeTemp(p.Output, p.Name); err != nil {
		return nil, err
	}
	if err := p.Free(); errors.Is(err, ErrEnded) {
		// Killed behind its statement, it left what it knew, which is more than evidence may say.
		if no := os.Remove(r.file(stateFile)); !errors.Is(no, fs.ErrNotExist) {
			err = errors.Join(err, no)
		}
		return nil, err
	} else if err != nil {
		return nil, err
	}
	if p.after != "" {
		if r.first, err = p.made(); err != nil {
			return nil, err
		}
	}
	if r.st, err = loadState(r.file(stateFile), p, worked, r.now()); err != nil {
		return nil, err
	}
	if r.st.Statement == nil {
		if err := r.phases(ctx); err != nil {
			return nil, errors.Join(err, r.st.save())
		}
	}
	return r.finish(ctx)
}

// Folders are those that a drill of p makes where they are not there, which is no finding about an exit.
func (p *Plan) Folders() []string {
	if p.Mode != evidence.Planned {
		return []string{p.Output}
	}
	return []string{p.Output, filepath.Dir(p.Archive)}
}

// Free is ErrEnded where a drill of this name has ended, and ErrArchive where a planned one would have to write
// over an archive.
func (p *Plan) Free() error {
	if _, err := os.Lstat(p.Statement()); err == nil {
		as := ""
		if pr := p.Ended(); pr != nil {
			as = p.EndedAs(pr) + "; "
		}
		return fmt.Errorf("%w: %s%s is there; nothing was done now; give this one another name", ErrEnded, as, p.Statement())
	}
	if p.after != "" || p.Mode != evidence.Planned {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(p.Output, p.Name+stateFile)); err == nil {
		return nil // it goes on
	}
	if _, err := os.Lstat(p.Archive); err == nil {
		return fmt.Errorf("%w: a planned drill makes %s, and it is there already", ErrArchive, p.Archive)
	}
	return nil
}

// neutralStore is what the folder of the neutral store is called.
const neutralStore = ".neutral."

// Ends of names of what a drill leaves.
const (
	stateFile     = ".drill.json"
	htmlFile      = ".html"
	packFile      = ".evidence.zip"
	bundleFile    = ".sigstore.json"
	resultFile    = ".test-result.sigstore.json"
	svrFile       = ".svr.sigstore.json"
	refusedFile   = ".refused.ndjson"
	blockFile     = ".block.txt"
	saltFile      = ".salt"
	statementFile = ".statement.json"
)

// removeTemp removes from a folder what the drill of this name was writing: its neutral store, and files that have not
// got their names. A drill of another name may have files that begin so: they do not end in digits alone.
func removeTemp(dir, name string) error {
	begins := []string{name + neutralStore}
	for _, suffix := range []string{stateFile, htmlFile, packFile, bundleFile, resultFile, svrFile, blockFile, secondOutput, saltFile, statementFile} {
		begins = append(begins, "."+name+suffix+".") // as syncdir.WriteFile has it
	}
	all, err := os.ReadDir(dir)
	for _, e := range all {
		for _, begin := range begins {
			if n, ok := strings.CutPrefix(e.Name(), begin); ok && n != "" && strings.Trim(n, "0123456789") == "" {
				err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
			}
		}
	}
	if err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	return nil
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
	began := r.clock()
	n, size, err := f()
	r.st.Phases = append(r.st.Phases, evidence.Phase{Name: name, Start: began.UTC(), Seconds: r.lapse(began), Records: n, Bytes: size})
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
	r.stop = &evidence.Stop{Phase: phase, Why: withoutKeys(err.Error())}
	var ref *Refused
	if errors.As(err, &ref) {
		r.stop.Class = ref.Class
	}
}

// withoutKeys is a text in which no key of a record stands: keys hold ids of people, and evidence goes
// to others.
func withoutKeys(s string) string {
	return regexp.MustCompile(`\b(`+strings.Join(agentstate.Kinds(), "|")+`)/[^\s,;"'()]+`).ReplaceAllString(s, "$1 …")
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
	for _, step := range append(steps, r.secondReader, r.runControls, r.tearDown) {
		if err := ctx.Err(); err != nil {
			return broken("between phases", err)
		}
		if err := step(ctx); err != nil {
			return err
		}
		if r.stop != nil {
			if r.st.Report != nil { // it is in the target
				return r.tearDown(ctx)
			}
			return nil
		}
	}
	return nil
}
