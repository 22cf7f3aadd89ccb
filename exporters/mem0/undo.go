package mem0

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/internal/diskmap"
)

// dropLeft takes away what a replay that was killed has left.
func (s *Store) dropLeft(ctx context.Context, run string) (err error) {
	if s.beside != "" {
		err = sqlitefile.DropLeft(ctx, s.beside)
	}
	if s.server == nil {
		err = errors.Join(err, homefiles.Sweep(s.root, ".", run), sqlitefile.DropLeftBelow(ctx, s.root))
	}
	return err
}

const changed = "changed since the run"

// Undo removes the rows that a run made. What says something else by now stays; a memory and its
// vector are one row, and stay together.
func (s *Store) Undo(ctx context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	have, err := s.present(ctx, true)
	if err != nil {
		return replay.Untouched(own(err))
	}
	w := &writer{run: &replay.Run{ID: run.ID, From: run.From, Vectors: run.Vectors}, s: s, layouts: have.layouts, dbs: map[string]*db{}, undoing: true}
	defer w.Close()
	if err := w.lock(); err != nil {
		return replay.Untouched(own(err))
	}
	if err := s.dropLeft(ctx, run.ID); err != nil {
		return replay.Untouched(own(err))
	}
	stays := func(why string, rcs ...replay.Receipt) {
		for _, rc := range rcs {
			if rc.Why = why; why != "" {
				leave(rc)
			}
		}
	}
	lists, err := w.takeOut(ctx, created, stays)
	if err != nil {
		return replay.Untouched(err)
	}
	open := len(w.dbs)
	if err := w.Commit(ctx); err != nil {
		if (sqlitefile.RolledBack(err) || pgsnapshot.RolledBack(err)) && len(w.dbs) == open { // the first
			err = replay.Untouched(err)
		}
		return err
	}
	for _, rc := range lists { // when it is known what is left in the collections
		why, err := w.undoMeta(ctx, rc.Version)
		if err != nil {
			return own(err)
		}
		stays(why, rc)
	}
	return nil
}

// takeOut is Undo before its commit. lists are receipts of Qdrant's list of collections, which are still to be undone.
func (w *writer) takeOut(ctx context.Context, created iter.Seq2[replay.Receipt, error], stays func(why string, rcs ...replay.Receipt)) (lists []replay.Receipt, err error) {
	rows, err := diskmap.New("") // of collections, by place and id: a row has two receipts, which come far from each other
	if err != nil {
		return nil, own(err)
	}
	defer rows.Close()
	for rc, err := range created {
		if err != nil {
			return nil, own(err)
		}
		kind, parts := agentstate.SplitKey(rc.Target)
		switch {
		case rc.Target == "":
			continue
		case rc.Target == agentstate.Key("opaque", "meta.json"):
			lists = append(lists, rc)
			continue
		case len(parts) < 2:
			stays(changed, rc)
			continue
		}
		l, ok := w.left(parts[0], kind)
		if !ok {
			stays(replay.Gone, rc) // its file is
			continue
		}
		if inCollection := l.Form == vectorsForm || l.Form == pgForm || l.Form == pointsForm && w.mapping(); inCollection && (kind != "opaque" || l.uses()) {
			if err := gather(rows, parts[0]+"\x00"+parts[1], rc); err != nil {
				return nil, own(err)
			}
			continue
		}
		d, err := w.open(ctx, parts[0])
		if err != nil {
			return nil, own(err)
		}
		why, err := d.undoRow(ctx, kind, rc.Target, parts[1:], rc.Version)
		if err != nil {
			return nil, own(d.said(err))
		}
		stays(why, rc)
	}
	return lists, w.undoRows(ctx, rows, stays)
}

// gather adds rc to those of the row at.
func gather(rows *diskmap.Map, at string, rc replay.Receipt) error {
	var rcs []replay.Receipt
	b, ok, err := rows.View(at)
	if err == nil && ok {
		err = json.Unmarshal(b, &rcs)
	}
	if err == nil {
		b, err = json.Marshal(append(rcs, rc))
	}
	if err != nil {
		return err
	}
	return rows.Put(at, b)
}

// mostTogether is how many rows are taken out together.
const mostTogether = 4096

// undoRows takes out rows of collections.
func (w *writer) undoRows(ctx context.Context, rows *diskmap.Map, stays func(why string, rcs ...replay.Receipt)) error {
	var part []diskmap.Entry
	takeOut := func() error {
		whys, rcs := make([]string, len(part)), make([][]replay.Receipt, len(part))
		err := w.together(ctx, len(part), func(i int) error {
			place, id, _ := strings.Cut(part[i].Key, "\x00")
			d, err := w.open(ctx, place)
			if err == nil {
				err = json.Unmarshal(part[i].Value, &rcs[i])
			}
			if err != nil {
				return own(err)
			}
			if whys[i], err = d.undoHalves(ctx, id, rcs[i]); err != nil {
				return own(d.said(err))
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i, why := range whys {
			stays(why, rcs[i]...)
		}
		part = part[:0]
		return nil
	}
	for row, err := range rows.All() {
		if err != nil {
			return own(err)
		}
		if part = append(part, row); len(part) < mostTogether {
			continue
		}
		if err := takeOut(); err != nil {
			return err
		}
	}
	return takeOut()
}

// said is an error of an undo as people are told it: a rule's is said already.
func (d *db) said(err error) error {
	if errors.Is(err, replay.ErrRule) {
		return err
	}
	return d.wrap(err)
}

// undoHalves removes a row of a collection, if each half is as the run wrote it or was never written.
func (d *db) undoHalves(ctx context.Context, id string, rcs []replay.Receipt) (why string, err error) {
	if !d.has(d.main()) {
		return replay.Gone, nil
	}
	why = replay.Gone
	if err := d.lookAt(ctx, id, func(have map[string]any) { why = unlike(have, rcs) }); why != "" || err != nil {
		return why, err
	}
	key := any(id)
	if d.layout.Form == pointsForm {
		key = rowKey(id)
	}
	if why, err := d.kept(ctx, d.main(), key); why != "" || err != nil {
		return why, err
	}
	return "", d.write(ctx, "DELETE FROM "+quote(d.main())+" WHERE id = "+d.param(d.main(), "id"), key)
}

// unlike says why a row is not as the run wrote it: each half of it, or none.
func unlike(have map[string]any, rcs []replay.Receipt) (why string) {
	made := map[string]bool{}
	for _, rc := range rcs {
		cols := []string{"payload"}
		switch {
		case agentstate.KindOfKey(rc.Target) == "embedding":
			cols = []string{"vector"}
		case sqlitefile.Digest(have["payload"]) != rc.Version: // without a vector of its own the row is one record
			cols = []string{"vector", "payload"}
		}
		var vals []any
		for _, c := range cols {
			vals = append(vals, have[c])
			made[c] = true
		}
		if sqlitefile.Digest(vals...) != rc.Version {
			return changed
		}
	}
	for _, c := range []string{"vector", "payload"} {
		if !made[c] && !empty(have[c]) {
			return changed
		}
	}
	return ""
}

// undoRow removes a whole row.
func (d *db) undoRow(ctx context.Context, kind, target string, id []string, version string) (why string, err error) {
	table, key := d.main(), any(id[0])
	switch {
	case kind == "message":
		table = "messages"
	case kind == "opaque" && len(id) == 2:
		if table, key = id[0], id[1]; table == "sqlite_sequence" {
			return "", nil // a counter never goes back
		}
		if table != "memory_migrations" {
			return changed, nil
		}
	case d.layout.Form == pointsForm && kind != "opaque":
		key = rowKey(id[0])
	}
	if !d.has(table) {
		return replay.Gone, nil
	}
	have, err := d.row(ctx, table, key)
	if err == nil && have == nil {
		have, err = d.row(ctx, table, number(key))
	}
	switch {
	case err != nil:
		return "", err
	case have == nil && strings.Contains(target, "~"):
		return "its id is cut in the journal", nil
	case have == nil:
		return replay.Gone, nil
	case sqlitefile.Digest(have...) != version:
		return changed, nil
	}
	if why, err := d.kept(ctx, table, have[0]); why != "" || err != nil {
		return why, err
	}
	return "", d.write(ctx, "DELETE FROM "+table+" WHERE "+quote(keyOf(table))+" = "+d.param(table, keyOf(table)), have[0])
}

// number is a key as a whole number, where it is one.
func number(key any) any {
	var n int64
	if _, err := fmt.Sscan(fmt.Sprint(key), &n); err == nil {
		return n
	}
	return key
}

// mapping tells whether the run wrote from mapped fields. Then a point too is two records.
func (w *writer) mapping() bool {
	return w.run.Vectors != nil || w.run.From.GetProduct() != product || !strings.HasPrefix(w.run.From.GetFlavor(), "python+qdrant")
}
