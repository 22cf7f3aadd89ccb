package langgraph

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Why a value has another version in PostgreSQL, which keeps one value for a channel and version.
const (
	newVersion     = "another branch of the thread counted to the same version; PostgreSQL keeps one value for it, so this one has a version between it and the next"
	changedInPlace = "a later checkpoint wrote the version again in other bytes: a value that was changed in place, or a set in another order; PostgreSQL keeps one value for a version, so this one has a version of its own"
	emptied        = "here the version is without a value, which another checkpoint has; PostgreSQL keeps one value for it, and would show that, so here it is another version"
	firstIsKept    = "a later checkpoint wrote the version again in other bytes: a value that was changed in place, or a set in another order; PostgreSQL keeps what was written first"
)

// A move gives a channel of one checkpoint another version, both as JSON.
type move struct{ from, to, why string }

// branchVersion is a version of its own for a value that would collide with the first of its version. It
// counts like version where the library compares it: JavaScript's is a number between version and the next, in the lower half,
// Python's has another random part behind the same count.
func (w *writer) branchVersion(version, salt string) (string, bool) {
	sum := sha256.Sum256([]byte(version + " " + salt)) // without the version the library, which adds one, would count to what another checkpoint has
	if w.lay.lang == python {
		count, _, ok := strings.Cut(version, ".")
		if !ok || len(count) != 32 || strings.Trim(count, "0123456789") != "" {
			return "", false
		}
		return fmt.Sprintf("%s.0.%016d", count, binary.BigEndian.Uint64(sum[:])%1e16), true
	}
	n, err := strconv.ParseInt(version, 10, 32)
	if err != nil || n < 0 {
		return "", false
	}
	bits := 32 // of the 53 of a number; a value that is changed at every step has hundreds of versions in here
	if n >= 1<<20 {
		bits = 21
	}
	const least = 1 << 16 // part of one: JavaScript spells what is below a millionth in another way
	one := uint64(1) << bits
	f := float64(n) + float64(one/least+binary.BigEndian.Uint64(sum[:])%(one/2-one/least))/float64(one)
	return strconv.FormatFloat(f, 'f', -1, 64), true // the spelling of JavaScript, whatever it adds
}

// move is how v, which is not the first value of its version, comes by a version of its own. nil: v has the
// content of the first, or was changed in place and its version is none that is known: the first stays.
func (w *writer) move(ctx context.Context, v *pb.ChannelValue, s slot) (m *move, version string, err error) {
	why := newVersion
	if inherited(v) {
		if why = changedInPlace; w.lay.lang == javascript { // which leaves out what was undefined
			same, err := w.likeFirst(ctx, v, s)
			if same || err != nil {
				return nil, "", err
			}
		}
	}
	to, ok := w.branchVersion(s.version, s.digest)
	switch {
	case !ok && inherited(v):
		return nil, "", nil
	case !ok:
		return nil, "", refuse("it is on a branch that has the versions of another: PostgreSQL keeps one value for a channel and version, and would show the other's")
	}
	out := w.moved(s.version, to, why)
	return &out, to, nil
}

// moved is the move between two versions as the library writes them in JSON.
func (w *writer) moved(from, to, why string) move {
	if w.lay.lang == python {
		from, to = strconv.Quote(from), strconv.Quote(to)
	}
	return move{from, to, why}
}

// likeFirst tells whether v has the content of the first value of its version.
func (w *writer) likeFirst(ctx context.Context, v *pb.ChannelValue, s slot) (bool, error) {
	first, err := w.resolver().Get(ctx, agentstate.Key("channelvalue", s.thread, s.ns, s.channel, s.version))
	if err != nil && !errors.Is(err, agentstate.ErrNotFound) {
		return false, err
	}
	f, ok := first.(*pb.ChannelValue)
	if !ok {
		return false, nil
	}
	a, err := w.resolver().Data(ctx, f.Value)
	if err != nil {
		return false, err
	}
	b, err := w.resolver().Data(ctx, v.Value)
	return err == nil && alike(v.Serializer, a, b), err
}

// again answers for a version that a later checkpoint inherited and wrote again, and of which the first stays.
func (w *writer) again(ctx context.Context, v *pb.ChannelValue, s slot) (replay.Receipt, error) {
	rc := comes("the same version is there already, as it was written first; PostgreSQL keeps one")
	l := loss("value", fidelity.Transformed, firstIsKept)
	same, err := w.likeFirst(ctx, v, s)
	if same {
		l = loss("value", fidelity.Equivalent, "written again in other bytes, with the same content")
	}
	rc.Losses = []fidelity.Loss{l}
	return rc, err
}

// inherited tells whether v is a version that a checkpoint inherited and wrote again.
func inherited(v *pb.ChannelValue) bool {
	return labelOf(v, labelInherited) != ""
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

// snapshotBumps is where JavaScript keeps, by node and channel, a version that was counted for a snapshot alone: the node saw none.
const snapshotBumps = "__snapshot_bumps__"

// renumber gives channels their new versions, also where nodes have seen them.
func renumber(doc []byte, moved map[string]move) ([]byte, error) {
	var m, versions map[string]json.RawMessage
	var seen map[string]map[string]json.RawMessage
	if err := json.Unmarshal(doc, &m); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(m["channel_versions"], &versions); err != nil {
		return nil, err
	}
	if len(m["versions_seen"]) > 0 {
		if err := json.Unmarshal(m["versions_seen"], &seen); err != nil {
			return nil, err
		}
	}
	for ch, v := range moved {
		versions[ch] = json.RawMessage(v.to)
		for node, s := range seen {
			if string(s[ch]) == v.from {
				s[ch] = json.RawMessage(v.to)
			}
			if mark := node + "|" + ch; string(seen[snapshotBumps][mark]) == v.from {
				seen[snapshotBumps][mark] = json.RawMessage(v.to)
			}
		}
	}
	var err error
	if m["channel_versions"], err = json.Marshal(versions); err != nil {
		return nil, err
	}
	if seen != nil {
		if m["versions_seen"], err = json.Marshal(seen); err != nil {
			return nil, err
		}
	}
	return json.Marshal(m)
}

// branch looks at a value that is not the first of its version: where it does not say the same, its channel is
// moved.
func (w *writer) branch(ctx context.Context, key string, moved map[string]move) error {
	rec, err := w.resolver().Get(ctx, key)
	v, ok := rec.(*pb.ChannelValue)
	switch {
	case errors.Is(err, agentstate.ErrNotFound) || err == nil && !ok:
		return refuse("it cites a channel value that did not come with it")
	case err != nil:
		return err
	}
	s, err := w.slotOf(ctx, v)
	if err != nil {
		return err
	}
	m, _, err := w.move(ctx, v, s)
	if m != nil {
		moved[s.channel] = *m
	}
	return err
}
