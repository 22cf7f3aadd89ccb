package langgraph

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// channels emits the values inside d that no earlier checkpoint had, fills in its channels, and
// returns it in pieces: literal bytes, and citations of values. nil: it cites nothing.
func (t *thread) channels(ctx context.Context, d *document) ([]*pb.Piece, error) {
	versions := map[string]string{}
	for _, ch := range d.parsed.Channels {
		versions[ch.Name] = ch.Version
	}
	held := map[string]string{} // channel → key of its value
	due := map[string]bool{}    // triggers by which a node is due
	var pieces []*pb.Piece
	at := 0
	for _, s := range d.parsed.Inline {
		ver, ok := versions[s.Name]
		if _, row := t.rows[hashOf(d.ns, s.Name, ver)]; row {
			continue // a row wins over what stands here: the runtime's mark of a snapshot
		}
		key, fresh, first := t.valueKey(d.ns, s.Name, ver, ok, d.bytes[s.Start:s.End])
		held[s.Name] = key
		due[s.Name] = values.NodeOf(s.Name, d.parsed.V) != "" && values.Due(s.Name, d.ser, d.bytes[s.Start:s.End])
		if fresh {
			slot := hashOf(d.ns, s.Name, ver)
			self := hashOf(d.ns, d.row[d.c.col("checkpoint_id")].String())
			if first {
				t.holder[slot] = self
			}
			if err := t.inline(d, key, s, ver, !first && ok && t.descends(self, t.holder[slot])); err != nil {
				return nil, err
			}
		}
		pieces = append(pieces, t.literal(d, at, s.Start)...)
		pieces = append(pieces, &pb.Piece{Body: &pb.Piece_At{At: key + "#value"}})
		at = s.End
	}
	if pieces != nil {
		pieces = append(pieces, t.literal(d, at, len(d.bytes))...)
	}
	for _, ch := range d.parsed.Channels {
		ref := &pb.ChannelRef{Channel: valid(ch.Name), Version: valid(ch.Version), ValueKey: held[ch.Name]}
		if _, row := t.rows[hashOf(d.ns, ch.Name, ch.Version)]; row {
			ref.ValueKey = t.key("channelvalue", d.ns, ch.Name, ch.Version)
		}
		if node := values.NodeOf(ch.Name, d.parsed.V); node != "" && (due[ch.Name] || t.due[hashOf(d.ns, ch.Name, ch.Version)]) {
			d.cp.NextNodes = append(d.cp.NextNodes, valid(node))
		}
		d.cp.Channels = append(d.cp.Channels, ref)
	}
	return pieces, ctx.Err()
}

// valueKey is the key of a value inside a document; whether it is new, and whether it is the first
// under its version. Other bytes under the same version happen. A checkpoint that inherits a
// value writes it again, and JavaScript leaves out members that were undefined, Python orders a
// set anew. And JavaScript numbers versions by counting, so two branches of a fork give one number
// to two values. What comes second has its digest in its key.
func (t *thread) valueKey(ns, channel, version string, versioned bool, b []byte) (key string, fresh, first bool) {
	sum := sha256.Sum256(b)
	digest := hash(sum[:16])
	slot := hashOf(ns, channel, version)
	if versioned {
		seen, ok := t.values[slot]
		if !ok {
			t.values[slot] = digest
			t.valued[hashOf(ns, channel)] = true
		}
		if !ok || seen == digest {
			return t.key("channelvalue", ns, channel, version), !ok, !ok
		}
	}
	other := hashOf(ns, channel, version, string(digest[:]))
	fresh = !t.others[other]
	t.others[other] = true
	return t.key("channelvalue", ns, channel, version, hex.EncodeToString(digest[:])), fresh, false
}

// labelInherited is on a value that a checkpoint inherited under its version and wrote again in
// other bytes.
const labelInherited = "inherited"

// descends tells whether the checkpoint id has ancestor among its ancestors.
func (t *thread) descends(id, ancestor hash) bool {
	for n := 0; n <= len(t.parents); n++ { // a hostile store may have a cycle
		parent, ok := t.parents[id]
		if !ok {
			return false
		}
		if parent == ancestor {
			return true
		}
		id = parent
	}
	return false
}

// inline emits a value that stands inside a checkpoint's document.
func (t *thread) inline(d *document, key string, s values.Span, version string, inherited bool) error {
	v := &pb.ChannelValue{
		Meta:    &pb.Meta{Key: key},
		Channel: valid(s.Name), Version: valid(version), Serializer: d.ser,
		Namespace: valid(d.ns), ConversationKey: t.key("conversation"),
	}
	if inherited {
		v.Meta.Labels = []*pb.Label{{Name: labelInherited, Value: "true"}}
	}
	if n := s.End - s.Start; n > agentstate.SpillSize {
		v.Value = &pb.Data{MediaType: media(d.ser), Body: &pb.Data_Blob{Blob: t.r.blob(d.c, d.row, "checkpoint", int64(s.Start), int64(n))}}
	} else {
		v.Value = agentstate.Inline(media(d.ser), slices.Clone(d.bytes[s.Start:s.End]))
	}
	return t.out.Give(v)
}

// literal is d.bytes[from:to] as a piece; none when it is empty.
func (t *thread) literal(d *document, from, to int) []*pb.Piece {
	switch n := to - from; {
	case n == 0:
		return nil
	case n > agentstate.SpillSize:
		return []*pb.Piece{{Body: &pb.Piece_Blob{Blob: t.r.blob(d.c, d.row, "checkpoint", int64(from), int64(n))}}}
	}
	return []*pb.Piece{{Body: &pb.Piece_Literal{Literal: slices.Clone(d.bytes[from:to])}}}
}

// lost states the values that the runtime would miss without an error: versions that d names and
// nothing holds. Only PostgreSQL can lose them; in SQLite a document holds its own.
//
// JavaScript writes a row for every version it makes, of type empty where there is no value.
// Python writes none for a channel that was consumed (branch:to:x), that is not saved, or whose
// state is rebuilt from writes (delta channels); it does write one for a channel that the step
// updated.
func (t *thread) lost(ctx context.Context, d *document) error {
	if t.r.lay.engine != "postgres" || !t.r.lay.t["checkpoint_blobs"].readable() || t.r.lay.t["checkpoint_blobs"].partial != "" {
		return nil
	}
	deltas := deltaChannels(d.metadata)
	for _, ch := range deltas {
		t.delta[hashOf(d.ns, ch)] = true
	}
	marks := map[string]bool{} // what may be the runtime's mark of a snapshot that is in a row
	for _, s := range d.parsed.Inline {
		marks[s.Name] = string(d.bytes[s.Start:s.End]) == "true"
	}
	refs := map[string]string{}
	for _, r := range d.cp.Channels {
		refs[r.Channel] = r.ValueKey
	}
	orphan := !d.parent.isNull() && !t.present[hashOf(d.ns, d.parent.String())] // earlier checkpoints were pruned
	for _, ch := range d.parsed.Channels {
		slot := hashOf(d.ns, ch.Name, ch.Version)
		first := !t.intro[slot]
		t.intro[slot] = true
		_, row := t.rows[slot]
		snapshot := !row && marks[ch.Name] && t.delta[hashOf(d.ns, ch.Name)]
		if refs[valid(ch.Name)] != "" && !snapshot || !first {
			continue
		}
		if ch.Name == "__pregel_tasks" && d.parsed.V < 4 {
			continue // sends are in the parent's writes
		}
		valued := true
		if t.r.lay.lang == python && !snapshot {
			if slices.Contains(deltas, ch.Name) || ephemeral(ch.Name) {
				continue
			}
			var missed bool
			var err error
			if missed, valued, err = t.missed(ctx, d, ch.Name, orphan); err != nil {
				return err
			}
			if !missed {
				continue
			}
		}
		key := t.key("channelvalue", d.ns, ch.Name, ch.Version)
		g := &pb.Gap{
			Meta: agentstate.Meta("gap", nil, "channelvalue", key), Kind: "channelvalue", Place: key,
			Reason: pb.Gap_REASON_GONE, Count: 1,
			Detail: "a checkpoint names this version and no row holds it: the runtime would go on without the channel",
		}
		switch {
		case orphan:
			g.Detail = "a checkpoint names this version and no row holds it; the checkpoint that made it is gone, so it may have been consumed"
		case !valued: // durability "exit" saves what tasks that waited wrote, to such a channel, too
			g.Detail += "; no version of it has a row: it lost nothing if it is an UntrackedValue"
		}
		if err := t.out.Give(g); err != nil {
			return err
		}
	}
	return nil
}

// missed tells whether Python should have written a row for the version that d names of a channel, and whether it has rows of others. orphan: nobody
// can tell whether d is the first that names it.
func (t *thread) missed(ctx context.Context, d *document, channel string, orphan bool) (missed, valued bool, err error) {
	if !orphan && !slices.Contains(d.parsed.Updated, channel) {
		if d.parsed.Updated != nil {
			return false, false, nil
		}
		// before updated_channels existed, the parent's writes tell
		if wrote, err := t.wrote(ctx, d.ns, channel, &d.parent); err != nil || !wrote {
			return false, false, err
		}
	}
	if t.valued[hashOf(d.ns, channel)] {
		return true, true, nil
	}
	if orphan {
		return false, false, nil
	}
	missed, err = t.wrote(ctx, d.ns, channel, nil) // else it was never saved
	return missed, false, err
}

// ephemeral tells whether the runtime empties the channel after one step, by its name.
func ephemeral(channel string) bool {
	return channel == channelStart || strings.HasPrefix(channel, "branch:") || strings.HasPrefix(channel, "start:") || strings.HasPrefix(channel, "__pregel_")
}

// wrote tells whether a task wrote to channel, at the checkpoint id or (nil) at any.
func (t *thread) wrote(ctx context.Context, ns, channel string, id *cell) (bool, error) {
	w := t.r.lay.writes()
	if !w.readable() || id != nil && id.isNull() { // of the first checkpoint, which has no parent
		return false, nil
	}
	q, args := "SELECT 1 FROM "+w.ident+" WHERE thread_id = ? AND checkpoint_ns = ? AND channel = ?", []any{t.id.arg(), ns, channel}
	if id != nil {
		q += " AND checkpoint_id = ?"
		args = append(args, id.String())
	}
	rows, err := t.r.eng.query(ctx, q+" LIMIT 1", args...)
	return len(rows) > 0, err
}
