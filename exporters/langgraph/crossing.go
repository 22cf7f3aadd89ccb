package langgraph

import (
	"context"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// cross writes a record that comes from the other database of the same language. In SQLite a
// checkpoint is one document with all its values; in PostgreSQL it is a document without them and
// a row for each value.
func (w *writer) cross(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	g := map[string]tableGroup{"memory": storeTables, "embedding": vectorTables}[agentstate.KindOf(r)]
	if g == "" {
		g = checkpointTables
	}
	if w.lay.flavor() == "js+sqlite" && g != checkpointTables {
		return replay.Receipt{}, refuse("the JavaScript library has no long-term store in SQLite")
	}
	if err := w.ensureFor(ctx, g, r); err != nil {
		return replay.Receipt{}, err
	}
	if g == checkpointTables {
		if err := w.whole(ctx); err != nil {
			return replay.Receipt{}, err
		}
	}
	switch r := r.(type) {
	case *pb.ChannelValue:
		if values.IsEncrypted(r.Serializer) {
			return replay.Receipt{}, refuse(needsKey)
		}
		if w.lay.engine == "sqlite" {
			return w.valueToSQLite(ctx, r)
		}
		return w.valueToPostgres(ctx, r)
	case *pb.Checkpoint:
		x, err := w.made(ctx, r)
		if err != nil {
			return replay.Receipt{}, err
		}
		if l, err := w.less(ctx, r, x); err != nil {
			return replay.Receipt{}, err
		} else if l != nil {
			x.losses = append(x.losses, *l)
		}
		return w.putFitting(ctx, "checkpoints", x.row, x.losses, x.extras...)
	case *pb.PendingWrite:
		return w.crossWrite(ctx, r)
	case *pb.Memory:
		return w.crossMemory(ctx, r)
	case *pb.Embedding:
		return w.crossEmbedding(ctx, r)
	}
	return skip("LangGraph has no such thing"), nil
}

const needsKey = "encrypted, or packed by a serializer of the program's own: between SQLite and PostgreSQL a checkpoint is laid out anew, which needs the key; an exact copy into the same kind of database does not"

// rowOf are the values of the record's native row, by column.
func (w *writer) rowOf(ctx context.Context, r agentstate.Record) (map[string]cell, error) {
	if len(r.GetMeta().GetNative()) != 1 || r.GetMeta().Native[0].GetRow() == nil {
		return nil, refuse("native form is not one row")
	}
	out := map[string]cell{}
	for _, c := range r.GetMeta().Native[0].GetRow().Columns {
		x, err := w.column(ctx, r, c)
		if err != nil {
			return nil, err
		}
		out[c.Name] = x
	}
	return out, nil
}

// putFitting is put after a check that the columns can hold the row.
func (w *writer) putFitting(ctx context.Context, name string, row map[string]cell, losses []fidelity.Loss, extras ...outRow) (replay.Receipt, error) {
	t := w.lay.t[name]
	lost, err := w.fit(t, row)
	if err != nil {
		return replay.Receipt{}, err
	}
	losses = append(losses, lost...)
	rc, err := w.put(ctx, outRow{t, row}, extras...)
	if rc.Action == replay.Created || rc.Action == replay.Same {
		rc.Losses = losses
	}
	return rc, err
}
