package mem0

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/internal/syncdir"
)

// Commit commits each database, and names the collections last.
func (w *writer) Commit(ctx context.Context) error {
	if w.run.DryRun {
		return nil
	}
	var places []string
	for p := range w.dbs {
		places = append(places, p)
	}
	if w.foreign != nil && w.s.server != nil && w.s.beside != "" { // mem0 would make it too
		if l, why := w.foreignHistory(); why == "" && w.dbs[l.Place] == nil {
			if _, err := w.open(ctx, l.Place); err != nil {
				return own(err)
			}
			places = append(places, l.Place)
		}
	}
	slices.Sort(places)
	for p := range w.layouts { // a file without rows is part of the store too
		if w.exact && !slices.Contains(places, p) && !(w.layouts[p].Form.history() && w.s.server != nil && w.s.beside == "") {
			if _, err := w.open(ctx, p); err != nil {
				return own(err)
			}
			places = append(places, p)
		}
	}
	for _, p := range places {
		if err := w.dbs[p].commit(ctx); err != nil {
			return own(err)
		}
		delete(w.dbs, p)
	}
	return own(w.commitMeta())
}

// writeFile makes a file that must not be there.
func writeFile(run, path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := homefiles.Only(filepath.Dir(path), run)
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	err = syncdir.Place(tmp.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s appeared", ErrChanged, path)
	}
	return err
}

// Close gives up what was not committed.
func (w *writer) Close() error {
	for _, d := range w.dbs {
		if d != nil {
			d.close()
		}
	}
	w.dbs = nil
	if w.pg != nil {
		w.pg.close()
	}
	if w.past != nil {
		w.past.rows.Close()
		w.past = nil
	}
	for _, p := range w.positions {
		p.rows.Close()
	}
	w.positions = nil
	if w.foreign != nil {
		w.foreign.rows.Close()
		w.foreign = nil
	}
	if w.unlock != nil {
		w.unlock()
		w.unlock = nil
	}
	return nil
}
