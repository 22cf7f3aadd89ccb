package promptfoo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/receipts"
	"github.com/exitramp/exitramp/internal/syncdir"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A writer writes one suite. Nothing is at the path before Commit, which renames a whole file to it.
type writer struct {
	s     *Suite
	run   *replay.Run
	exact bool
	old   []byte // nil: there is no file
	there *suite // what old says
	next  []byte // exact: the file
	made  *made  // else: the suite that is put together
	of    string // key of the suite that is written; empty: none yet
	new   bool   // there is something to write
}

// Begin looks at what is there. A file that is no suite is refused.
func (s *Suite) Begin(_ context.Context, run *replay.Run) (replay.Writer, error) {
	w := &writer{s: s, run: run, exact: run.From.GetProduct() == product, made: &made{}}
	if st, err := os.Stat(filepath.Dir(s.path)); err != nil || !st.IsDir() {
		return nil, fmt.Errorf("%w: promptfoo: no folder %s; make it first", replay.ErrTarget, filepath.Dir(s.path))
	}
	var err error
	w.there, w.old, err = s.load()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", replay.ErrTarget, err)
	}
	return w, nil
}

// Deferred: nothing is in the target before Commit.
func (w *writer) Deferred() bool { return true }

// Exact tells whether the state is of promptfoo: then its cases are read out of its file.
func (w *writer) Exact() bool { return w.exact }

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Write takes one record.
func (w *writer) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	switch r := r.(type) {
	case *pb.TestSuite:
		if w.of != "" {
			return refused("a file holds one suite: write this one into another"), nil
		}
		if !w.exact {
			w.of = r.Meta.GetKey()
			return w.foreignSuite(r), nil
		}
		rc, err := w.file(ctx, r)
		if err == nil && rc.Action != replay.Skipped && rc.Action != replay.Refused {
			w.of = r.Meta.GetKey()
		}
		return rc, err
	case *pb.TestCase:
		if !w.exact {
			return w.foreignCase(ctx, r)
		}
	}
	return replay.Receipt{Action: replay.Skipped, Why: "a test suite has no " + agentstate.KindOf(r)}, nil
}

func refused(why string) replay.Receipt { return replay.Receipt{Action: replay.Refused, Why: why} }

// file writes a suite of promptfoo as it was.
func (w *writer) file(ctx context.Context, r *pb.TestSuite) (replay.Receipt, error) {
	ns := r.Meta.GetNative()
	if len(ns) != 1 || ns[0].Type != "file" || len(ns[0].GetRow().GetColumns()) != 1 {
		return replay.Receipt{Action: replay.Skipped, Why: "has no native file"}, nil
	}
	v, err := w.run.Source.Column(ctx, r, ns[0].GetRow().Columns[0])
	if err != nil {
		return replay.Receipt{}, fmt.Errorf("promptfoo: %s: %w", r.Meta.Key, err)
	}
	b, ok := v.([]byte)
	if !ok || len(b) > maxFile {
		return refused("its native is no file of promptfoo"), nil
	}
	if doc, err := parse(b); err != nil {
		if bytes.Contains(b, []byte("****")) { // an asterisk begins an alias
			return refused("its file is no YAML: it seems that a secret without quotes around it was taken out; export with --secrets label, or put quotes there"), nil
		}
		return refused("its file is no YAML"), nil
	} else if _, err := understand(doc); err != nil {
		return refused("its file is no suite"), nil
	}
	rc := replay.Receipt{Action: replay.Created, Target: suiteKey, Version: digest(b)}
	switch {
	case w.old == nil:
		w.next, w.new = b, true
	case bytes.Equal(w.old, b):
		rc.Action = replay.Same
	default:
		rc.Action, rc.Why = replay.Conflict, "the file holds another suite; give another name"
	}
	return rc, nil
}

// Commit writes the file.
func (w *writer) Commit(context.Context) error {
	if !w.new || w.run.DryRun {
		return nil
	}
	b := w.next
	if !w.exact {
		b = w.made.encode()
	}
	return w.s.replace(w.run.ID, b)
}

// Close has nothing to release.
func (w *writer) Close() error { return nil }

// replace makes the file for the run, where there is none: somebody may have made one meanwhile.
func (s *Suite) replace(run string, b []byte) error {
	f, err := homefiles.Only(filepath.Dir(s.path), run)
	if err != nil {
		return fmt.Errorf("promptfoo: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("promptfoo: %w", err)
	}
	if _, err := os.Lstat(s.path); err == nil {
		return fmt.Errorf("promptfoo: %s was made by somebody else during the run; give another name", s.path)
	}
	if err := os.Rename(f.Name(), s.path); err != nil {
		return fmt.Errorf("promptfoo: %w", err)
	}
	return syncdir.Sync(filepath.Dir(s.path))
}

// Undo takes the file away that a run made, unless it says something else by now.
func (s *Suite) Undo(_ context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	if err := homefiles.SweepIn(filepath.Dir(s.path), run.ID); err != nil {
		return replay.Untouched(fmt.Errorf("promptfoo: %w", err))
	}
	doc, b, err := s.load()
	if errors.Is(err, fs.ErrNotExist) {
		return replay.Untouched(receipts.LeaveAll(created, replay.Gone, leave))
	}
	whole, any := err == nil, false
	cases := map[string]bool{}
	for rc, err := range created {
		if err != nil {
			return replay.Untouched(err)
		}
		any = true
		switch agentstate.KindOfKey(rc.Target) {
		case "testsuite":
			whole = whole && (rc.Version == digest(b) || doc != nil && rc.Version == header(doc.description))
		case "testcase":
			cases[rc.Target] = true
		}
	}
	if len(cases) > 0 { // a suite that was put together: it holds what the run made and nothing else
		for i := range doc.casesOf() {
			key := doc.cases[i].record().Meta.Key
			whole = whole && cases[key]
			delete(cases, key)
		}
		whole = whole && len(cases) == 0 && bytes.HasPrefix(b, []byte(madeBy))
	}
	if whole && any {
		if err := os.Remove(s.path); err != nil {
			return fmt.Errorf("promptfoo: %w", err)
		}
		return nil
	}
	return replay.Untouched(receipts.LeaveAll(created, "the file was changed since the run", leave))
}

func (s *suite) casesOf() []testCase {
	if s == nil {
		return nil
	}
	return s.cases
}
