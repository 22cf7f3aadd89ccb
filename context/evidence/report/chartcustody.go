package report

import "fmt"

// custody draws the hand-overs of the archive, each with its digest before and after.
func (b *book) custody() *chart {
	const title = "Hand-overs of the archive, with its digest before and after"
	if len(b.Custody) == 0 {
		return untested("custody", title, b.answered("AC-26").Why)
	}
	c := &chart{ID: "custody", Title: title}
	digest := func(s string) string {
		if s == "" {
			return "no digest"
		}
		return short(clean(s), 17)
	}
	for i := range b.Custody[:min(len(b.Custody), maxRows)] {
		h := &b.Custody[i]
		in, out := h.DigestIn.SHA256, h.DigestOut.SHA256
		mark, say := "=", "one digest"
		switch {
		case in == "" || out == "":
			mark, say = "?", "nothing to compare"
		case in != out:
			mark, say = "≠", "another digest"
		}
		y := i * 66
		c.row(y)
		c.rect(0, y+2, 42, 26, "track")
		c.rect(58, y+2, 42, 26, "track")
		c.text(1.5, y+20, "start", "strong", short(clean(h.From), 16))
		c.text(59.5, y+20, "start", "strong", short(clean(h.To), 16))
		c.line(42, y+15, 57, y+15, "slope")
		c.dot(57, y+15, "dot")
		c.text(50, y+36, "middle", "strong", mark)
		c.text(1.5, y+44, "start", "small", digest(in))
		c.text(59.5, y+44, "start", "small", digest(out))
		c.Desc += fmt.Sprintf("%s, from %s to %s: %s. ", at(h.At), clean(h.From), clean(h.To), say)
	}
	c.H = min(len(b.Custody), maxRows) * 66
	c.rest(len(b.Custody))
	c.Legend = []swatch{{"", "= the digest is one"}, {"", "≠ it is another"}, {"", "? nothing to compare: what is no archive has none"}}
	return c
}
