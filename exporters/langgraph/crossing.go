package langgraph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

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
	toSQLite := w.lay.engine == "sqlite"
	switch r := r.(type) {
	case *pb.ChannelValue:
		if values.IsEncrypted(r.Serializer) {
			return replay.Receipt{}, refuse(needsKey)
		}
		if toSQLite {
			return skip("in SQLite a value stands inside the checkpoints that name it"), nil
		}
		return w.valueToPostgres(ctx, r)
	case *pb.Checkpoint:
		if toSQLite {
			return w.checkpointToSQLite(ctx, r)
		}
		return w.checkpointToPostgres(ctx, r)
	case *pb.PendingWrite:
		return w.crossWrite(ctx, r)
	case *pb.Memory:
		return w.crossMemory(ctx, r)
	case *pb.Embedding:
		return w.crossEmbedding(ctx, r)
	}
	return skip("LangGraph has no such thing"), nil
}

const needsKey = "encrypted: between SQLite and PostgreSQL a checkpoint is laid out anew, which needs the key; an exact copy into the same kind of database does not"

// keyParts are the parts of a key, which hold native ids to the byte.
func keyParts(key string, want ...int) ([]string, error) {
	_, parts := agentstate.SplitKey(key)
	if strings.Contains(key, "~") { // always escaped: a part was cut
		return nil, refuse("an id is too long to be laid out anew")
	}
	for _, p := range parts {
		if strings.HasPrefix(p, "\x00blob:") {
			return nil, refuse("an id is bytes where the target wants text")
		}
	}
	if !slices.Contains(want, len(parts)) {
		return nil, refuse("the key is not one that this driver makes")
	}
	return parts, nil
}

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
	for col, x := range row {
		i := t.col(col)
		if i < 0 {
			if x.isNull() {
				delete(row, col)
				continue
			}
			return replay.Receipt{}, refuse("the target's table %s has no column %s", name, col)
		}
		if why := fits(x, t.cols[i], w.lay.engine); why != "" {
			return replay.Receipt{}, refuse("column %s: %s", col, why)
		}
	}
	rc, err := w.put(ctx, outRow{t, row}, extras...)
	if rc.Action == replay.Created || rc.Action == replay.Same {
		rc.Losses = losses
	}
	return rc, err
}

// valueToPostgres writes a value out of a document as a row, tagged as the runtime would tag it.
func (w *writer) valueToPostgres(ctx context.Context, v *pb.ChannelValue) (replay.Receipt, error) {
	parts, err := keyParts(v.Meta.Key, 4, 5)
	if err != nil {
		return replay.Receipt{}, err
	}
	if len(parts) == 5 {
		return w.further(ctx, v, parts)
	}
	b, err := w.resolver().Data(ctx, v.Value)
	if err != nil {
		return replay.Receipt{}, err
	}
	tag, body, err := w.retag(v.Serializer, b)
	if err != nil {
		return replay.Receipt{}, err
	}
	var losses []fidelity.Loss
	if tag != v.Serializer {
		losses = append(losses, loss("serializer", fidelity.Equivalent, "the same value, tagged as the runtime tags it in a row of its own"))
	}
	return w.putFitting(ctx, "checkpoint_blobs", map[string]cell{
		"thread_id": textCell(parts[0]), "checkpoint_ns": textCell(parts[1]), "channel": textCell(parts[2]), "version": textCell(parts[3]),
		"type": textCell(tag), "blob": {kind: blob, b: body},
	}, losses)
}

// further answers for a value beside the first of its version: PostgreSQL keeps one.
func (w *writer) further(ctx context.Context, v *pb.ChannelValue, parts []string) (replay.Receipt, error) {
	switch {
	case parts[3] == "":
		rc := skip("a channel without a version holds its default, which the library makes anew")
		rc.Losses = []fidelity.Loss{loss("value", fidelity.Defaulted, "no version: PostgreSQL keeps no value for it")}
		return rc, nil
	case !inherited(v):
		return replay.Receipt{}, refuse("PostgreSQL keeps one value for a channel and version, and a branch of the thread has one already: a fork that counted its versions anew")
	}
	rc := skip("the same version is there already, as it was written first; PostgreSQL keeps one")
	l := loss("value", fidelity.Transformed, "a later checkpoint wrote the version again with other content: a value that was changed in place")
	first, err := w.resolver().Get(ctx, agentstate.Key("channelvalue", parts[:4]...))
	if f, ok := first.(*pb.ChannelValue); err == nil && ok {
		a, errA := w.resolver().Data(ctx, f.Value)
		b, errB := w.resolver().Data(ctx, v.Value)
		if errA == nil && errB == nil && alike(v.Serializer, a, b) {
			l = loss("value", fidelity.Equivalent, "written again in other bytes, with the same content")
		}
	}
	rc.Losses = []fidelity.Loss{l}
	return rc, nil
}

// inherited tells whether v is a version that a checkpoint inherited and wrote again.
func inherited(v *pb.ChannelValue) bool {
	return slices.ContainsFunc(v.Meta.GetLabels(), func(l *pb.Label) bool { return l.Name == labelInherited })
}

// alike compares two JSON values without members that are undefined and without their order.
// Other serializers are not compared: false.
func alike(serializer string, a, b []byte) bool {
	if serializer != "json" {
		return false
	}
	var x, y any
	for _, s := range []struct {
		b []byte
		v *any
	}{{a, &x}, {b, &y}} {
		d := json.NewDecoder(bytes.NewReader(s.b))
		d.UseNumber()
		if d.Decode(s.v) != nil {
			return false
		}
	}
	return reflect.DeepEqual(defined(x), defined(y))
}

// defined drops the members of objects that stand for undefined.
func defined(x any) any {
	switch x := x.(type) {
	case []any:
		for i := range x {
			x[i] = defined(x[i])
		}
	case map[string]any:
		for k, v := range x {
			if m, ok := v.(map[string]any); ok && len(m) == 2 && m["type"] == "undefined" && m["lc"] != nil {
				delete(x, k)
				continue
			}
			x[k] = defined(v)
		}
	}
	return x
}

// retag gives a value the tag that the runtime gives it in a row of its own: nil and plain bytes
// have their own.
func (w *writer) retag(tag string, b []byte) (string, []byte, error) {
	var doc []byte
	switch {
	case tag == "msgpack" && w.lay.lang == python:
		doc = append([]byte("\x81\xaechannel_values\x81\xa1x"), b...)
	case tag == "json" && w.lay.lang == javascript:
		doc = slices.Concat([]byte(`{"channel_values":{"x":`), b, []byte("}}"))
	default:
		return tag, b, nil // Python's older JSON stays as it is
	}
	_, vs, _, err := values.SplitCheckpoint(w.lay.lang == javascript, doc)
	if err != nil || len(vs) != 1 {
		return "", nil, refuse("the value is not what its serializer says")
	}
	return vs[0].Type, vs[0].Value, nil
}

// checkpointToPostgres writes the document without its values.
func (w *writer) checkpointToPostgres(ctx context.Context, c *pb.Checkpoint) (replay.Receipt, error) {
	parts, err := keyParts(c.Meta.Key, 3)
	if err != nil {
		return replay.Receipt{}, err
	}
	row, doc, err := w.skeleton(ctx, c)
	if err != nil {
		return replay.Receipt{}, err
	}
	ser := row["type"].String()
	switch {
	case values.IsEncrypted(ser):
		return replay.Receipt{}, refuse(needsKey)
	case ser == "":
		ser = "json" // what the runtime assumes
	}
	parsed, err := values.ParseCheckpoint(ser, doc)
	if err != nil {
		return replay.Receipt{}, refuse("its document is not what a checkpoint looks like")
	}
	out, _, _, err := values.SplitCheckpoint(ser == "json", doc)
	if err != nil {
		return replay.Receipt{}, refuse("its document holds more than PostgreSQL's JSON has a form for")
	}
	if w.lay.lang == python && len(out) > 2 {
		out = slices.Concat([]byte(`{"channel_values":{},`), out[1:])
	}
	if why := jsonbProblem(out); why != "" {
		return replay.Receipt{}, refuse("checkpoint: %s", why)
	}
	var losses []fidelity.Loss
	meta := row["metadata"].b
	if meta == nil {
		meta = []byte("{}")
	}
	if clean := dropNUL(meta); len(clean) != len(meta) {
		meta = clean
		losses = append(losses, loss("native.metadata", fidelity.Transformed, "NUL is taken out of text, as the runtime does before it writes"))
	}
	var extras []outRow
	if w.lay.lang == javascript {
		extras = w.emptyRows(parts, parsed)
	}
	return w.putFitting(ctx, "checkpoints", map[string]cell{
		"thread_id": textCell(parts[0]), "checkpoint_ns": textCell(parts[1]), "checkpoint_id": textCell(parts[2]),
		"parent_checkpoint_id": row["parent_checkpoint_id"],
		"checkpoint":           {kind: text, b: out}, "metadata": {kind: text, b: meta},
	}, losses, extras...)
}

// emptyRows are the rows of type empty that the JavaScript library writes for versions without a
// value.
func (w *writer) emptyRows(parts []string, cp *values.Checkpoint) []outRow {
	held := map[string]bool{}
	for _, s := range cp.Inline {
		held[s.Name] = true
	}
	var out []outRow
	for _, ch := range cp.Channels {
		if held[ch.Name] {
			continue
		}
		out = append(out, outRow{w.lay.t["checkpoint_blobs"], map[string]cell{
			"thread_id": textCell(parts[0]), "checkpoint_ns": textCell(parts[1]), "channel": textCell(ch.Name), "version": textCell(ch.Version),
			"type": textCell("empty"), "blob": {},
		}})
	}
	return out
}

// skeleton is the native row of c, and its document with a nil in place of every value that is a
// record of its own.
func (w *writer) skeleton(ctx context.Context, c *pb.Checkpoint) (map[string]cell, []byte, error) {
	if len(c.Meta.Native) != 1 || c.Meta.Native[0].GetRow() == nil {
		return nil, nil, refuse("native form is not one row")
	}
	row := map[string]cell{}
	var doc []byte
	var cited bool
	for _, col := range c.Meta.Native[0].GetRow().Columns {
		if col.Name == "checkpoint" && col.GetSplice() != nil {
			cited = true
			continue
		}
		x, err := w.column(ctx, c, col)
		if err != nil {
			return nil, nil, err
		}
		row[col.Name] = x
	}
	if !cited {
		return row, row["checkpoint"].b, nil
	}
	none := "\xc0"
	if row["type"].String() != "msgpack" {
		none = "null"
	}
	for _, col := range c.Meta.Native[0].GetRow().Columns {
		for _, p := range col.GetSplice().GetPieces() {
			switch p := p.Body.(type) {
			case *pb.Piece_Literal:
				doc = append(doc, p.Literal...)
			case *pb.Piece_Blob:
				b, err := w.resolver().Data(ctx, &pb.Data{Body: &pb.Data_Blob{Blob: p.Blob}})
				if err != nil {
					return nil, nil, err
				}
				doc = append(doc, b...)
			case *pb.Piece_At:
				key, _, _ := strings.Cut(p.At, "#")
				if parts, err := keyParts(key, 4, 5); err != nil {
					return nil, nil, err
				} else if len(parts) == 5 && parts[3] != "" {
					rec, err := w.resolver().Get(ctx, key)
					if err != nil && !errors.Is(err, agentstate.ErrNotFound) {
						return nil, nil, err
					}
					if v, ok := rec.(*pb.ChannelValue); !ok || !inherited(v) {
						return nil, nil, refuse("it is on a fork that counted its versions anew: PostgreSQL keeps one value for a channel and version, and would show the other branch's")
					}
				}
				doc = append(doc, none...)
			}
		}
	}
	return row, doc, nil
}

// checkpointToSQLite writes the document with all its values inside.
func (w *writer) checkpointToSQLite(ctx context.Context, c *pb.Checkpoint) (replay.Receipt, error) {
	parts, err := keyParts(c.Meta.Key, 3)
	if err != nil {
		return replay.Receipt{}, err
	}
	row, err := w.rowOf(ctx, c)
	if err != nil {
		return replay.Receipt{}, err
	}
	parsed, err := values.ParseCheckpoint("json", row["checkpoint"].b)
	if err != nil {
		return replay.Receipt{}, refuse("its document is not what a checkpoint looks like")
	}
	vs, err := w.held(ctx, c, parts, parsed)
	if err != nil {
		return replay.Receipt{}, err
	}
	js := w.lay.lang == javascript
	doc, notes, err := values.JoinCheckpoint(js, row["checkpoint"].b, vs)
	if err != nil {
		return replay.Receipt{}, refuse("a value of its has no form inside a document")
	}
	var losses []fidelity.Loss
	for _, n := range notes {
		losses = append(losses, loss("channels.value_key", fidelity.Transformed, valid(n)))
	}
	tag := "msgpack"
	if js {
		tag = "json"
	}
	for _, i := range parsed.Inline {
		if n := row["checkpoint"].b[i.Start:i.End]; !js && tooLong(n) {
			losses = append(losses, loss("channels.value_key", fidelity.Transformed, "channel "+valid(i.Name)+": a whole number of more than 64 bits becomes a float; msgpack has no others"))
		}
	}
	return w.putFitting(ctx, "checkpoints", map[string]cell{
		"thread_id": row["thread_id"], "checkpoint_ns": row["checkpoint_ns"], "checkpoint_id": row["checkpoint_id"],
		"parent_checkpoint_id": row["parent_checkpoint_id"],
		"type":                 textCell(tag), "checkpoint": {kind: blob, b: doc}, "metadata": {kind: blob, b: row["metadata"].b},
	}, losses)
}

// tooLong tells whether b is a whole number in JSON that 64 bits do not hold.
func tooLong(b []byte) bool {
	s := string(b)
	if s == "" || strings.Trim(s, "-0123456789") != "" {
		return false
	}
	_, errI := strconv.ParseInt(s, 10, 64)
	_, errU := strconv.ParseUint(s, 10, 64)
	return errI != nil && errU != nil
}

// held gathers the values that stand in rows of their own, which win over what stands in the
// document.
func (w *writer) held(ctx context.Context, c *pb.Checkpoint, parts []string, cp *values.Checkpoint) ([]values.TypedValue, error) {
	refs := map[string]bool{}
	for _, r := range c.Channels {
		refs[r.ValueKey] = true
	}
	var out []values.TypedValue
	for _, ch := range cp.Channels {
		key := agentstate.Key("channelvalue", parts[0], parts[1], ch.Name, ch.Version)
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
		b, err := w.resolver().Data(ctx, v.Value)
		if err != nil {
			return nil, err
		}
		if v.Serializer == "json" && w.lay.lang == python && bytes.Contains(b, []byte(`"lc"`)) {
			return nil, refuse("a value is an object in the JSON of an old release, which a document cannot hold")
		}
		out = append(out, values.TypedValue{Channel: ch.Name, Type: v.Serializer, Value: b})
	}
	return out, nil
}

// dropNUL takes \u0000 out of JSON text.
func dropNUL(b []byte) []byte {
	if !bytes.Contains(b, []byte(`\u0000`)) {
		return b
	}
	var out []byte
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && bytes.HasPrefix(b[i:], []byte(`\u0000`)) {
			i += 5
			continue
		}
		out = append(out, b[i])
		if b[i] == '\\' && i+1 < len(b) {
			i++
			out = append(out, b[i])
		}
	}
	return out
}
