package fidelity

import (
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
)

// wasToChange tells whether the field id of the record under key was said to become another one, and not to go. Few
// stores say the model of a vector, whatever was said of it. A flag that is not there is false: it became another one.
func (c *comparer) wasToChange(key string, id uint16) bool {
	if c.opts.Announced == nil || c.paths.flags[id] {
		return false
	}
	path := c.paths.names[id]
	if path == "model" && agentstate.KindOfKey(key) == "embedding" {
		return false
	}
	g, _, ok := c.opts.Announced(key, path)
	return ok && g == Transformed
}

// holds tells whether what stood in another field may stand in the field id: not in a number, and not in the name of a
// record.
func (c *comparer) holds(id uint16) bool {
	return !c.paths.numbers[id] && !c.paths.refs[id] && (c.rep.Native || !c.paths.native(id))
}

// gone grades fields that are not there and were to change: such a field is lost, unless its value may stand elsewhere. That
// is in a field of its record that holds it and is another one, too (moved), where no number goes, or, of a part of a
// whole that was to change, in a record of its own: a message becomes two items, one of which is its call.
func (c *comparer) gone(p *pending, ids []uint16, got []field, moved bool) {
	for _, id := range ids {
		switch {
		case !c.rep.Native && c.paths.native(id):
		case moved && !c.paths.numbers[id] || c.apart(p.want, id, got):
			c.grade(p, id, Dropped)
		default:
			c.rep.Fields++
			c.lost(p, id, Dropped, "is not there", false)
		}
	}
}

// apart tells whether what was to change is a whole of which the field id is a part, and others of its parts are there.
func (c *comparer) apart(key string, id uint16, got []field) bool {
	path := c.paths.names[id]
	whole := path
	for i := strings.LastIndexByte(path, '.'); i > 0; i = strings.LastIndexByte(path[:i], '.') {
		if g, _, ok := c.opts.Announced(key, path[:i]); !ok || g != Transformed {
			break
		}
		whole = path[:i]
	}
	return whole != path && slices.ContainsFunc(got, func(f field) bool { return strings.HasPrefix(c.paths.names[f.path], whole+".") })
}
