package mcpmemory

import "fmt"

// oddLines counts the lines that say something else than texts where the server keeps texts.
type oddLines struct {
	n     uint64
	first int64 // the number of the first such line; 0: lines have none
}

// note takes the line no, which says o.
func (c *oddLines) note(o *object, no int64) {
	if o.kind == "opaque" || o.texts {
		return
	}
	if c.n++; c.n == 1 {
		c.first = no
	}
}

// notes say so to a person.
func (c *oddLines) notes() []string {
	if c.n == 0 {
		return nil
	}
	where := ""
	if c.first > 0 {
		where = fmt.Sprintf(", the first of them line %d", c.first)
	}
	return []string{fmt.Sprintf("entities or relations with a field that is no text, or is not there, on %d lines%s: releases of the server before 2025.11.25 wrote such, from it on they answer no read_graph of the file", c.n, where)}
}
