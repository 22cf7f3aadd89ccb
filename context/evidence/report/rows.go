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

// escaped writes a text as templates do.
func escaped(s string) string {
	return strings.ReplaceAll(template.HTMLEscapeString(s), "+", "&#43;")
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
