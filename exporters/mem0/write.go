package mem0

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func refused(format string, args ...any) (replay.Receipt, error) {
	return replay.Receipt{Action: replay.Refused, Why: fmt.Sprintf(format, args...)}, nil
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
	if id, _ := vals["id"].(string); n.Type == "pgvector" && !uuidForm().MatchString(id) {
		return refused("its id is no UUID")
	}
	if p, _ := vals["payload"].(string); n.Type == "pgvector" && strings.Contains(p, `\u0000`) {
		return refused("its payload holds a NUL, which JSONB does not take")
	}
	d, err := w.open(ctx, parts[0])
	if err != nil {
		return replay.Receipt{}, err
	}
	if half {
		return w.part(ctx, d, l, r.GetMeta().GetKey(), r.GetMeta().GetKey(), vals)
	}
	switch r := r.(type) {
	case *pb.Message:
		return w.message(ctx, d, l, r, r.Meta.Key, vals)
	case *pb.Revision:
		return w.revision(ctx, d, l, r, n.Type, vals)
	}
	return w.insert(ctx, d, l, r.GetMeta().GetKey(), r.GetMeta().GetKey(), n.Type, vals)
}

// open opens the database of a place, and makes what is missing in it. nil in a plan: it is not
// there.
func (w *writer) open(ctx context.Context, place string) (*db, error) {
	if d, ok := w.dbs[place]; ok {
		return d, nil
	}
	d, err := w.openPlace(ctx, place)
	if err != nil || w.foreign == nil {
		return d, err
	}
	if d != nil && !d.layout.Form.history() {
		n, err := d.one(ctx, "SELECT count(*) FROM (SELECT 1 FROM "+quote(d.main())+" LIMIT 1) x")
		if err != nil {
			return nil, d.wrap(err)
		}
		w.foreign.used[place] = n > 0
	}
	return d, nil
}

func (w *writer) openPlace(ctx context.Context, place string) (*db, error) {
	l := w.layouts[place]
	if l.Form == pgForm {
		return w.openPG(ctx, l)
	}
	path, err := w.s.path(l.File)
	if l.Form.history() && w.s.beside != "" {
		path, err = w.s.beside, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := sqlitefile.OpenTarget(ctx, path, w.s.wait, w.run.DryRun)
	if f == nil {
		if err == nil {
			w.dbs[place] = nil
		}
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
