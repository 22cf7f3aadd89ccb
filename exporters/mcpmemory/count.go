package mcpmemory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// counts are the top-level objects of a file by their "type".
type counts struct{ entities, relations, others uint64 }

// graph refuses a file that is none of the server's: it has lines, and no entity or relation among
// them.
func (n counts) graph(path string) error {
	if n.entities+n.relations == 0 && n.others > 0 {
		return fmt.Errorf("%w: %s: none of its %d lines is an entity or a relation: want a JSON object in each, with \"type\":\"entity\" or \"type\":\"relation\" in these letters; other servers write otherwise", ErrSchema, path, n.others)
	}
	return nil
}

// A recounting counts beside the reading of the lines.
type recounting struct {
	cancel context.CancelFunc
	done   chan struct{}
	n      counts
	err    error
}

func recount(ctx context.Context, f *file) *recounting {
	ctx, cancel := context.WithCancel(ctx)
	c := &recounting{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.n, c.err = count(ctx, io.NewSectionReader(f, 0, f.size), false)
	}()
	return c
}

func (c *recounting) wait() (counts, error) {
	<-c.done
	return c.n, c.err
}

// stop ends it: the file may be closed then.
func (c *recounting) stop() {
	c.cancel()
	<-c.done
}

// count counts objects by another route than the lines: it walks the bytes, follows braces and
// strings, and looks at the member "type" of each outermost object. Memory is constant. With first it ends at the first entity or relation.
func count(ctx context.Context, r io.Reader, first bool) (counts, error) {
	w := walk{word: make([]byte, 0, 16)}
	piece := make([]byte, 1<<16)
	for {
		k, err := r.Read(piece)
		switch {
		case k > 0:
			if ctx.Err() != nil {
				return w.n, ctx.Err()
			}
		case errors.Is(err, io.EOF):
			w.line()
			return w.n, nil
		case err != nil:
			return w.n, err
		}
		for b := piece[:k]; len(b) > 0; {
			if w.quoted && !w.escape {
				n := plain(b)
				if w.depth == 1 {
					w.word = append(w.word, b[:min(n, cap(w.word)-len(w.word))]...)
				}
				if b = b[n:]; len(b) == 0 {
					break
				}
			}
			if w.quoted {
				w.inString(b[0])
			} else if w.outside(b[0]); first && w.n.entities+w.n.relations > 0 {
				return w.n, nil
			}
			b = b[1:]
		}
	}
}

// A walk is where a count stands.
type walk struct {
	n              counts
	depth          int
	quoted, escape bool
	word           []byte // the string under way at depth 1, cut at its capacity
	key            bool   // the next string at depth 1 is a member's name
	typed          bool   // the member under way is "type"
	typ            string
	loose          bool // the line has something outside of objects and lists
	opened         bool // the line has an object or a list
}

// line ends a line: no JSON of the server goes over its end.
func (w *walk) line() {
	if w.loose && !w.opened {
		w.n.others++
	}
	w.depth, w.quoted, w.loose, w.opened = 0, false, false, false
}

// inString takes a byte that ends something, or the one behind a backslash.
func (w *walk) inString(c byte) {
	switch {
	case w.escape && c != '\n':
		w.escape = false
		if len(w.word) < cap(w.word) {
			w.word = append(w.word, '\\') // no escape is in the words that are looked for
		}
	case c == '\n':
		w.line()
	case c == '\\':
		w.escape = true
	case c == '"':
		w.quoted = false
		if w.depth == 1 && w.key {
			w.typed = string(w.word) == "type"
		} else if w.depth == 1 && w.typed {
			w.typ = string(w.word)
		}
	}
}

func (w *walk) outside(c byte) {
	if w.depth == 0 && c > ' ' && c < 0x80 {
		w.loose = true
	}
	switch c {
	case '"':
		w.quoted, w.word = true, w.word[:0]
	case '{', '[':
		w.depth++
		w.opened = true
		if w.depth == 1 {
			w.key, w.typed, w.typ = c == '{', false, ""
		}
	case '}', ']':
		w.depth = max(w.depth-1, 0) // of a half line: start afresh behind it
		if w.depth == 0 {
			w.object()
		}
	case ':', ',':
		if w.depth == 1 {
			w.key = c == ','
		}
	case '\n':
		w.line()
	}
}

// object counts one that has ended.
func (w *walk) object() {
	switch w.typ {
	case "entity":
		w.n.entities++
	case "relation":
		w.n.relations++
	default:
		w.n.others++
	}
}

// plain is how many bytes of a string b begins with that end nothing: most of the file.
func plain(b []byte) (n int) {
	for len(b) > 0 {
		part := b[:min(len(b), 256)] // not further: a file of escapes would be searched again for each
		for _, c := range []byte{'"', '\\', '\n'} {
			if k := bytes.IndexByte(part, c); k >= 0 {
				part = part[:k]
			}
		}
		n += len(part)
		if len(part) < min(len(b), 256) {
			break
		}
		b = b[len(part):]
	}
	return n
}
