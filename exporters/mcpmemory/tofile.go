package mcpmemory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/internal/diskmap"
	"github.com/exitramp/exitramp/internal/syncdir"
)

// replace writes a new file for the run and renames it over the one that is there, which must be old.
func (g *Graph) replace(run string, old *file, write func(io.Writer) error) (err error) {
	path, mode := g.path, fs.FileMode(0o600)
	if old != nil {
		path, mode = old.path, old.mode
	}
	tmp, err := homefiles.Only(filepath.Dir(path), run)
	if err != nil {
		return own(err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	if err := write(tmp); err != nil {
		return fmt.Errorf("mcpmemory: %s: %w", g.path, err)
	}
	if err := errors.Join(tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("mcpmemory: %s: %w", g.path, err)
	}
	now, err := os.Stat(path)
	if old == nil {
		// A link fails where a rename would replace a file that appeared meanwhile.
		if err = os.Link(tmp.Name(), path); errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w: %s appeared", ErrChanged, path)
		} else if err == nil {
			os.Remove(tmp.Name())
		}
	}
	if old != nil {
		was, serr := old.Stat()
		if err != nil || serr != nil || !os.SameFile(now, was) || now.Size() != old.size || !now.ModTime().Equal(old.mtime) {
			return fmt.Errorf("%w: %s", ErrChanged, path)
		}
	}
	if old != nil || err != nil {
		if err := os.Rename(tmp.Name(), path); err != nil {
			return fmt.Errorf("mcpmemory: %w", err)
		}
	}
	_ = syncdir.Sync(filepath.Dir(path)) // it is there; not every file system can do more
	return nil
}

// appendTo copies the file and puts the new lines behind it.
func (w *writer) appendTo(ctx context.Context, out io.Writer) error {
	if _, err := w.old.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if n, err := io.Copy(out, w.old); err != nil || n != w.old.size {
		return errors.Join(err, w.old.check())
	}
	last := make([]byte, 1)
	if _, err := w.old.ReadAt(last, w.old.size-1); err != nil {
		return err
	}
	sep := "\n"
	if last[0] == '\n' {
		sep = ""
	}
	for e, err := range w.lines.All() {
		if err != nil {
			return err
		}
		if _, err := io.WriteString(out, sep); err != nil {
			return err
		}
		if err := w.line(ctx, out, e.Value); err != nil {
			return err
		}
		sep = "\n"
	}
	if last[0] == '\n' {
		_, err := io.WriteString(out, "\n")
		return err
	}
	return nil
}

// lineKinds are the kinds of lines, in the order in which the server writes them.
func lineKinds() []string { return []string{"entity", "relation", "opaque"} }

// fits tells whether a layout is of the lines that came: some may have been held, refused or erased.
func (w *writer) fits(lay []run) bool {
	want := map[byte]int{}
	for _, r := range lay {
		switch {
		case slices.Contains(lineKinds(), r.Kind):
			want[r.Kind[0]] += r.N
		case r.Kind != "":
			return false // not written by this package
		}
	}
	return !slices.ContainsFunc(lineKinds(), func(k string) bool { return want[k[0]] != w.n[k[0]] })
}

// fresh writes the lines in the order of the layout: without one, in which they came, entities
// first.
func (w *writer) fresh(ctx context.Context, out io.Writer) error {
	lay := w.lay
	if lay == nil || !w.fits(lay) {
		lay = nil
		for _, k := range lineKinds() {
			lay = append(lay, run{Kind: k, N: w.n[k[0]]})
		}
	}
	return w.arrange(ctx, out, lay)
}

// arrange writes the lines run by run, each kind in the order in which it came.
func (w *writer) arrange(ctx context.Context, out io.Writer, lay []run) error {
	next := map[byte]func() (diskmap.Entry, error, bool){}
	for _, k := range []byte("ero") {
		pull, stop := iter.Pull2(w.ofKind(k))
		defer stop()
		next[k] = pull
	}
	sep := ""
	for _, r := range lay {
		if r.Bad != nil {
			continue
		}
		if r.Kind == "" {
			if _, err := io.WriteString(out, sep+strings.ReplaceAll(r.Text, "\n", "")); err != nil {
				return err
			}
			sep = "\n"
			continue
		}
		for range r.N {
			e, err, ok := next[r.Kind[0]]()
			if err != nil || !ok {
				return err
			}
			if _, err := io.WriteString(out, sep); err != nil {
				return err
			}
			sep = "\n"
			if err := w.line(ctx, out, e.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// ofKind is the new lines of one kind.
func (w *writer) ofKind(kind byte) iter.Seq2[diskmap.Entry, error] {
	return func(yield func(diskmap.Entry, error) bool) {
		for e, err := range w.lines.All() {
			if (err != nil || e.Value[0] == kind) && !yield(e, err) {
				return
			}
		}
	}
}
