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
