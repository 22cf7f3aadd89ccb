package exitdrill

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
)

// open opens a runtime by a URL of the plan.
func (w *wired) open(ctx context.Context, u string) (exporters.Runtime, error) {
	u, err := w.url(u)
	if err != nil {
		return nil, err
	}
	return w.o.Registry.Open(ctx, u)
}

// url is a URL of the plan with what the environment says.
func (w *wired) url(u string) (string, error) {
	u, err := drill.Expand(u, w.lookup)
	home, _ := w.lookup("HOME")
	return exporters.AtHome(u, home), err
}

// variables says which ${NAME} the drill would ask for in vain. That is a slip of who starts it and no finding: no line of
// the ledger is spent on it.
func (w *wired) variables() error {
	p := w.p
	for _, of := range [...]struct {
		where, text string
		asked       bool
	}{
		{"source", p.Source, p.Exports()},
		{"target", p.Target, p.Level >= evidence.L3},
		{"embedder.url", p.Embedder.URL, true}, {"embedder.key", p.Embedder.Key, true},
	} {
		if !of.asked {
			continue
		}
		if _, err := drill.Expand(of.text, w.lookup); err != nil {
			return fmt.Errorf("exitdrill: %s: %w", of.where, err)
		}
	}
	return nil
}

// ready says that the folder is not there in which the target is to be, and that the drill does not make it, or that the
// target is the source: slips, too.
func (w *wired) ready() error {
	if w.p.Level < evidence.L3 || w.p.Judged() { // which does not open it any more
		return nil
	}
	u, err := w.url(w.p.Target)
	if err != nil {
		return err
	}
	if err := w.apart(u); err != nil {
		return err
	}
	dir := w.o.Registry.Folder(u)
	if dir == "" || w.makes(dir) {
		return nil
	}
	switch fi, err := os.Stat(dir); {
	case err == nil && fi.IsDir():
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: target: %w", drill.ErrPlan, err)
	}
	return fmt.Errorf("%w: target: there is no folder %s: make it, or name another one", drill.ErrPlan, dir)
}

// apart says that a planned drill, or the one before it of several targets, exports from target and replays into it: all is
// there before, so nothing would arrive, and its FAIL would show nothing about the exit.
func (w *wired) apart(target string) error {
	if w.p.Mode != evidence.Planned {
		return nil
	}
	source, err := w.url(w.p.Source)
	from, ok := exporters.PlaceOf(source)
	to, ok2 := exporters.PlaceOf(target)
	if err != nil || !ok || !ok2 || !from.Same(to) { // a variable that is not set is said of who reads the source
		return nil
	}
	other := "name another place, one that is empty"
	if to.Host != "" && to.Part == "" { // a role may have a schema of its own name
		other += "; a schema is named with ?search_path="
	}
	return fmt.Errorf("%w: target: it is the source, which holds all of it already; %s", drill.ErrPlan, other)
}

// makes tells whether the drill makes the folder dir, as one of its own or above one.
func (w *wired) makes(dir string) bool {
	dir, err := filepath.Abs(dir)
	return err == nil && slices.ContainsFunc(w.p.Folders(), func(own string) bool {
		own, err := filepath.Abs(own)
		if err != nil {
			return false
		}
		below, err := filepath.Rel(dir, own)
		return err == nil && filepath.IsLocal(below)
	})
}

// lookup answers for ${NAME}.
func (w *wired) lookup(name string) (string, bool) {
	if w.o.Lookup == nil {
		return "", false
	}
	return w.o.Lookup(name)
}

func (w *wired) source(ctx context.Context) (drill.Runtime, error) { return w.open(ctx, w.p.Source) }

func (w *wired) target(ctx context.Context) (drill.Runtime, replay.Target, error) {
	rt, err := w.open(ctx, w.p.Target)
	if err != nil {
		return nil, nil, err
	}
	t, err := exporters.Replayable(rt)
	if err != nil {
		return nil, nil, errors.Join(err, rt.Close())
	}
	return rt, t, nil
}
