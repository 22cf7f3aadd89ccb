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

// SweepIn takes away what an attempt of the run that was killed has left in dir, and counts it: a run has one attempt at a time.
func SweepIn(dir, run string) (n int, err error) {
	all, err := os.ReadDir(dir)
	for _, e := range all {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), prefix(run)) {
			continue
		}
		err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		n++
	}
	return n, err
}

// Sweep takes away what attempts of the run that were killed have left below root, and the folders that are empty
// then. It follows no link below root, and passes over folders that it may not list.
func Sweep(root, run string) error {
	if at, err := filepath.EvalSymlinks(root); err == nil { // else there is nothing
		root = at
	}
	var errs error
	for _, dir := range folders(root) {
		n, err := SweepIn(dir, run)
		if !errors.Is(err, fs.ErrPermission) {
			errs = errors.Join(errs, err)
		}
		if n > 0 {
			prune(root, dir)
		}
	}
	return errs
}

// folders are root and those below it that can be listed.
func folders(root string) (dirs []string) {
	_ = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, p)
		}
		return nil
	})
	return dirs
}

// prune removes dir and those above it, below root, as long as they are empty.
func prune(root, dir string) {
	for ; len(dir) > len(filepath.Clean(root)); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil { // holds more
			return
		}
	}
}
