package langgraph

import (
	"context"
	"slices"
	"strconv"

	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// labelAhead is on a checkpoint of JavaScript that somebody may go on from, where another branch counted further, or as far: to this version.
const labelAhead = "counted_further"

// countsApart is why such a checkpoint has a version between two numbers in PostgreSQL.
const countsApart = "another branch of the thread counted as far or further; PostgreSQL keeps one value for a channel and version, and going on from here the library would count to the other's: so a channel without a value has a version between two"

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

// branches finds where the branches of each graph end, and of how many the end is behind that of another. Python's versions are random in part.
func (t *thread) branches(ctx context.Context, c *table) error {
	if t.r.lay.lang != javascript {
		return nil
	}
	from := c.from("") + " WHERE thread_id = ?"
	id := c.asText("checkpoint_id")
	ends, err := t.r.eng.query(ctx, "SELECT checkpoint_ns, "+id+" FROM "+from+" AND (checkpoint_ns, "+id+") NOT IN (SELECT checkpoint_ns, "+c.asText("parent_checkpoint_id")+" FROM "+
		from+" AND parent_checkpoint_id IS NOT NULL) ORDER BY checkpoint_ns, checkpoint_id", t.id.arg(), t.id.arg())
	if err != nil {
		return err
	}
	for len(ends) > 0 {
		ns, n := ends[0][0].String(), 1
		for n < len(ends) && ends[n][0].String() == ns {
			n++
		}
		if n > 1 {
			if err := t.compare(ctx, c, ends[:n]); err != nil {
				return err
			}
		}
		ends = ends[n:]
	}
	return nil
}

// compare notes the ends of branches of one graph that are behind the one that counted furthest, or is the newest of those.
func (t *thread) compare(ctx context.Context, c *table, ends [][]cell) error {
	var top int64
	first := hash{}
	for _, end := range ends {
		var n int64
		err := t.r.eng.scan(ctx, c, []cell{t.id, end[0], end[1]}, nil, func(row []cell) (bool, error) {
			doc, ser, err := t.doc(ctx, c, row)
			if err != nil || doc == nil {
				return true, err
			}
			if cp, err := values.ParseCheckpoint(ser, doc); err == nil {
				n, _ = counted(cp)
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		at := hashOf(end[0].String(), end[1].String())
		t.behind[at] = true
		if n >= top {
			top, first = n, at
		}
	}
	delete(t.behind, first)
	t.furthest[ends[0][0].String()] = top
	return nil
}

// ahead labels the checkpoint of d where one before it, of the same graph, counted further, or the end of another branch is ahead of it.
func (t *thread) ahead(d *document, id string) {
	if t.r.lay.lang != javascript {
		return
	}
	n, _ := counted(d.parsed)
	top := t.top[d.ns]
	behind := n < top
	if t.behind[hashOf(d.ns, id)] {
		behind, top = true, max(top, t.furthest[d.ns])
	}
	if behind && len(d.parsed.Channels) > 0 {
		d.cp.Meta.Labels = append(d.cp.Meta.Labels, &pb.Label{Name: labelAhead, Value: strconv.FormatInt(top, 10)})
	}
	t.top[d.ns] = max(t.top[d.ns], n)
}

// between moves a channel of c without a value to a version from which the library counts past those of other branches.
// A delta channel is left: what it shows may be a snapshot under its version.
func (w *writer) between(c *pb.Checkpoint, cp *values.Checkpoint, deltas []string, moved map[string]move) {
	n, whole := counted(cp)
	if !whole || w.lay.lang != javascript || labelOf(c, labelAhead) == "" {
		return
	}
	empty := slices.DeleteFunc(slices.Clone(cp.Channels), func(ch values.Channel) bool {
		return slices.Contains(deltas, ch.Name) || slices.ContainsFunc(cp.Inline, func(s values.Span) bool { return s.Name == ch.Name })
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
