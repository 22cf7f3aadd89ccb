package langgraph

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// exact writes the rows of a record as they were.
func (w *writer) exact(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	switch r.(type) {
	case *pb.ChannelValue, *pb.Checkpoint, *pb.PendingWrite:
		if !w.guard {
			break
		}
		if err := w.whole(ctx); err != nil {
			return replay.Receipt{}, err
		}
	}
	if len(r.GetMeta().GetNative()) == 0 {
		if _, ok := r.(*pb.ChannelValue); ok {
			return comes("stands inside the checkpoints that name it"), nil
		}
		return skip("has no native row; only its mapped fields came"), nil
	}
	if len(r.GetMeta().GetNative()) != 1 || r.GetMeta().Native[0].GetRow() == nil {
		return replay.Receipt{}, refuse("native form is not one row")
	}
	n := r.GetMeta().Native[0]
	if !w.belongs(r, n.Type) {
		return replay.Receipt{}, refuse("a %s cannot be a row of %q", agentstate.KindOf(r), n.Type)
	}
	if err := w.ensureFor(ctx, w.groupOf(n), r); err != nil {
		return replay.Receipt{}, err
	}
	t := w.lay.t[n.Type]
	if t == nil {
		return replay.Receipt{}, refuse("the target has no table %q", n.Type)
	}
	row, losses, err := w.cells(ctx, r, n.GetRow(), t)
	if err != nil {
		return replay.Receipt{}, err
	}
	if c, ok := r.(*pb.Checkpoint); ok && w.guard {
		if l, err := w.less(ctx, c, crossed{row: row}); err != nil {
			return replay.Receipt{}, err
		} else if l != nil {
			losses = append(losses, *l)
		}
	}
	var rc replay.Receipt
	if e, ok := r.(*pb.Embedding); ok {
		rc, err = w.vector(ctx, e, row)
	} else {
		rc, err = w.put(ctx, outRow{t, row})
	}
	if n.Type == "store" {
		w.remember(rc, row)
	}
	if rc.Action == replay.Created || rc.Action == replay.Same {
		rc.Losses = append(rc.Losses, losses...)
	}
	return rc, err
}

// belongs tells whether rows of table become records of r's kind. A hostile archive must not
// bring, say, a migration as a memory.
func (w *writer) belongs(r agentstate.Record, name string) bool {
	known := pgNames()
	if w.lay.engine == "sqlite" {
		known = sqliteNames()
	}
	for _, k := range known {
		if k == name {
			return kindOfTable(name) == agentstate.KindOf(r)
		}
	}
	return false
}

// groupOf is the group of the table of a native row. The JavaScript library counts the making of its table of vectors
// as migrations of the store: with them alone it would never make that table.
func (w *writer) groupOf(n *pb.Native) tableGroup {
	if w.lay.lang == javascript && n.Type == "store_migrations" && slices.ContainsFunc(n.GetRow().Columns, func(c *pb.Column) bool {
		return c.Name == "v" && c.GetInteger() >= firstOfVectors
	}) {
		return vectorTables
	}
	return groupOf(n.Type)
}

// firstOfVectors is the first migration of JavaScript's store that is about vectors.
const firstOfVectors = 4

// ensureFor is ensure, with what the record says about vectors.
func (w *writer) ensureFor(ctx context.Context, g tableGroup, r agentstate.Record) error {
	e, ok := r.(*pb.Embedding)
	if !ok && g != vectorTables {
		return w.ensure(ctx, g, w.run.From)
	}
	if w.novec != "" {
		return refusal(w.novec)
	}
	if made := w.lay.t["store_vectors"] != nil || w.lay.engine != "postgres"; !ok && w.vec == nil && !made {
		return refuse("it counts a table of vectors, and nothing says of which length: let the store set that up with its index")
	} else if w.vec == nil && !made && (e.Dimensions == 0 || e.Dimensions > 16000) {
		return refuse("the table of vectors is to be made, and this one has %d dimensions; pgvector takes 1 to 16,000", e.Dimensions)
	}
	if ok && w.vec == nil {
		w.vec = defaultShape(w.lay.lang, e.Dimensions)
		if e.Element == pb.Embedding_ELEMENT_FLOAT16 {
			w.vec.typ, w.vec.indexes[0].class = "halfvec", "halfvec_cosine_ops"
		}
		if e.Dimensions > 2000 {
			w.vec.indexes = nil // more than an index takes
		}
	}
	if w.lay.engine == "postgres" && w.lay.t["store_vectors"] == nil {
		rows, err := w.extension(ctx)
		if err != nil {
			return err
		}
		if !rows {
			w.novec = "the server has no extension vector (pgvector): install it, then replay again"
			return refusal(w.novec)
		}
	}
	return w.ensure(ctx, g, w.run.From)
}

// extension tells whether vectors can be stored: the extension is there, or can be made.
func (w *writer) extension(ctx context.Context) (bool, error) {
	rows, err := w.d.query(ctx, "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'")
	if err != nil {
		return false, err
	}
	return rows[0][0].i > 0, nil
}

// cells are the values of a native row, by column, as the table takes them, and what is lost.
func (w *writer) cells(ctx context.Context, r agentstate.Record, n *pb.Row, t *table) (map[string]cell, []fidelity.Loss, error) {
	out := map[string]cell{}
	for _, c := range n.Columns {
		x, err := w.column(ctx, r, c)
		if err != nil {
			return nil, nil, err
		}
		out[c.Name] = x
	}
	losses, err := w.fit(t, out)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range n.Columns {
		_, kept := out[c.Name]
		if i := t.col(c.Name); kept && i >= 0 && w.lay.engine == "postgres" && rowType(t.cols[i].typ) != c.Type {
			losses = append(losses, loss("native."+c.Name, fidelity.Equivalent, "the target's column is of the type "+t.cols[i].typ))
		}
	}
	for _, c := range t.cols {
		had := slices.ContainsFunc(n.Columns, func(x *pb.Column) bool { return x.Name == c.name }) // then fit has answered for it
		if _, ok := out[c.name]; ok || had {
			continue
		}
		why := "a column of the target's table that came into it later: it holds its default"
		if c.own {
			why = numbered
		}
		losses = append(losses, loss("native."+c.name, fidelity.Defaulted, why))
	}
	for _, k := range t.key {
		if out[k].isNull() {
			return nil, nil, refuse("the row has no %s", k)
		}
	}
	return out, losses, nil
}

// fit takes out of row what the table has no column for, and checks that the rest can be held. A
// column of the runtime's own is never left out: without it the row may mean something else.
func (w *writer) fit(t *table, row map[string]cell) ([]fidelity.Loss, error) {
	var losses []fidelity.Loss
	for _, col := range slices.Sorted(maps.Keys(row)) {
		i, x := t.col(col), row[col]
		switch {
		case i < 0 && x.isNull():
			delete(row, col)
		case i >= 0 && t.cols[i].own:
			delete(row, col)
			losses = append(losses, loss("native."+col, fidelity.Defaulted, numbered))
		case i < 0 && t.name == "writes" && col == "task_path":
			delete(row, col)
			if len(x.b) > 0 {
				losses = append(losses, loss("task_path", fidelity.Dropped, noPath))
			}
			if w.same() {
				losses = append(losses, loss("native.task_path", fidelity.Dropped, noPath))
			}
		case i < 0 && runtimeColumn(t.name, col):
			return nil, refuse("the target's table %s has no column %s", t.name, col)
		case i < 0:
			delete(row, col)
			losses = append(losses, loss("native."+col, fidelity.Dropped, "an application added this column, and the target's table "+t.name+" has none: add it there first to keep it"))
		default:
			if why := fits(x, t.cols[i], w.lay.engine); why != "" {
				return nil, refuse("column %s: %s", col, why)
			}
		}
	}
	return losses, nil
}

const numbered = "the target numbers its rows itself in this column"

const noPath = "the target's table writes has no column for it, which orders what parallel tasks wrote to one channel: let a newer langgraph-checkpoint-sqlite open it first to keep it"

// added is to, with the columns of the checkpoint row from that an application added.
func added(from, to map[string]cell) map[string]cell {
	for col, x := range from {
		if !runtimeColumn("checkpoints", col) {
			to[col] = x
		}
	}
	return to
}

// runtimeColumn tells whether the runtime has such a column, in any flavor.
func runtimeColumn(table, col string) bool {
	for _, f := range []string{"python+sqlite", "python+postgres", "js+sqlite", "js+postgres"} {
		if t := tablesOf(f, groupOf(table), newestVersion, &vectorShape{})[table]; t != nil && t.col(col) >= 0 {
			return true
		}
	}
	return false
}

// column is the value of one column, with all that it cites.
func (w *writer) column(ctx context.Context, r agentstate.Record, c *pb.Column) (cell, error) {
	v, err := w.resolver().Column(ctx, r, c)
	if errors.Is(err, agentstate.ErrNotFound) {
		return cell{}, refuse("column %s cites a record that did not come with it", c.Name)
	}
	if err != nil {
		return cell{}, err
	}
	x, ok := cellOf(v)
	if !ok {
		return cell{}, refuse("column %s is of a class that no database has", c.Name)
	}
	if e, ok := r.(*pb.Embedding); ok && x.kind == blob && (c.Type == "vector" || c.Type == "halfvec") {
		x = textCell(formatVector(e.Vector, e.Element))
	}
	return x, nil
}
