package fidelity

import (
	"github.com/exitramp/exitramp/context/agentstate"
)

// graded is how one field of one kind fared.
type graded [Quarantined + 1]uint64

// pending is a record of which some columns cite differently, or some fields may be of one value.
type pending struct {
	want, got string // keys
	counts    *[]graded
	fields    []uint16
	clean     bool // its other fields are alike, or differ as announced, or in form
	same      bool // its other fields are alike
	said      bool // something was announced
}

// announced tells whether something was said of a field.
func (c *comparer) announced(key string, id uint16) bool {
	if c.opts.Announced == nil {
		return false
	}
	g, _, ok := c.opts.Announced(key, c.paths.names[id])
	return ok && g != Exact
}

// grade counts one field.
func (c *comparer) grade(p *pending, id uint16, g Grade) {
	if !c.rep.Native && c.paths.native(id) {
		return
	}
	c.rep.Fields++
	if g == Exact {
		c.rep.Grades[Exact]++
		count(p.counts, id, g)
		return
	}
	why, announced := "", false
	if c.opts.Announced != nil {
		if a, w, ok := c.opts.Announced(p.want, c.paths.names[id]); ok && a != Exact {
			g, why, announced = a, w, true
		}
	}
	c.lost(p, id, g, why, announced)
}

// lost counts a field that is not Exact, and whether that was announced.
func (c *comparer) lost(p *pending, id uint16, g Grade, why string, announced bool) {
	path := c.paths.names[id]
	p.same = false
	p.clean = p.clean && (announced || g == Equivalent)
	p.said = p.said || announced
	c.rep.Grades[g]++
	count(p.counts, id, g)
	c.rep.LossN[agentstate.KindOfKey(p.want)+"."+path]++
	if why == "" {
		why = map[Grade]string{Dropped: "is not there", Defaulted: "was not given", Transformed: "differs", Equivalent: "the same value in another form"}[g]
	}
	l := Loss{Key: p.want, Path: path, Grade: g, Why: why}
	if len(c.rep.Losses) < most {
		c.rep.Losses = append(c.rep.Losses, l)
	}
	if c.opts.Announced == nil || announced || g == Equivalent {
		return
	}
	if c.rep.UnannouncedN++; len(c.rep.Unannounced) < most {
		c.rep.Unannounced = append(c.rep.Unannounced, l)
	}
}

// alike counts a record of which all fields are Exact.
func (c *comparer) alike(key string, used []uint16) {
	k, counts := c.rep.kind(key), c.countsOf(key)
	c.rep.Records++
	c.rep.Same++
	k.Records++
	k.Same++
	n := uint64(0)
	for _, id := range used {
		if !c.rep.Native && c.paths.native(id) {
			continue
		}
		n++
		count(counts, id, Exact)
	}
	if n > 0 {
		c.rep.Fields += n
		c.rep.Grades[Exact] += n
	}
}

func (c *comparer) finish(p *pending) {
	switch {
	case p.same:
		c.rep.Same++
		c.rep.kind(p.want).Same++
	case p.clean:
		c.rep.Announced++
		c.rep.kind(p.want).Announced++
		if !p.said {
			c.rep.Equivalent++
		}
	}
}

func (c *comparer) countsOf(key string) *[]graded {
	k := agentstate.KindOfKey(key)
	f := c.fields[k]
	if f == nil {
		f = &[]graded{}
		c.fields[k] = f
	}
	return f
}

// count notes the grade of one field. Records have few paths, and this is called for each field.
func count(counts *[]graded, id uint16, g Grade) {
	if n := int(id) + 1 - len(*counts); n > 0 {
		*counts = append(*counts, make([]graded, n)...)
	}
	(*counts)[id][g]++
}

// fieldN puts the counts into the report.
func (c *comparer) fieldN() {
	for kind, counts := range c.fields {
		paths := map[string]map[Grade]uint64{}
		for id, byGrade := range *counts {
			for g, n := range byGrade {
				if n == 0 {
					continue
				}
				name := c.paths.names[id]
				if paths[name] == nil {
					paths[name] = map[Grade]uint64{}
				}
				paths[name][Grade(g)] = n
			}
		}
		if len(paths) > 0 {
			c.rep.FieldN[kind] = paths
		}
	}
}
