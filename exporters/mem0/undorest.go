package mem0

import (
	"context"
	"slices"
)

// left is what a place is in which a run made records of a kind; false: nothing is left of it.
func (w *writer) left(place, kind string) (layout, bool) {
	if l, ok := w.layouts[place]; ok || w.s.server == nil || kind != "opaque" {
		return l, ok
	}
	w.layouts[place] = layout{File: place, Place: place, Form: pgForm} // such rows are in a table beside the collection's
	return w.layouts[place], true
}

// has tells whether a table is there: somebody may have dropped it since the run.
func (d *db) has(table string) bool {
	p, ok := d.engine.(*pg)
	switch {
	case !ok:
		return slices.Contains(d.layout.Tables, table)
	case table == "memory_migrations":
		return p.migrations
	}
	return d.layout.there
}

// openRest opens a file that has no collection or history any more, but a table that mem0 makes beside one; nil: it has none.
func (s *Store) openRest(ctx context.Context, rel string) (*db, error) {
	d, err := s.openFile(ctx, rel)
	if err != nil {
		return nil, err
	}
	_, cols, err := tablesOf(ctx, d.engine)
	history := jsHistory
	if s.flavor == "python" {
		history = pythonHistory
	}
	for _, rest := range []layout{{Form: history, Tables: []string{"messages"}}, {Form: vectorsForm, Tables: []string{"memory_migrations"}}} {
		if slices.Equal(cols[rest.Tables[0]], columnsOf(rest.Tables[0])) {
			rest.File, rest.Place = rel, placeOf(rel)
			d.layout = rest
			return d, nil
		}
	}
	err = d.wrap(err)
	d.close()
	return nil, err
}
