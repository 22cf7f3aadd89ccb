package langgraph

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// valueToSQLite says what becomes of a value inside the documents of the checkpoints that name it.
func (w *writer) valueToSQLite(ctx context.Context, v *pb.ChannelValue) (replay.Receipt, error) {
	rc := comes("in SQLite a value stands inside the checkpoints that name it")
	doc := "msgpack"
	if w.lay.lang == javascript {
		doc = "json"
	}
	if js := w.lay.lang == javascript; js && v.Serializer == "json" {
		b, err := w.resolver().Data(ctx, v.Value)
		if err == nil && len(b) == 0 {
			rc.Losses = append(rc.Losses, loss("value", fidelity.Dropped, noJSON))
		}
		return rc, err
	}
	if v.Serializer == doc || v.Serializer == "empty" {
		return rc, nil
	}
	const same = "the same value, in the serializer of the document"
	g, why := fidelity.Equivalent, same
	switch {
	case w.lay.lang == javascript:
	case v.Serializer == "bytearray":
		g, why = fidelity.Transformed, values.NoBytearray
	case v.Serializer == "json":
		b, err := w.resolver().Data(ctx, v.Value)
		if err != nil {
			return replay.Receipt{}, err
		}
		if values.TooLong(b) {
			g, why = fidelity.Transformed, values.NoLong
		}
	}
	rc.Losses = append(rc.Losses, loss("serializer", fidelity.Equivalent, same), loss("value", g, why))
	return rc, nil
}

// noJSON is of what JavaScript's JSON has no text for, as the value of a channel.
const noJSON = "a function or a symbol, which the library wrote as nothing and cannot read again: in SQLite the channel has no value, as when the library writes there itself"

// checkpointToSQLite writes the document with all its values inside.
func (w *writer) checkpointToSQLite(ctx context.Context, c *pb.Checkpoint) (crossed, error) {
	row, err := w.rowOf(ctx, c)
	if err != nil {
		return crossed{}, err
	}
	parsed, err := values.ParseCheckpoint("json", row["checkpoint"].b)
	if err != nil {
		return crossed{}, refuse("its document is not what a checkpoint looks like")
	}
	vs, err := w.held(ctx, c, row, parsed)
	if err != nil {
		return crossed{}, err
	}
	sends, err := w.sends(ctx, c, parsed)
	if err != nil {
		return crossed{}, err
	}
	js := w.lay.lang == javascript
	var losses []fidelity.Loss
	// Python's old releases write all in JSON, with objects that msgpack has no form for.
	all := slices.Concat(vs, sends)
	asJSON := js || len(all) > 0 && !slices.ContainsFunc(all, func(v values.TypedValue) bool { return v.Type != "json" && v.Type != "null" && v.Type != "empty" })
	old := func(v values.TypedValue) bool { return v.Type == "json" && bytes.Contains(v.Value, []byte(`"lc"`)) }
	if !asJSON && slices.ContainsFunc(all, old) {
		return crossed{}, refuse("a value is an object in the JSON of an old release, which a document in msgpack cannot hold")
	}
	for i, v := range vs {
		if js && v.Type == "json" && len(v.Value) == 0 {
			vs[i].Type = "empty"
			losses = append(losses, loss("channels.value_key", fidelity.Dropped, "channel "+valid(v.Channel)+": "+noJSON))
		}
	}
	doc, notes, err := values.JoinCheckpoint(asJSON, row["checkpoint"].b, vs, sends...)
	if err != nil {
		return crossed{}, refuse("a value of its has no form inside a document: %s", valid(err.Error()))
	}
	for _, n := range notes {
		losses = append(losses, loss("channels.value_key", fidelity.Transformed, valid(n)))
	}
	tag := "msgpack"
	if asJSON {
		tag = "json"
	}
	if slices.ContainsFunc(vs, func(v values.TypedValue) bool { return v.Type == "empty" }) && len(losses) == 0 {
		losses = append(losses, loss("channels.value_key", fidelity.Equivalent, "in SQLite a version without a value has none; PostgreSQL keeps an empty row for it, and the library reads both alike"))
	}
	if len(sends) > 0 && !js { // of which the label there says the same
		for _, path := range []string{"meta.labels.name", "meta.labels.value"} {
			losses = append(losses, loss(path, fidelity.Equivalent, "in SQLite the sends that wait stand inside its document, and below version 4 the library reads them there"))
		}
	}
	losses = append(losses, w.numberID(row)...)
	return crossed{added(row, map[string]cell{
		"thread_id": row["thread_id"], "checkpoint_ns": row["checkpoint_ns"], "checkpoint_id": row["checkpoint_id"],
		"parent_checkpoint_id": row["parent_checkpoint_id"],
		"type":                 textCell(tag), "checkpoint": {kind: blob, b: doc}, "metadata": {kind: blob, b: row["metadata"].b},
	}), losses, nil}, nil
}

// sends gathers what waits at c below version 4: in PostgreSQL the library reads it from the writes of c's parent. Of
// JavaScript's savers in SQLite the first alone reads the document; the others leave it.
func (w *writer) sends(ctx context.Context, c *pb.Checkpoint, cp *values.Checkpoint) ([]values.TypedValue, error) {
	var out []values.TypedValue
	for _, l := range c.Meta.Labels {
		if l.Name != labelSends {
			continue
		}
		rec, err := w.resolver().Get(ctx, l.Value)
		p, ok := rec.(*pb.PendingWrite)
		switch {
		case errors.Is(err, agentstate.ErrNotFound) || err == nil && !ok:
			return nil, refuse("sends that wait at it are writes of its parent, and one of them did not come with it: read the store again, whole")
		case err != nil:
			return nil, err
		case values.IsEncrypted(p.Serializer):
			return nil, refuse(needsKey)
		case p.Serializer != "msgpack" && p.Serializer != "json":
			return nil, refuse("a send that waits at it is of the type %s, and a document has no place for one", valid(p.Serializer))
		case len(cp.Channels) == 0 && w.lay.lang == python:
			return nil, refuse("sends wait at it, and no channel has a version: the library reads such a checkpoint in PostgreSQL alone")
		}
		b, err := w.resolver().Data(ctx, p.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, values.TypedValue{Channel: p.Channel, Type: p.Serializer, Value: b})
	}
	return out, nil
}

// held gathers the values that stand in rows of their own, which win over what stands in the
// document.
func (w *writer) held(ctx context.Context, c *pb.Checkpoint, row map[string]cell, cp *values.Checkpoint) ([]values.TypedValue, error) {
	refs := map[string]bool{}
	for _, r := range c.Channels {
		refs[r.ValueKey] = true
	}
	var out []values.TypedValue
	for _, ch := range cp.Channels {
		key := agentstate.Key("channelvalue", row["thread_id"].String(), row["checkpoint_ns"].String(), ch.Name, ch.Version)
		if !refs[key] {
			continue
		}
		rec, err := w.resolver().Get(ctx, key)
		if errors.Is(err, agentstate.ErrNotFound) {
			return nil, refuse("it names a channel value that did not come with it")
		}
		if err != nil {
			return nil, err
		}
		v, ok := rec.(*pb.ChannelValue)
		if !ok {
			return nil, refuse("it names a channel value that is none")
		}
		if len(v.Meta.GetNative()) == 0 {
			continue // stands inside the document
		}
		if values.IsEncrypted(v.Serializer) {
			return nil, refuse(needsKey)
		}
		if v.Serializer == "pickle" {
			return nil, refuse("channel %s holds a pickle, which is never executed here, and a document has no place for one: it arrives in a store of its own kind alone", valid(ch.Name))
		}
		b, err := w.resolver().Data(ctx, v.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, values.TypedValue{Channel: ch.Name, Type: v.Serializer, Value: b})
	}
	return out, nil
}
