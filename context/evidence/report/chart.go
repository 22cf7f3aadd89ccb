package report

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/evidence"
)

// maxRows is how many rows a chart draws; its table has the rest.
const maxRows = 30

// chart is one drawing. Widths and places along the line are per cent, so that it is as wide as
// the page, on paper and on a phone; heights are pixels, so that its words stay readable.
type chart struct {
	ID, Title, Desc string
	H               int
	Shapes          []shape
	Legend          []swatch
	Note            string
	rows            []piece // where each row begins, and what is drawn before it; nil: it stays in one piece
}

// mostTall is about how many pixels of a chart stay on one page of paper: a third of it.
const mostTall = 340

// A piece is rows of a chart that stay on one page. On a screen one follows the other without a seam.
type piece struct {
	Top, H int
	Shapes []shape
	drawn  int // shapes of the chart before it
}

// row begins a row at y.
func (c *chart) row(y int) { c.rows = append(c.rows, piece{Top: y, drawn: len(c.Shapes)}) }

// Pieces are the chart, cut between rows where it is tall.
func (c *chart) Pieces() []piece {
	var out []piece
	at := piece{}
	cut := func(end piece) {
		at.H, at.Shapes = end.Top-at.Top, c.Shapes[at.drawn:end.drawn]
		out = append(out, at)
		at = end
	}
	end := piece{Top: c.H, drawn: len(c.Shapes)}
	for i, r := range c.rows {
		next := end
		if i+1 < len(c.rows) {
			next = c.rows[i+1]
		}
		if i > 0 && next.Top-at.Top > mostTall {
			cut(r)
		}
	}
	cut(end)
	return out
}

type shape struct {
	Kind             string // "rect", "line", "dot", "text"
	X, Y, W, H       string // of a line: from X, Y to W, H
	Class, Text, End string
}

// SVG is the shape as an element. A report has hundreds: a template that writes each takes most of its time.
func (s shape) SVG() template.HTML {
	x, y, w, h, class := escaped(s.X), escaped(s.Y), escaped(s.W), escaped(s.H), escaped(s.Class)
	switch s.Kind {
	case "rect":
		return template.HTML(fmt.Sprintf(`<rect x="%s" y="%s" width="%s" height="%s" class="%s"/>`, x, y, w, h, class))
	case "line":
		return template.HTML(fmt.Sprintf(`<line x1="%s" y1="%s" x2="%s" y2="%s" class="%s"/>`, x, y, w, h, class))
	case "dot":
		return template.HTML(fmt.Sprintf(`<circle cx="%s" cy="%s" r="5" class="%s"/>`, x, y, class))
	}
	return template.HTML(fmt.Sprintf(`<text x="%s" y="%s" text-anchor="%s" class="%s">%s</text>`, x, y, escaped(s.End), class, escaped(printable(s.Text))))
}

type swatch struct{ Class, Text string }

func pc(f float64) string {
	return strconv.FormatFloat(math.Min(math.Max(f, 0), 100), 'f', 2, 64) + "%"
}
func px(n int) string { return strconv.Itoa(n) }

func (c *chart) rect(x float64, y int, w float64, h int, class string) {
	if !(w > 0) {
		return
	}
	c.Shapes = append(c.Shapes, shape{Kind: "rect", X: pc(x), Y: px(y), W: pc(w), H: px(h), Class: class})
}

func (c *chart) line(x float64, y int, x2 float64, y2 int, class string) {
	c.Shapes = append(c.Shapes, shape{Kind: "line", X: pc(x), Y: px(y), W: pc(x2), H: px(y2), Class: class})
}

func (c *chart) dot(x float64, y int, class string) {
	c.Shapes = append(c.Shapes, shape{Kind: "dot", X: pc(x), Y: px(y), Class: class})
}

// text writes at x: from there ("start"), around it ("middle") or up to it ("end").
func (c *chart) text(x float64, y int, end, class, s string) {
	c.Shapes = append(c.Shapes, shape{Kind: "text", X: pc(x), Y: px(y), End: end, Class: class, Text: s})
}

// untested is the drawing of what was not measured.
func untested(id, title, why string) *chart {
	if why != "" {
		why = strings.ToUpper(why[:1]) + why[1:]
	}
	c := &chart{ID: id, Title: title, Desc: "Not tested. " + why, H: 56, Note: "Not tested. " + why}
	c.rect(0, 4, 100, 48, "hatch")
	c.rect(35, 16, 30, 24, "paper")
	c.text(50, 33, "middle", "strong", "not tested")
	return c
}

// short cuts a label to n characters.
func short(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// narrow is a number for a column of a drawing; its table has the digits.
func narrow(n uint64) string {
	if n < 1e9 {
		return grouped(n)
	}
	return fmt.Sprintf("%.1e", float64(n))
}

func ratio(n, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return math.Min(float64(n)/float64(of), 1)
}

// rest says that a chart left rows out.
func (c *chart) rest(n int) {
	if n > maxRows {
		c.Note = fmt.Sprintf("The first %d of %d are drawn; the table has the rest.", maxRows, n)
	}
}

// strip draws one square a check, in the order of the statements.
func (b *book) strip() *chart {
	c := &chart{ID: "strip", Title: "Answers to the statements, in order", H: 46}
	perRow := 23
	w := 100 / float64(perRow)
	for i := range b.checks {
		a := &b.checks[i]
		x, y := float64(i%perRow)*w, 2+i/perRow*22
		c.rect(x, y, w*0.86, 18, "sq "+resultClass(a.Result))
		mark := map[evidence.Result]string{evidence.Fail: "×", evidence.Warn: "!"}[a.Result]
		if mark != "" {
			c.text(x+w*0.43, y+14, "middle", "mark", mark)
		}
	}
	for _, r := range []evidence.Result{evidence.Pass, evidence.Warn, evidence.Fail, evidence.Untold} {
		c.Legend = append(c.Legend, swatch{resultClass(r), fmt.Sprintf("%d %s", b.count(r), resultWord(r))})
	}
	c.Desc = fmt.Sprintf("Of %d statements %d passed, %d passed with a warning, %d failed and %d were not tested.",
		len(b.checks), b.count(evidence.Pass), b.count(evidence.Warn), b.count(evidence.Fail), b.count(evidence.Untold))
	return c
}

func resultClass(r evidence.Result) string {
	switch r {
	case evidence.Pass, evidence.Fail, evidence.Warn:
		return "r-" + string(r)
	}
	return "hatch"
}
