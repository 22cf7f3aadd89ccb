package replay

import (
	"bytes"
	"strings"
)

// Nearly all lines of a journal are intents and answers of plain text. These are written and read here,
// without package json: byte for byte what it writes, and nothing that it would read in another way.
// Everything else is left to it.

// plain tells whether s stands in JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
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
	if r.Approval != nil || !plain(r.Key) || !plain(r.Action) || !plain(r.Target) || !plain(r.Version) || !plain(r.Why) {
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
// is something else.
func parsePlain(body []byte) (l line, ok bool) {
	if done, is := bytes.CutPrefix(body, []byte(`{"done":`)); is {
		if done, ok = bytes.CutSuffix(done, []byte("}")); ok {
			l.Done = parsePlainReceipt(done)
		}
		return l, l.Done != nil
	}
	p := plainText(body)
	if !p.take(`{"intent":"`) {
		return l, false
	}
	l.Intent, ok = p.text()
	l.As = p.optional(`,"as":"`, &ok)
	return l, ok && l.Intent != "" && p == "}"
}

// parsePlainReceipt reads what plainReceipt writes; nil: it is something else.
func parsePlainReceipt(b []byte) *receipt {
	p, ok := plainText(b), true
	r := &receipt{Key: p.must(`{"key":"`, &ok), Action: p.must(`,"action":"`, &ok)}
	r.Target, r.Version, r.Why = p.optional(`,"target":"`, &ok), p.optional(`,"version":"`, &ok), p.optional(`,"why":"`, &ok)
	r.NoLoss = p.take(`,"noloss":true`)
	if p.take(`,"losses":[`) {
		for more := true; ok && more; more = p.take(",") {
			r.Losses = append(r.Losses, loss{p.must(`{"path":"`, &ok), p.must(`,"grade":"`, &ok), p.optional(`,"why":"`, &ok)})
			ok = ok && p.take("}")
		}
		ok = ok && p.take("]")
	}
	if !ok || p != "}" {
		return nil
	}
	return r
}

// plainText is what is left to be read. Its strings share one piece of memory.
type plainText string

func (p *plainText) take(s string) bool {
	rest, ok := strings.CutPrefix(string(*p), s)
	if ok {
		*p = plainText(rest)
	}
	return ok
}

// text reads a string of which the first quote was taken.
func (p *plainText) text() (string, bool) {
	n := strings.IndexByte(string(*p), '"')
	if n < 0 || !plain(string((*p)[:n])) {
		return "", false
	}
	s := string((*p)[:n])
	*p = (*p)[n+1:]
	return s, true
}

// must reads open and a string.
func (p *plainText) must(open string, ok *bool) string {
	if *ok = *ok && p.take(open); !*ok {
		return ""
	}
	s, had := p.text()
	*ok = had
	return s
}

// optional is must for what is not there where it is empty.
func (p *plainText) optional(open string, ok *bool) string {
	if !*ok || !strings.HasPrefix(string(*p), open) {
		return ""
	}
	return p.must(open, ok)
}
