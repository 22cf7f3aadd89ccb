package langgraph

import (
	"context"
	"errors"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// exact writes the rows of a record as they were.
func (w *writer) exact(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
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
	if err := w.ensureFor(ctx, groupOf(n.Type), r); err != nil {
		return replay.Receipt{}, err
	}
	t := w.lay.t[n.Type]
	if t == nil {
		return replay.Receipt{}, refuse("the target has no table %q", n.Type)
	}
	row, err := w.cells(ctx, r, n.GetRow(), t)
	if err != nil {
		return replay.Receipt{}, err
	}
	if e, ok := r.(*pb.Embedding); ok {
		return w.vector(ctx, e, row)
	}
	rc, err := w.put(ctx, outRow{t, row})
	if n.Type == "store" {
		w.remember(rc, row)
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

// ensureFor is ensure, with what the record says about vectors.
func (w *writer) ensureFor(ctx context.Context, g tableGroup, r agentstate.Record) error {
	e, ok := r.(*pb.Embedding)
	if !ok {
		return w.ensure(ctx, g, w.run.From)
	}
	if w.novec != "" {
		return refusal(w.novec)
	}
	if w.vec == nil && w.lay.t["store_vectors"] == nil && w.lay.engine == "postgres" && (e.Dimensions == 0 || e.Dimensions > 16000) {
		return refuse("the table of vectors is to be made, and this one has %d dimensions; pgvector takes 1 to 16,000", e.Dimensions)
	}
	if w.vec == nil {
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

// cells are the values of a native row, by column, as the table takes them.
func (w *writer) cells(ctx context.Context, r agentstate.Record, n *pb.Row, t *table) (map[string]cell, error) {
	out := map[string]cell{}
	for _, c := range n.Columns {
		x, err := w.column(ctx, r, c)
		if err != nil {
			return nil, err
		}
		i := t.col(c.Name)
		if i < 0 {
			if x.isNull() {
				continue
			}
			return nil, refuse("the target's table %s has no column %s", t.name, c.Name)
		}
		if why := fits(x, t.cols[i], w.lay.engine); why != "" {
			return nil, refuse("column %s: %s", c.Name, why)
		}
		out[c.Name] = x
	}
	for _, k := range t.key {
		if out[k].isNull() {
			return nil, refuse("the row has no %s", k)
		}
	}
	return out, nil
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
