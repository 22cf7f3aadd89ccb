package langgraph

import (
	"slices"
	"strconv"

	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// labelAhead is on a checkpoint of JavaScript that is on a branch, where one before it counted further: to this version.
const labelAhead = "counted_further_before"

// countsApart is why such a checkpoint has a version between two numbers in PostgreSQL.
const countsApart = "another branch of the thread counted further; PostgreSQL keeps one value for a channel and version, and going on from here the library would count to the other's: so a channel without a value has a version between two"

// counted is the highest version in cp, without its fraction, which a version has that was moved; false: it is no
// number, or has one.
func counted(cp *values.Checkpoint) (n int64, whole bool) {
	most := -1.0
	for _, ch := range cp.Channels {
		f, err := strconv.ParseFloat(ch.Version, 64)
		if err != nil || f < 0 || f >= 1<<31 {
			return 0, false
		}
		most = max(most, f)
	}
	n = int64(most)
	return n, most >= 0 && float64(n) == most
}

// ahead labels the checkpoint of d where one before it, of the same graph, counted further. Python's versions are random in part.
func (t *thread) ahead(d *document) {
	if t.r.lay.lang != javascript {
		return
	}
	n, _ := counted(d.parsed)
	if top := t.top[d.ns]; n < top && len(d.parsed.Channels) > 0 {
		d.cp.Meta.Labels = append(d.cp.Meta.Labels, &pb.Label{Name: labelAhead, Value: strconv.FormatInt(top, 10)})
	}
	t.top[d.ns] = max(t.top[d.ns], n)
}

// between moves a channel of c without a value to a version from which the library counts past those of other branches.
func (w *writer) between(c *pb.Checkpoint, cp *values.Checkpoint, moved map[string]move) {
	n, whole := counted(cp)
	if !whole || w.lay.lang != javascript || labelOf(c, labelAhead) == "" {
		return
	}
	empty := slices.DeleteFunc(slices.Clone(cp.Channels), func(ch values.Channel) bool {
		return slices.ContainsFunc(cp.Inline, func(s values.Span) bool { return s.Name == ch.Name })
	})
	to, ok := w.branchVersion(strconv.FormatInt(n, 10), c.Meta.Key)
	if !ok || len(empty) == 0 {
		return
	}
	if f, err := strconv.ParseFloat(to, 64); err == nil { // above all that was moved at this number: the library goes on from the highest
		to = strconv.FormatFloat(f+0.5, 'f', -1, 64)
	}
	i := max(0, slices.IndexFunc(empty, func(ch values.Channel) bool { return ch.Name == channelStart }))
	moved[empty[i].Name] = move{empty[i].Version, to, countsApart}
}
