package langgraph

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// Undo removes the rows that a run created, in one transaction. A row that was changed since
// stays, and so does a whole thread that went on: its new checkpoints stand on the old ones. The
// tables stay too, as the runtime's setup would have left them.
func (s *Store) Undo(ctx context.Context, run *replay.Run, created []replay.Receipt) (left []replay.Receipt, err error) {
	if s.server == nil {
		if err := sqlitefile.DropLeft(ctx, s.path); err != nil {
			return nil, replay.Untouched(fmt.Errorf("langgraph: %w", err))
		}
	}
	if !slices.ContainsFunc(created, func(rc replay.Receipt) bool { return rc.Target != "" }) {
		return nil, nil // the run made nothing, perhaps not even the database
	}
	d, err := s.openDest(ctx, false)
	if s.server == nil && errors.Is(err, fs.ErrNotExist) {
		return gone(created), nil
	}
	if err != nil {
		return nil, replay.Untouched(err)
	}
	defer d.close()
	lay, err := layoutOf(ctx, d)
	if err == nil && lay.bare() { // somebody dropped what the rows are in, or it is another schema's
		if names, eerr := elsewhere(ctx, d); eerr != nil || len(names) > 0 {
			err = nothing(ctx, d)
		}
	}
	if err == nil {
		left, err = takeOut(ctx, d, lay, created)
	}
	if err != nil {
		return nil, replay.Untouched(err)
	}
	if err = d.commit(ctx); sqlitefile.RolledBack(err) || pgsnapshot.RolledBack(err) {
		err = replay.Untouched(err)
	}
	return left, err
}

// gone are the rows of a run in a database that is not there.
func gone(created []replay.Receipt) (left []replay.Receipt) {
	for _, rc := range created {
		if rc.Target != "" {
			rc.Why = replay.Gone
			left = append(left, rc)
		}
	}
	return left
}

// takeOut is Undo before its commit.
func takeOut(ctx context.Context, d dest, lay *layout, created []replay.Receipt) (left []replay.Receipt, err error) {
	u := &undo{d: d, lay: lay, threads: map[string]*undone{}, names: map[string]cell{}}
	for _, rc := range created {
		ids, err := u.rowsOf(ctx, rc.Target)
		if err != nil {
			return nil, err
		}
		u.note(ids)
	}
	// Vectors go before their items, which take what is left of them along.
	order := slices.Clone(created)
	slices.SortStableFunc(order, func(a, b replay.Receipt) int { return rank(a) - rank(b) })
	threads := slices.Collect(maps.Values(u.threads))
	if err := d.together(ctx, len(threads), func(i int) error { return u.judge(ctx, threads[i]) }); err != nil {
		return nil, err
	}
	items := len(order)
	if i := slices.IndexFunc(order, func(rc replay.Receipt) bool { return rank(rc) > 0 }); i >= 0 {
		items = i
	}
	for _, part := range [][]replay.Receipt{order[:items], order[items:]} {
		err := d.together(ctx, len(part), func(i int) (err error) {
			part[i].Why, err = u.remove(ctx, part[i])
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(order, func(rc replay.Receipt) bool { return rc.Why == "" }), nil
}

func rank(rc replay.Receipt) int {
	if strings.HasPrefix(rc.Target, "store_vectors/") || strings.HasPrefix(rc.Target, "embedding/") {
		return 0
	}
	return 1
}

// undo is an Undo under way.
type undo struct {
	d       dest
	lay     *layout
	threads map[string]*undone
	names   map[string]cell // ids of threads, by the keys of their conversations, which may hold a part of an id alone
}

// undone is what a run created of one thread.
type undone struct {
	id    cell
	rows  map[string]bool // row ids
	stays string          // why it stays; empty: it goes
}

func threadTable(name string) bool {
	return groupOf(name) == checkpointTables && !strings.HasSuffix(name, "_migrations")
}

// rowsOf are the rows that target names: by their ids, or one by the key of its record.
func (u *undo) rowsOf(ctx context.Context, target string) ([]string, error) {
	kind, parts := agentstate.SplitKey(target)
	name := map[string]string{"memory": "store", "embedding": "store_vectors", "channelvalue": "checkpoint_blobs", "pendingwrite": "checkpoint_writes"}[kind]
	t := u.lay.t[name]
	if t == nil && name != "" && (name != "store_vectors" || !u.lay.orphans) { // dropped since
		return nil, nil
	}
	if t == nil || len(parts) != len(t.key) {
		return strings.Split(target, ","), nil
	}
	row := map[string]cell{}
	for i, k := range t.key {
		row[k] = textCell(parts[i])
		if n, err := strconv.ParseInt(parts[i], 10, 64); k == "idx" && err == nil {
			row[k] = cell{kind: integer, i: n}
		}
	}
	id, known := u.names[threadOf(target)]
	switch {
	case !strings.Contains(target, "~"): // which stands in a key only where a part was cut
	case known && name == "checkpoint_blobs":
		return u.behind(ctx, t, id, target, parts)
	default:
		return []string{target}, nil // no row: it stays, and is named
	}
	return []string{rowID(t, row)}, nil
}

// behind finds the row of checkpoint_blobs that the key target of parts names, of the thread id. Its version is too short
// to be cut.
func (u *undo) behind(ctx context.Context, t *table, id cell, target string, parts []string) ([]string, error) {
	rows, err := u.d.query(ctx, "SELECT checkpoint_ns, channel FROM "+t.ident+" WHERE thread_id = ? AND version = ?", id.arg(), parts[3])
	for _, r := range rows {
		if agentstate.Key("channelvalue", id.String(), r[0].String(), r[1].String(), parts[3]) == target {
			return []string{rowID(t, map[string]cell{"thread_id": id, "checkpoint_ns": r[0], "channel": r[1], "version": textCell(parts[3])})}, nil
		}
	}
	return []string{target}, err
}

// note gathers the rows of a thread.
func (u *undo) note(ids []string) {
	for _, id := range ids {
		name, key, ok := parseRowID(id)
		if !ok || !threadTable(name) {
			continue
		}
		t := u.threads[key[0].String()]
		if t == nil {
			t = &undone{id: key[0], rows: map[string]bool{}}
			u.threads[key[0].String()] = t
			u.names[agentstate.Key("conversation", key[0].String())] = key[0]
		}
		t.rows[id] = true
	}
}

// remove removes what rc stands for; why says why it stays.
func (u *undo) remove(ctx context.Context, rc replay.Receipt) (why string, err error) {
	if rc.Target == "" {
		return "", nil
	}
	ids, err := u.rowsOf(ctx, rc.Target)
	if err != nil {
		return "", err
	}
	versions, missing := strings.Split(rc.Version, ","), 0
	for i, id := range ids {
		name, key, ok := parseRowID(id)
		t := u.lay.t[name]
		if ok && t == nil && (name != "store_vectors" || !u.lay.orphans) && len(key) > 0 && len(key) == len(keyColumns(name, u.lay.js())) { // dropped since; vectors may be there without their store
			missing++
			continue
		}
		if !ok || i >= len(versions) || t == nil || len(key) != len(t.key) {
			why = "the journal names a row that this store cannot have"
			continue
		}
		if strings.HasSuffix(name, "_migrations") {
			continue // they belong to the tables, which stay: without them the runtime would make the tables again
		}
		if threadTable(name) {
			if th := u.threads[key[0].String()]; th.stays != "" {
				why = th.stays
				continue
			}
		}
		if name == "store" && u.lay.engine == "postgres" && u.lay.t["store_vectors"] != nil {
			v := u.lay.t["store_vectors"]
			has := false
			if err := u.d.each(ctx, "SELECT 1 FROM "+v.ident+" WHERE "+quote(v.key[0])+" = ? AND "+quote(v.key[1])+" = ? LIMIT 1", []any{key[0].arg(), key[1].arg()}, func([]cell) {
				has = true
			}); err != nil {
				return "", err
			}
			if has {
				why = "the item has vectors that this run did not write"
				continue
			}
		}
		gone, err := u.d.remove(ctx, t, key, versions[i])
		if err != nil {
			return "", err
		}
		if gone {
			continue
		}
		there, err := u.exists(ctx, t, key)
		if err != nil {
			return "", err
		}
		if there {
			why = "changed since the run"
		} else {
			missing++
		}
	}
	if missing == len(ids) {
		why = replay.Gone
	}
	return why, nil
}

func (u *undo) exists(ctx context.Context, t *table, key []cell) (bool, error) {
	found := false
	err := u.d.scan(ctx, t, key, nil, func([]cell) (bool, error) {
		found = true
		return true, nil
	})
	return found, err
}

// judge tells whether a thread went on after the run: somebody else's checkpoint follows one of
// the run's, or somebody else's write belongs to one.
func (u *undo) judge(ctx context.Context, th *undone) error {
	c, w := u.lay.t["checkpoints"], u.lay.writes()
	if c == nil || w == nil { // somebody dropped the table, and with it whatever followed
		return nil
	}
	ours := func(ns, id cell) bool {
		return th.rows[rowID(c, map[string]cell{"thread_id": th.id, "checkpoint_ns": ns, "checkpoint_id": id})]
	}
	err := u.d.each(ctx, "SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id FROM "+c.ident+" WHERE thread_id = ?", []any{th.id.arg()}, func(r []cell) {
		if th.stays == "" && !ours(r[0], r[1]) && !r[2].isNull() && ours(r[0], r[2]) {
			th.stays = fmt.Sprintf("the thread went on after the run: checkpoint %s follows one of its own", valid(r[1].String()))
		}
	})
	if err != nil || th.stays != "" {
		return err
	}
	cols := make([]string, len(w.key))
	for i, k := range w.key {
		cols[i] = quote(k)
	}
	return u.d.each(ctx, "SELECT "+strings.Join(cols, ", ")+" FROM "+w.ident+" WHERE thread_id = ?", []any{th.id.arg()}, func(r []cell) {
		row := map[string]cell{}
		for i, k := range w.key {
			row[k] = r[i]
		}
		if th.stays == "" && ours(row["checkpoint_ns"], row["checkpoint_id"]) && !th.rows[rowID(w, row)] {
			th.stays = fmt.Sprintf("the thread went on after the run: a task wrote to checkpoint %s", valid(row["checkpoint_id"].String()))
		}
	})
}
