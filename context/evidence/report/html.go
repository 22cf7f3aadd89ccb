package report

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"sync"

	"github.com/exitramp/exitramp/context/evidence"
)

//go:embed report.html.tmpl parts.html.tmpl style.css
var pages embed.FS

// page is what the template sees.
type page struct {
	*book
	CSS template.CSS
}

// sheets is the template with its style: to parse and to escape it takes longer than to fill it in.
var sheets = sync.OnceValues(func() (sheet, error) {
	css, err := pages.ReadFile("style.css")
	if err != nil {
		return sheet{}, err
	}
	t, err := template.New("report.html.tmpl").Funcs(template.FuncMap{
		"clean": clean, "printable": printable, "at": at, "day": day, "span": span, "seconds": seconds, "grouped": grouped, "bytes": bytesText, "none": orNone,
		"sentence": sentence, "accepted": accepted, "runtime": func(r *evidence.Runtime) string { return brief(strings.TrimSpace(r.Product + " " + r.Flavor)) }, "brief": brief,
	}).ParseFS(pages, "report.html.tmpl", "parts.html.tmpl")
	return sheet{t, template.CSS(css)}, err
})

type sheet struct {
	*template.Template
	css template.CSS
}

// Replayed tells whether a replay was begun, so that something may have been written.
func (b *book) Replayed() bool {
	return slices.ContainsFunc(b.Timing.Phases, func(ph evidence.Phase) bool { return ph.Name == "replay" })
}

// html is the report, one file that loads nothing.
func (b *book) html() ([]byte, error) {
	s, err := sheets()
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	err = s.Execute(&buf, &page{b, s.css})
	return buf.Bytes(), err
}

// brief is a text for the cover.
func brief(s string) string { return short(clean(s), 160) }

// maxShown is how many rows of a table the report shows; its CSV file has the rest.
const maxShown = 200

// view is a table, or some of its columns, as the report shows it.
type view struct {
	Name, File, Caption string
	Columns             []column
	Rows                []viewRow
	Wide                bool
}

// Head is the rows that are shown.
func (v *view) Head() []viewRow { return v.Rows[:min(len(v.Rows), maxShown)] }

// More is how many rows are in the CSV file alone.
func (v *view) More() int { return len(v.Rows) - len(v.Head()) }

// Table shows a table: these columns, or without any all of them. The id is always there.
func (p *page) Table(name string, columns ...string) *view {
	t := p.table(name)
	v := &view{Name: name, File: t.file(), Caption: t.caption}
	at := []int{}
	for i, c := range t.columns {
		if i == 0 || len(columns) == 0 || slices.Contains(columns, c.name) {
			at, v.Columns = append(at, i), append(v.Columns, c)
		}
	}
	v.Wide = len(at) > 7
	for _, r := range t.rows {
		row := viewRow{ID: r[0].text, Long: len(r[0].text) > 24}
		for _, i := range at[1:] {
			row.Cells = append(row.Cells, viewCell{r[i].text, t.columns[i].number, long(r[i].text), cellClass(t.columns[i].name, r[i].text)})
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// Facts shows rows of the table of facts.
func (p *page) Facts(ids ...string) *view {
	v := p.Table("drill", "value", "basis")
	rows := v.Rows
	v.Rows = nil
	for _, id := range ids {
		i := slices.IndexFunc(rows, func(r viewRow) bool { return r.ID == id })
		v.Rows = append(v.Rows, rows[i])
	}
	return v
}

// Filled leaves out the rows in which there is nothing, or nothing but zeros.
func (v *view) Filled() *view {
	out := *v
	out.Rows = slices.DeleteFunc(slices.Clone(v.Rows), func(r viewRow) bool {
		return !slices.ContainsFunc(r.Cells, func(c viewCell) bool { return c.Text != "" && c.Text != "0" })
	})
	return &out
}

// Spare leaves out those of the columns in which there is nothing but zeros; the caption says so.
func (v *view) Spare(columns ...string) *view {
	out, none := *v, []string{}
	out.Columns, out.Rows = []column{v.Columns[0]}, make([]viewRow, len(v.Rows))
	for i, r := range v.Rows {
		out.Rows[i] = viewRow{ID: r.ID, Long: r.Long}
	}
	for i, c := range v.Columns[1:] {
		texts := map[string]bool{}
		for _, r := range v.Rows {
			texts[r.Cells[i].Text] = true
		}
		zero, blank := texts["0"], texts[""]
		delete(texts, "0")
		delete(texts, "")
		if slices.Contains(columns, c.name) && len(texts) == 0 && (zero || blank) {
			if zero && !blank {
				none = append(none, c.label)
			}
			continue
		}
		out.Columns = append(out.Columns, c)
		for j, r := range v.Rows {
			out.Rows[j].Cells = append(out.Rows[j].Cells, r.Cells[i])
		}
	}
	out.Wide = len(out.Columns) > 7
	if len(none) > 0 {
		out.Caption += "; 0 in each row: " + strings.Join(none, " · ")
	}
	return &out
}

// Changed leaves out the fields that are as they were, each time.
func (v *view) Changed() *view {
	out := *v
	n := slices.IndexFunc(v.Columns, func(c column) bool { return c.name == "transformed" }) - 1
	out.Rows = slices.DeleteFunc(slices.Clone(v.Rows), func(r viewRow) bool {
		return !slices.ContainsFunc(r.Cells[n:], func(c viewCell) bool { return c.Text != "0" })
	})
	return &out
}

// Titled is a view with another caption.
func (v *view) Titled(s string) *view {
	out := *v
	out.Caption = s
	return &out
}

// Label is a column as people read it.
func (c column) Label() string { return c.label }

// IsNumber tells whether a column holds counts.
func (c column) IsNumber() bool { return c.number }

func cellClass(column, text string) string {
	switch column {
	case "result", "outcome", "held", "verdict", "coverage":
	default:
		return ""
	}
	switch text {
	case "pass", stateMet, "PASS", "RECONCILED", "LISTED":
		return "good"
	case "fail", stateMissed, "FAIL", "INVALID":
		return "bad"
	case "warn", "PASS_WITH_LOSS", "PARTIAL", "GAPS":
		return "so-so"
	case "not tested", stateNone, "UNKNOWN":
		return "open"
	}
	if column == "held" {
		return map[string]string{"yes": "good", "no": "bad", "not said": "open"}[text]
	}
	return ""
}

// Chart draws one of the charts.
func (p *page) Chart(name string) (*chart, error) {
	switch name {
	case "strip":
		return p.strip(), nil
	case "funnel":
		return p.funnel(), nil
	case "outcomes":
		return p.outcomes(), nil
	case "heat":
		return p.heat(), nil
	case "ladder":
		return p.ladder(), nil
	case "slope":
		return p.slope(), nil
	case "tasks":
		return p.tasks(), nil
	case "gantt":
		return p.gantt(), nil
	case "against":
		return p.against(), nil
	case "custody":
		return p.custody(), nil
	case "history":
		return p.history(), nil
	}
	return nil, fmt.Errorf("no chart %q", name)
}

// Verdict is the word with its level; Tone says how it is set.
func (p *page) Verdict() string { return strings.ReplaceAll(p.Word(p.gates), "_", " ") }

// Meaning says what the verdict and the level mean.
func (p *page) Meaning() string {
	s := verdictText(p.judged.Verdict)
	if l := levelText(p.Drill.Level); l != "" {
		s += "; " + string(p.Drill.Level) + " is " + l
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// Tone is the class of the verdict.
func (p *page) Tone() string {
	switch p.judged.Verdict {
	case evidence.VerdictPass:
		return "good"
	case evidence.VerdictFail, evidence.VerdictInvalid:
		return "bad"
	}
	return "so-so"
}

// Reasons say why the verdict is no better: what failed, then the rest.
func (p *page) Reasons() []string {
	failed := func(s string) int {
		id, _, _ := strings.Cut(s, ":")
		if a := p.answered(id); a != nil && a.Result != evidence.Fail {
			return 1
		}
		return 0
	}
	out := slices.SortedStableFunc(slices.Values(p.judged.Reasons), func(a, b string) int { return failed(a) - failed(b) })
	return out[:min(len(out), maxReasons)]
}

// MoreReasons is how many there are besides.
func (p *page) MoreReasons() int { return max(0, len(p.judged.Reasons)-maxReasons) }

const maxReasons = 6 // on the cover

// Figures are the six numbers.
func (p *page) Figures() []figure { return p.numbers }

// Worst are the three gravest losses.
func (p *page) Worst() []lossView {
	var out []lossView
	for i := range p.losses {
		l := &p.losses[i]
		if gravity(l.Grade) == 3 {
			break // the rest are as they were
		}
		if out = append(out, lossView{fmt.Sprintf("loss-%d", i+1), sentence(l), accepted(l)}); len(out) == 3 {
			break
		}
	}
	return out
}

type lossView struct{ ID, Text, Accepted string }

// LossCount is how many rows the register of losses has.
func (p *page) LossCount() int { return len(p.losses) }

// Open are the statements that were not tested, gates first.
func (p *page) Open() []answer {
	var out []answer
	for _, gate := range []bool{true, false} {
		for _, a := range p.checks {
			if a.Result == evidence.Untold && a.Gate == gate {
				out = append(out, a)
			}
		}
	}
	return out
}

// Notes are what else the drill did not test.
func (p *page) Notes() []string { return p.notes() }

// GateList names the gates of the level.
func (p *page) GateList() string { return strings.Join(p.gates.At(p.Drill.Level), ", ") }

// Empty are the kinds of which there is no record, with their coverage.
func (p *page) Empty() string {
	var out []string
	for i := range p.Kinds {
		if k := &p.Kinds[i]; k.Source == 0 && k.Archived == 0 && k.Gaps == 0 && k.Extra == 0 {
			out = append(out, clean(k.Kind)+" ("+orNone(k.Coverage)+")")
		}
	}
	return strings.Join(out[:min(len(out), 60)], ", ")
}

// Note is the catalog's own word on what it is.
func (p *page) Note() string { return p.catalog.Note }

// PredicateType is what the signed statement is called.
func (p *page) PredicateType() string { return evidence.PredicateType }

// Scanned tells whether secrets were looked for.
func (p *page) Scanned() bool { return len(p.Safety.SecretClasses) > 0 }

// Who names a party, with the start of its key.
func (p *page) Who(x evidence.Party) string {
	if x.Name == "" && x.Key == "" {
		return "not named"
	}
	s := brief(orNone(x.Name))
	if x.Key != "" {
		s += ", key " + short(clean(x.Key), 16)
	}
	return s
}

// SameKey tells whether two of the roles sign with one key.
func (p *page) SameKey() bool {
	k := []string{p.Parties.Operator.Key, p.Parties.Observer.Key, p.Parties.Approver.Key}
	for i, a := range k {
		if a != "" && slices.Contains(k[i+1:], a) {
			return true
		}
	}
	return false
}

// SourceSide and TargetSide are the two runtimes.
func (p *page) SourceSide() *evidence.Runtime { return &p.Source }

// TargetSide is what was written to.
func (p *page) TargetSide() *evidence.Runtime { return &p.Target }

// Exercise tells whether the cover may say that this was one.
func (p *page) Exercise() bool { return p.Drill.Exercise && !p.Arrangement.NoticeGiven }

// SignedBy says who signed the archive.
func (p *page) SignedBy() string {
	if len(p.Archive.SignedBy) == 0 {
		return "the archive is not signed"
	}
	var out []string
	for _, k := range p.Archive.SignedBy[:min(len(p.Archive.SignedBy), 4)] {
		out = append(out, "key "+short(clean(k), 16))
	}
	return "the archive is signed by " + strings.Join(out, ", ")
}
