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
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/internal/diskmap"
)

// Undo takes out the lines that a run put in. A line that says something else by now stays. The
// file goes when nothing is left in it.
func (g *Graph) Undo(ctx context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	u, err := newUndoing(created)
	if err != nil {
		return replay.Untouched(own(err))
	}
	defer u.close()
	path := g.path
	if at, err := filepath.EvalSymlinks(path); err == nil {
		path = at
	}
	if err := homefiles.SweepIn(filepath.Dir(path), run.ID); err != nil {
		return replay.Untouched(own(err))
	}
	f, err := g.open()
	file := err == nil
	switch {
	case file:
		defer f.Close()
		if err = u.look(ctx, g, f); err == nil {
			err = u.takeOut(ctx, g, run.ID, f)
		}
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil { // a file is replaced as a whole, or not at all
		return replay.Untouched(err)
	}
	for rc, err := range created {
		if err != nil {
			return own(err)
		}
		key := lineKey(rc.Target)
		found, ok, err := u.found.View(key)
		switch {
		case err != nil:
			return own(err)
		case ok && rc.Version != "" && string(found) == other:
			rc.Why = "changed since the run"
			leave(rc)
		case rc.Target != "" && !ok && (key != layoutKey() || !file): // it is the order of the file's lines, and goes with them
			rc.Why = replay.Gone
			leave(rc)
		}
	}
	return nil
}

// other is of a line of the run that says something else by now.
const other = "other"

// undoing is what an undo knows of the lines of a file.
type undoing struct {
	lines *diskmap.Map // key of a line in which a record of the run stands → its version, where the run wrote it
	found *diskmap.Map // keys of those that are in the file; other
	goes  []bool       // lines by number
	rest  int          // lines that stay
}

func newUndoing(created iter.Seq2[replay.Receipt, error]) (u *undoing, err error) {
	u = &undoing{}
	defer func() {
		if err != nil {
			u.close()
		}
	}()
	for _, m := range []**diskmap.Map{&u.lines, &u.found} {
		if *m, err = diskmap.New(""); err != nil {
			return nil, err
		}
	}
	for rc, err := range created {
		switch {
		case err != nil:
		case rc.Version != "":
			err = u.lines.Put(lineKey(rc.Target), []byte(rc.Version))
		case rc.Target != "":
			_, err = u.lines.Add(lineKey(rc.Target), nil)
		}
		if err != nil {
			return nil, err
		}
	}
	return u, nil
}

func (u *undoing) close() {
	for _, m := range []*diskmap.Map{u.lines, u.found} {
		if m != nil {
			m.Close()
		}
	}
}

// look finds the lines that are to go.
func (u *undoing) look(ctx context.Context, g *Graph, f *file) error {
	w := &writer{g: g}
	if err := w.maps(); err != nil {
		return err
	}
	defer w.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return own(err)
	}
	return own(eachLine(ctx, f, func(l *line) error {
		key, sum, err := w.identity(l)
		if err != nil || key == "" {
			return err
		}
		version, ours, err := u.lines.View(key)
		said := ""
		switch {
		case err != nil:
			return err
		case ours && len(version) > 0 && hexOf(sum) == string(version):
			u.goes = append(u.goes, make([]bool, l.no+1-int64(len(u.goes)))...)
			u.goes[l.no] = true
		case ours && len(version) > 0:
			said = other
			fallthrough
		default:
			u.rest++
		}
		if ours {
			_, err = u.found.Add(key, []byte(said))
		}
		return err
	}))
}

// takeOut writes the file anew without the lines that are to go.
func (u *undoing) takeOut(ctx context.Context, g *Graph, run string, f *file) error {
	if len(u.goes) == 0 {
		return nil
	}
	if u.rest == 0 {
		if err := f.check(); err != nil {
			return err
		}
		return own(os.Remove(f.path))
	}
	return g.replace(run, f, func(out io.Writer) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		sep := ""
		return eachLine(ctx, f, func(l *line) error {
			if l.no < int64(len(u.goes)) && u.goes[l.no] {
				return nil
			}
			_, err := io.Copy(out, io.MultiReader(strings.NewReader(sep), io.NewSectionReader(f, l.off, l.size)))
			sep = "\n"
			return err
		})
	})
}

// lineKey is the key of the line in which a record stands: an observation stands in its entity's.
func lineKey(target string) string {
	if agentstate.KindOfKey(target) != "memory" {
		return target
	}
	_, entity, _ := strings.Cut(target, "/") // as it is: a long name is cut in keys, and cannot be made into a key again
	return "entity/" + entity[:max(0, strings.LastIndexByte(entity, '/'))]
}

func own(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("mcpmemory: %w", err)
}
