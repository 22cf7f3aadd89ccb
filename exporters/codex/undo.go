package codex

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/receipts"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// Undo removes the rows and files that a run made. A session that went on since stays, and so does every file
// that is another one by now.
func (h *Home) Undo(ctx context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) (err error) {
	if err := errors.Join(homefiles.Sweep(h.root, ".", run.ID), sqlitefile.DropLeftBelow(ctx, h.root)); err != nil {
		return replay.Untouched(fmt.Errorf("codex: %w", err))
	}
	if err := h.undoRows(ctx, run, created, leave); err != nil {
		return fmt.Errorf("codex: %w", err)
	}
	taken, err := receipts.Any(created, func(rc replay.Receipt) bool { _, _, row := rowOf(rc.Target); return row })
	if err != nil {
		return fmt.Errorf("codex: %w", err)
	}
	defer func() {
		if err != nil && !taken { // a file is taken out or it is not
			err = replay.Untouched(err)
		}
	}()
	said, err := homefiles.MessagesOf(created)
	if err != nil {
		return fmt.Errorf("codex: %w", err)
	}
	defer said.Close()
	for rc, err := range created {
		if err != nil {
			return fmt.Errorf("codex: %w", err)
		}
		kind, parts := agentstate.SplitKey(rc.Target)
		if _, _, row := rowOf(rc.Target); row || rc.Target == "" || kind == "message" || len(parts) != 1 {
			continue
		}
		rel := fileOf(kind, parts[0])
		path, perr := homefiles.Inside(h.root, rel)
		if perr != nil || kindOf(rel) != kind {
			rc.Why = "the journal names a place that is none of Codex's"
			leave(rc)
			continue
		}
		why, err := homefiles.Undo(h.root, path, rc.Version, func() bool { return onlyItems(path, said) })
		if err != nil {
			return fmt.Errorf("codex: %w", err)
		}
		said.File(rc.Target, why)
		taken = taken || why == ""
		if why != "" {
			rc.Why = why
			leave(rc)
		}
	}
	if err := said.Left(created, leave); err != nil {
		return fmt.Errorf("codex: %w", err)
	}
	return nil
}

// onlyItems tells whether a rollout that was made of mapped fields still holds only what the run wrote.
func onlyItems(path string, said *homefiles.Messages) bool {
	r, err := os.Open(path)
	if err != nil {
		return false
	}
	defer r.Close()
	ok, item := true, false // item: the line before has one
	var l line
	err = homefiles.EachLine(r, maxLine, func(_ int, b []byte) error {
		valid := l.read(b)
		shows := l.payload.Get("type")
		if item && l.typ.Is("event_msg") && (shows.Is("user_message") || shows.Is("agent_message")) { // what is said there
			item = false
			return nil
		}
		id := l.payload.Get("id").Text()
		if strings.Count(id, "_") == 2 { // a further item of one message
			id = id[:strings.LastIndexByte(id, '_')]
		}
		item = said.Found(id)
		ok = ok && valid && (item || l.typ.Is("session_meta") && l.payload.Get("originator").Is("exitramp"))
		return nil
	})
	return err == nil && ok
}

// undoRows removes the rows that a run made, and then the databases that it made and nobody filled
// since.
func (h *Home) undoRows(ctx context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	w := h.writer(&replay.Run{ID: run.ID, From: run.From})
	defer w.Close()
	made, err := w.takeOut(ctx, created, leave)
	if err != nil {
		return replay.Untouched(err)
	}
	open := len(w.dbs)
	if err := w.commitRows(ctx); err != nil {
		if sqlitefile.RolledBack(err) && len(w.dbs) == open { // the first
			err = replay.Untouched(err)
		}
		return err
	}
	for _, rc := range made {
		rel, _, _ := rowOf(rc.Target)
		why, err := h.removeDB(ctx, rel)
		if err != nil {
			return err
		}
		if why != "" {
			rc.Why = why
			leave(rc)
		}
	}
	return nil
}

// takeOut is undoRows before its commit. made are the receipts of databases, which are still to be undone.
func (w *writer) takeOut(ctx context.Context, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) (made []replay.Receipt, err error) {
	stays := func(rc replay.Receipt, why string) {
		rc.Why = why
		leave(rc)
	}
	for rc, err := range created {
		if err != nil {
			return nil, err
		}
		rel, table, ok := rowOf(rc.Target)
		if !ok {
			continue
		}
		path, perr := homefiles.Inside(w.Root, rel)
		switch {
		case perr != nil:
			stays(rc, perr.Error())
			continue
		case sqlitefile.Missing(path):
			stays(rc, replay.Gone)
			continue
		case table == counters: // a counter never goes back
			continue
		case table == "":
			made = append(made, rc)
			continue
		}
		s, err := w.schema(ctx, rel)
		if err != nil {
			return nil, err
		}
		d, err := w.openDB(ctx, rel, s)
		if errors.Is(err, ErrSchema) {
			stays(rc, "Codex has changed the schema since the run")
			continue
		}
		if err != nil {
			return nil, err
		}
		why, err := d.remove(ctx, s.table(table), rc)
		if err != nil {
			return nil, err
		}
		if why != "" {
			stays(rc, why)
		}
	}
	return made, nil
}

// rowOf are the database and the table of a receipt; no table: the database itself.
func rowOf(target string) (rel, table string, ok bool) {
	_, parts := agentstate.SplitKey(target)
	if len(parts) == 0 || !slices.Contains(databases(), parts[0]) {
		return "", "", false
	}
	if len(parts) > 1 {
		table = parts[1]
	}
	return parts[0], table, true
}

func (d *database) remove(ctx context.Context, t *table, rc replay.Receipt) (why string, err error) {
	if t == nil {
		return "the journal names a table that is none of Codex's", nil
	}
	r, err := d.find(ctx, t, rc.Target, t.cols)
	switch {
	case err != nil:
		return "", err
	case r == nil:
		return replay.Gone, nil
	}
	if sqlitefile.Digest(r[1:]...) != rc.Version {
		return "changed since the run", nil
	}
	_, err = d.Put(ctx, "DELETE FROM "+quote(t.name)+" WHERE rowid = ?", r[0])
	return "", err
}

// removeDB removes a database that holds no row.
func (h *Home) removeDB(ctx context.Context, rel string) (why string, err error) {
	path := filepath.Join(h.root, rel)
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	d, err := h.openDB(ctx, &homefiles.File{Rel: rel, Path: path, Info: info})
	if errors.Is(err, ErrSchema) {
		return "Codex has changed the schema since the run", nil
	}
	if err != nil {
		return "", err
	}
	defer d.Close()
	for _, t := range d.schema.tables {
		n, err := d.count(ctx, t.name)
		if err != nil {
			return "", err
		}
		if n > 0 && t.name != counters {
			return "holds rows that this run did not write", nil
		}
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Lstat(path + suffix); err == nil {
			return "Codex has it open; stop it and undo again", nil
		}
	}
	if err := d.Close(); err != nil {
		return "", err
	}
	return "", homefiles.Remove(h.root, path)
}
