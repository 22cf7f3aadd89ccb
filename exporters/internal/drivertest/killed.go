package drivertest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
)

// Killed: a replay of src into the folder root is killed before its commit. What it has on its way is no state, and an undo
// takes it out. dst defers (replay.Deferrer).
func Killed(t testing.TB, dst interface {
	agentstate.Source
	replay.Target
}, root string, src agentstate.Source) {
	t.Helper()
	before := files(t, root)
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := replay.Apply(t.Context(), dying{dst, t, root}, src, &replay.Options{Journal: j}); !errors.Is(err, errKilled) {
		t.Fatal("want it killed: ", err)
	}
	if len(files(t, root)) <= len(before) {
		t.Fatal("nothing was on its way")
	}
	for r, err := range dst.Records(t.Context(), nil) {
		if err != nil { // an empty folder
			break
		}
		if agentstate.IsState(agentstate.KindOf(r)) {
			t.Errorf("%s is there, and nothing was committed", r.GetMeta().GetKey())
		}
	}
	if _, err := replay.Undo(t.Context(), dst, j); err != nil {
		t.Fatal(err)
	}
	for p := range files(t, root) {
		if _, ok := before[p]; !ok {
			t.Errorf("%s is still there", p)
		}
	}
}

var errKilled = errors.New("killed")

// dying is a target whose runs come to no commit, and clear nothing away.
type dying struct {
	replay.Target
	t    testing.TB
	root string
}

func (d dying) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w, err := d.Target.Begin(ctx, run)
	if err != nil {
		return nil, err
	}
	return struct {
		dead
		replay.Deferrer
		replay.Exacter
	}{dead{w, d}, w.(replay.Deferrer), w.(replay.Exacter)}, nil
}

type dead struct {
	replay.Writer
	of dying
}

func (dead) Commit(context.Context) error { return errKilled }

// Close lets go of locks, as a process that ends does, and of no file.
func (d dead) Close() error {
	was := files(d.of.t, d.of.root)
	err := d.Writer.Close()
	for p, b := range was {
		if _, serr := os.Lstat(p); serr != nil {
			err = errors.Join(err, os.MkdirAll(filepath.Dir(p), 0o700), os.WriteFile(p, b, 0o600))
		}
	}
	return err
}

// files are those below root, which may not be there, and without bytes the folders that are empty.
func files(t testing.TB, root string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		switch {
		case err == nil && e.Type().IsRegular():
			all[p], err = os.ReadFile(p)
		case err == nil && e.IsDir() && p != root:
			all[p] = nil
		}
		delete(all, filepath.Dir(p)) // is not empty
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

// OnItsWay undoes a run of src into dst, of which a file in dir is still on its way: it goes, and no other run's does.
func OnItsWay(t testing.TB, dst replay.Target, src agentstate.Source, dir string) {
	t.Helper()
	_, j := Apply(t, dst, src)
	var names []string
	for _, run := range []string{j.Run(), "another"} {
		f, err := homefiles.Temp(dir, run)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		names = append(names, f.Name())
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN > 0 {
		t.Fatalf("%+v %v", u, err)
	}
	for i, p := range names {
		if _, err := os.Lstat(p); (err == nil) != (i == 1) {
			t.Errorf("%s: %v, want what is another run's alone", p, err)
		}
	}
}
