package mcpmemory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
)

// Undo takes out the lines that a run put in. A line that says something else by now stays. The
// file goes when nothing is left in it.
func (g *Graph) Undo(ctx context.Context, _ *replay.Run, created []replay.Receipt) (left []replay.Receipt, err error) {
	there := map[string]bool{} // whether a line of the run was found, by its key
	for _, rc := range created {
		if rc.Target != "" {
			there[lineKey(rc.Target)] = false
		}
	}
	defer func() {
		for _, rc := range created {
			if err == nil && rc.Target != "" && !there[lineKey(rc.Target)] {
				rc.Why = replay.Gone
				left = append(left, rc)
			}
		}
	}()
	f, err := g.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	gone := map[string]int{} // key of the line → its receipt
	for i, rc := range created {
		if rc.Version != "" {
			gone[lineKey(rc.Target)] = i
		}
	}
	// First what there is to do, then the new file.
	remove := map[int64]bool{}
	rest := 0
	walk := func(fn func(l *line, key string, sum [32]byte) error) error {
		w := &writer{g: g}
		if err := w.maps(); err != nil {
			return err
		}
		defer w.Close()
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return eachLine(ctx, f, func(l *line) error {
			key, sum, err := w.identity(l)
			if err != nil {
				return err
			}
			return fn(l, key, sum)
		})
	}
	err = walk(func(l *line, key string, sum [32]byte) error {
		i, ok := gone[key]
		if _, made := there[key]; made {
			there[key] = true
		}
		switch {
		case ok && hexOf(sum) == created[i].Version:
			remove[l.no] = true
		case ok:
			rc := created[i]
			rc.Why = "changed since the run"
			left = append(left, rc)
			rest++
		case key != "":
			rest++
		}
		return nil
	})
	if err != nil || len(remove) == 0 {
		return left, own(err)
	}
	if rest == 0 {
		if err := f.check(); err != nil {
			return nil, err
		}
		return left, own(os.Remove(f.path))
	}
	err = g.replace(f, func(out io.Writer) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		sep := ""
		return eachLine(ctx, f, func(l *line) error {
			if remove[l.no] {
				return nil
			}
			_, err := io.Copy(out, io.MultiReader(strings.NewReader(sep), io.NewSectionReader(f, l.off, l.size)))
			sep = "\n"
			return err
		})
	})
	return left, err
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
