package langgraph

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// How many writes of a thread are looked at, the newest first, and how many are named: one that is
// refused is enough to refuse the thread.
const (
	oddSeen  = 4096
	oddNamed = 16
)

// oddWrites adds to the view of a thread those writes that the other database may refuse and that the
// newest state of the thread needs: what waits at its newest checkpoints, and what its delta channels are
// rebuilt from. A target reads them before anything of the thread is written.
func (t *thread) oddWrites(ctx context.Context, c *table, whole *pb.Meta) error {
	w := t.r.lay.writes()
	if !w.readable() {
		return nil
	}
	cols := []string{"task_id", "channel", "type"}
	if w.col("task_path") >= 0 {
		cols = append(cols, "task_path")
	}
	id, always := "CAST(checkpoint_id AS TEXT)", "type LIKE '%+%'" // encrypted
	where := []string{always}
	if t.r.lay.engine == "sqlite" {
		id, always = "checkpoint_id", always+" OR value IS NULL OR typeof(idx) <> 'integer' OR idx NOT BETWEEN -2147483648 AND 2147483647"
		where[0] = always
		for _, col := range cols { // PostgreSQL wants text that is UTF-8 without NUL
			where = append(where, "typeof("+col+") = 'blob'", "instr("+col+", char(0)) > 0", col+" GLOB '*[^ -~]*'")
		}
	}
	if t.r.odd == nil { // most stores have none: they are asked once, and not for each thread
		rows, err := t.r.eng.query(ctx, "SELECT 1 FROM "+w.ident+" WHERE "+strings.Join(where, " OR ")+" LIMIT 1")
		if err != nil {
			return err
		}
		t.r.odd = new(len(rows) > 0)
	}
	if !*t.r.odd {
		return nil
	}
	rows, err := t.r.eng.query(ctx, "SELECT checkpoint_ns, "+id+", idx, CASE WHEN "+always+" THEN 1 ELSE 0 END, "+strings.Join(cols, ", ")+" FROM "+w.ident+
		" WHERE thread_id = ? AND ("+strings.Join(where, " OR ")+") ORDER BY checkpoint_id DESC, task_id, idx LIMIT "+strconv.Itoa(oddSeen), t.id.arg())
	if err != nil || len(rows) == 0 {
		return err
	}
	meta, err := t.headMetadata(ctx, c)
	if err != nil {
		return err
	}
	heads := slices.Clone(whole.ViewOfKeys)
	for _, r := range rows {
		if r[3].i == 0 && !slices.ContainsFunc(r[4:], oddText) {
			continue
		}
		ns, id, channel := r[0].String(), r[1].String(), r[5].String()
		if !slices.Contains(heads, t.key("checkpoint", ns, t.heads[ns])) || t.heads[ns] != id && !slices.Contains(meta[ns].Delta, channel) {
			continue
		}
		whole.ViewOfKeys = append(whole.ViewOfKeys, t.key("pendingwrite", ns, id, r[4].String(), r[2].String()))
		if len(whole.ViewOfKeys) == len(heads)+oddNamed {
			break
		}
	}
	return nil
}

// oddText tells whether PostgreSQL has no text for c.
func oddText(c cell) bool {
	return c.kind == blob || bytes.IndexByte(c.b, 0) >= 0 || !utf8.Valid(c.b)
}
