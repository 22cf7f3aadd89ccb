package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
)

type viewRow struct {
	ID    string
	Long  bool // has a word that must break somewhere
	Cells []viewCell
}

type viewCell struct {
	Text   string
	Number bool
	Long   bool
	Class  string // of a result
}

// Row is the cells in HTML. Most of a report is cells: a template that writes each takes most of its time.
func (r viewRow) Row() template.HTML {
	var out strings.Builder
	for _, c := range r.Cells {
		out.WriteString("<td")
		if set := c.Set(); set != "" {
			fmt.Fprintf(&out, " class=%q", set)
		}
		text := escaped(c.Text)
		if c.Class != "" {
			text = fmt.Sprintf("<span class=\"word %s\">%s</span>", c.Class, text)
		}
		out.WriteString(">" + text + "</td>")
	}
	return template.HTML(out.String())
}

// escaped is a text as a template writes it, between tags and in an attribute.
func escaped(s string) string {
	return strings.ReplaceAll(template.HTMLEscapeString(s), "+", "&#43;")
}

// Draw is a shape in SVG. A report draws hundreds: a template that writes each takes longer than all the rest.
func (s shape) Draw() template.HTML {
	var out strings.Builder
	attributes := func(named ...string) {
		for i := 0; i < len(named); i += 2 {
			out.WriteString(" " + named[i] + `="` + escaped(named[i+1]) + `"`)
		}
	}
	switch s.Kind {
	case "rect":
		out.WriteString("<rect")
		attributes("x", s.X, "y", s.Y, "width", s.W, "height", s.H, "class", s.Class)
	case "line":
		out.WriteString("<line")
		attributes("x1", s.X, "y1", s.Y, "x2", s.W, "y2", s.H, "class", s.Class)
	case "dot":
		out.WriteString("<circle")
		attributes("cx", s.X, "cy", s.Y, "r", "5", "class", s.Class)
	default:
		out.WriteString("<text")
		attributes("x", s.X, "y", s.Y, "text-anchor", s.End, "class", s.Class)
		out.WriteString(">" + escaped(printable(s.Text)) + "</text>")
		return template.HTML(out.String())
	}
	out.WriteString("/>")
	return template.HTML(out.String())
}

// Set is the classes of a cell: numbers, words that must break, sentences that need room.
func (c viewCell) Set() string {
	switch {
	case c.Number:
		return "n"
	case c.Long:
		return "long"
	case len(c.Text) > 40:
		return "words"
	}
	return ""
}

// long tells whether a text has a word that does not fit in a column.
func long(s string) bool {
	return slices.ContainsFunc(strings.Fields(s), func(w string) bool { return len(w) > 22 })
}
