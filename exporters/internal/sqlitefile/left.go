package sqlitefile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/homefiles"
)

// IsPart tells whether a file of this name is a database that a replay has not finished, and so no state.
func IsPart(name string) bool { return strings.HasSuffix(name, partSuffix) }

// DropLeft takes away what a replay into path that was killed has left. What a run is making stays.
func DropLeft(ctx context.Context, path string) error {
	part, err := os.Lstat(path + partSuffix)
	if err != nil || !part.Mode().IsRegular() {
		return nil
	}
	if now, err := os.Stat(path); err == nil && os.SameFile(part, now) { // it has its name, and opened by this one it would get a second log
		return os.Remove(path + partSuffix)
	}
	d := &DB{file: &file{path: path}}
	err = d.make(ctx, "?mode=rw")
	if err == nil { // it went meanwhile, and this is a new one
		d.drop()
	}
	if errors.Is(err, errMoved) || errors.Is(err, ErrLocked) {
		return nil
	}
	return err
}

// DropLeftBelow is DropLeft of all databases below root, and of the folders that are empty then. It follows no link, and passes
// over folders that it may not list and what it may not open: that is another's.
func DropLeftBelow(ctx context.Context, root string) error {
	if at, err := filepath.EvalSymlinks(root); err == nil { // else there is nothing
		root = at
	}
	return filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || !IsPart(e.Name()) {
			return nil
		}
		if err = DropLeft(ctx, strings.TrimSuffix(p, partSuffix)); errors.Is(err, fs.ErrPermission) {
			return nil
		}
		homefiles.Prune(root, filepath.Dir(p))
		return err
	})
}
