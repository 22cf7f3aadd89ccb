package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/exitramp/exitramp/context/evidence"
)

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
		c.row(y)
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
		c.row(y)
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
	paths, fields := b.lostFields()
	switch {
	case fields == 0:
		return untested("heat", title, "No field was compared: "+b.answered("AC-34").Why)
	case len(paths) == 0:
		return &chart{ID: "heat", Note: fmt.Sprintf("Of the %d fields that were compared, %d are exact or the same value in another form, so there is nothing to draw.", fields, fields)}
	}
	const most = 10
	c := &chart{ID: "heat", Title: title}
	if len(paths) > most {
		c.Note = fmt.Sprintf("The %d fields with most losses of %d are drawn; the table has the rest.", most, len(paths))
		paths = paths[:most]
	}
	w := 68 / float64(len(paths))
	for i, path := range paths {
		c.text(32+(float64(i)+.5)*w, 12, "middle", "small", string(rune('a'+i)))
		c.Legend = append(c.Legend, swatch{"", string(rune('a'+i)) + "  " + short(clean(path), 60)})
	}
	rows := 0
	c.H = 18
	for i := range b.Kinds {
		k := &b.Kinds[i]
		if !slices.ContainsFunc(k.Fields, func(f evidence.Field) bool { return slices.Contains(paths, f.Path) }) {
			continue
		}
		if rows++; rows <= maxRows {
			c.heatRow(k, paths)
		}
	}
	if rows > maxRows {
		c.rest(rows)
	}
	return c
}

// lostFields are the paths of fields that are not as they were, those with most losses first, and of how many that is.
func (b *book) lostFields() (paths []string, fields int) {
	lost := map[string]uint64{}
	for i := range b.Kinds {
		for j := range b.Kinds[i].Fields {
			f := &b.Kinds[i].Fields[j]
			fields++
			if alike := plus(f.Exact, f.Equivalent); alike < f.Present {
				lost[f.Path] = plus(lost[f.Path], f.Present-alike)
			}
		}
	}
	paths = sortedKeys(lost)
	slices.SortStableFunc(paths, func(x, y string) int { return cmp.Compare(lost[y], lost[x]) })
	return paths, fields
}

// heatRow draws one kind, below what is there.
func (c *chart) heatRow(k *evidence.Kind, paths []string) {
	y, w := c.H, 68/float64(len(paths))
	c.row(y)
	c.text(0, y+16, "start", "", short(plural(k.Kind), 15))
	for j, path := range paths {
		x := 32 + float64(j)*w
		n := slices.IndexFunc(k.Fields, func(f evidence.Field) bool { return f.Path == path })
		if n < 0 || k.Fields[n].Present == 0 {
			c.text(x+w/2, y+16, "middle", "small", "·")
			continue
		}
		f := &k.Fields[n]
		alike := plus(f.Exact, f.Equivalent)
		s := ratio(alike, f.Present)
		class, p := "h4", "100"
		if alike < f.Present {
			class, p = "h"+strconv.Itoa(min(3, int(s*4))), strconv.Itoa(int(100*s))
		}
		c.rect(x+.3, y+1, w-.6, 22, class)
		c.text(x+w/2, y+16, "middle", "t-"+class, p)
		c.Desc += fmt.Sprintf("%s, %s: %s of %s. ", plural(k.Kind), clean(f.Path), grouped(alike), grouped(f.Present))
	}
	c.H += 25
}
