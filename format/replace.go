package format

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/exitramp/exitramp/format/internal/container"
	"github.com/exitramp/exitramp/internal/syncdir"
)

// replaceFile writes the file at path anew beside its name, and puts it in its place when all of
// it is on stable storage. write says which mode the file has. One run at a time does so.
func replaceFile(path string, write func(w io.Writer) (os.FileMode, error)) error {
	name := path + ".new"
	tmp, unlock, err := lockFile(name)
	if err != nil {
		return err
	}
	if err = replaceWith(tmp, path, write); err != nil {
		err = errors.Join(err, os.Remove(name))
	}
	return errors.Join(err, unlock())
}

func replaceWith(tmp *os.File, path string, write func(w io.Writer) (os.FileMode, error)) error {
	if err := reset(tmp, 0); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	w := bufio.NewWriterSize(tmp, 1<<20)
	mode, err := write(w)
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	if err := errors.Join(tmp.Chmod(mode), tmp.Sync()); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	if err := syncdir.Sync(filepath.Dir(path)); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	return nil
}

// copyMember copies a member as it is stored, after its digest was compared.
func (a *archive) copyMember(ctx context.Context, zip *container.Writer, buf *[]byte, e container.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	name := e.Name[len(a.prefix):]
	b, err := a.storedIn(buf, name)
	if err != nil {
		return err
	}
	if name == nameBagit && string(b) != bagit {
		return refuse(ErrManifest, nameBagit, "not the constant that it has to be")
	}
	if _, err := zip.Add(e.Name, b, e.CRC); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	return nil
}
