package report

import (
	"fmt"
	"math"
	"slices"
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
}

type shape struct {
	Kind             string // "rect", "line", "dot", "text"
	X, Y, W, H       string // of a line: from X, Y to W, H
	Class, Text, End string
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

// withRecords are the kinds of which there is something to draw.
func (b *book) withRecords() []*evidence.Kind {
	var out []*evidence.Kind
	for i := range b.Kinds {
		if k := &b.Kinds[i]; k.Source > 0 || k.Archived > 0 || k.Gaps > 0 || k.Extra > 0 {
			out = append(out, k)
		}
	}
	return out
}

// funnel is chart A: each kind from its independent count to what arrived.
func (b *book) funnel() *chart {
	kinds := b.withRecords()
	if len(kinds) == 0 {
		return untested("funnel", "From source to target, kind by kind", "No kind has a record.")
	}
	c := &chart{ID: "funnel", Title: "From source to target, kind by kind"}
	for i, s := range []string{"counted", "at source", "archived", "imported", "arrived"} {
		c.text(float64(i)*20, 12, "start", "small", s)
	}
	y, live := 20, b.Target.Product != ""
	c.Desc = fmt.Sprintf("%d kinds of record. ", len(kinds))
	for _, k := range kinds[:min(len(kinds), maxRows)] {
		arrived, _ := k.Survival()
		most := max(k.Source, k.Archived, 1)
		if k.Reference != nil {
			most = max(most, *k.Reference)
		}
		c.text(0, y+14, "start", "strong", short(plural(k.Kind), 22))
		c.text(100, y+14, "end", "small", short(clean(k.Class)+" · "+clean(k.Coverage), 32))
		step := func(i int, known bool, n uint64, class, unknown string) {
			x := float64(i) * 20
			if !known {
				c.rect(x, y+20, 18, 10, "hatch")
				c.text(x, y+43, "start", "small", unknown)
				return
			}
			c.rect(x, y+20, 18, 10, "track")
			c.rect(x, y+20, 18*ratio(n, most), 10, class)
			c.text(x, y+43, "start", "small", narrow(n))
		}
		var ref uint64
		if k.Reference != nil {
			ref = *k.Reference
		}
		step(0, k.Reference != nil, ref, "g-equivalent", "unknown")
		step(1, true, k.Source, "g-exact", "")
		step(2, true, k.Archived, "g-exact", "")
		step(3, live, k.Imported, "g-exact", "not tested")
		step(4, live, arrived, "g-exact", "not tested")
		if live && k.Announced > 0 { // over the end of the bar
			a, m := 18*ratio(arrived, most), 18*ratio(k.Announced, most)
			c.rect(80+a-m, y+20, m, 10, "g-transformed")
		}
		c.Desc += fmt.Sprintf("%s: %s archived, %s arrived. ", plural(k.Kind), grouped(k.Archived), grouped(arrived))
		y += 54
	}
	c.H = y
	c.rest(len(kinds))
	c.Legend = []swatch{{"g-exact", "records"}, {"g-equivalent", "counted by another route"}, {"g-transformed", "differ as the plan announced"}, {"hatch", "unknown or not tested"}}
	return c
}

// grade is one outcome of a field.
type grade struct {
	name, label string
	of          func(*evidence.Field) uint64
}

func grades() []grade {
	return []grade{
		{"exact", "exact", func(f *evidence.Field) uint64 { return f.Exact }},
		{"equivalent", "same value, other form", func(f *evidence.Field) uint64 { return f.Equivalent }},
		{"transformed", "changed by a rule", func(f *evidence.Field) uint64 { return f.Transformed }},
		{"defaulted", "target's own value", func(f *evidence.Field) uint64 { return f.Defaulted }},
		{"dropped", "dropped", func(f *evidence.Field) uint64 { return f.Dropped }},
		{"redacted", "taken out on purpose", func(f *evidence.Field) uint64 { return f.Redacted }},
		{"quarantined", "waits for a person", func(f *evidence.Field) uint64 { return f.Quarantined }},
	}
}

// outcomes is chart B: what became of the fields of each kind.
func (b *book) outcomes() *chart {
	const title = "What became of fields, kind by kind"
	t := b.table("outcomes")
	if len(t.rows) == 0 {
		return untested("outcomes", title, "No field was compared: "+b.answered("AC-34").Why)
	}
	c := &chart{ID: "outcomes", Title: title, Desc: fmt.Sprintf("%d kinds. ", len(t.rows))}
	y := 0
	for i := range b.Kinds {
		k := &b.Kinds[i]
		if len(k.Fields) == 0 || y >= 42*maxRows {
			continue
		}
		var present uint64
		n := make([]uint64, len(grades()))
		for j := range k.Fields {
			present = plus(present, k.Fields[j].Present)
			for g, gr := range grades() {
				n[g] = plus(n[g], gr.of(&k.Fields[j]))
			}
		}
		alike := plus(n[0], n[1])
		c.text(0, y+14, "start", "strong", short(plural(k.Kind), 22))
		c.text(100, y+14, "end", "small", fmt.Sprintf("%s of %s fields as they were", grouped(alike), grouped(present)))
		c.rect(0, y+20, 100, 14, "track")
		x := 0.0
		for g, w := range widths(n, present) {
			c.rect(x, y+20, w, 14, "g-"+grades()[g].name)
			x += w
		}
		c.Desc += fmt.Sprintf("%s: %s of %s as they were. ", plural(k.Kind), grouped(alike), grouped(present))
		y += 42
	}
	c.H = y
	c.rest(len(t.rows))
	for _, g := range grades() {
		c.Legend = append(c.Legend, swatch{"g-" + g.name, g.label})
	}
	return c
}

// widths are shares in per cent; a share that is there is never too thin to be seen.
func widths(n []uint64, of uint64) []float64 {
	const least = 0.8
	out := make([]float64, len(n))
	sum := 0.0
	for i, v := range n {
		if v > 0 && of > 0 {
			out[i] = max(least, 100*ratio(v, of))
		}
		sum += out[i]
	}
	if big := slices.Max(out); sum > 100 && big > 0 {
		for i := range out { // the widest one gives
			if out[i] == big {
				out[i] = max(least, big-(sum-100))
				break
			}
		}
	}
	return out
}

// heat is chart C: the fields that are not as they were, by kind.
func (b *book) heat() *chart {
	const title = "Fields that are not as they were, kind by kind"
	type col struct {
		path string
		lost uint64
	}
	lost, fields, rows := map[string]uint64{}, 0, 0
	for i := range b.Kinds {
		for j := range b.Kinds[i].Fields {
			f := &b.Kinds[i].Fields[j]
			fields++
			if alike := plus(f.Exact, f.Equivalent); alike < f.Present {
				lost[f.Path] = plus(lost[f.Path], f.Present-alike)
			}
		}
	}
	switch {
	case fields == 0:
		return untested("heat", title, "No field was compared: "+b.answered("AC-34").Why)
	case len(lost) == 0:
		return &chart{ID: "heat", Note: fmt.Sprintf("Of the %d fields that were compared, %d are exact or the same value in another form, so there is nothing to draw.", fields, fields)}
	}
	var cols []col
	for _, p := range sortedKeys(lost) {
		cols = append(cols, col{p, lost[p]})
	}
	slices.SortStableFunc(cols, func(x, y col) int {
		if x.lost > y.lost {
			return -1
		}
		return 1
	})
	most := 10
	c := &chart{ID: "heat", Title: title}
	if len(cols) > most {
		c.Note = fmt.Sprintf("The %d fields with most losses of %d are drawn; the table has the rest.", most, len(cols))
		cols = cols[:most]
	}
	w := 68 / float64(len(cols))
	for i := range cols {
		c.text(32+(float64(i)+.5)*w, 12, "middle", "small", string(rune('a'+i)))
		c.Legend = append(c.Legend, swatch{"", string(rune('a'+i)) + "  " + short(clean(cols[i].path), 60)})
	}
	y := 18
	for i := range b.Kinds {
		k := &b.Kinds[i]
		has := slices.ContainsFunc(k.Fields, func(f evidence.Field) bool {
			return slices.ContainsFunc(cols, func(c col) bool { return c.path == f.Path })
		})
		if !has {
			continue
		}
		if rows++; rows > maxRows {
			continue
		}
		c.text(0, y+16, "start", "", short(plural(k.Kind), 15))
		for j := range cols {
			x := 32 + float64(j)*w
			n := slices.IndexFunc(k.Fields, func(f evidence.Field) bool { return f.Path == cols[j].path })
			if n < 0 || k.Fields[n].Present == 0 {
				c.text(x+w/2, y+16, "middle", "small", "·")
				continue
			}
			f := &k.Fields[n]
			alike := plus(f.Exact, f.Equivalent)
			s := ratio(alike, f.Present)
			class := "h4"
			if alike < f.Present {
				class = "h" + strconv.Itoa(min(3, int(s*4)))
			}
			c.rect(x+.3, y+1, w-.6, 22, class)
			p := strconv.Itoa(int(100 * s))
			if alike == f.Present {
				p = "100"
			}
			c.text(x+w/2, y+16, "middle", "t-"+class, p)
			c.Desc += fmt.Sprintf("%s, %s: %s of %s. ", plural(k.Kind), clean(f.Path), grouped(alike), grouped(f.Present))
		}
		y += 25
	}
	c.H = y
	if rows > maxRows {
		c.rest(rows)
	}
	return c
}

// ladder is chart D: the replay level of each feature.
func (b *book) ladder() *chart {
	const title = "Replay level of each shared feature"
	if len(b.Replay) == 0 {
		return untested("ladder", title, "No feature was replayed. "+b.answered("AC-40").Why)
	}
	c := &chart{ID: "ladder", Title: title}
	y := 0
	for _, r := range b.Replay[:min(len(b.Replay), maxRows)] {
		c.text(0, y+14, "start", "strong", short(clean(r.Feature), 28))
		c.text(100, y+14, "end", "small", fmt.Sprintf("%s of %s runs", grouped(r.Passed), grouped(r.Runs)))
		for l := range 6 {
			x, class, text := float64(l)*16.7, "hatch", "small"
			if l <= rung(r.Level) {
				class, text = "g-exact", "on"
			}
			c.rect(x, y+20, 16, 18, class)
			if class == "hatch" {
				c.rect(x+4.5, y+22, 7, 14, "paper")
			}
			c.text(x+8, y+33, "middle", text, "R"+strconv.Itoa(l))
		}
		c.Desc += fmt.Sprintf("%s: %s, %s of %s runs. ", clean(r.Feature), clean(r.Level), grouped(r.Passed), grouped(r.Runs))
		y += 46
	}
	c.H = y
	c.rest(len(b.Replay))
	c.Legend = []swatch{{"g-exact", "reached"}, {"hatch", "not reached or not tested"}}
	return c
}

// slope is chart E: recall before and after.
func (b *book) slope() *chart {
	const title = "Recall of searches, before and after"
	r := b.Recall
	if r == nil || r.Queries == 0 || percent(r.Before) == "unknown" || percent(r.After) == "unknown" {
		return untested("slope", title, b.answered("AC-39").Why)
	}
	c := &chart{ID: "slope", Title: title, H: 190}
	lo, hi := r.Before+r.ChangeCI95[0], r.Before+r.ChangeCI95[1]
	interval := r.ChangeCI95 != [2]float64{} && lo >= 0 && lo <= hi && hi <= 1
	floor := math.Min(r.Before, r.After)
	if interval {
		floor = math.Min(floor, lo)
	}
	floor = math.Max(0, math.Floor(10*floor-.5)/10) // of the drawing: a tenth below the least
	y := func(v float64) int { return 24 + int(math.Round((1-v)/(1-math.Min(floor, .9))*130)) }
	for _, v := range []float64{floor, (1 + floor) / 2, 1} {
		c.line(14, y(v), 100, y(v), "grid")
		c.text(0, y(v)+4, "start", "small", percent(v))
	}
	if interval {
		c.line(75, y(hi), 75, y(lo), "interval")
		c.line(73.5, y(hi), 76.5, y(hi), "interval")
		c.line(73.5, y(lo), 76.5, y(lo), "interval")
	}
	c.line(30, y(r.Before), 75, y(r.After), "slope")
	c.dot(30, y(r.Before), "dot")
	c.dot(75, y(r.After), "dot")
	c.text(27, y(r.Before)-8, "end", "strong", percent(r.Before))
	c.text(78, y(r.After)-8, "start", "strong", percent(r.After))
	c.text(30, 176, "middle", "small", "before")
	c.text(75, 176, "middle", "small", "after")
	c.Desc = fmt.Sprintf("Recall at %s over %s queries: %s before, %s after.", grouped(r.K), grouped(r.Queries), percent(r.Before), percent(r.After))
	c.Note = fmt.Sprintf("Recall at k = %s over the same %s queries, drawn from %s to 100 %%. Embedding model before: %s; after: %s.",
		grouped(r.K), grouped(r.Queries), percent(floor), orNone(r.ModelBefore), orNone(r.ModelAfter))
	if percent(r.Overlap) != "unknown" {
		c.Note += fmt.Sprintf(" Of what was found before, %s is found after (95 %% interval: %s to %s).", percent(r.Overlap), percent(r.CI95[0]), percent(r.CI95[1]))
	}
	if interval {
		c.Note += " The upright bar is the 95 % interval of the difference, set from the value before."
	}
	return c
}

// tasks is chart F: what the state was worth.
func (b *book) tasks() *chart {
	const title = "Users' tasks: without the state, with it, at the source"
	t := b.Continuity
	if t == nil || t.Runs == 0 {
		return untested("tasks", title, b.answered("AC-41").Why)
	}
	c := &chart{ID: "tasks", Title: title, H: 3 * 42}
	for i, row := range []struct {
		name, class string
		n           uint64
	}{{"target without the state (cold)", "g-equivalent", t.Cold}, {"target with the state", "g-exact", t.Target}, {"source", "g-exact", t.Source}} {
		y := i * 42
		c.text(0, y+14, "start", "strong", row.name)
		c.text(100, y+14, "end", "small", fmt.Sprintf("%s of %s runs, %s", grouped(row.n), grouped(t.Runs), share(row.n, t.Runs)))
		c.rect(0, y+20, 100, 14, "track")
		c.rect(0, y+20, 100*ratio(row.n, t.Runs), 14, row.class)
		c.Desc += fmt.Sprintf("%s: %s of %s runs. ", row.name, grouped(row.n), grouped(t.Runs))
	}
	c.Note = "The state was worth nothing that could be measured: the source does no better than the target without it."
	if t.Source > t.Cold {
		lift := int64(t.Target) - int64(t.Cold)
		c.Note = fmt.Sprintf("Of the %s runs that the state is worth at the source (%s − %s), the target keeps %s (%s − %s).",
			grouped(t.Source-t.Cold), grouped(t.Source), grouped(t.Cold), cellOf(lift).text, grouped(t.Target), grouped(t.Cold))
	}
	return c
}

// gantt is chart G, its first half: the phases along the clock.
func (b *book) gantt() *chart {
	const title = "Phases of the drill along the clock"
	ps := b.Timing.Phases
	if len(ps) == 0 {
		return untested("gantt", title, b.answered("AC-42").Why)
	}
	start, end := ps[0].Start, 0.0
	for _, p := range ps {
		if p.Start.Before(start) {
			start = p.Start
		}
	}
	from := func(p *evidence.Phase) float64 { return p.Start.Sub(start).Seconds() }
	for i := range ps {
		end = math.Max(end, from(&ps[i])+math.Max(ps[i].Seconds, 0))
	}
	if !(end > 0) {
		end = 1
	}
	c := &chart{ID: "gantt", Title: title, Desc: "From 0 to " + seconds(end) + ". "}
	y := 0
	for i := range ps[:min(len(ps), maxRows)] {
		p := &ps[i]
		c.text(0, y+14, "start", "strong", short(clean(p.Name), 20))
		say := seconds(p.Seconds)
		if p.Records > 0 {
			say += " · " + grouped(p.Records) + " records"
		}
		c.text(100, y+14, "end", "small", say)
		c.rect(0, y+19, 100, 12, "track")
		x, w := 100*from(p)/end, math.Max(100*p.Seconds/end, .6)
		c.rect(math.Min(x, 99.4), y+19, w, 12, "g-exact")
		c.Desc += clean(p.Name) + " " + seconds(p.Seconds) + ". "
		y += 38
	}
	c.text(0, y+12, "start", "small", "0")
	c.text(100, y+12, "end", "small", seconds(end))
	c.H = y + 16
	c.rest(len(ps))
	return c
}

// against is chart G, its second half: measured times beside their limits.
func (b *book) against() *chart {
	const title = "Recovery time beside its target, and the full volume beside 30 days"
	c := &chart{ID: "against", Title: title, Legend: []swatch{{"g-exact", "measured or computed"}, {"hatch", "not tested"}}}
	y := 0
	row := func(name string, v, limit float64, limitName, none string) {
		c.text(0, y+14, "start", "strong", name)
		switch {
		case !(v > 0):
			c.text(100, y+14, "end", "small", none)
			c.rect(0, y+20, 100, 14, "hatch")
		case !(limit > 0):
			c.text(100, y+14, "end", "small", seconds(v)+", no "+limitName)
			c.rect(0, y+20, 100, 14, "track")
			c.rect(0, y+20, 50, 14, "g-exact")
		default:
			c.text(100, y+14, "end", "small", seconds(v)+" of "+seconds(limit))
			scale := 80 / math.Max(v, limit)
			c.rect(0, y+20, 100, 14, "track")
			c.rect(0, y+20, math.Max(v*scale, .6), 14, "g-exact")
			c.line(limit*scale, y+17, limit*scale, y+37, "limit")
			c.text(limit*scale+1.2, y+31, "start", "small", limitName)
		}
		c.Desc += fmt.Sprintf("%s: %s, %s %s. ", name, seconds(v), limitName, seconds(limit))
		y += 44
	}
	row("recovery time", b.Timing.RTOSeconds, float64(b.Targets.RTOSeconds), "target", "not tested")
	p := b.Timing.Projection
	if p == nil {
		p = &evidence.Projection{Limit: 30 * 86400}
	}
	row("full volume", p.Seconds, float64(p.Limit), "limit", "not projected")
	c.H = y
	return c
}

// history is chart H: this drill beside those before it.
func (b *book) history() *chart {
	const title = "This drill beside those before it"
	ps := b.trend()
	if len(ps) == 1 {
		if b.Drill.LedgerIndex > 0 {
			return untested("history", title, "The statement has no numbers of the drills before it; the ledger names them.")
		}
		return untested("history", title, "This is the first drill of its ledger: a trend begins with the next one.")
	}
	ps = ps[max(0, len(ps)-8):]
	c := &chart{ID: "history", Title: title, Note: "The newest drill is the last one.", Legend: []swatch{{"g-exact", "measured"}, {"hatch", "not tested"}}}
	w := 100 / float64(len(ps))
	y := 0
	panel := func(name string, value func(*evidence.Past) (float64, string)) {
		c.text(0, y+14, "start", "strong", name)
		most := 0.0
		for i := range ps {
			v, _ := value(&ps[i])
			most = math.Max(most, v)
		}
		for i := range ps {
			v, text := value(&ps[i])
			x := float64(i) * w
			if text == "" {
				c.rect(x, y+38, w*.8, 40, "hatch")
				continue
			}
			h := 1
			if most > 0 {
				h = max(1, int(math.Round(40*v/most)))
			}
			c.rect(x, y+38, w*.8, 40, "track")
			c.rect(x, y+78-h, w*.8, h, "g-exact")
			c.text(x, y+33, "start", "small", text)
		}
		y += 92
	}
	panel("recovery time", func(p *evidence.Past) (float64, string) {
		if !(p.RTOSeconds > 0) {
			return 0, ""
		}
		t := seconds(p.RTOSeconds)
		if f := strings.Fields(t); len(f) > 2 {
			t = f[0] + " " + f[1]
		}
		return p.RTOSeconds, t
	})
	panel("records that arrived, of those due", func(p *evidence.Past) (float64, string) {
		if p.Due == 0 {
			return 0, ""
		}
		return ratio(p.Arrived, p.Due), share(p.Arrived, p.Due)
	})
	panel("recall after", func(p *evidence.Past) (float64, string) {
		if p.Recall == nil || percent(*p.Recall) == "unknown" {
			return 0, ""
		}
		return *p.Recall, percent(*p.Recall)
	})
	for i := range ps {
		c.text(float64(i)*w, y+10, "start", "small", string(ps[i].Level)+" "+verdictShort(ps[i].Verdict))
		c.Desc += fmt.Sprintf("%s: %s at %s, recovery time %s, %s of %s arrived. ", day(ps[i].EndedAt), ps[i].Verdict, ps[i].Level,
			seconds(ps[i].RTOSeconds), grouped(ps[i].Arrived), grouped(ps[i].Due))
	}
	c.H = y + 16
	return c
}

func verdictShort(v evidence.Verdict) string {
	switch v {
	case evidence.VerdictPassWithLoss:
		return "LOSS"
	case evidence.VerdictPartial:
		return "PART"
	case evidence.VerdictInvalid:
		return "INV"
	}
	return short(clean(string(v)), 4)
}
