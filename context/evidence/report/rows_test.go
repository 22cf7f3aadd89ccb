package report

import (
	"html/template"
	"strings"
	"testing"
)

// Cells are written as a template would write them, whatever is in them.
func TestRow(t *testing.T) {
	page := template.Must(template.New("").Parse(`{{range .Cells}}<td{{with .Set}} class="{{.}}"{{end}}>{{if .Class}}<span class="word {{.Class}}">{{.Text}}</span>{{else}}{{.Text}}{{end}}</td>{{end}}`))
	for _, text := range []string{"", "plain", "1+1", `<script>alert("x")</script>`, "it's & \x00 \u202e \xff", strings.Repeat("a word ", 9), "-->]]>`=é"} {
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

// Shapes are drawn as a template would write them, whatever is in them.
func TestDraw(t *testing.T) {
	page := template.Must(template.New("").Funcs(template.FuncMap{"printable": printable}).Parse(`<svg>{{if eq .Kind "rect"}}<rect x="{{.X}}" y="{{.Y}}" width="{{.W}}" height="{{.H}}" class="{{.Class}}"/>{{else if eq .Kind "line"}}<line x1="{{.X}}" y1="{{.Y}}" x2="{{.W}}" y2="{{.H}}" class="{{.Class}}"/>{{else if eq .Kind "dot"}}<circle cx="{{.X}}" cy="{{.Y}}" r="5" class="{{.Class}}"/>{{else}}<text x="{{.X}}" y="{{.Y}}" text-anchor="{{.End}}" class="{{.Class}}">{{printable .Text}}</text>{{end}}`))
	for _, kind := range []string{"rect", "line", "dot", "text"} {
		for _, text := range []string{"", "12.50%", "1+1", `<script>alert("x")</script>`, "it's & \x00 \u202e \xff", "-->]]>`=é"} {
			s := shape{Kind: kind, X: text, Y: text, W: text, H: text, Class: text, Text: text, End: text}
			var want strings.Builder
			if err := page.Execute(&want, s); err != nil {
				t.Fatal(err)
			}
			if got := "<svg>" + string(s.Draw()); got != want.String() {
				t.Errorf("%s of %q: got %s, want %s", kind, text, got, want.String())
			}
		}
	}
}
