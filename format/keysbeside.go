package format

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/exitramp/exitramp/format/internal/seal"
	"github.com/exitramp/exitramp/internal/syncdir"
)

// keysSuffix is what the folder of key files is called that lies beside an archive.
const keysSuffix = ".keys"

// extShreddable is the key in the manifest's ext of an archive whose keys lie beside it.
const extShreddable = "shreddable"

// shreddable tells whether the key files were never in the archive: who destroys them, destroys
// every copy of it.
func (m *manifest) shreddable() bool { return m.Ext[extShreddable] == true }

// KeysBeside is the folder of key files that lies beside the archive at path, for
// ReaderOptions.Keys; nil where there is none.
func KeysBeside(path string) fs.FS {
	if fi, err := os.Stat(path + keysSuffix); err != nil || !fi.IsDir() {
		return nil
	}
	return os.DirFS(path + keysSuffix)
}

// keysFrom takes the key files of compartments that have none in the archive from the folder.
func (a *archive) keysFrom(dir fs.FS) error {
	inside := 0
	for _, w := range a.wraps {
		inside += len(w)
	}
	if inside > 0 && a.man.shreddable() {
		return refuse(ErrManifest, nameManifest, "says that its keys lie beside it, and some are inside")
	}
	if dir == nil {
		return nil
	}
	for c := range a.wraps {
		for n := 1; len(a.wraps[c]) == n-1; n++ {
			b, err := readKey(dir, fmt.Sprintf("%d/%d.age", c, n))
			if errors.Is(err, fs.ErrNotExist) {
				break
			}
			if err != nil {
				return err
			}
			if n > a.lim.Wraps {
				return refuse(ErrLimit, keyName(c, n), fmt.Sprintf("more than %d key files in a compartment", a.lim.Wraps))
			}
			a.wraps[c] = append(a.wraps[c], b)
		}
	}
	return nil
}

func readKey(dir fs.FS, name string) ([]byte, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, seal.MaxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	return b, nil
}

// KeyFiles are the key files of an archive with KeysBeside, by name in the folder: "0/1.age".
// Create writes them itself.
func (w *Writer) KeyFiles() map[string][]byte {
	out := map[string][]byte{}
	if !w.opts.KeysBeside {
		return out
	}
	for i, c := range w.comps {
		for n, f := range c.wraps {
			out[fmt.Sprintf("%d/%d.age", i, n+1)] = bytes.Clone(f)
		}
	}
	return out
}

// writeKeys puts key files into the folder dir, each in one step, and takes away those that are
// too many: at any instant what is there opens the archive.
func writeKeys(dir string, wraps [][][]byte) error {
	for c, files := range wraps {
		sub := filepath.Join(dir, fmt.Sprint(c))
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return fmt.Errorf("format: %w", err)
		}
		for n, b := range files {
			if err := writeKey(filepath.Join(sub, fmt.Sprintf("%d.age", n+1)), b); err != nil {
				return fmt.Errorf("format: %w", err)
			}
		}
		for n := len(files) + 1; ; n++ {
			err := os.Remove(filepath.Join(sub, fmt.Sprintf("%d.age", n)))
			if errors.Is(err, fs.ErrNotExist) {
				break
			}
			if err != nil {
				return fmt.Errorf("format: %w", err)
			}
		}
		if err := syncdir.Sync(sub); err != nil {
			return fmt.Errorf("format: %w", err)
		}
	}
	if err := errors.Join(syncdir.Sync(dir), syncdir.Sync(filepath.Dir(dir))); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	return nil
}

func writeKey(name string, b []byte) error {
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), name)
}

// sealKeys writes the keys of a finished part beside the name that it will have. A folder that
// is there belongs to another archive, unless it is this run's own, from before a crash.
func (w *Writer) sealKeys() error {
	dir := w.file.path + keysSuffix
	for name, b := range w.KeyFiles() {
		have, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err == nil && !bytes.Equal(have, b) {
			return fmt.Errorf("%w: %s has the keys of another archive: move it away", ErrExists, dir)
		}
	}
	wraps := make([][][]byte, len(w.comps))
	for i, c := range w.comps {
		wraps[i] = c.wraps
	}
	return writeKeys(dir, wraps)
}
