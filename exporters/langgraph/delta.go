package langgraph

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// The runtime rebuilds a delta channel from what was written at the ancestors of a checkpoint, back to the
// first that holds a value of it. Without one of them it shows another state, and says nothing.

const rebuiltFrom = "the state of its thread is rebuilt from what was written at a checkpoint that is refused, and without it the runtime would silently show another: "

const rebuiltWrite = "the state of its thread is rebuilt from a write that is refused, and without it the runtime would silently show another: "

// deltaChannels are the delta channels that a checkpoint with this metadata does not hold whole.
func deltaChannels(metadata []byte) []string {
	md, err := values.ParseMetadata(metadata)
	if err != nil {
		return nil
	}
	slices.Sort(md.Delta)
	return md.Delta
}

// unseeded are those of channels that c holds no value of.
func (w *writer) unseeded(ctx context.Context, c *pb.Checkpoint, channels []string) (out []string, err error) {
	seeds := map[string]string{}
	for _, r := range c.Channels {
		seeds[r.Channel] = r.ValueKey
	}
	for _, ch := range channels {
		if key := seeds[valid(ch)]; key != "" {
			rec, err := w.resolver().Get(ctx, key)
			if err != nil && !errors.Is(err, agentstate.ErrNotFound) {
				return nil, err
			}
			if v, ok := rec.(*pb.ChannelValue); ok && v.Serializer != "empty" {
				continue
			}
		}
		out = append(out, ch)
	}
	return out, nil
}

// rebuilt finds the nearest checkpoint, or write at one, that c's delta channels are rebuilt from and that
// the target refuses; nil: there is none. x is c in the form of the target.
func (w *writer) rebuilt(ctx context.Context, c *pb.Checkpoint, x crossed) (*refused, error) {
	open := deltaChannels(x.row["metadata"].b)
	seen := map[string]bool{} // a hostile store may have a cycle
	for {
		var err error
		if open, err = w.unseeded(ctx, c, open); err != nil || len(open) == 0 || c.ParentKey == "" || seen[c.ParentKey] {
			return nil, err
		}
		seen[c.ParentKey] = true
		for _, no := range w.front.writes[c.ParentKey] {
			if slices.ContainsFunc(open, func(ch string) bool { return valid(ch) == no.channel }) {
				return &refused{no.key, rebuiltWrite + no.why}, nil
			}
		}
		rec, err := w.resolver().Get(ctx, c.ParentKey)
		parent, ok := rec.(*pb.Checkpoint)
		switch {
		case errors.Is(err, agentstate.ErrNotFound) || err == nil && !ok: // the source's runtime had no more either
			return nil, nil
		case err != nil:
			return nil, err
		}
		c = parent
		var no refusal
		if _, err := w.fitting(ctx, c); errors.As(err, &no) {
			return &refused{blamed(err, c.Meta.Key), rebuiltFrom + string(no)}, nil
		} else if err != nil {
			return nil, err
		}
	}
}

// inherits tells whether the value key, of this version of a channel, is of a checkpoint on the line before c: JavaScript counts to the
// same versions on each branch.
func (w *writer) inherits(ctx context.Context, c *pb.Checkpoint, ch values.Channel, key string) (is bool, err error) {
	if w.front.inherits == nil {
		w.front.inherits = map[hash]bool{}
	}
	var line []hash
	for at, ok := c, true; ok && at.ParentKey != ""; {
		h := hashOf(at.Meta.Key, ch.Name)
		if is, ok = w.front.inherits[h]; ok {
			break
		}
		line, w.front.inherits[h] = append(line, h), false // so that the way up ends in a hostile store, too
		rec, err := w.resolver().Get(ctx, at.ParentKey)
		if err != nil && !errors.Is(err, agentstate.ErrNotFound) {
			return false, err
		}
		if at, ok = rec.(*pb.Checkpoint); !ok {
			break
		}
		i := slices.IndexFunc(at.Channels, func(r *pb.ChannelRef) bool { return r.Channel == valid(ch.Name) && r.Version == valid(ch.Version) })
		if ok = i >= 0 && at.Channels[i].ValueKey == ""; i >= 0 {
			is = at.Channels[i].ValueKey == key
		}
	}
	for _, h := range line {
		w.front.inherits[h] = is
	}
	return is, nil
}

// less says which delta channels show another state at c than they did: it is not the newest of its thread,
// and one that they are rebuilt from was refused.
func (w *writer) less(ctx context.Context, c *pb.Checkpoint, x crossed) (*fidelity.Loss, error) {
	l := &w.line
	if !l.gone[c.ParentKey] && len(l.less[c.ParentKey]) == 0 {
		return nil, nil
	}
	open, err := w.unseeded(ctx, c, deltaChannels(x.row["metadata"].b))
	if err != nil {
		return nil, err
	}
	if !l.gone[c.ParentKey] {
		open = slices.DeleteFunc(open, func(ch string) bool { return !slices.Contains(l.less[c.ParentKey], ch) })
	}
	if len(open) == 0 {
		return nil, nil
	}
	l.less[c.Meta.Key] = open
	out := loss("channels.value_key", fidelity.Transformed, "seen from this checkpoint the runtime shows another state of "+valid(strings.Join(open, ", "))+
		", which is rebuilt from what was written at a checkpoint that is refused")
	return &out, nil
}
