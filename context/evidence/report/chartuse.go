package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/exitramp/exitramp/context/evidence"
)

// ladder is chart D: the replay level of each feature.
func (b *book) ladder() *chart {
	const title = "Replay level of each shared feature"
	if len(b.Replay) == 0 {
		return untested("ladder", title, "No feature was replayed. "+b.answered("AC-40").Why)
	}
	c := &chart{ID: "ladder", Title: title}
	y := 0
	for _, r := range b.Replay[:min(len(b.Replay), maxRows)] {
		c.row(y)
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
		grouped(r.K), grouped(r.Queries), percent(floor), saidOf(r.ModelBefore), saidOf(r.ModelAfter))
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
		side        string
	}{{"target without the state (cold)", "g-equivalent", t.Cold, "cold"}, {"target with the state", "g-exact", t.Target, "target"}, {"source", "g-exact", t.Source, "source"}} {
		y := i * 42
		c.text(0, y+14, "start", "strong", row.name)
		if notRun(t, row.side) {
			c.text(100, y+14, "end", "small", "not run")
			c.rect(0, y+20, 100, 14, "hatch")
			c.Desc += row.name + ": not run. "
			continue
		}
		c.text(100, y+14, "end", "small", fmt.Sprintf("%s of %s runs, %s", grouped(row.n), grouped(t.Runs), share(row.n, t.Runs)))
		c.rect(0, y+20, 100, 14, "track")
		c.rect(0, y+20, 100*ratio(row.n, t.Runs), 14, row.class)
		c.Desc += fmt.Sprintf("%s: %s of %s runs. ", row.name, grouped(row.n), grouped(t.Runs))
	}
	c.Note = "The state was worth nothing that could be measured: the source does no better than the target without it."
	switch {
	case notRun(t, "cold"):
		c.Note = "What the state was worth is not known: no task was run at the target without it."
	case notRun(t, "source"):
		c.Note = fmt.Sprintf("No task was run at the source. At the target the state is worth %s of %s runs (%s − %s).", cellOf(int64(t.Target)-int64(t.Cold)).text, grouped(t.Runs), grouped(t.Target), grouped(t.Cold))
	case t.Source > t.Cold:
		lift := int64(t.Target) - int64(t.Cold)
		c.Note = fmt.Sprintf("Of the %s runs that the state is worth at the source (%s − %s), the target keeps %s (%s − %s).",
			grouped(t.Source-t.Cold), grouped(t.Source), grouped(t.Cold), cellOf(lift).text, grouped(t.Target), grouped(t.Cold))
	}
	return c
}

// saidOf is the name of a model, where its state says it.
func saidOf(model string) string {
	if model == "" {
		return "not said"
	}
	return model
}

// notRun tells whether no task was run on a side.
func notRun(c *evidence.Continuity, side string) bool { return slices.Contains(c.NotRun, side) }
