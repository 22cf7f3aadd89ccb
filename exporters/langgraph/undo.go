package langgraph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/receipts"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/internal/diskmap"
)

// Undo removes the rows that a run created, in one transaction. A row that was changed since
// stays, and so does a whole thread that went on: its new checkpoints stand on the old ones. The
// tables stay too, as the runtime's setup would have left them.
func (s *Store) Undo(ctx context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	if s.server == nil {
		if err := sqlitefile.DropLeft(ctx, s.path); err != nil {
			return replay.Untouched(fmt.Errorf("langgraph: %w", err))
		}
	}
	if made, err := receipts.Any(created, receipts.Known); err != nil || !made {
		return replay.Untouched(err) // the run made nothing, perhaps not even the database
	}
	d, err := s.openDest(ctx, false)
	if s.server == nil && errors.Is(err, fs.ErrNotExist) {
		return replay.Untouched(receipts.LeaveAll(created, replay.Gone, leave))
	}
	if err != nil {
		return replay.Untouched(err)
	}
	defer d.close()
	lay, err := layoutOf(ctx, d)
	if err == nil && lay.bare() { // somebody dropped what the rows are in, or it is another schema's
		if names, eerr := elsewhere(ctx, d); eerr != nil || len(names) > 0 {
			err = nothing(ctx, d)
		}
	}
	if err == nil {
		err = takeOut(ctx, d, lay, created, leave)
	}
	if err != nil {
		return replay.Untouched(err)
	}
	if err = d.commit(ctx); sqlitefile.RolledBack(err) || pgsnapshot.RolledBack(err) {
		err = replay.Untouched(err)
	}
	return err
}

// takeOut is Undo before its commit.
func takeOut(ctx context.Context, d dest, lay *layout, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	u, err := newUndo(d, lay)
	if err != nil {
		return err
	}
	defer u.close()
	if err := u.noteAll(ctx, created); err != nil {
		return err
	}
	if err := u.judgeAll(ctx); err != nil {
		return err
	}
	// Vectors go before their items, which take what is left of them along.
	for _, vectors := range []bool{true, false} {
		if vectors && !u.vectors {
			continue
		}
		for part, err := range receipts.Parts(created, func(rc replay.Receipt) bool { return rc.Target != "" && isVector(rc) == vectors }) {
			if err != nil {
				return err
			}
			err := d.together(ctx, len(part), func(i int) (err error) {
				part[i].Why, err = u.remove(ctx, part[i])
				return err
			})
			if err != nil {
				return err
			}
			for _, rc := range part {
				if rc.Why != "" {
					leave(rc)
				}
			}
		}
	}
	return nil
}

func isVector(rc replay.Receipt) bool {
	return strings.HasPrefix(rc.Target, "store_vectors/") || strings.HasPrefix(rc.Target, "embedding/")
}

// undo is an Undo under way. What it knows of the run lies on the disk.
type undo struct {
	d       dest
	lay     *layout
	rows    *diskmap.Map    // the ids of the run's rows of threads
	threads *diskmap.Map    // the threads that it wrote to, by id, each with the id of one of its rows
	stays   *diskmap.Map    // why threads stay, by id: of the others nothing
	vectors bool            // it wrote some
	names   map[string]cell // ids of threads by the keys of their conversations, which hold a part of an id alone
}

func newUndo(d dest, lay *layout) (u *undo, err error) {
	u = &undo{d: d, lay: lay, names: map[string]cell{}}
	for _, m := range []**diskmap.Map{&u.rows, &u.threads, &u.stays} {
		if *m, err = diskmap.New(""); err != nil {
			u.close()
			return nil, own(err)
		}
	}
	return u, nil
}

func (u *undo) close() {
	for _, m := range []*diskmap.Map{u.rows, u.threads, u.stays} {
		if m != nil {
			m.Close()
		}
	}
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
	switch {
	case !strings.Contains(target, "~"): // which stands in a key only where a part was cut
	case name == "checkpoint_blobs":
		id, cut := u.names[threadOf(target)]
		if !cut {
			id = textCell(parts[0])
		}
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

// noteAll notes the rows of threads that the run wrote.
func (u *undo) noteAll(ctx context.Context, created iter.Seq2[replay.Receipt, error]) error {
	for rc, err := range created {
		if err != nil {
			return err
		}
		u.vectors = u.vectors || isVector(rc)
		ids, err := u.rowsOf(ctx, rc.Target)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := u.note(id); err != nil {
				return own(err)
			}
		}
	}
	return nil
}

func (u *undo) note(id string) error {
	name, key, ok := parseRowID(id)
	if !ok || !threadTable(name) {
		return nil
	}
	if conv := agentstate.Key("conversation", key[0].String()); strings.Contains(conv, "~") {
		u.names[conv] = key[0]
	}
	if _, err := u.threads.Add(key[0].String(), []byte(id)); err != nil {
		return err
	}
	_, err := u.rows.Add(id, nil)
	return err
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
			stays, ok, err := u.stays.Get(key[0].String())
			if err != nil {
				return "", own(err)
			}
			if ok {
				why = string(stays)
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

// judgeAll judges the threads that the run wrote to.
func (u *undo) judgeAll(ctx context.Context) error {
	var ids []cell
	judge := func() error {
		whys := make([]string, len(ids))
		err := u.d.together(ctx, len(ids), func(i int) (err error) {
			whys[i], err = u.judge(ctx, ids[i])
			return err
		})
		for i, why := range whys {
			if err == nil && why != "" {
				err = own(u.stays.Put(ids[i].String(), []byte(why)))
			}
		}
		ids = ids[:0]
		return err
	}
	for x, err := range u.threads.All() {
		if err != nil {
			return own(err)
		}
		_, key, _ := parseRowID(string(x.Value))
		if ids = append(ids, key[0]); len(ids) < mostJudged {
			continue
		}
		if err := judge(); err != nil {
			return err
		}
	}
	return judge()
}

// mostJudged is how many threads are judged together.
const mostJudged = 1024

// judge tells whether a thread went on after the run, and so stays: somebody else's checkpoint follows one of
// the run's, or somebody else's write belongs to one.
func (u *undo) judge(ctx context.Context, thread cell) (stays string, err error) {
	c, w := u.lay.t["checkpoints"], u.lay.writes()
	if c == nil || w == nil { // somebody dropped the table, and with it whatever followed
		return "", nil
	}
	var failed error
	has := func(id string) bool {
		_, ok, err := u.rows.View(id)
		failed = cmp.Or(failed, err)
		return ok
	}
	ours := func(ns, id cell) bool {
		return has(rowID(c, map[string]cell{"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": id}))
	}
	err = u.d.each(ctx, "SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id FROM "+c.ident+" WHERE thread_id = ?", []any{thread.arg()}, func(r []cell) {
		if stays == "" && !ours(r[0], r[1]) && !r[2].isNull() && ours(r[0], r[2]) {
			stays = fmt.Sprintf("the thread went on after the run: checkpoint %s follows one of its own", valid(r[1].String()))
		}
	})
	if err != nil || failed != nil || stays != "" {
		return stays, cmp.Or(err, own(failed))
	}
	cols := make([]string, len(w.key))
	for i, k := range w.key {
		cols[i] = quote(k)
	}
	err = u.d.each(ctx, "SELECT "+strings.Join(cols, ", ")+" FROM "+w.ident+" WHERE thread_id = ?", []any{thread.arg()}, func(r []cell) {
		row := map[string]cell{}
		for i, k := range w.key {
			row[k] = r[i]
		}
		if stays == "" && !has(rowID(w, row)) && ours(row["checkpoint_ns"], row["checkpoint_id"]) {
			stays = fmt.Sprintf("the thread went on after the run: a task wrote to checkpoint %s", valid(row["checkpoint_id"].String()))
		}
	})
	return stays, cmp.Or(err, own(failed))
}
