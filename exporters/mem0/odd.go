package mem0

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// beyond are the columns of a table that mem0 does not make; ok is false where one that it makes is not there.
func beyond(table string, has, want []string) (odd []string, ok bool) {
	for _, c := range has {
		if !slices.Contains(want, c) {
			odd = append(odd, fmt.Sprintf("column %.60q of %s", c, table))
		}
	}
	return odd, len(has) == len(want)+len(odd)
}

// oddGaps name what stands in mem0's files and tables and is not mem0's: tables such as history_old, which a migration
// that broke off leaves, and columns.
func oddGaps(dbs []*db) (out []*pb.Gap) {
	for _, d := range dbs {
		for _, table := range slices.Sorted(maps.Keys(d.layout.odd)) {
			kind := d.layout.kindsIn(table)[0]
			detail := strings.Join(d.layout.odd[table], ", ") + ": none that mem0 makes, and not carried"
			out = append(out, &pb.Gap{Meta: agentstate.Meta("gap", nil, kind, d.layout.Place), Kind: kind, Place: d.layout.Place, Reason: pb.Gap_REASON_REFUSED, Detail: detail})
		}
	}
	return out
}

// plain refuses a target that has such: a row that is written, or taken out again, would not be all of what stands there.
func (l *layout) plain() error {
	if len(l.odd) == 0 {
		return nil
	}
	odd := slices.Concat(slices.Collect(maps.Values(l.odd))...)
	slices.Sort(odd)
	or := ""
	if !l.Form.history() {
		or = ", or name another with ?collection="
	}
	return fmt.Errorf("%w: %s has %s beside mem0's: take that out of the target first%s; supported: %s", ErrSchema, l.File, strings.Join(odd, ", "), or, supported)
}
