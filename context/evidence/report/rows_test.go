package report

import (
	"html/template"
	"strings"
	"testing"
)

func oddTexts() []string {
	return []string{"", "plain", "1+1", `<script>alert("x")</script>`, "it's & \x00 \u202e \xff", strings.Repeat("a word ", 9), "-->]]>`=é"}
}

// Cells are written as a template would write them, whatever is in them.
func TestRow(t *testing.T) {
	page := template.Must(template.New("").Parse(`{{range .Cells}}<td{{with .Set}} class="{{.}}"{{end}}>{{if .Class}}<span class="word {{.Class}}">{{.Text}}</span>{{else}}{{.Text}}{{end}}</td>{{end}}`))
	for _, text := range oddTexts() {
		row := viewRow{Cells: []viewCell{{Text: text}, {Text: text, Number: true}, {Text: text, Long: true, Class: "so-so"}}}
		var want strings.Builder
		if err := page.Execute(&want, row); err != nil {
			t.Fatal(err)
		}
		if got := string(row.Row()); got != want.String() {
			t.Errorf("%q: got %s, want %s", text, got, want.String())
		}
	}
}

// So are shapes.
func TestShape(t *testing.T) {
	page := template.Must(template.New("").Funcs(template.FuncMap{"printable": printable}).Parse(`<svg>{{if eq .Kind "rect"}}<rect x="{{.X}}" y="{{.Y}}" width="{{.W}}" height="{{.H}}" class="{{.Class}}"/>{{else if eq .Kind "line"}}<line x1="{{.X}}" y1="{{.Y}}" x2="{{.W}}" y2="{{.H}}" class="{{.Class}}"/>{{else if eq .Kind "dot"}}<circle cx="{{.X}}" cy="{{.Y}}" r="5" class="{{.Class}}"/>{{else}}<text x="{{.X}}" y="{{.Y}}" text-anchor="{{.End}}" class="{{.Class}}">{{printable .Text}}</text>{{end}}</svg>`))
	for _, text := range oddTexts() {
		for _, kind := range []string{"rect", "line", "dot", "text"} {
			s := shape{Kind: kind, X: text, Y: text + "1", W: text + "2", H: text + "3", Class: text + "4", Text: text + "5", End: text + "6"}
			var want strings.Builder
			if err := page.Execute(&want, s); err != nil {
				t.Fatal(err)
			}
			if got := "<svg>" + string(s.SVG()) + "</svg>"; got != want.String() {
				t.Errorf("%s of %q: got %s, want %s", kind, text, got, want.String())
			}
		}
	}
}
