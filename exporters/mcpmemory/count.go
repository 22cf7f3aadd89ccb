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
		return fmt.Errorf("%w: %s: none of its %d lines is an entity or a relation", ErrSchema, path, n.others)
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
	var (
		n      counts
		piece  = make([]byte, 1<<16)
		buf    []byte // of piece, what was read
		i      int    // in buf
		depth  int
		quoted bool
		escape bool
		word   = make([]byte, 0, 16) // the string under way at depth 1, cut there
		key    bool                  // the next string at depth 1 is a member's name
		typed  bool                  // the member under way is "type"
		typ    string
		loose  bool // the line has something outside of objects and lists
		opened bool // the line has an object or a list
	)
	end := func() {
		if loose && !opened {
			n.others++
		}
		depth, loose, opened = 0, false, false // no JSON of the server goes over the end of a line
	}
	for {
		if i == len(buf) {
			k, err := r.Read(piece)
			switch {
			case k > 0:
				buf, i = piece[:k], 0
				if ctx.Err() != nil {
					return n, ctx.Err()
				}
			case errors.Is(err, io.EOF):
				end()
				return n, nil
			case err != nil:
				return n, err
			default:
				continue
			}
		}
		if quoted && !escape && (depth != 1 || len(word) == cap(word)) {
			if i += plain(buf[i:]); i == len(buf) {
				continue
			}
		}
		c := buf[i]
		i++
		if quoted {
			switch {
			case escape && c != '\n':
				escape = false
				if len(word) < cap(word) {
					word = append(word, '\\') // no escape is in the words that are looked for
				}
			case c == '\n': // no string goes over the end of a line
				quoted = false
				end()
			case c == '\\':
				escape = true
			case c == '"':
				quoted = false
				if depth == 1 && key {
					typed = string(word) == "type"
				} else if depth == 1 && typed {
					typ = string(word)
				}
			case depth == 1 && len(word) < cap(word):
				word = append(word, c)
			}
			continue
		}
		if depth == 0 && c > ' ' && c < 0x80 {
			loose = true
		}
		switch c {
		case '"':
			quoted, word = true, word[:0]
		case '{', '[':
			depth++
			opened = true
			if depth == 1 {
				key, typed, typ = c == '{', false, ""
			}
		case '}', ']':
			depth--
			if depth < 0 { // a half line: start afresh behind it
				depth = 0
			}
			if depth == 0 {
				switch typ {
				case "entity":
					n.entities++
				case "relation":
					n.relations++
				default:
					n.others++
				}
				if first && n.entities+n.relations > 0 {
					return n, nil
				}
			}
		case ':':
			if depth == 1 {
				key = false
			}
		case ',':
			if depth == 1 {
				key = true
			}
		case '\n':
			end()
		}
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
