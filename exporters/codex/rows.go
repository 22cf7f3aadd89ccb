package codex

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// isRow tells whether a record has a row of a database, or is a database, rather than a file.
func isRow(r agentstate.Record) bool {
	n := r.GetMeta().GetNative()
	return len(n) == 1 && n[0].GetRow() != nil && n[0].Type != "file"
}

// row writes a row back, or makes the database that the record says.
func (w *writer) row(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	n, key := r.GetMeta().Native[0], r.GetMeta().GetKey()
	kind, parts := agentstate.SplitKey(key)
	if len(parts) == 0 || !slices.Contains(databases(), parts[0]) {
		return refused("its key names no database of %s", supported)
	}
	s, err := w.schema(ctx, parts[0])
	if err != nil {
		return replay.Receipt{}, err
	}
	if len(parts) == 1 {
		return w.database(ctx, r, s, kind, parts[0])
	}
	t := s.table(parts[1])
	switch {
	case t == nil || n.Type != t.name:
		return refused("%s has no table %.60q", parts[0], n.Type)
	case kindOfRow(t.name) != kind:
		return refused("a %s cannot be a row of %s", kind, t.name)
	case !slices.EqualFunc(n.GetRow().Columns, t.cols, func(c *pb.Column, name string) bool { return c.Name == name }):
		return refused("%s of %s: want the columns %s", t.name, supported, strings.Join(t.cols, ", "))
	}
	vals := make([]any, len(t.cols))
	for i, c := range n.GetRow().Columns {
		if vals[i], err = w.run.Source.Column(ctx, r, c); err != nil {
			return replay.Receipt{}, err
		}
	}
	own := parts[:2:2]
	for _, k := range t.key {
		own = append(own, asText(vals[t.column(k)]))
	}
	if agentstate.Key(kind, own...) != key {
		return refused("its key is not that of its row")
	}
	rc := replay.Receipt{Action: replay.Created, Target: key}
	if t.name == "threads" {
		i := t.column("rollout_path")
		if p, ok := w.relocated(vals[i]); ok {
			vals[i] = p
			rc.Losses = []fidelity.Loss{{Path: "native.rollout_path", Grade: fidelity.Transformed, Why: "the path of the copy's rollout: Codex opens the thread there"}}
		}
	}
	rc.Version = sqlitefile.Digest(vals...)
	d, err := w.openDB(ctx, parts[0], s)
	if errors.Is(err, ErrSchema) {
		return refused("the home's database is another one: %v", err)
	}
	if err != nil || d == nil {
		return rc, err
	}
	return w.insert(ctx, d, t, rc, vals)
}

// schema is the schema of a database, found once a run: that of the home's own; where it is not there,
// that of the archive's; where nothing says, that of the first release that was known, which every later
// one brings up to its own.
func (w *writer) schema(ctx context.Context, rel string) (*schema, error) {
	if s := w.schemas[rel]; s != nil {
		return s, nil
	}
	s, err := w.made.at(ctx, rel, first(nameOf(rel)))
	if err != nil {
		return nil, err
	}
	path, err := homefiles.Inside(w.Root, rel)
	if err == nil && !sqlitefile.Missing(path) {
		file, err := sqlitefile.Open(ctx, path, w.wait)
		if err != nil {
			return nil, err
		}
		have, err := w.made.match(ctx, file.Conn, rel)
		file.Close()
		if err != nil && !errors.Is(err, ErrSchema) { // that one is said of each row
			return nil, err
		}
		if err == nil {
			s = have
		}
	} else if r, err := w.run.Source.Get(ctx, agentstate.Key("opaque", rel)); err == nil {
		said, err := w.made.schemaOf(ctx, rel, r)
		if err != nil {
			return nil, err
		}
		if said != nil {
			s = said
		}
	}
	w.schemas[rel] = s
	return s, nil
}

// schemaOf is the schema that the record of a database says; nil: it is no such record, or says one
// that is not known.
func (st *stages) schemaOf(ctx context.Context, rel string, r agentstate.Record) (*schema, error) {
	n := r.GetMeta().GetNative()
	if len(n) != 1 || len(n[0].GetRow().GetColumns()) != 3 || n[0].GetRow().Columns[2].Name != "checksum" {
		return nil, nil
	}
	cols := n[0].GetRow().Columns
	all, err := stepsOf(rel)
	if steps := cols[1].GetInteger(); err != nil || steps < 1 || steps > int64(len(all)) {
		return nil, err
	}
	s, err := st.at(ctx, rel, int(cols[1].GetInteger()))
	if err != nil || s.mark() != string(cols[2].GetText()) {
		return nil, err
	}
	return s, nil
}

// database makes the database of a record that says what it was made of.
func (w *writer) database(ctx context.Context, r agentstate.Record, s *schema, kind, rel string) (replay.Receipt, error) {
	said, err := w.made.schemaOf(ctx, rel, r)
	if err != nil {
		return replay.Receipt{}, err
	}
	if kind != "opaque" || said == nil {
		return refused("%s: found another schema than supported: %s", rel, supported)
	}
	path, err := homefiles.Inside(w.Root, rel)
	if err != nil {
		return refused("%v", err)
	}
	key := r.GetMeta().GetKey()
	rc := replay.Receipt{Action: replay.Same, Target: key, Version: s.mark()}
	if said.mark() != s.mark() {
		for _, p := range []string{"native.migrations", "native.checksum"} {
			rc.Losses = append(rc.Losses, fidelity.Loss{Path: p, Grade: fidelity.Transformed, Why: "the home's database is that of another release of Codex"})
		}
	}
	if sqlitefile.Missing(path) || w.run.Doubts(key) {
		rc.Action = replay.Created
	}
	_, err = w.openDB(ctx, rel, s)
	if errors.Is(err, ErrSchema) {
		return replay.Receipt{Action: replay.Conflict, Why: err.Error()}, nil
	}
	return rc, err
}

// relocated is the path of a rollout in this home; false: it is there already, or is no rollout of
// a home.
func (w *writer) relocated(v any) (string, bool) {
	p, ok := v.(string)
	if !ok {
		return "", false
	}
	for _, top := range []string{"sessions", "archived_sessions"} {
		i := strings.LastIndex(p, "/"+top+"/")
		if i < 0 || kindOf(p[i+1:]) != "conversation" || !homefiles.Local(p[i+1:]) {
			continue
		}
		to := filepath.Join(w.home, filepath.FromSlash(p[i+1:]))
		return to, to != p
	}
	return "", false
}

// realHome is the home as Codex names it: absolute, links resolved as far as it is there.
func realHome(root string) (string, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return "", err
	}
	rest := ""
	for at := abs; ; at = filepath.Dir(at) {
		if p, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(p, rest), nil
		} else if !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			return "", err
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

// openDB opens a database of the home in one writing transaction, and makes one that is not there.
// nil: a plan, and it is not there.
func (w *writer) openDB(ctx context.Context, rel string, s *schema) (*database, error) {
	if d, ok := w.dbs[rel]; ok {
		return d, nil
	}
	path, err := homefiles.Inside(w.Root, rel)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	missing := sqlitefile.Missing(path)
	if w.run.DryRun && missing {
		w.dbs[rel] = nil
		return nil, nil
	}
	var file *sqlitefile.DB
	if w.run.DryRun {
		file, err = sqlitefile.Open(ctx, path, w.wait)
	} else if err = os.MkdirAll(w.Root, 0o700); err == nil {
		file, err = sqlitefile.OpenWrite(ctx, path, w.wait)
	}
	if err != nil {
		return nil, err
	}
	d := &database{DB: file, rel: rel, schema: s, ids: map[string]int64{}}
	if missing {
		err = s.create(ctx, file.Conn)
		for _, t := range s.tables { // what the migrations put in comes out of the archive
			if err == nil && t.name != counters {
				_, err = file.Conn.ExecContext(ctx, "DELETE FROM "+quote(t.name))
			}
		}
	} else {
		if err = s.check(ctx, file.Conn, rel); err == nil && s.table(counters) != nil {
			err = sqlitefile.Each(ctx, file.Conn, "SELECT CAST(name AS TEXT), CAST(seq AS INTEGER) FROM "+counters, nil, func(v []any) error {
				d.ids[asText(v[0])], _ = v[1].(int64)
				return nil
			})
		}
	}
	if err == nil && !w.run.DryRun {
		err = d.triggers(ctx, "DROP TRIGGER ")
	}
	if err != nil {
		file.Close()
		return nil, d.Wrap(err)
	}
	w.dbs[rel] = d
	return d, nil
}

// triggers drops the triggers, or with an empty verb makes them again: they would add to the rows
// that are written. All of it is in the one transaction.
func (d *database) triggers(ctx context.Context, verb string) error {
	for _, o := range sortedKeys(d.schema.objects) {
		name, ok := strings.CutPrefix(o, "trigger ")
		if !ok {
			continue
		}
		q := verb + quote(name)
		if verb == "" {
			q = d.schema.objects[o]
		}
		if _, err := d.Conn.ExecContext(ctx, q); err != nil {
			return d.Wrap(err)
		}
	}
	return nil
}

// insert puts a row, unless one with its key is there.
func (w *writer) insert(ctx context.Context, d *database, t *table, rc replay.Receipt, vals []any) (replay.Receipt, error) {
	have, err := d.find(ctx, t, rc.Target, t.cols)
	if err != nil {
		return replay.Receipt{}, err
	}
	if have != nil {
		have = have[1:]
	}
	switch {
	case t.name == counters:
		return d.counter(ctx, rc, have, vals, w.run)
	case have != nil && sqlitefile.Digest(have...) == rc.Version:
		if !w.run.Doubts(rc.Target) {
			rc.Action = replay.Same
		}
		return rc, nil
	case have != nil:
		return sqlitefile.Conflict(t.name+" of "+d.rel, t.cols, have, vals), nil
	case w.run.DryRun:
		return rc, nil
	}
	q := "INSERT INTO " + quote(t.name) + " VALUES (" + strings.TrimSuffix(strings.Repeat("?, ", len(vals)), ", ") + ")"
	if _, err := d.Conn.ExecContext(ctx, q, vals...); err != nil {
		if strings.Contains(err.Error(), "constraint") {
			return refused("table %s of %s forbids the row: a constraint", t.name, d.rel)
		}
		return replay.Receipt{}, d.Wrap(err)
	}
	return rc, nil
}

// counter raises SQLite's counter of ids. It never lowers one. Rows of this run raise it too: what it
// was before them tells whether there is something to do.
func (d *database) counter(ctx context.Context, rc replay.Receipt, have, vals []any, run *replay.Run) (replay.Receipt, error) {
	want, ok := vals[1].(int64)
	name, _ := vals[0].(string)
	if !ok || d.schema.table(name) == nil {
		return refused("no counter of %s", d.rel)
	}
	rc.Version = ""
	if n, ok := d.ids[name]; ok && n >= want && !run.Doubts(rc.Target) {
		rc.Action = replay.Same
	}
	now := int64(-1)
	q := "INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)"
	if have != nil {
		now, _ = have[1].(int64)
		q = "UPDATE sqlite_sequence SET seq = ? WHERE name = ?"
	}
	if now > want {
		rc.Losses = append(rc.Losses, fidelity.Loss{Path: "native.seq", Grade: fidelity.Transformed, Why: sqlitefile.Counted})
	}
	if now >= want || run.DryRun {
		return rc, nil
	}
	_, err := d.Conn.ExecContext(ctx, q, want, name)
	return rc, d.Wrap(err)
}

// commitRows ends the transactions: files are there already.
func (w *writer) commitRows(ctx context.Context) error {
	for _, rel := range sortedKeys(w.dbs) {
		d := w.dbs[rel]
		if d == nil || w.run.DryRun {
			continue
		}
		if err := d.triggers(ctx, ""); err != nil {
			return err
		}
		if err := d.Commit(ctx); err != nil {
			return err
		}
		delete(w.dbs, rel)
	}
	return nil
}

// Close gives up what was not committed.
func (w *writer) Close() error {
	for _, d := range w.dbs {
		if d != nil {
			d.DB.Close()
		}
	}
	w.dbs = map[string]*database{}
	return w.Writer.Close()
}
