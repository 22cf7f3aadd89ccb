package langgraph

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const newVersion = "another branch of the thread counted to the same version; PostgreSQL keeps one value for it, so this one has a version between it and the next"

// branchVersion is a version of its own for a value that would collide with another branch's: a
// number between version and the next, which the library compares and counts on like any other.
// Only JavaScript counts versions.
func (w *writer) branchVersion(version, salt string) (string, bool) {
	n, err := strconv.ParseInt(version, 10, 32)
	if err != nil || n < 0 || w.lay.lang != javascript {
		return "", false
	}
	sum := sha256.Sum256([]byte(salt))
	f := float64(n) + float64(1+binary.BigEndian.Uint16(sum[:])%0xfffe)/(1<<16)
	return strconv.FormatFloat(f, 'f', -1, 64), true // the spelling of JavaScript, whatever it adds
}

// again answers for a version that a later checkpoint inherited and wrote again.
func (w *writer) again(ctx context.Context, v *pb.ChannelValue, s slot) (replay.Receipt, error) {
	rc := comes("the same version is there already, as it was written first; PostgreSQL keeps one")
	l := loss("value", fidelity.Transformed, "a later checkpoint wrote the version again with other content: a value that was changed in place")
	first, err := w.resolver().Get(ctx, agentstate.Key("channelvalue", s.thread, s.ns, s.channel, s.version))
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

// A move gives a channel of one checkpoint another version.
type move struct{ from, to string }

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
		for _, s := range seen {
			if string(s[ch]) == v.from {
				s[ch] = json.RawMessage(v.to)
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

// branch looks at a value that is not the first of its version: it was written again, or it is
// another branch's, and then its channel is moved.
func (w *writer) branch(ctx context.Context, key string, moved map[string]move) error {
	rec, err := w.resolver().Get(ctx, key)
	v, ok := rec.(*pb.ChannelValue)
	switch {
	case errors.Is(err, agentstate.ErrNotFound) || err == nil && !ok:
		return refuse("it cites a channel value that did not come with it")
	case err != nil:
		return err
	case inherited(v):
		return nil
	}
	s, err := w.slotOf(ctx, v)
	if err != nil {
		return err
	}
	to, ok := w.branchVersion(s.version, s.digest)
	if !ok {
		return refuse("it is on a branch that has the versions of another: PostgreSQL keeps one value for a channel and version, and would show the other's")
	}
	moved[s.channel] = move{s.version, to}
	return nil
}
