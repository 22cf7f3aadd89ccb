package homefiles

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// onItsWay begins the name of every file that has not got its own yet.
const onItsWay = ".exitramp-"

// OnItsWay tells whether a file of this name is one that a replay has not finished, and so no state.
func OnItsWay(name string) bool { return strings.HasPrefix(name, onItsWay) }

// prefix begins the names of the files that a run has on their way. Its id comes out of a journal.
func prefix(run string) string {
	h := sha256.New()
	io.WriteString(h, run)
	return onItsWay + sum(h) + "-"
}

// Temp makes a file in dir that the run has on its way.
func Temp(dir, run string) (*os.File, error) { return os.CreateTemp(dir, prefix(run)+"*") }

// Only makes the one file that the run has on its way in dir: those of attempts that were killed go.
func Only(dir, run string) (*os.File, error) {
	if err := SweepIn(dir, run); err != nil {
		return nil, err
	}
	return Temp(dir, run)
}

// SweepIn takes away what an attempt of the run that was killed has left in dir, which may not be there: a run has one
// attempt at a time.
func SweepIn(dir, run string) error {
	all, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for p := prefix(run); len(all) > 0; all = all[1:] {
		if left(all[0], p) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, all[0].Name())))
		}
	}
	return err
}

func left(e fs.DirEntry, prefix string) bool {
	return e.Type().IsRegular() && strings.HasPrefix(e.Name(), prefix)
}

// Sweep takes away what attempts of the run that were killed have left in the folder in of root, and below it, and the folders
// below root that are empty then. It follows no link below root, and passes over folders that it may not list.
func Sweep(root, in, run string) (errs error) {
	if at, err := filepath.EvalSymlinks(root); err == nil { // else there is nothing
		root = at
	}
	start, dirs := prefix(run), map[string]bool{}
	_ = filepath.WalkDir(filepath.Join(root, in), func(p string, e fs.DirEntry, err error) error {
		if err == nil && left(e, start) {
			errs = errors.Join(errs, os.Remove(p))
			dirs[filepath.Dir(p)] = true
		}
		return nil
	})
	for dir := range dirs {
		Prune(root, dir)
	}
	return errs
}

// Prune removes dir and those above it, below root, as long as they are empty.
func Prune(root, dir string) {
	for ; len(dir) > len(filepath.Clean(root)); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil { // holds more
			return
		}
	}
}
