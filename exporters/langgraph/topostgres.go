package langgraph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A slot is where a channel value belongs. PostgreSQL has one row for a slot.
type slot struct {
	thread, ns, channel, version string
	digest                       string // of a value that is not the first of its version; empty: the first
}

// slotOf is the slot of a value that stood inside a document. Keys hold ids to the byte, but those
// that are too long are cut; then the thread's view has the id.
func (w *writer) slotOf(ctx context.Context, v *pb.ChannelValue) (slot, error) {
	_, parts := agentstate.SplitKey(v.Meta.GetKey())
	if len(parts) != 4 && len(parts) != 5 {
		return slot{}, refuse("the key is not one that this driver makes")
	}
	s := slot{thread: parts[0], ns: parts[1], channel: parts[2], version: parts[3]}
	if len(parts) == 5 {
		s.digest = parts[4]
	}
	if strings.Contains(v.Meta.GetKey(), "~") { // always escaped: a part was cut
		s.ns, s.channel, s.version = v.Namespace, v.Channel, v.Version
		if strings.Contains(v.ConversationKey, "~") {
			rec, err := w.resolver().Get(ctx, v.ConversationKey)
			if err != nil && !errors.Is(err, agentstate.ErrNotFound) {
				return slot{}, err
			}
			if s.thread = labelOf(rec, labelThread); s.thread == "" {
				return slot{}, refuse("its thread's id is too long for a key, and the thread did not come with it")
			}
		}
	}
	for _, p := range []string{s.thread, s.ns, s.channel, s.version} {
		if strings.HasPrefix(p, "\x00blob:") {
			return slot{}, refuse("an id is bytes where the target wants text")
		}
	}
	return s, nil
}

// labelOf is the value of a label of r; empty: it has none.
func labelOf(r agentstate.Record, name string) string {
	if r == nil {
		return ""
	}
	for _, l := range r.GetMeta().GetLabels() {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// unreadName is why the library does not read from PostgreSQL what a channel of this name holds; empty: it does. It casts names to
// bytea, which is a syntax where a backslash is: one such row ends each listing that meets it, or comes under another name.
func unreadName(channel string) string {
	if !strings.Contains(channel, `\`) {
		return ""
	}
	return fmt.Sprintf("the channel %q has a backslash in its name, which is that of a node or of a field of the state: in PostgreSQL the library fails at such a row", channel)
}

// row is the row of checkpoint_blobs for the slot.
func (s slot) row(tag string, value cell) map[string]cell {
	return map[string]cell{
		"thread_id": textCell(s.thread), "checkpoint_ns": textCell(s.ns), "channel": textCell(s.channel), "version": textCell(s.version),
		"type": textCell(tag), "blob": value,
	}
}

// valueToPostgres writes a value out of a document as a row.
func (w *writer) valueToPostgres(ctx context.Context, v *pb.ChannelValue) (replay.Receipt, error) {
	s, err := w.slotOf(ctx, v)
	if err != nil {
		return replay.Receipt{}, err
	}
	var losses []fidelity.Loss
	switch why := unreadName(s.channel); {
	case s.version == "":
		rc := comes("a channel without a version holds its default, which the library makes anew")
		rc.Losses = []fidelity.Loss{loss("value", fidelity.Defaulted, "no version: PostgreSQL keeps no value for it")}
		return rc, nil
	case why != "":
		return replay.Receipt{}, refusal(why)
	case s.digest != "":
		m, to, err := w.move(ctx, v, s)
		if err != nil {
			return replay.Receipt{}, err
		}
		if m == nil {
			return w.again(ctx, v, s)
		}
		s.version = to
		losses = append(losses, loss("version", fidelity.Transformed, m.why))
		if inherited(v) {
			for _, path := range []string{"meta.labels.name", "meta.labels.value"} {
				losses = append(losses, loss(path, fidelity.Equivalent, "with a version of its own it is the first of it"))
			}
		}
	}
	b, err := w.resolver().Data(ctx, v.Value)
	if err != nil {
		return replay.Receipt{}, err
	}
	if w.lay.lang == python && v.Serializer == "msgpack" {
		if what := values.NotAgain(b); what != "" {
			losses = append(losses, loss("value", fidelity.Transformed, what+notAgain))
		}
	}
	// Nil and plain bytes have tags of their own in rows that the runtime writes. It reads them
	// alike, and so the value stays as it is.
	rc, err := w.putFitting(ctx, "checkpoint_blobs", s.row(v.Serializer, cell{kind: blob, b: b}), losses)
	if s.digest != "" && (rc.Action == replay.Created || rc.Action == replay.Same) {
		rc.Target = agentstate.Key("channelvalue", s.thread, s.ns, s.channel, s.version) // as a reading of the target yields it
	}
	return rc, err
}

// notAgain is of values that PostgreSQL reads from a row of their own, as this driver writes them.
const notAgain = " arrives as it is, but the library writes it into jsonb, which has no such: the next step of the thread fails until update_state gives the channel another value"

// sendsToPostgres is the document out of c as PostgreSQL finds the sends that wait at c and no others: below version 4
// in the writes of its parent alone. losses get what changes by that.
func sendsToPostgres(c *pb.Checkpoint, parsed *values.Checkpoint, out []byte, losses []fidelity.Loss) ([]byte, []fidelity.Loss, error) {
	why := ""
	switch own := labelOf(c, labelOwn) != ""; {
	case parsed.PendingSends && c.ParentKey == "":
		return nil, nil, refuse("it holds sends that wait, and no parent, in whose writes PostgreSQL has them")
	case parsed.PendingSends && own:
		return nil, nil, refuse("it holds sends that wait, and its parent, in whose writes PostgreSQL looks for them, has none: let the thread go on once before")
	case parsed.PendingSends && labelOf(c, labelSends) != "": // JavaScript's, whose label says the same there
		return out, losses, nil
	case parsed.PendingSends:
		why = "in PostgreSQL its sends are the writes of its parent, as the label there says; langgraph-checkpoint-postgres before 1.0.5 does not look there"
	case labelOf(c, labelSettled) == "":
		return out, losses, nil
	case parsed.V < 3:
		return nil, nil, refuse("what its parent sent is settled, and PostgreSQL, which looks for sends there at checkpoints below version 4, would run it again: let the thread go on once with a newer library")
	default:
		var err error
		if out, err = settled(out); err != nil {
			return nil, nil, refuse("its document is not what a checkpoint looks like")
		}
		why = "as version 4, which differs from 3 by this alone, it does not wait for what its parent sent; langgraph-checkpoint-postgres before 2.0.22 looks there at every version and shows it as waiting, as it shows such a one of its own"
	}
	for _, path := range []string{"meta.labels.name", "meta.labels.value"} {
		losses = append(losses, loss(path, fidelity.Equivalent, why))
	}
	return out, losses, nil
}

// checkpointToPostgres writes the document without its values.
func (w *writer) checkpointToPostgres(ctx context.Context, c *pb.Checkpoint) (crossed, error) {
	row, doc, moved, err := w.skeleton(ctx, c)
	if err != nil {
		return crossed{}, err
	}
	ser := row["type"].String()
	switch {
	case values.IsEncrypted(ser):
		return crossed{}, refuse(needsKey)
	case ser == "":
		ser = "json" // what the runtime assumes
	}
	parsed, err := values.ParseCheckpoint(ser, doc)
	if err != nil {
		return crossed{}, refusal(notADocument(ser))
	}
	out, _, _, err := values.SplitCheckpoint(ser == "json", doc)
	if err != nil {
		return crossed{}, refuse("its document holds more than PostgreSQL's JSON has a form for")
	}
	losses := w.numberID(row)
	if out, losses, err = sendsToPostgres(c, parsed, out, losses); err != nil {
		return crossed{}, err
	}
	w.between(c, parsed, deltaChannels(row["metadata"].b), moved)
	extras, shown, err := w.emptyRows(ctx, c, row, parsed, moved)
	if err != nil {
		return crossed{}, err
	}
	if shown {
		losses = append(losses, loss("channels.value_key", fidelity.Equivalent, "in PostgreSQL a snapshot of a delta channel shows at every checkpoint with its version; the runtime reads both alike"))
	}
	if w.lay.lang == javascript && len(extras) > 0 && !shown {
		losses = append(losses, loss("channels.value_key", fidelity.Equivalent, "in PostgreSQL the library keeps an empty row for a version without a value; it reads both alike"))
	}
	if w.lay.lang == python {
		extras = nil // it writes no such rows
		if len(out) > 2 {
			out = slices.Concat([]byte(`{"channel_values":{},`), out[1:])
		}
	}
	for _, ref := range c.Channels {
		_, parts := agentstate.SplitKey(ref.ValueKey)
		if _, ok := moved[ref.Channel]; !ok && len(parts) == 5 && w.lay.lang == python {
			losses = append(losses, loss("channels.value_key", fidelity.Transformed, "channel "+ref.Channel+": "+firstIsKept))
		}
	}
	if len(moved) > 0 {
		if out, err = renumber(out, moved); err != nil {
			return crossed{}, refuse("its document is not what a checkpoint looks like")
		}
		losses = append(losses, renumbered(moved)...)
	}
	if why := jsonbProblem(out); why != "" {
		return crossed{}, refuse("checkpoint: %s", why)
	}
	meta, lost := jsonbMetadata(row["metadata"].b)
	losses = append(losses, lost...)
	return crossed{added(row, map[string]cell{
		"thread_id": row["thread_id"], "checkpoint_ns": row["checkpoint_ns"], "checkpoint_id": row["checkpoint_id"],
		"parent_checkpoint_id": row["parent_checkpoint_id"],
		"checkpoint":           {kind: text, b: out}, "metadata": {kind: text, b: meta},
	}), losses, extras}, nil
}

// renumbered says why versions are others.
func renumbered(moved map[string]move) (losses []fidelity.Loss) {
	for _, why := range []string{newVersion, changedInPlace, countsApart, emptied} {
		if slices.ContainsFunc(slices.Collect(maps.Values(moved)), func(m move) bool { return m.why == why }) {
			losses = append(losses, loss("channels.version", fidelity.Transformed, why))
		}
	}
	return losses
}

// settled makes version 4 of a document of version 3.
func settled(doc []byte) ([]byte, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(doc, &m); err != nil {
		return nil, err
	}
	m["v"] = json.RawMessage("4")
	return json.Marshal(m)
}

// notADocument says why a document with this serializer is not taken apart.
func notADocument(serializer string) string {
	if serializer == "pickle" {
		return "a value in it made the library write the whole checkpoint as a pickle, which is never executed here: it arrives in a store of its own kind alone"
	}
	return "its document is not what a checkpoint looks like"
}

// emptyRows are the rows of type empty that the JavaScript library writes for versions without a
// value. Where another checkpoint has a value under such a version, it goes into moved: that is one of
// another branch, or the program has the channel no more, and SQLite forgets what is not of the program
// that runs. shown is true when the value is a snapshot on the line before, which this checkpoint will show too.
func (w *writer) emptyRows(ctx context.Context, c *pb.Checkpoint, row map[string]cell, cp *values.Checkpoint, moved map[string]move) (out []outRow, shown bool, err error) {
	held, delta := map[string]bool{}, deltaChannels(row["metadata"].b)
	for _, s := range cp.Inline {
		held[s.Name] = true
	}
	for _, ch := range cp.Channels {
		isDelta := slices.Contains(delta, ch.Name)
		switch why := unreadName(ch.Name); {
		case why != "" && (held[ch.Name] || isDelta):
			return nil, false, refusal(why)
		case why != "" || held[ch.Name]: // the library reads no row as an empty one
			continue
		}
		s := slot{thread: row["thread_id"].String(), ns: row["checkpoint_ns"].String(), channel: ch.Name, version: ch.Version}
		if m, ok := moved[ch.Name]; ok {
			s.version = m.to
			out = append(out, outRow{w.lay.t["checkpoint_blobs"], s.row("empty", cell{})})
			continue
		}
		key := agentstate.Key("channelvalue", s.thread, s.ns, s.channel, s.version)
		rec, err := w.resolver().Get(ctx, key)
		if err != nil && !errors.Is(err, agentstate.ErrNotFound) {
			return nil, false, err
		}
		if v, ok := rec.(*pb.ChannelValue); ok {
			snapshot := isDelta || isSnapshot(v.Value.GetInline())
			if snapshot {
				if snapshot, err = w.inherits(ctx, c, ch, key); err != nil {
					return nil, false, err
				}
			}
			if snapshot {
				shown = true
				continue
			}
			to, ok := w.branchVersion(s.version, "empty")
			if !ok {
				return nil, false, refuse("another checkpoint of the thread has a value under a version that is empty here")
			}
			moved[ch.Name] = w.moved(s.version, to, emptied)
			s.version = to
		}
		out = append(out, outRow{w.lay.t["checkpoint_blobs"], s.row("empty", cell{})})
	}
	return out, shown, nil
}

// snapshotJSON is how the JavaScript library begins a snapshot of a delta channel.
const snapshotJSON = `{"lc":2,"type":"delta_snapshot"`

// skeleton is the native row of c, and its document with a nil in place of every value that is a
// record of its own. moved are the channels whose version is another branch's in PostgreSQL.
func (w *writer) skeleton(ctx context.Context, c *pb.Checkpoint) (row map[string]cell, doc []byte, moved map[string]move, err error) {
	if len(c.Meta.GetNative()) != 1 || c.Meta.Native[0].GetRow() == nil {
		return nil, nil, nil, refuse("native form is not one row")
	}
	row, moved = map[string]cell{}, map[string]move{}
	var pieces []*pb.Piece
	for _, col := range c.Meta.Native[0].GetRow().Columns {
		if col.Name == "checkpoint" && col.GetSplice() != nil {
			pieces = col.GetSplice().GetPieces()
			continue
		}
		if row[col.Name], err = w.column(ctx, c, col); err != nil {
			return nil, nil, nil, err
		}
	}
	if pieces == nil {
		return row, row["checkpoint"].b, moved, nil
	}
	none := "\xc0"
	if row["type"].String() != "msgpack" {
		none = "null"
	}
	for _, p := range pieces {
		switch p := p.Body.(type) {
		case *pb.Piece_Literal:
			doc = append(doc, p.Literal...)
		case *pb.Piece_Blob:
			b, err := w.resolver().Data(ctx, &pb.Data{Body: &pb.Data_Blob{Blob: p.Blob}})
			if err != nil {
				return nil, nil, nil, err
			}
			doc = append(doc, b...)
		case *pb.Piece_At:
			key, _, _ := strings.Cut(p.At, "#")
			if _, parts := agentstate.SplitKey(key); len(parts) == 5 && parts[3] != "" {
				if err := w.branch(ctx, key, moved); err != nil {
					return nil, nil, nil, err
				}
			}
			doc = append(doc, none...)
		}
	}
	return row, doc, moved, nil
}
