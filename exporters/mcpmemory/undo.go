package mcpmemory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
)

// Undo takes out the lines that a run put in. A line that says something else by now stays. The
// file goes when nothing is left in it.
func (g *Graph) Undo(ctx context.Context, run *replay.Run, created []replay.Receipt) (left []replay.Receipt, err error) {
	u := undoing{lines: map[string]int{}, there: map[string]bool{}, remove: map[int64]bool{}}
	for i, rc := range created {
		if rc.Target != "" {
			u.there[lineKey(rc.Target)] = false
		}
		if rc.Version != "" {
			u.lines[lineKey(rc.Target)] = i
		}
	}
	path := g.path
	if at, err := filepath.EvalSymlinks(path); err == nil {
		path = at
	}
	if err := homefiles.SweepIn(filepath.Dir(path), run.ID); err != nil {
		return nil, replay.Untouched(own(err))
	}
	f, err := g.open()
	switch {
	case err == nil:
		defer f.Close()
		u.there[layoutKey()] = true // it is the order of the file's lines, and goes with them
		if left, err = u.look(ctx, g, f, created); err == nil {
			err = u.takeOut(ctx, g, run.ID, f)
		}
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil { // a file is replaced as a whole, or not at all
		return nil, replay.Untouched(err)
	}
	for _, rc := range created {
		if rc.Target != "" && !u.there[lineKey(rc.Target)] {
			rc.Why = replay.Gone
			left = append(left, rc)
		}
	}
	return left, nil
}

// undoing is what an undo knows of the lines of a file.
type undoing struct {
	lines  map[string]int  // key of a line of the run → its receipt
	there  map[string]bool // whether a line of the run was found, by its key
	remove map[int64]bool  // lines by number
	rest   int             // lines that stay
}

// look finds the lines that are to go, and gives the receipts of those that say something else by now.
func (u *undoing) look(ctx context.Context, g *Graph, f *file, created []replay.Receipt) (left []replay.Receipt, err error) {
	w := &writer{g: g}
	if err := w.maps(); err != nil {
		return nil, err
	}
	defer w.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, own(err)
	}
	err = eachLine(ctx, f, func(l *line) error {
		key, sum, err := w.identity(l)
		if err != nil {
			return err
		}
		i, ok := u.lines[key]
		if _, made := u.there[key]; made {
			u.there[key] = true
		}
		switch {
		case ok && hexOf(sum) == created[i].Version:
			u.remove[l.no] = true
		case ok:
			rc := created[i]
			rc.Why = "changed since the run"
			left = append(left, rc)
			u.rest++
		case key != "":
			u.rest++
		}
		return nil
	})
	return left, own(err)
}

// takeOut writes the file anew without the lines that are to go.
func (u *undoing) takeOut(ctx context.Context, g *Graph, run string, f *file) error {
	if len(u.remove) == 0 {
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
			if u.remove[l.no] {
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
