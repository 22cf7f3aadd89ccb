package fidelity

import (
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
)

// wasToChange tells whether the field id of the record under key was said to become another one, and not to go. Few
// stores say the model of a vector, whatever was said of it.
func (c *comparer) wasToChange(key string, id uint16) bool {
	if c.opts.Announced == nil {
		return false
	}
	path := c.paths.names[id]
	if path == "model" && agentstate.KindOfKey(key) == "embedding" {
		return false
	}
	g, _, ok := c.opts.Announced(key, path)
	return ok && g == Transformed
}

// gone grades fields that are not there and were to change. A text may stand in another field of its record, which then
// is another one, too; a time does not, and where the rest is as it was, neither does anything else.
func (c *comparer) gone(p *pending, ids []uint16, moved bool) {
	for _, id := range ids {
		switch {
		case !c.rep.Native && c.paths.native(id):
		case moved && !strings.HasSuffix(c.paths.names[id], "_unix_nano"):
			c.grade(p, id, Dropped)
		default:
			c.rep.Fields++
			c.lost(p, id, Dropped, "is not there", false)
		}
	}
}
