package mcpmemory

import (
	"bufio"
	"context"
	"errors"
	"io"
)

// counts are the top-level objects of a file by their "type".
type counts struct{ entities, relations, others uint64 }

// count counts objects by another route than the lines: it walks the bytes, follows braces and
// strings, and looks at the member "type" of each outermost object. Memory is constant.
func count(ctx context.Context, r io.Reader) (counts, error) {
	var (
		n      counts
		in     = bufio.NewReaderSize(r, 1<<16)
		depth  int
		quoted bool
		escape bool
		word   []byte // the string under way at depth 1, cut at 16 bytes
		key    bool   // the next string at depth 1 is a member's name
		typed  bool   // the member under way is "type"
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
	for i := 0; ; i++ {
		if i&0xffff == 0 && ctx.Err() != nil {
			return n, ctx.Err()
		}
		c, err := in.ReadByte()
		if errors.Is(err, io.EOF) {
			end()
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if quoted {
			switch {
			case escape && c != '\n':
				escape = false
				word = append(word, '\\') // no escape is in the words that are looked for
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
			case depth == 1 && len(word) < 16:
				word = append(word, c)
			}
			if len(word) > 16 {
				word = word[:16]
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
