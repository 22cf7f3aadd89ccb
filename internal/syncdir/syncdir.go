// Package syncdir makes files and their names durable.
package syncdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// WriteFile puts a file with b at path in one step: it is written beside path, and gets its name when all of it
// is on stable storage. What is there is replaced.
func WriteFile(path string, b []byte, mode os.FileMode) error {
	err := replace(path, b, mode)
	// Nobody knows the temporary file by its name.
	if e := (*fs.PathError)(nil); errors.As(err, &e) && filepath.Dir(e.Path) == filepath.Dir(path) {
		e.Path = path
	} else if e := (*os.LinkError)(nil); errors.As(err, &e) {
		return &fs.PathError{Op: "replace", Path: path, Err: e.Err}
	}
	return err
}

// replace does the work of WriteFile.
func replace(path string, b []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return Sync(filepath.Dir(path))
}

// Place gives the file tmp, which is on stable storage, the name path where nothing has it yet. fs.ErrExist:
// something has, and both stay as they are.
func Place(tmp, path string) error {
	// A link fails where a rename would replace a file that appeared meanwhile.
	if err := os.Link(tmp, path); errors.Is(err, fs.ErrExist) {
		return err
	} else if err != nil { // not every file system has links
		if err := os.Rename(tmp, path); err != nil {
			return err
		}
	}
	os.Remove(tmp)               // a second name of it, if it is there still
	_ = Sync(filepath.Dir(path)) // it is there; not every file system can do more
	return nil
}

// Sync brings what was made, renamed or removed in the folder to stable storage, where the system can.
func Sync(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // has no such thing
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
