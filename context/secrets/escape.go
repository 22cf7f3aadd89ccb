package secrets

import "unicode/utf8"

// unescape undoes the escapes of JSON in text, wherever they are, and notes where each byte came from.
// A document that is a string of another is escaped twice: all of a row of backslashes goes. Text that
// is no JSON loses its backslashes, which costs no more than a finding by this pass.
func (w *work) unescape(text []byte) {
	w.plain, w.from = w.plain[:0], w.from[:0]
	for i := 0; i < len(text); {
		from, c := int32(i), text[i]
		if c != '\\' {
			w.plain, w.from = append(w.plain, c), append(w.from, from)
			i++
			continue
		}
		for i < len(text) && text[i] == '\\' {
			i++
		}
		if i == len(text) {
			break
		}
		c = text[i]
		i++
		switch c {
		case 'n', 'r':
			c = '\n'
		case 't':
			c = '\t'
		case 'u':
			if r, ok := hex4(text[i:]); ok {
				i += 4
				for _, b := range utf8.AppendRune(nil, r) {
					w.plain, w.from = append(w.plain, b), append(w.from, from)
				}
				continue
			}
		}
		w.plain, w.from = append(w.plain, c), append(w.from, from)
	}
	w.from = append(w.from, int32(len(text)))
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
