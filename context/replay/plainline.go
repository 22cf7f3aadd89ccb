package replay

import (
	"bytes"
	"strconv"
)

// Nearly all lines of a journal are intents and answers of plain text. These are written and read here,
// without package json: byte for byte what it writes, and nothing that it would read in another way.
// Everything else is left to it.

// plain tells whether s stands in JSON as it is.
func plain[T ~string | ~[]byte](s T) bool {
	// A bit for each byte that does not.
	const (
		below = 1<<' ' - 1 | 1<<'"' | 1<<'<' | 1<<'>' | 1<<'&'
		above = 1<<('\\'-64) | 1<<63 // DEL
	)
	for i := range len(s) {
		c, not := s[i], uint64(below)
		if c >= 64 {
			not = above
		}
		if c >= 128 || not>>(c&63)&1 != 0 {
			return false
		}
	}
	return true
}

// plainLine appends an intent to b, as JSON; false: l is another event, or not plain.
func plainLine(b []byte, l line) ([]byte, bool) {
	if l.Intent == "" || !plain(l.Intent) || !plain(l.As) {
		return b, false
	}
	b = append(append(append(b, `{"intent":"`...), l.Intent...), '"')
	return append(member(b, `,"as":"`, l.As), '}'), true
}

// plainReceipt appends r to b, as JSON; false: it is not plain.
func plainReceipt(b []byte, r *receipt) ([]byte, bool) {
	if r.Approval != nil || !plain(r.Key) || !plain(r.Action) || r.Target != r.Key && !plain(r.Target) || !plain(r.Version) || !plain(r.Why) {
		return b, false
	}
	for _, l := range r.Losses {
		if !plain(l.Path) || !plain(l.Grade) || !plain(l.Why) {
			return b, false
		}
	}
	b = append(append(append(b, `{"key":"`...), r.Key...), `","action":"`...)
	b = append(append(b, r.Action...), '"')
	b = member(member(member(b, `,"target":"`, r.Target), `,"version":"`, r.Version), `,"why":"`, r.Why)
	if r.NoLoss {
		b = append(b, `,"noloss":true`...)
	}
	for i, l := range r.Losses {
		open := `,{"path":"`
		if i == 0 {
			open = `,"losses":[{"path":"`
		}
		b = append(append(append(append(b, open...), l.Path...), `","grade":"`...), l.Grade...)
		b = append(member(append(b, '"'), `,"why":"`, l.Why), '}')
	}
	if len(r.Losses) > 0 {
		b = append(b, ']')
	}
	return append(b, '}'), true
}

func member(b []byte, open, s string) []byte {
	if s == "" {
		return b
	}
	return append(append(append(b, open...), s...), '"')
}

// parsePlain reads what plainLine and plainReceipt write, the latter as the line of an answer; false: it
// is something else. done is the JSON of the answer, which goes into answer; nil: into a new one.
func parsePlain(body []byte, answer *receipt) (l line, done []byte, ok bool) {
	if done, ok = bytes.CutPrefix(body, []byte(`{"done":`)); ok {
		if done, ok = bytes.CutSuffix(done, []byte("}")); ok {
			if answer == nil {
				answer = &receipt{}
			}
			if ok = answer.parsePlain(done, ""); ok {
				l.Done = answer
			}
		}
		return l, done, ok
	}
	p := plainText(body)
	if !p.take(`{"intent":"`) {
		return l, nil, false
	}
	ok = true
	l.Intent = string(p.text(&ok))
	l.As = string(p.optional(`,"as":"`, &ok))
	return l, nil, ok && l.Intent != "" && string(p) == "}"
}

// usualBody tells whether body is a plain intent, or the plain answer that is usual.
func usualBody(body []byte) bool {
	p, ok := plainText(body), true
	if p.take(`{"intent":"`) {
		key := p.text(&ok)
		p.optional(`,"as":"`, &ok)
		return ok && len(key) > 0 && string(p) == "}"
	}
	key := p.must(`{"done":{"key":"`, &ok)
	action := p.must(`,"action":"`, &ok)
	if !ok || len(key) == 0 || !p.take(`,"target":"`) || !bytes.HasPrefix(p, key) {
		return false
	}
	p = p[len(key):]
	ok = p.take(`"`)
	p.optional(`,"version":"`, &ok)
	return ok && string(p) == "}}" && (string(action) == Created.String() || string(action) == Same.String())
}

// parsePlain reads what plainReceipt writes, most likely of key; false: it is something else, and what r
// is does not count.
func (r *receipt) parsePlain(b []byte, key string) bool {
	p, ok := plainText(b), true
	*r = receipt{}
	if !plain(key) {
		key = ""
	}
	r.Key = p.likely(`{"key":"`, key, &ok)
	r.Action = actionText(p.must(`,"action":"`, &ok))
	if p.at(`,"target":"`) {
		r.Target = p.likely(`,"target":"`, r.Key, &ok)
	}
	r.Version, r.Why = text(p.optional(`,"version":"`, &ok), "0"), string(p.optional(`,"why":"`, &ok))
	r.NoLoss = p.take(`,"noloss":true`)
	if p.take(`,"losses":[`) {
		for more := true; ok && more; more = p.take(",") {
			r.Losses = append(r.Losses, loss{string(p.must(`{"path":"`, &ok)), string(p.must(`,"grade":"`, &ok)), string(p.optional(`,"why":"`, &ok))})
			ok = ok && p.take("}")
		}
		ok = ok && p.take("]")
	}
	return ok && string(p) == "}"
}

// text is b as a string; likely, where it is that.
func text(b []byte, likely string) string {
	if string(b) == likely {
		return likely
	}
	return string(b)
}

func actionText(b []byte) string {
	for a := Created; a <= Held; a++ {
		if s := a.String(); s == string(b) {
			return s
		}
	}
	return string(b)
}

// plainText is what is left to be read.
type plainText []byte

func (p *plainText) at(s string) bool { return len(*p) >= len(s) && string((*p)[:len(s)]) == s }

func (p *plainText) take(s string) bool {
	if !p.at(s) {
		return false
	}
	*p = (*p)[len(s):]
	return true
}

// likely is must where the string is most likely s, which is plain.
func (p *plainText) likely(open, s string, ok *bool) string {
	rest := *p
	if *ok && s != "" && rest.take(open) && rest.take(s) && rest.take(`"`) {
		*p = rest
		return s
	}
	return string(p.must(open, ok))
}

// text reads a string of which the first quote was taken.
func (p *plainText) text(ok *bool) []byte {
	n := bytes.IndexByte(*p, '"')
	if *ok = *ok && n >= 0 && plain((*p)[:n]); !*ok {
		return nil
	}
	s := (*p)[:n]
	*p = (*p)[n+1:]
	return s
}

// must reads open and a string.
func (p *plainText) must(open string, ok *bool) []byte {
	if *ok = *ok && p.take(open); !*ok {
		return nil
	}
	return p.text(ok)
}

// optional is must for what is not there where it is empty.
func (p *plainText) optional(open string, ok *bool) []byte {
	if !*ok || !p.take(open) {
		return nil
	}
	return p.text(ok)
}

// quoted is strconv.AppendQuote, faster for nearly all keys.
func quoted(b []byte, key string) []byte {
	if plain(key) {
		return append(append(append(b, '"'), key...), '"')
	}
	return strconv.AppendQuote(b, key)
}
