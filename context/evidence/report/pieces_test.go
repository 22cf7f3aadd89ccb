package report

import (
	"fmt"
	"slices"
	"testing"
)

// TestPieces: a tall chart is cut between rows, so that no page of paper stays half blank before it, and nothing of it is lost.
func TestPieces(t *testing.T) {
	p := full().Predicate
	for i := range 40 {
		k := p.Kinds[0]
		k.Kind = fmt.Sprintf("kind%02d", i)
		p.Kinds = append(p.Kinds, k)
	}
	b := newBook(p)
	tall := 0
	for _, c := range []*chart{b.strip(), b.funnel(), b.outcomes(), b.heat(), b.ladder(), b.slope(), b.tasks(), b.gantt(), b.against(), b.custody(), b.history()} {
		var shapes []shape
		top := 0
		pieces := c.Pieces()
		for _, x := range pieces {
			if x.Top != top || x.H <= 0 || len(pieces) > 1 && x.H > mostTall {
				t.Errorf("%s: a piece of %d pixels at %d, want it at %d and at most %d tall", c.ID, x.H, x.Top, top, mostTall)
			}
			top += x.H
			shapes = append(shapes, x.Shapes...)
		}
		if top != c.H || !slices.Equal(shapes, c.Shapes) {
			t.Errorf("%s: %d pieces of %d of %d pixels and %d of %d shapes", c.ID, len(pieces), top, c.H, len(shapes), len(c.Shapes))
		}
		if len(pieces) > 1 {
			tall++
		}
	}
	if tall < 3 {
		t.Errorf("%d charts are tall", tall)
	}
}
