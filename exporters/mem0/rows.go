package mem0

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// empty tells whether half of a row has not been written: a payload is never empty, and a vector
// without numbers, or of filler, is none.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []byte:
		return none(v)
	}
	return false
}

// none tells whether a vector is none, or stands for one that is not there.
func none(v []byte) bool {
	if len(v)%4 != 0 || len(v) == 0 {
		return true
	}
	for i := 0; i < len(v); i += 4 {
		if binary.LittleEndian.Uint32(v[i:]) != minusOne {
			return false
		}
	}
	return len(v) >= 8
}

// minusOne is -1 as a float32.
const minusOne = 0xbf800000

// filler stands for a vector that a memory of another runtime does not have: -1 in each place. With
// NULL, an empty one or zeros the packages fail, take the memory for the best match of every search,
// or put the others out of order; this they find last. It becomes a real one when mem0 changes the
// memory.
func filler(dims int) []byte {
	return bytes.Repeat(binary.LittleEndian.AppendUint32(nil, minusOne), dims)
}

// withVector are the rows that have a vector, in SQL.
func (d *db) withVector() string {
	if d.layout.Form == pgForm {
		return "vector IS NOT NULL AND (vector_dims(vector::vector) < 2 OR vector::vector <> array_fill((-1)::real, ARRAY[vector_dims(vector::vector)])::vector)"
	}
	return "typeof(vector) = 'blob' AND length(vector) > 0 AND length(vector) % 4 = 0" // without a look at the bytes
}

// hole is what stands for half of a row that is not written.
func (w *writer) hole(d *db, col string) any {
	switch {
	case col != "vector" && d.layout.Form == pgForm:
		return nil
	case col != "vector":
		return ""
	case w.foreign == nil && w.run.Vectors == nil && d.layout.Form == pgForm:
		return nil
	case w.foreign == nil && w.run.Vectors == nil:
		return []byte{}
	case d.layout.Form == pgForm:
		return formatVector(filler(d.layout.Dims))
	}
	dims := w.dims
	if w.foreign != nil {
		dims = w.foreign.dims[d.layout.Place]
	}
	if dims == 0 {
		dims = usualDims
	}
	return append(filler(dims), 0) // JavaScript reads over what is no whole number
}

// usualDims is how many numbers the vectors of mem0's own choice of embedder have.
const usualDims = 1536

// halves reads a row of a collection; nil: there is none.
func (d *db) halves(ctx context.Context, id any) (out map[string]any, err error) {
	err = d.lookAt(ctx, id, func(have map[string]any) { out = have })
	return out, err
}

// lookAt calls fn, which asks nothing, with the halves of a row of a collection, if there is one.
func (d *db) lookAt(ctx context.Context, id any, fn func(have map[string]any)) error {
	if d.layout.Form == pointsForm {
		return d.each(ctx, "SELECT "+d.column("points", "point")+" FROM points WHERE id = ?", []any{rowKey(id)}, func(v []any) error {
			b, _ := v[0].([]byte)
			have, _, err := pointHalves(b)
			if err == nil {
				fn(have)
			}
			return err
		})
	}
	return d.glance(ctx, "SELECT "+d.selects(d.main(), []string{"vector", "payload"})+" FROM "+quote(d.main())+" WHERE id = "+d.param(d.main(), "id"), []any{id}, func(v []any) error {
		fn(map[string]any{"vector": d.numbers(keep(v[0])), "payload": keep(v[1])})
		return nil
	})
}

func keep(v any) any {
	if b, ok := v.([]byte); ok {
		return bytes.Clone(b)
	}
	return v
}

// A slot is where the row of a record goes.
type slot struct {
	d    *db // nil in a plan: the database is not there yet
	l    layout
	from string // the record's key in the source
	key  string // in the target
}

// part writes half of a row of a collection, or all of it: a memory and its vector are two records,
// in either order.
func (w *writer) part(ctx context.Context, at slot, vals map[string]any) (replay.Receipt, error) {
	d, l, id := at.d, at.l, vals["id"]
	delete(vals, "id")
	var cols []string
	var args []any
	var losses []fidelity.Loss
	if v, ok := vals["vector"].(string); ok && l.Half {
		half, fits := halved(v)
		if !fits {
			return refused("a number of its vector is too large for 16 bits, in which %s keeps them", l.Place)
		}
		if vals["vector"] = half; sqlitefile.Digest(numbers(half)) != sqlitefile.Digest(numbers(v)) {
			for _, p := range []string{"vector", "native.vector"} {
				losses = append(losses, fidelity.Loss{Path: p, Grade: fidelity.Transformed, Why: "kept as numbers of 16 bits"})
			}
		}
	}
	for _, c := range []string{"vector", "payload"} {
		if v, ok := vals[c]; ok {
			cols, args = append(cols, c), append(args, v)
		}
	}
	marks := slices.Clone(args)
	if len(cols) > 0 && cols[0] == "vector" && l.Form == pgForm {
		marks[0] = numbers(args[0])
	}
	rc := replay.Receipt{Action: replay.Created, Target: at.key, Version: sqlitefile.Digest(marks...), Losses: losses}
	if d == nil {
		return rc, nil
	}
	have, err := d.halves(ctx, id)
	if err != nil {
		return replay.Receipt{}, d.wrap(err)
	}
	if have == nil {
		row := l.Place + "\x00" + sqlitefile.Text(id)
		switch {
		case w.run.DryRun:
			return rc, nil
		case w.away[row]: // a vector alone is no memory
			return refused(notTaken)
		}
		for _, c := range []string{"vector", "payload"} {
			if _, ok := vals[c]; !ok {
				cols, args = append(cols, c), append(args, w.hole(d, c))
			}
		}
		rc, err = w.apart(ctx, d, d.main(), textSize(vals), rc, func() error {
			return d.put(ctx, d.main(), append([]string{"id"}, cols...), append([]any{id}, args...))
		})
		if rc.Action == replay.Refused {
			w.away[row] = true
		}
		return rc, err
	}
	same, free := true, true
	var differ []string
	for i, c := range cols {
		if sqlitefile.Digest(have[c]) != sqlitefile.Digest(marks[i]) {
			same, differ = false, append(differ, c)
		}
		free = free && empty(have[c])
	}
	switch {
	case same && !(free && len(cols) == 1 && !empty(args[0])):
		if !w.run.Doubts(at.from) {
			rc.Action = replay.Same
		}
		return rc, nil
	case !free:
		return replay.Receipt{Action: replay.Conflict, Why: fmt.Sprintf("%s holds another row under this id: want and got differ in %s", d.layout.Place, strings.Join(differ, ", "))}, nil
	case w.run.DryRun:
		return rc, nil
	}
	for i, c := range cols {
		cols[i] = c + " = " + d.param(d.main(), c)
	}
	return w.apart(ctx, d, d.main(), textSize(vals), rc, func() error {
		return d.write(ctx, "UPDATE "+quote(d.main())+" SET "+strings.Join(cols, ", ")+" WHERE id = "+d.param(d.main(), "id"), append(args, id)...)
	})
}

// textSize is how long the payload among values is, whose words stand in an index of PostgreSQL.
func textSize(vals map[string]any) int {
	s, _ := vals["payload"].(string)
	return len(s)
}

// put inserts a row.
func (d *db) put(ctx context.Context, table string, cols []string, args []any) error {
	var names, marks []string
	for _, c := range cols {
		names, marks = append(names, quote(c)), append(marks, d.param(table, c))
	}
	d.wrote = true
	return d.write(ctx, "INSERT INTO "+quote(table)+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", args...)
}

// row reads a row by its key; nil: there is none.
func (d *db) row(ctx context.Context, table string, id any) ([]any, error) {
	var out []any
	err := d.each(ctx, "SELECT "+d.selects(table, d.layout.columns(table))+" FROM "+table+" WHERE "+quote(keyOf(table))+" = "+d.param(table, keyOf(table)), []any{id}, func(v []any) error {
		for _, x := range v {
			out = append(out, keep(x))
		}
		return nil
	})
	return out, err
}

// insert puts a whole row, unless one with its key is there.
func (w *writer) insert(ctx context.Context, at slot, table string, vals map[string]any) (replay.Receipt, error) {
	d, l := at.d, at.l
	var args []any
	cols := l.columns(table)
	for _, c := range cols {
		args = append(args, vals[c])
	}
	rc := replay.Receipt{Action: replay.Created, Target: at.key, Version: sqlitefile.Digest(args...)}
	if d == nil {
		return w.plan(l, rc, table, args)
	}
	if p, ok := d.engine.(*pg); ok && w.run.DryRun && !p.migrations { // a query that fails ends the transaction
		return w.plan(l, rc, table, args)
	}
	have, err := d.row(ctx, table, args[0])
	switch {
	case err != nil && w.run.DryRun && strings.Contains(err.Error(), "no such table"):
		return w.plan(l, rc, table, args)
	case err != nil:
		return replay.Receipt{}, d.wrap(err)
	case table == "sqlite_sequence":
		return w.counter(ctx, d, rc, have, args)
	case have != nil && sqlitefile.Digest(have...) == rc.Version:
		if !w.run.Doubts(at.from) {
			rc.Action = replay.Same
		}
		return rc, nil
	case have != nil && table == "memory_history" && sqlitefile.Digest(have[1]) != sqlitefile.Digest(args[1]): // the number of another memory's
		return w.renumber(ctx, at, vals)
	case have != nil && table == "memory_migrations":
		rc.Action, rc.Losses = replay.Same, []fidelity.Loss{{Path: "native.user_id", Grade: fidelity.Transformed, Why: "the name under which mem0 counts the target's uses: it has one of its own, which stays"}}
		return rc, nil
	case have != nil:
		return sqlitefile.Conflict(table, cols, have, args), nil
	case w.run.DryRun:
		return w.plan(l, rc, table, args)
	}
	size, _ := args[len(args)-1].(string)
	rc, err = w.apart(ctx, d, table, len(size), rc, func() error { return d.put(ctx, table, cols, args) })
	if err != nil || rc.Action == replay.Refused {
		return rc, err
	}
	if w.pg != nil && d.engine == engine(w.pg) { // numbers that were given are not given again
		err = d.wrap(d.exec(ctx, "SELECT setval(pg_get_serial_sequence('memory_migrations', 'id'), (SELECT max(id) FROM memory_migrations))"))
	}
	return rc, err
}

// plan answers for a row that the run would make. Rows with numbers raise SQLite's counter.
func (w *writer) plan(l layout, rc replay.Receipt, table string, args []any) (replay.Receipt, error) {
	if table == "sqlite_sequence" {
		seq, _ := args[1].(int64)
		rc, _ = w.counters.Answer(rc, l.Place, sqlitefile.Text(args[0]), -1, seq)
	} else if n, ok := args[0].(int64); ok {
		w.counters.Planned(l.Place, table, n)
	}
	return rc, nil
}

// counter raises SQLite's counter of ids.
func (w *writer) counter(ctx context.Context, d *db, rc replay.Receipt, have, args []any) (replay.Receipt, error) {
	want, ok := args[1].(int64)
	if _, name := args[0].(string); !ok || !name {
		return refused("no counter")
	}
	n := int64(-1)
	if have != nil {
		n, _ = have[1].(int64)
	}
	rc, raise := w.counters.Answer(rc, d.layout.Place, sqlitefile.Text(args[0]), n, want)
	if !raise || w.run.DryRun {
		return rc, nil
	}
	return rc, d.wrap(d.exec(ctx, sqlitefile.CounterQuery(have != nil), want, args[0]))
}
