package mem0

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A writer writes one run. Every database has one transaction until Commit.
type writer struct {
	run     *replay.Run
	s       *Store
	exact   bool
	layouts map[string]layout // by place, as they will be
	dbs     map[string]*db    // by place, open; in a plan nil for files that are not there
	planned map[string]int64  // in a plan: the highest id in each table that the run would make
	meta    []byte            // Qdrant's meta.json to be written; nil: none
	unlock  func()
	pg      *pg // the transaction of PostgreSQL; nil: none yet
	foreign *foreignTarget
}

// Begin looks at the folder, and refuses an Origin whose tables are not mem0's.
func (s *Store) Begin(ctx context.Context, run *replay.Run) (_ replay.Writer, err error) {
	w := &writer{run: run, s: s, layouts: map[string]layout{}, dbs: map[string]*db{}, planned: map[string]int64{}}
	defer func() {
		if err != nil {
			w.Close()
			if ctx.Err() == nil {
				err = fmt.Errorf("%w: %w", replay.ErrTarget, own(err))
			}
		}
	}()
	if st, err := os.Stat(s.root); s.server != nil {
	} else if err == nil && !st.IsDir() {
		return nil, fmt.Errorf("%s is a file; want a folder", s.root)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	have, err := s.present(ctx)
	if err != nil {
		return nil, err
	}
	from := map[string]layout{}
	if run.From.GetProduct() == product {
		if from, err = layoutsOf(run.From); err != nil {
			return nil, err
		}
	}
	w.exact = len(from) > 0 && run.From.GetFlavor() != "" && (have.flavor == run.From.GetFlavor() || have.flavor == "" && s.takes(run.From.GetFlavor()))
	w.layouts = have.layouts
	if w.exact {
		for place, l := range from {
			if old, ok := w.layouts[place]; ok && old.Form != l.Form {
				return nil, fmt.Errorf("%w: %s holds %s under the name %s, the state has %s", ErrSchema, s.root, old.Form, place, l.Form)
			} else if !ok {
				w.layouts[place] = l
			}
		}
		return w, w.lock()
	}
	w.foreign, err = w.foreignTarget(have)
	if err != nil {
		return nil, err
	}
	return w, w.lock()
}

// takes tells whether an empty place becomes a store of this flavor.
func (s *Store) takes(flavor string) bool {
	if s.server != nil {
		return strings.HasSuffix(flavor, "+pgvector")
	}
	return flavor == "js+sqlite" && !s.python || flavor == "python+qdrant"
}

// A presence is what a target holds before a run.
type presence struct {
	flavor  string // empty: nothing
	layouts map[string]layout
}

func (s *Store) present(ctx context.Context) (presence, error) {
	p := presence{layouts: map[string]layout{}}
	if s.server != nil {
		return s.presentPG(ctx)
	}
	if _, err := os.Stat(s.root); errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	rels, _, err := s.find()
	if err != nil {
		return p, err
	}
	for _, rel := range rels {
		d, err := s.openRead(ctx, rel)
		if errors.Is(err, sqlitefile.ErrEmpty) || err == nil && d == nil {
			continue
		}
		if err != nil {
			return p, err
		}
		p.layouts[d.layout.Place] = d.layout
		p.flavor = "js+sqlite"
		if d.layout.Form == pointsForm || d.layout.Form == pythonHistory {
			p.flavor = "python+qdrant"
		}
		d.close()
	}
	return p, nil
}

// layoutsOf are the databases that an Origin names. They come out of an archive, so each is looked
// at before it becomes a file or SQL.
func layoutsOf(o *pb.Origin) (map[string]layout, error) {
	out := map[string]layout{}
	for _, l := range o.GetMeta().GetLabels() {
		var x layout
		if l.Name != labelDatabase {
			continue
		}
		if err := json.Unmarshal([]byte(l.Value), &x); err != nil || !x.valid() {
			return nil, fmt.Errorf("%w: the archive names a database %.60q that mem0 does not make", ErrSchema, x.File)
		}
		out[x.Place] = x
	}
	return out, nil
}

func (l *layout) valid() bool {
	switch l.Form {
	case vectorsForm, jsHistory, pythonHistory:
		if strings.ContainsAny(l.File, `/\`) || !slices.Contains([]string{".db", ".sqlite", ".sqlite3"}, filepath.Ext(l.File)) {
			return false
		}
	case pointsForm:
		if l.File != "qdrant/collection/"+l.Place+"/storage.sqlite" || strings.ContainsAny(l.Place, `/\`) {
			return false
		}
	case pgForm:
		return pgName(l.File) && l.Place == l.File && l.Dims >= 0 && l.Dims <= 16000
	default:
		return false
	}
	if !filepath.IsLocal(filepath.FromSlash(l.File)) || strings.Contains(l.File, "\x00") || l.Place != placeOf(l.File) {
		return false
	}
	for _, t := range l.Tables {
		if t != string(l.Form) && !slices.Contains(mayHave(l.Form), t) {
			return false
		}
	}
	return true
}

// lock takes Qdrant's lock, which keeps programs out that hold the points in memory.
func (w *writer) lock() (err error) {
	if w.run.DryRun || !slices.ContainsFunc(mapValues(w.layouts), func(l layout) bool { return l.Form == pointsForm }) {
		return nil
	}
	dir := w.s.qdrant()
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil // a new folder: nobody has it open
	}
	w.unlock, err = lockFile(filepath.Join(dir, ".lock"))
	if err != nil {
		return fmt.Errorf("%w: %s is open in a program that uses Qdrant's local mode; stop it, it would not see what is written and could overwrite it", ErrLocked, dir)
	}
	return nil
}

func mapValues(m map[string]layout) []layout {
	var out []layout
	for _, l := range m {
		out = append(out, l)
	}
	return out
}

// Exact tells whether the state is of this runtime and flavor: then views are left out.
func (w *writer) Exact() bool { return w.exact }

func refused(format string, args ...any) (replay.Receipt, error) {
	return replay.Receipt{Action: replay.Refused, Why: fmt.Sprintf(format, args...)}, nil
}

// Write takes one record.
func (w *writer) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	var rc replay.Receipt
	var err error
	if w.exact {
		rc, err = w.native(ctx, r)
	} else {
		rc, err = w.mapped(ctx, r)
	}
	return rc, own(err)
}

func (w *writer) native(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	ns := r.GetMeta().GetNative()
	if len(ns) != 1 {
		return replay.Receipt{Action: replay.Skipped, Why: "has no row or file of its own"}, nil
	}
	kind, parts := agentstate.SplitKey(r.GetMeta().GetKey())
	n := ns[0]
	if n.Type == "meta.json" && kind == "opaque" {
		b, err := w.run.Source.Data(ctx, n.GetData())
		if err != nil {
			return replay.Receipt{}, err
		}
		return w.writeMeta(r.GetMeta().GetKey(), b)
	}
	l, ok := w.layouts[parts[0]]
	if !ok || len(parts) < 2 {
		return refused("the archive does not say what its database is")
	}
	subject := "memory"
	if l.Entities {
		subject = "entity"
	}
	want := map[string][]string{"vectors": {subject, "embedding"}, "pgvector": {subject, "embedding"}, "points": {subject, "opaque"},
		"memory_history": {"revision"}, "history": {"revision"}, "messages": {"message"}, "memory_migrations": {"opaque"}, "sqlite_sequence": {"opaque"}}[n.Type]
	if n.GetRow() == nil || !slices.Contains(want, kind) || n.Type != string(l.Form) && !slices.Contains(l.Tables, n.Type) {
		return refused("a %s cannot be a row of %.40q of a database of %s", kind, n.Type, l.Form)
	}
	vals := map[string]any{}
	for _, c := range n.GetRow().Columns {
		v, err := w.run.Source.Column(ctx, r, c)
		if err != nil {
			return replay.Receipt{}, err
		}
		if b, ok := v.([]byte); ok && c.GetAt() != "" && c.Name != "vector" {
			v = string(b) // a text that is held in a field
		}
		if b, ok := v.([]byte); ok && c.Name == "vector" && l.Form == pgForm {
			v = formatVector(b)
		}
		vals[c.Name] = v
	}
	cols := columnsOf(n.Type)
	half := n.Type == "vectors" || n.Type == "pgvector"
	for name := range vals {
		if !slices.Contains(cols, name) {
			return refused("want the columns %s", strings.Join(cols, ", "))
		}
	}
	if len(n.GetRow().Columns) != len(vals) || !half && len(vals) != len(cols) || vals[cols[0]] == nil {
		return refused("want the columns %s", strings.Join(cols, ", "))
	}
	if n.Type == "points" {
		b, _ := vals["point"].([]byte)
		if p, err := readPoint(b); err != nil {
			return refused("%s; loading it may run a program", err)
		} else if k, _ := vals["id"].(string); k != rowKey(p.id) && kind != "opaque" {
			if id, err := keyID(k); err != nil || fmt.Sprint(id) != fmt.Sprint(p.id) {
				return refused("its row is not that of its point's id")
			}
		}
	}
	if l.Form.history() && w.s.server != nil && w.s.beside == "" {
		return refused("the history is in a SQLite file of its own: name it with ?history=FILE")
	}
	if id, _ := vals["id"].(string); n.Type == "pgvector" && !uuidForm.MatchString(id) {
		return refused("its id is no UUID")
	}
	if p, _ := vals["payload"].(string); n.Type == "pgvector" && strings.Contains(p, `\u0000`) {
		return refused("its payload holds a NUL, which JSONB does not take")
	}
	d, err := w.open(ctx, parts[0])
	if err != nil {
		return replay.Receipt{}, err
	}
	table := n.Type
	if l.Form == pgForm && table == "pgvector" {
		table = l.File
	}
	if half {
		return w.part(ctx, d, r.GetMeta().GetKey(), vals)
	}
	return w.insert(ctx, d, l, r.GetMeta().GetKey(), table, cols, vals)
}

// open opens the database of a place, and makes what is missing in it. nil in a plan: it is not
// there.
func (w *writer) open(ctx context.Context, place string) (*db, error) {
	if d, ok := w.dbs[place]; ok {
		return d, nil
	}
	l := w.layouts[place]
	if l.Form == pgForm {
		return w.openPG(ctx, l)
	}
	path, err := w.s.path(l.File)
	if err != nil {
		return nil, err
	}
	if w.run.DryRun && sqlitefile.Missing(path) {
		w.dbs[place] = nil
		return nil, nil
	}
	var f *sqlitefile.DB
	if w.run.DryRun {
		f, err = sqlitefile.Open(ctx, path, w.s.wait)
	} else if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
		f, err = sqlitefile.OpenWrite(ctx, path, w.s.wait)
	}
	if err != nil {
		return nil, err
	}
	d := &db{engine: lite{f}, layout: l}
	have, err := detect(ctx, d.engine, l.File)
	if err == nil && have.Form != "" && have.Form != l.Form {
		err = fmt.Errorf("%w: %s holds %s, the state has %s", ErrSchema, l.File, have.Form, l.Form)
	}
	for _, t := range l.Tables {
		if q := create(l.Form, t); err == nil && !w.run.DryRun && q != "" && !slices.Contains(have.Tables, t) {
			err = d.exec(ctx, q)
		}
	}
	if err != nil {
		err = d.wrap(err)
		d.close()
		return nil, err
	}
	w.dbs[place] = d
	return d, nil
}

// digest is the mark of values, with the storage class of each.
func digest(vals ...any) string {
	h := sha256.New()
	for _, v := range vals {
		s := fmt.Sprint(v)
		if b, ok := v.([]byte); ok {
			s = string(b)
		}
		fmt.Fprintf(h, "%T %d:%s", v, len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// empty tells whether half of a row has not been written: a payload is never empty, and a vector
// without numbers is none.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []byte:
		return len(v) == 0
	}
	return false
}

// hole is what stands for half of a row that is not written.
func (d *db) hole(col string) any {
	switch {
	case d.layout.Form == pgForm:
		return nil
	case col == "vector":
		return []byte{}
	}
	return ""
}

// halves reads a row of a collection; nil: there is none.
func (d *db) halves(ctx context.Context, id any) (map[string]any, error) {
	var out map[string]any
	err := d.each(ctx, "SELECT "+d.selects(d.main(), []string{"vector", "payload"})+" FROM "+quote(d.main())+" WHERE id = "+d.param(d.main(), "id"), []any{id}, func(v []any) error {
		out = map[string]any{"vector": d.numbers(keep(v[0])), "payload": keep(v[1])}
		return nil
	})
	return out, err
}

func keep(v any) any {
	if b, ok := v.([]byte); ok {
		return bytes.Clone(b)
	}
	return v
}

// part writes half of a row of a collection, or all of it: a memory and its vector are two records,
// in either order.
func (w *writer) part(ctx context.Context, d *db, key string, vals map[string]any) (replay.Receipt, error) {
	id := vals["id"]
	delete(vals, "id")
	var cols []string
	var args []any
	for _, c := range []string{"vector", "payload"} {
		if v, ok := vals[c]; ok {
			cols, args = append(cols, c), append(args, v)
		}
	}
	marks := slices.Clone(args)
	if len(cols) > 0 && cols[0] == "vector" && w.layouts[placeOfKey(key)].Form == pgForm {
		marks[0] = numbers(args[0])
	}
	rc := replay.Receipt{Action: replay.Created, Target: key, Version: digest(marks...)}
	if d == nil {
		return rc, nil
	}
	have, err := d.halves(ctx, id)
	if err != nil {
		return replay.Receipt{}, d.wrap(err)
	}
	if have == nil {
		if w.run.DryRun {
			return rc, nil
		}
		for _, c := range []string{"vector", "payload"} {
			if _, ok := vals[c]; !ok {
				cols, args = append(cols, c), append(args, d.hole(c))
			}
		}
		return rc, d.put(ctx, d.main(), append([]string{"id"}, cols...), append([]any{id}, args...))
	}
	same, free := true, true
	var differ []string
	for i, c := range cols {
		if digest(have[c]) != digest(marks[i]) {
			same, differ = false, append(differ, c)
		}
		free = free && empty(have[c])
	}
	switch {
	case same && !(free && len(cols) == 1 && !empty(args[0])):
		if w.run.InDoubt == nil || !w.run.InDoubt(key) {
			rc.Action = replay.Same
		}
		return rc, nil
	case !free:
		return replay.Receipt{Action: replay.Conflict, Why: fmt.Sprintf("%s holds another row under this id: want and got differ in %s", d.layout.Place, strings.Join(differ, ", "))}, nil
	case w.run.DryRun:
		return rc, nil
	}
	for i, c := range cols {
		if err := d.exec(ctx, "UPDATE "+quote(d.main())+" SET "+c+" = "+d.param(d.main(), c)+" WHERE id = "+d.param(d.main(), "id"), args[i], id); err != nil {
			return replay.Receipt{}, d.wrap(err)
		}
	}
	return rc, nil
}

// put inserts a row.
func (d *db) put(ctx context.Context, table string, cols []string, args []any) error {
	var names, marks []string
	for _, c := range cols {
		names, marks = append(names, quote(c)), append(marks, d.param(table, c))
	}
	return d.wrap(d.exec(ctx, "INSERT INTO "+quote(table)+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", args...))
}

// row reads a row by its key; nil: there is none.
func (d *db) row(ctx context.Context, table string, id any) ([]any, error) {
	var out []any
	err := d.each(ctx, "SELECT "+d.selects(table, columnsOf(table))+" FROM "+table+" WHERE "+quote(keyOf(table))+" = "+d.param(table, keyOf(table)), []any{id}, func(v []any) error {
		for _, x := range v {
			out = append(out, keep(x))
		}
		return nil
	})
	return out, err
}

// insert puts a whole row, unless one with its key is there.
func (w *writer) insert(ctx context.Context, d *db, l layout, key, table string, cols []string, vals map[string]any) (replay.Receipt, error) {
	var args []any
	for _, c := range cols {
		args = append(args, vals[c])
	}
	rc := replay.Receipt{Action: replay.Created, Target: key, Version: digest(args...)}
	if d == nil {
		return w.plan(l, rc, table, args)
	}
	if p, ok := d.engine.(*pg); ok && w.run.DryRun && !p.migrations { // a query that fails ends the transaction
		return w.plan(l, rc, table, args)
	}
	have, err := d.row(ctx, table, args[0])
	switch {
	case err != nil && w.run.DryRun && strings.Contains(err.Error(), "no such table"):
		return w.plan(l, rc, table, args)
	case err != nil:
		return replay.Receipt{}, d.wrap(err)
	case table == "sqlite_sequence":
		return w.counter(ctx, d, rc, have, args)
	case have != nil && digest(have...) == rc.Version:
		if w.run.InDoubt == nil || !w.run.InDoubt(key) {
			rc.Action = replay.Same
		}
		return rc, nil
	case have != nil:
		var differ []string
		for i, c := range cols {
			if digest(have[i]) != digest(args[i]) {
				differ = append(differ, c)
			}
		}
		return replay.Receipt{Action: replay.Conflict, Why: fmt.Sprintf("table %s holds another row under this key: want and got differ in %s", table, strings.Join(differ, ", "))}, nil
	case w.run.DryRun:
		return w.plan(l, rc, table, args)
	}
	if err := d.put(ctx, table, cols, args); err != nil {
		if strings.Contains(err.Error(), "constraint") {
			return refused("table %s forbids the row: a constraint", table)
		}
		return replay.Receipt{}, err
	}
	if w.pg != nil && d.engine == engine(w.pg) { // numbers that were given are not given again
		err = d.wrap(d.exec(ctx, "SELECT setval(pg_get_serial_sequence('memory_migrations', 'id'), (SELECT max(id) FROM memory_migrations))"))
	}
	return rc, err
}

// plan answers for a row that the run would make. Rows with numbers raise SQLite's counter.
func (w *writer) plan(l layout, rc replay.Receipt, table string, args []any) (replay.Receipt, error) {
	if n, ok := args[0].(int64); ok && table != "sqlite_sequence" {
		w.planned[l.Place+"\x00"+table] = max(w.planned[l.Place+"\x00"+table], n)
	}
	if seq, _ := args[1].(int64); table == "sqlite_sequence" && w.planned[l.Place+"\x00"+asText(args[0])] >= seq {
		rc.Action = replay.Same
	}
	return rc, nil
}

// counter raises SQLite's counter of ids, so that those of deleted rows are not given again. It
// never lowers one.
func (w *writer) counter(ctx context.Context, d *db, rc replay.Receipt, have, args []any) (replay.Receipt, error) {
	want, ok := args[1].(int64)
	if _, name := args[0].(string); !ok || !name {
		return refused("no counter")
	}
	q := "INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)"
	if have != nil {
		q = "UPDATE sqlite_sequence SET seq = ? WHERE name = ?"
		if n, _ := have[1].(int64); n >= want {
			rc.Action = replay.Same
			return rc, nil
		}
	}
	if w.run.DryRun {
		return w.plan(d.layout, rc, "sqlite_sequence", args)
	}
	return rc, d.wrap(d.exec(ctx, q, want, args[0]))
}

// writeMeta writes Qdrant's list of collections with Commit. One that is there stays as it is.
func (w *writer) writeMeta(key string, b []byte) (replay.Receipt, error) {
	if _, err := parseMeta(b); err != nil {
		return refused("%v", err)
	}
	rc := replay.Receipt{Action: replay.Created, Target: key, Version: digest(b)}
	have, err := w.s.readMeta()
	switch {
	case err != nil:
		return replay.Receipt{}, err
	case have == nil:
		if !w.run.DryRun {
			w.meta = bytes.Clone(b)
		}
		return rc, nil
	case bytes.Equal(have, b):
		if w.run.InDoubt == nil || !w.run.InDoubt(key) {
			rc.Action = replay.Same
		}
		return rc, nil
	}
	return replay.Receipt{Action: replay.Conflict, Why: "the folder's meta.json names other collections; replay into an empty folder"}, nil
}

// Commit commits each database, and names the collections last.
func (w *writer) Commit(ctx context.Context) error {
	if w.run.DryRun {
		return nil
	}
	var places []string
	for p := range w.dbs {
		places = append(places, p)
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
	if w.meta != nil {
		p, err := w.s.path("qdrant/meta.json")
		if err == nil {
			err = writeFile(p, w.meta)
		}
		if err != nil {
			return own(err)
		}
		w.meta = nil
	}
	return nil
}

// writeFile makes a file that must not be there.
func writeFile(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".exitramp-*.part")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	// A link fails where a rename would replace a file that appeared meanwhile.
	if err := os.Link(tmp.Name(), path); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s appeared", ErrChanged, path)
	} else if err != nil {
		return os.Rename(tmp.Name(), path)
	}
	return nil
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
	if w.unlock != nil {
		w.unlock()
		w.unlock = nil
	}
	return nil
}
