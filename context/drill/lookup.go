package drill

import (
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
)

// lookup is the known answers of a plan. A plan may have thousands, and a store millions of records: each record is compared
// with those alone that it may be, or say.
type lookup struct {
	canaries []Canary
	keyed    map[string][]int // those of a record, by its key
	texts    map[string][]int // those of any record of a kind
	planted  []int            // instructions that a text tells, which any record with an operator's authority may say
}

func newLookup(canaries []Canary) *lookup {
	l := &lookup{canaries: canaries, keyed: map[string][]int{}, texts: map[string][]int{}}
	for i, c := range canaries {
		if c.Key != "" {
			l.keyed[c.Key] = append(l.keyed[c.Key], i)
		} else {
			l.texts[c.Kind] = append(l.texts[c.Kind], i)
		}
		if c.Injection && c.Contains != "" {
			l.planted = append(l.planted, i)
		}
	}
	return l
}

// of are the places in the plan of those that r may be; or that it may say, where it has an operator's authority.
func (l *lookup) of(r agentstate.Record, authority bool) []int {
	of := slices.Concat(l.keyed[r.GetMeta().GetKey()], l.texts[agentstate.KindOf(r)])
	if !authority || len(l.planted) == 0 {
		return of
	}
	of = append(of, l.planted...)
	slices.Sort(of)
	return slices.Compact(of)
}

// move says that the record of the known answer at a place in the plan is under another key.
func (l *lookup) move(place int, key string) {
	c := &l.canaries[place]
	l.keyed[c.Key] = slices.DeleteFunc(l.keyed[c.Key], func(i int) bool { return i == place })
	l.keyed[key] = append(l.keyed[key], place)
	c.Key = key
}

// places are those in the plan of the instructions of which is tells so of r, if r has an operator's authority.
func (l *lookup) places(r agentstate.Record, is func(*Canary, *texts) bool) (places []int) {
	if !commands(r) {
		return nil
	}
	t := texts{r: r}
	for _, i := range l.of(r, true) {
		if is(&l.canaries[i], &t) {
			places = append(places, i)
		}
	}
	return places
}
