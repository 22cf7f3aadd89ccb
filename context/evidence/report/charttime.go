package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
)

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
		c.row(y)
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
	past := ps
	ps = ps[max(0, len(ps)-mostPast):]
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
	y = b.drifts(c, past, y)
	for i := range ps {
		c.text(float64(i)*w, y+10, "start", "small", string(ps[i].Level)+" "+verdictShort(ps[i].Verdict))
		c.Desc += fmt.Sprintf("%s: %s at %s, recovery time %s, %s of %s arrived. ", day(ps[i].EndedAt), ps[i].Verdict, ps[i].Level,
			seconds(ps[i].RTOSeconds), grouped(ps[i].Arrived), grouped(ps[i].Due))
	}
	c.H = y + 16
	return c
}

// mostPast is how many drills are drawn.
const mostPast = 8

// drifts marks the drills whose source has another schema than before, below y.
func (b *book) drifts(c *chart, past []evidence.Past, y int) int {
	first := max(0, len(past)-mostPast)
	w := 100 / float64(len(past)-first)
	c.text(0, y+14, "start", "strong", "schema of the source")
	for i := range past[first:] {
		x, is := float64(i)*w, drift(past, first+i)
		class := map[string]string{driftNone: "track", driftFirst: "track", driftChanged: "g-transformed"}[is]
		if class == "" {
			class = "hatch"
		}
		c.rect(x, y+38, w*.8, 14, class)
		if is != "" {
			c.text(x, y+33, "start", "small", map[string]string{driftNone: "same", driftFirst: "first", driftChanged: "changed"}[is])
			c.Desc += fmt.Sprintf("Schema of the source, %s: %s. ", day(past[first+i].EndedAt), is)
		}
	}
	c.Legend = append(c.Legend, swatch{"g-transformed", "another schema than before"})
	if g := b.FormatRegister; g != nil && g.AbsentN > 0 {
		c.Note += fmt.Sprintf(" In this drill %s of %s names in the data do not stand in the provider's register of formats.", grouped(g.AbsentN), grouped(g.Seen))
	}
	return y + 66
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
