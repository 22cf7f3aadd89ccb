package openaiagents

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// An addition is the value of a column that an application put into a table of the SDK. It is written
// where the target's table has the column, and named as dropped where it has none: names out of an
// archive never become SQL.
type addition struct {
	name  string
	value any
}

// A newRow is what a record becomes: the columns of the SDK, and those of an application that the
// table has beside them.
type newRow struct {
	key   string // of the record, in the target too
	to    string // its key in the target, where that is another
	cols  []string
	of    *pair // in a file: whose it is
	vals  []any
	added []addition
}

// whole are all columns and their values.
func (r *newRow) whole() (cols []string, vals []any) {
	cols, vals = slices.Clip(r.cols), slices.Clip(r.vals)
	for _, a := range r.added {
		cols, vals = append(cols, a.name), append(vals, a.value)
	}
	return cols, vals
}

// made is the receipt of a row that is new.
func (r *newRow) made() replay.Receipt {
	return replay.Receipt{Key: r.key, Action: replay.Created, Target: cmp.Or(r.to, r.key), Version: mark(r.vals, r.added)}
}

// additions are the columns of row behind the first own ones, which are the SDK's. ok is false where
// one is there twice.
func additions(ctx context.Context, src agentstate.Resolver, r agentstate.Record, row *pb.Row, own int) (out []addition, ok bool, err error) {
	if len(row.GetColumns()) <= own {
		return nil, true, nil
	}
	seen := map[string]bool{}
	for i, c := range row.Columns {
		if seen[c.Name] {
			return nil, false, nil
		}
		if seen[c.Name] = true; i < own {
			continue
		}
		v, err := src.Column(ctx, r, c)
		if err != nil {
			return nil, false, err
		}
		if v != nil {
			out = append(out, addition{c.Name, v})
		}
	}
	return out, true, nil
}

// carry parts additions: those that the target's table has, and what is lost of the others. Columns
// that the source's table had too are written also where the row holds nothing in them: the table may
// give another value to those that are left out. So it does with filled ones, which have a DEFAULT, where the source had none of the name.
func carry(all []addition, table string, has, had, filled []string) (kept []addition, losses []fidelity.Loss) {
	for _, name := range has {
		switch {
		case slices.ContainsFunc(all, func(a addition) bool { return a.name == name }):
		case slices.Contains(had, name):
			kept = append(kept, addition{name: name})
		case slices.Contains(filled, name):
			losses = append(losses, fidelity.Loss{Path: "native." + valid(name), Grade: fidelity.Defaulted,
				Why: fmt.Sprintf("the target's table %s has this column of an application and gives it a value of its own", table)})
		}
	}
	for _, a := range all {
		if slices.Contains(has, a.name) {
			kept = append(kept, a)
			continue
		}
		losses = append(losses, fidelity.Loss{Path: "native." + valid(a.name), Grade: fidelity.Dropped,
			Why: fmt.Sprintf("an application added this column, and the target's table %s has none: add it there first to keep it", table)})
	}
	return kept, losses
}

// mark is the digest of a row: its own columns, and by name those that an application added and that
// hold something.
func mark(own []any, added []addition) string {
	all := slices.Clone(own)
	for _, a := range slices.SortedFunc(slices.Values(added), func(a, b addition) int { return strings.Compare(a.name, b.name) }) {
		if a.value != nil {
			all = append(all, a.name, a.value)
		}
	}
	return sqlitefile.Digest(all...)
}
