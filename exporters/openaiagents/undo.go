package openaiagents

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// Undo removes the rows and files that a run made. What says something else by now stays, and so
// does a session that has got further items.
func (f *Folder) Undo(ctx context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	if err := errors.Join(homefiles.Sweep(f.root, ".", run.ID), sqlitefile.DropLeftBelow(ctx, f.root)); err != nil {
		return replay.Untouched(own(err))
	}
	w := &writer{run: &replay.Run{ID: run.ID, From: run.From}, f: f, dbs: map[string]*db{}}
	defer w.Close()
	rows := false
	for _, want := range []spot{inRow, inSession} { // a session when it is known what is left in it
		n, err := w.undoAll(ctx, created, want, leave)
		if err != nil {
			return replay.Untouched(err)
		}
		rows = rows || n > 0
	}
	open := len(w.dbs)
	if err := w.Commit(ctx); err != nil {
		if sqlitefile.RolledBack(err) && len(w.dbs) == open { // the first
			err = replay.Untouched(err)
		}
		return err
	}
	_, err := w.undoAll(ctx, created, inFile, leave)
	if err != nil && !rows && !w.removed {
		err = replay.Untouched(err)
	}
	return err
}

// spot is where a record stands that a run made.
type spot int

const (
	nowhere spot = iota // it is in doubt
	inFile
	inSession // the row of a session
	inRow
)

func spotOf(rc replay.Receipt) spot {
	switch kind, parts := agentstate.SplitKey(rc.Target); {
	case rc.Target == "":
		return nowhere
	case len(parts) == 1:
		return inFile
	case kind == "conversation":
		return inSession
	}
	return inRow
}

// undoAll takes out what stands in spots of one sort, and tells how many there are of it.
func (w *writer) undoAll(ctx context.Context, created iter.Seq2[replay.Receipt, error], in spot, leave func(replay.Receipt)) (n int, err error) {
	for rc, err := range created {
		if err != nil {
			return n, own(err)
		}
		if spotOf(rc) != in {
			continue
		}
		n++
		why, err := w.undo(ctx, rc)
		if err != nil {
			return n, own(err)
		}
		if why != "" {
			rc.Why = why
			leave(rc)
		}
	}
	return n, nil
}

func (w *writer) undo(ctx context.Context, rc replay.Receipt) (why string, err error) {
	kind, parts := agentstate.SplitKey(rc.Target)
	if len(parts) == 0 {
		return "the journal names no place", nil
	}
	rel, table := w.split(parts[0]) // what it does not know, inside refuses
	path, err := w.inside(rel)
	if err != nil {
		return err.Error(), nil
	}
	if len(parts) == 1 {
		why, err = undoFile(path, rc.Version)
		w.removed = w.removed || why == "" && err == nil
		return why, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return replay.Gone, nil
	}
	d := w.dbs[rel]
	if d == nil {
		if d, err = w.reopen(ctx, rel); err != nil {
			return "", err
		}
	}
	p := d.layout.pair(table)
	name := ""
	switch {
	case p == nil: // a table that is gone has no rows
		return replay.Gone, nil
	case kind == "conversation":
		name = p.Sessions
	case kind == "message":
		name = p.Messages
	case parts[1] == "sqlite_sequence":
		return "", nil // a counter never goes back
	default:
		name, p, parts = parts[1], nil, parts[1:]
		if extraTables()[name] == nil {
			return changed, nil
		}
	}
	return d.remove(ctx, name, p, rc, parts[1:])
}

// remove deletes the rows of a receipt: the first by its key, the others behind it.
func (d *db) remove(ctx context.Context, name string, p *pair, rc replay.Receipt, id []string) (why string, err error) {
	t := d.layout.table(name, p)
	if !d.there[name] {
		return replay.Gone, nil
	}
	if len(id) != len(t.key) {
		return changed, nil
	}
	versions := strings.Split(rc.Version, ",")
	rows, err := d.rowsOf(ctx, t, rc.Target, id, len(versions))
	if err != nil {
		return "", d.Wrap(err)
	}
	if len(rows) == 0 {
		return replay.Gone, nil
	}
	for i, r := range rows {
		if sqlitefile.Digest(r[1:t.own+1]...) != versions[i] && mark(r[1:t.own+1], d.added(name, r[t.own+1:])) != versions[i] {
			return changed, nil
		}
	}
	for _, r := range rows {
		if p != nil && name == p.Sessions && d.there[p.Messages] {
			n, err := d.Query(ctx, "SELECT count(*) FROM "+quote(p.Messages)+" WHERE session_id = ?", r[1])
			if err != nil {
				return "", d.Wrap(err)
			}
			if n[0][0].(int64) > 0 {
				return "the session has items that this run did not write", nil
			}
		}
		if _, err := d.Put(ctx, "DELETE FROM "+quote(name)+" WHERE rowid = ?", r[0]); err != nil {
			return "", err
		}
	}
	return "", nil
}

// rowsOf are the n rows of a receipt, with their rowids; fewer where they are gone.
func (d *db) rowsOf(ctx context.Context, t *table, target string, id []string, n int) ([][]any, error) {
	if n > 1 {
		return d.Query(ctx, t.withRowid()+" WHERE id >= CAST(? AS INTEGER) ORDER BY id LIMIT ?", id[0], n)
	}
	var out [][]any
	q, args := t.byKey(id)
	kind, parts := agentstate.SplitKey(target)
	err := d.Each(ctx, q, args, func(r []any) error {
		full := slices.Clone(parts[:len(parts)-len(t.key)])
		for _, k := range t.key {
			full = append(full, sqlitefile.Text(r[1+slices.Index(t.cols, k)]))
		}
		if agentstate.Key(kind, full...) == target && len(out) == 0 {
			out = append(out, slices.Clone(r))
		}
		return nil
	})
	return out, err
}

func (t *table) withRowid() string {
	return "SELECT rowid, " + sqlitefile.Selects(t.cols) + " FROM " + quote(t.name)
}

// byKey asks for the rows that may have the id of a key: by the table's index, since an undo asks so for each row. The
// type of the column makes the text what it was.
func (t *table) byKey(id []string) (q string, args []any) {
	var where []string
	for i, k := range t.key {
		if strings.Contains(id[i], "~") || strings.HasPrefix(id[i], "\x00") { // cut in the key, or no text
			continue
		}
		where, args = append(where, quote(k)+" = ?"), append(args, id[i])
	}
	if q = t.withRowid(); len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	return q, args
}

// added are the values of the columns that an application put into a table, of those that hold one and that the run may have written.
func (d *db) added(table string, vals []any) (out []addition) {
	for i, v := range vals {
		if v != nil && slices.Contains(d.given[table], d.layout.Added[table][i]) {
			out = append(out, addition{d.layout.Added[table][i], v})
		}
	}
	return out
}

func undoFile(path, version string) (why string, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return replay.Gone, nil
	}
	if err != nil {
		return "", err
	}
	if sum := fileDigest(b); sum != version {
		return changed, nil
	}
	return "", os.Remove(path)
}
