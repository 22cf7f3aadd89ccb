package openaiagents

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// Every table counts its ids from 1, so a target in use has rows of its own under those of the source. The rows of a session
// that is new to it get the next ids there, in their order; nothing but rows that are carried too knows them by id.

// A moves is what a run knows of the ids that rows got.
type moves struct {
	fresh  map[string]bool   // sessions that the run made
	stuck  map[string]bool   // sessions of the target's own, of which an item is another there
	trails map[string]trail  // of a session and a table
	spans  map[string]*spans // of a table
}

// A trail is how far the rows of a session came in a table: the highest id, and the last that is not a row's own; 0: none.
type trail struct{ seen, moved int64 }

// spans are the ids of a table.
type spans struct {
	had, next int64      // the highest that it gave before the run; the next that the run gives
	planned   [][2]int64 // those that the run gives, and may not have written yet, to rows that had others: each from one to before another, in order
}

func newMoves() *moves {
	return &moves{map[string]bool{}, map[string]bool{}, map[string]trail{}, map[string]*spans{}}
}

// A place is a table of a file, a session in it, and the highest id that it takes.
type place struct {
	*moves
	table, session string
	most           int64
}

// begin asks for the highest id that the table gave before the run.
func (p place) begin(top func() (int64, error)) error {
	if p.spans[p.table] != nil {
		return nil
	}
	had, err := top()
	if err == nil {
		p.spans[p.table] = &spans{had: had, next: had + 1}
	}
	return err
}

// planned tells whether the run gave id, or would, to a row that had another.
func (p place) planned(id int64) bool {
	all := p.spans[p.table].planned
	i := sort.Search(len(all), func(i int) bool { return id < all[i][1] })
	return i < len(all) && id >= all[i][0]
}

// gave notes that a row which had another id gets id, which may not be in the table yet.
func (p place) gave(id int64) {
	s := p.spans[p.table]
	if n := len(s.planned); n > 0 && s.planned[n-1][1] == id {
		s.planned[n-1][1]++
	} else {
		s.planned = append(s.planned, [2]int64{id, id + 1})
	}
}

// mayHave tells whether the table may have a row under id.
func (p place) mayHave(id int64) bool {
	s := p.spans[p.table]
	return id <= s.had || id < s.next
}

// standing is what a table has under the id of a row.
type standing int

const (
	free  standing = iota
	same           // that row
	other          // another
)

// standing looks under id with find, which answers nil where nothing is.
func (p place) standing(id int64, vals []any, find func() ([]any, error)) (standing, error) {
	if p.planned(id) {
		return other, nil
	}
	if !p.mayHave(id) {
		return free, nil
	}
	return compared(vals, find)
}

// compared is what find finds under the id of a row.
func compared(vals []any, find func() ([]any, error)) (standing, error) {
	have, err := find()
	switch {
	case err != nil || have == nil:
		return free, err
	case sqlitefile.Digest(have...) == sqlitefile.Digest(vals...):
		return same, nil
	}
	return other, nil
}

// give is the id that a row gets: its own, where no other row has it, and it stands behind those of its session.
// alike finds a row that says the same behind an id, 0 is none; next gives a new id, from one on; nil: a plan.
// What an earlier run gave another id has it still, whatever became of the row that had its own.
func (p place) give(id int64, is standing, doubt bool, alike, next func(int64) (int64, error)) (int64, error) {
	of, s := p.table+"\x00"+p.session, p.spans[p.table]
	t := p.trails[of]
	came := func(at int64) (int64, error) {
		if t.seen = max(t.seen, at); at != id {
			t.moved = at
		}
		p.trails[of] = t
		return at, nil
	}
	if is == same && t.moved != id { // else the row stands for the one before
		return came(id)
	}
	fresh := p.fresh[p.session]
	if !fresh || doubt {
		if at, err := alike(t.seen); err != nil {
			return 0, err
		} else if at > 0 {
			return came(at)
		}
	}
	if is == free && (t.moved == 0 || t.moved < id) {
		s.next = max(s.next, id+1)
		return came(id)
	}
	if to := s.next; to <= 0 || to > p.most || !fresh && t.moved == 0 { // none is left, or a session of the target's own
		return id, nil
	}
	to := s.next
	if next != nil {
		var err error
		if to, err = next(to); err != nil {
			return 0, err
		}
	} else {
		p.gave(to)
	}
	s.next = to + 1
	return came(to)
}

// whyMoved is of an id that the target's own rows have.
const whyMoved = "the target counts by itself, and has other rows under the ids of this session: it is the next one there"

// whyStuck is of an item of a session that the target has with another item before it.
const whyStuck = "the target has its session with other items, and without those before it: a call and its result would come apart"

// moveTo gives a row another id.
func (r *newRow) moveTo(id int64) []fidelity.Loss {
	kind, parts := agentstate.SplitKey(cmp.Or(r.to, r.key))
	parts[len(parts)-1] = fmt.Sprint(id)
	r.to, r.vals = agentstate.Key(kind, parts...), slices.Clone(r.vals)
	r.vals[0] = id
	return []fidelity.Loss{{Path: "native.id", Grade: fidelity.Transformed, Why: whyMoved}}
}

// follow makes a row of the message that it is about name it by the id that it has in the target.
func (w *writer) follow(place string, r *newRow) []fidelity.Loss {
	i := slices.Index(r.cols, "message_id")
	if i < 0 {
		return nil
	}
	key := agentstate.Key("message", place, sqlitefile.Text(r.vals[i]))
	to, ok := w.run.Target(key)
	if !ok || to == key {
		return nil
	}
	id, err := strconv.ParseInt(to[strings.LastIndexByte(to, '/')+1:], 10, 64)
	if err != nil { // no row of its own yet
		return nil
	}
	r.vals = slices.Clone(r.vals)
	r.vals[i] = id
	return []fidelity.Loss{{Path: "native.message_id", Grade: fidelity.Transformed, Why: whyMoved}}
}

// moved gives a row another id, where its own is that of another row in the target.
func (w *writer) moved(ctx context.Context, d *db, name, session string, r *newRow) ([]fidelity.Loss, error) {
	if d == nil || len(r.cols) == 0 || r.cols[0] != "id" {
		return nil, nil
	}
	losses := w.follow(d.place(r.of), r)
	id, ok := r.vals[0].(int64)
	if !ok {
		return losses, nil
	}
	m := place{w.moves, d.rel + "\x00" + name, session, math.MaxInt64 - 1}
	if err := m.begin(func() (int64, error) { return d.top(ctx, name) }); err != nil {
		return nil, d.Wrap(err)
	}
	is, err := m.standing(id, r.vals, func() ([]any, error) {
		have, err := d.find(ctx, name, r.cols, []string{"id"}, r.vals)
		if missingTable(err) {
			return nil, nil
		}
		return have, err
	})
	if err != nil {
		return nil, d.Wrap(err)
	}
	next := func(id int64) (int64, error) { return id, nil }
	if w.run.DryRun {
		next = nil
	}
	at, err := m.give(id, is, w.run.Doubts(r.key), func(after int64) (int64, error) { return d.alike(ctx, name, r, after) }, next)
	if err != nil || at == id {
		return losses, d.Wrap(err)
	}
	return append(losses, r.moveTo(at)...), nil
}

// missingTable tells of a plan for a table that the run would make.
func missingTable(err error) bool {
	return err != nil && strings.Contains(err.Error(), "no such table")
}

// alike is the id, behind after, of a row that is r but for its id; 0: there is none.
func (d *db) alike(ctx context.Context, table string, r *newRow, after int64) (int64, error) {
	where := []string{"id > ?"}
	args := []any{after}
	for i, c := range r.cols[1:] {
		where, args = append(where, quote(c)+" IS ?"), append(args, r.vals[i+1])
	}
	rows, err := sqlitefile.Query(ctx, d.Conn, "SELECT id FROM "+quote(table)+" WHERE "+strings.Join(where, " AND ")+" ORDER BY id LIMIT 1", args...)
	if missingTable(err) || err == nil && len(rows) == 0 {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	id, _ := rows[0][0].(int64)
	return id, nil
}

// top is the highest id that a table has given.
func (d *db) top(ctx context.Context, table string) (int64, error) {
	rows, err := sqlitefile.Query(ctx, d.Conn, "SELECT max(id) FROM "+quote(table))
	if missingTable(err) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	id, _ := rows[0][0].(int64)
	rows, err = sqlitefile.Query(ctx, d.Conn, "SELECT +seq FROM sqlite_sequence WHERE name = ?", table)
	if missingTable(err) || err == nil && len(rows) == 0 { // the program's own table counts without one
		return id, nil
	} else if err != nil {
		return 0, err
	}
	seq, _ := rows[0][0].(int64)
	return max(id, seq), nil
}
