package mem0

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
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
		return w.writeMeta(ctx, r.GetMeta().GetKey(), b)
	}
	l, ok := w.layouts[parts[0]]
	if !ok || len(parts) < 2 {
		return refused("the archive does not say what its database is")
	}
	if n.GetRow() == nil || !slices.Contains(l.kindsIn(n.Type), kind) || n.Type != string(l.Form) && !slices.Contains(l.Tables, n.Type) {
		return refused("a %s cannot be a row of %.40q of a database of %s", kind, n.Type, l.Form)
	}
	vals, err := w.columns(ctx, r, l, n.GetRow())
	if err != nil {
		return replay.Receipt{}, err
	}
	if len(vals) != len(n.GetRow().Columns) {
		return refused("a column stands twice in its row")
	}
	var losses []fidelity.Loss
	if n.Type == string(pythonHistory) && l.Columns == nil && older(slices.Collect(maps.Keys(vals))) {
		losses = current(vals)
	}
	if why := w.unfit(l, kind, n, vals); why != "" {
		return replay.Receipt{Action: replay.Refused, Why: why}, nil
	}
	d, err := w.open(ctx, parts[0])
	if err != nil {
		return replay.Receipt{}, err
	}
	at := slot{d, l, r.GetMeta().GetKey(), r.GetMeta().GetKey()}
	if halves(n.Type) {
		return w.part(ctx, at, vals)
	}
	switch r := r.(type) {
	case *pb.Message:
		return w.message(ctx, at, r, vals)
	case *pb.Revision:
		rc, err := w.revision(ctx, at, r, n.Type, vals)
		if rc.Action == replay.Created || rc.Action == replay.Same {
			rc.Losses = append(rc.Losses, losses...)
		}
		return rc, err
	}
	return w.insert(ctx, at, n.Type, vals)
}

// kindsIn are the kinds of records that are rows of a table.
func (l *layout) kindsIn(table string) []string {
	subject := l.subject()
	switch table {
	case "vectors", "pgvector":
		if l.uses() {
			return []string{subject}
		}
		return []string{subject, "embedding"}
	case "points":
		return []string{subject, "opaque"}
	case "memory_history", "history":
		return []string{"revision"}
	case "messages":
		return []string{"message"}
	case "memory_migrations", "sqlite_sequence":
		return []string{"opaque"}
	}
	return nil
}

// halves tells whether two records share a row of a table: a memory and its vector.
func halves(table string) bool { return table == "vectors" || table == "pgvector" }

// columns are the values of a native row, as the target's database takes them.
func (w *writer) columns(ctx context.Context, r agentstate.Record, l layout, row *pb.Row) (map[string]any, error) {
	vals := map[string]any{}
	for _, c := range row.Columns {
		v, err := w.run.Source.Column(ctx, r, c)
		if err != nil {
			return nil, err
		}
		if b, ok := v.([]byte); ok && c.GetAt() != "" && c.Name != "vector" {
			v = string(b) // a text that is held in a field
		}
		if b, ok := v.([]byte); ok && c.Name == "vector" && l.Form == pgForm {
			v = formatVector(b)
		}
		vals[c.Name] = v
	}
	return vals, nil
}

// unfit says why a row cannot be one of mem0's; empty: it can.
func (w *writer) unfit(l layout, kind string, n *pb.Native, vals map[string]any) string {
	cols := l.columns(n.Type)
	for name := range vals {
		if !slices.Contains(cols, name) {
			return "want the columns " + strings.Join(cols, ", ")
		}
	}
	id, _ := vals["id"].(string)
	payload, _ := vals["payload"].(string)
	switch {
	case !halves(n.Type) && len(vals) != len(cols) || vals[cols[0]] == nil:
		return "want the columns " + strings.Join(cols, ", ")
	case n.Type == "points":
		return pointUnfit(kind, id, vals["point"])
	case l.Form.history() && w.s.server != nil && w.s.beside == "":
		return "the history is in a SQLite file of its own: name it with ?history=FILE"
	case n.Type == "pgvector" && !uuidForm().MatchString(id):
		return "its id is no UUID"
	case n.Type == "pgvector" && holdsNUL(payload):
		return noNUL
	}
	return ""
}

// pointUnfit says why a row cannot be one of Qdrant's; empty: it can.
func pointUnfit(kind, id string, point any) string {
	b, _ := point.([]byte)
	p, err := readPoint(b)
	if err != nil {
		return fmt.Sprintf("%s; loading it may run a program", err)
	}
	if id != rowKey(p.id) && kind != "opaque" {
		if k, err := keyID(id); err != nil || fmt.Sprint(k) != fmt.Sprint(p.id) {
			return "its row is not that of its point's id"
		}
	}
	return ""
}

const noNUL = "its payload holds a NUL, which JSONB does not take"

// holdsNUL tells whether a JSON text holds a NUL, which stands there as an escape: one behind a backslash
// that is escaped itself is a text about it.
func holdsNUL(raw string) bool {
	return strings.Contains(strings.ReplaceAll(raw, `\\`, ""), `\u0000`)
}

// open opens the database of a place, and makes what is missing in it. nil in a plan: it is not
// there.
func (w *writer) open(ctx context.Context, place string) (*db, error) {
	if d, ok := w.dbs[place]; ok {
		return d, nil
	}
	var d *db
	err := w.atOnce(func() (err error) {
		d, err = w.openFirst(ctx, place)
		return err
	})
	return d, err
}

// openFirst is open for a database that is not open yet.
func (w *writer) openFirst(ctx context.Context, place string) (*db, error) {
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
	if err == nil && !w.undoing {
		err = have.plain()
	}
	if err == nil && have.Form != "" && have.Form != l.Form {
		err = fmt.Errorf("%w: %s holds %s, the state has %s", ErrSchema, l.File, have.Form, l.Form)
	}
	for _, t := range l.Tables {
		if q := create(l.Form, t); err == nil && !w.run.DryRun && !w.undoing && q != "" && !slices.Contains(have.Tables, t) {
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
