package mem0

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// beyond are the columns of a table that mem0 does not make; ok is false where one that it makes is not there.
func beyond(has, want []string) (odd []string, ok bool) {
	for _, c := range has {
		if !slices.Contains(want, c) {
			odd = append(odd, c)
		}
	}
	return odd, len(has) == len(want)+len(odd)
}

// note remembers the columns of a table that mem0 does not make.
func (l *layout) note(table, called string, odd []string) {
	if len(odd) == 0 {
		return
	}
	if l.odd == nil {
		l.odd = map[string][]string{}
	}
	if l.extra == nil {
		l.extra = map[string][]string{}
	}
	l.extra[table] = odd
	for _, c := range odd {
		l.odd[table] = append(l.odd[table], fmt.Sprintf("column %.60q of %s", c, called))
	}
}

// kept tells why a row that a run made is not the run's alone: an application keeps something in columns beside
// mem0's, or rows of it lead there. Empty: it is.
func (d *db) kept(ctx context.Context, table string, key any) (why string, err error) {
	form := table // its name among mem0's
	if table == d.main() {
		form = string(d.layout.Form)
	}
	if p, ok := d.engine.(*pg); ok && table == d.main() {
		if why, err = p.hangs(ctx, quote(table), fmt.Sprint(key)); why != "" || err != nil {
			return why, err
		}
	}
	extra, id := d.layout.extra[form], keyOf(form)
	if len(extra) == 0 {
		return "", nil
	}
	says := make([]string, len(extra))
	for i, c := range extra {
		says[i] = quote(c) + " IS NOT NULL"
	}
	n, err := d.one(ctx, "SELECT count(*) FROM "+quote(table)+" WHERE "+quote(id)+" = "+d.param(table, id)+" AND ("+strings.Join(says, " OR ")+")", key)
	if n > 0 {
		why = "it holds something in a column that mem0 does not make"
	}
	return why, err
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

// plain refuses a target that has such: a row that is written would not be all of what stands there.
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

// hangs tells why a row of a collection is left that rows of an application lead to: they would go with it, or keep it there.
func (p *pg) hangs(ctx context.Context, table, id string) (why string, err error) {
	if p.children[table] == nil {
		c, err := pgsnapshot.NewChildren(ctx, p.conn, table, "")
		if err != nil {
			return "", p.wrap(err)
		}
		p.children[table] = c
	}
	by, err := p.children[table].Of(ctx, "p.id = $1::text::uuid", id)
	if by != "" {
		why = fmt.Sprintf("rows of table %s lead to it", by)
	}
	return why, p.wrap(err)
}
