package langgraph

import (
	"bytes"
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// oddNamed is how many odd writes at one newest checkpoint are named: the other database takes none of them, and one that is
// refused is enough to refuse the thread.
const oddNamed = 16

// oddOnes are conditions of which an odd write meets one, the columns of texts that they look at, and the condition that says by itself
// that it is odd.
func (r *reading) oddOnes() (cols, where []string, always string) {
	cols = []string{"task_id", "channel", "type"}
	if r.lay.writes().col("task_path") >= 0 {
		cols = append(cols, "task_path")
	}
	if always = "type LIKE '%+%'"; r.lay.engine != "sqlite" { // encrypted
		return cols, []string{always}, always
	}
	always += " OR value IS NULL OR typeof(idx) <> 'integer' OR idx NOT BETWEEN -2147483648 AND 2147483647"
	where = []string{always}
	for _, col := range cols { // PostgreSQL wants text that is UTF-8 without NUL
		where = append(where, "typeof("+col+") = 'blob'", "instr("+col+", char(0)) > 0", col+" GLOB '*[^ -~]*'")
	}
	return cols, where, always
}

// askOdd asks whether any write is odd: most stores have none, and no thread is asked then.
func (r *reading) askOdd(ctx context.Context) error {
	w := r.lay.writes()
	if !w.readable() || !r.lay.t["checkpoints"].readable() {
		return nil
	}
	_, where, _ := r.oddOnes()
	rows, err := r.eng.query(ctx, "SELECT 1 FROM "+w.ident+" WHERE "+strings.Join(where, " OR ")+" LIMIT 1")
	r.odd = len(rows) > 0
	return err
}

// oddWrites adds to the view of a thread those writes that the other database may refuse and that the
// newest state of the thread needs: what waits at its newest checkpoints, the sends before them, and what
// their delta channels are rebuilt from. A target reads them before anything of the thread is written.
func (t *thread) oddWrites(ctx context.Context, c *table, whole *pb.Meta) error {
	w := t.r.lay.writes()
	if !w.readable() {
		return nil
	}
	if !t.r.odd {
		return nil
	}
	cols, where, always := t.r.oddOnes()
	id := "CAST(checkpoint_id AS TEXT)"
	if t.r.lay.engine == "sqlite" {
		id = "checkpoint_id"
	}
	odd := " FROM " + w.ident + " WHERE thread_id = ? AND (" + strings.Join(where, " OR ") + ")"
	if rows, err := t.r.eng.query(ctx, "SELECT 1"+odd+" LIMIT 1", t.id.arg()); err != nil || len(rows) == 0 {
		return err
	}
	meta, err := t.headMetadata(ctx, c, math.MaxInt32)
	if err != nil {
		return err
	}
	named := map[string]bool{} // in the views; graphs inside the thread may be many
	for _, key := range whole.ViewOfKeys {
		named[key] = true
	}
	for _, ns := range slices.Sorted(maps.Keys(t.heads)) {
		head := t.heads[ns]
		if !named[t.key("checkpoint", ns, head)] {
			continue
		}
		from := append(slices.Clone(meta[ns].Delta), channelSends)
		q, args := "SELECT "+id+", idx, CASE WHEN "+always+" THEN 1 ELSE 0 END, "+strings.Join(cols, ", ")+odd+" AND checkpoint_ns = ?", []any{t.id.arg(), ns}
		if len(from) < 1000 { // as many as a statement may have: a hostile store has more
			q += " AND (" + id + " = ? OR channel IN (?" + strings.Repeat(", ?", len(from)-1) + "))"
			args = append(args, head)
			for _, ch := range from {
				args = append(args, ch)
			}
		}
		rows, err := t.r.eng.query(ctx, q+" ORDER BY task_id, idx", args...)
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(r []cell) bool { return r[2].i == 0 && !slices.ContainsFunc(r[3:], oddText) })
		if len(rows) == 0 {
			continue
		}
		line, err := t.ancestors(ctx, textCell(ns), head)
		if err != nil {
			return err
		}
		needed := slices.DeleteFunc(t.needed(rows, ns, head, line, from), func(key string) bool { return named[key] })
		for _, v := range t.views {
			if v == t.views[0] || v.ns == ns {
				v.conv.Meta.ViewOfKeys = append(v.conv.Meta.ViewOfKeys, needed...)
			}
		}
	}
	return nil
}

// needed are the keys of those rows that the state at head needs. Of a channel in from, which is rebuilt
// from what was written on the line before it, the nearest is enough: where a value stands between them,
// the others do not count either.
func (t *thread) needed(rows [][]cell, ns, head string, line map[string]int, from []string) (keys []string) {
	nearest, near := map[string]string{}, map[string]int{}
	for _, ch := range from {
		near[ch] = math.MaxInt
	}
	near[channelSends] = 2 // only those of the checkpoint before wait
	for _, r := range rows {
		id, channel := r[0].String(), r[4].String()
		key := t.key("pendingwrite", ns, id, r[3].String(), r[1].String())
		switch at := line[id]; {
		case id == head && channel == channelError: // which refuses nothing, but the view says that it failed
			nearest[channel] = key
		case id == head && len(keys) < oddNamed:
			keys = append(keys, key)
		case at > 0 && at < near[channel]:
			nearest[channel], near[channel] = key, at
		}
	}
	for _, ch := range slices.Sorted(maps.Keys(nearest)) {
		keys = append(keys, nearest[ch])
	}
	return keys
}

// oddText tells whether PostgreSQL has no text for c.
func oddText(c cell) bool {
	return c.kind == blob || bytes.IndexByte(c.b, 0) >= 0 || !utf8.Valid(c.b)
}
