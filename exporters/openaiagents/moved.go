package openaiagents

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
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
	fresh map[string]bool  // sessions that the run made
	stuck map[string]bool  // sessions of the target's own, of which an item is another there
	last  map[string]int64 // of a session and a table, the last id that is another
	given map[string]*span // of a table, the ids that the run gave
}

// A span is the ids that the run gave in a table: from the first to before the next.
type span struct{ had, first, next int64 } // had: the highest that the table gave before

func newMoves() *moves {
	return &moves{map[string]bool{}, map[string]bool{}, map[string]int64{}, map[string]*span{}}
}

// A place is a table of a file, and a session in it.
type place struct {
	*moves
	table, session string
}

// begin asks for the highest id that the table gave before the run.
func (p place) begin(top func() (int64, error)) error {
	if p.given[p.table] != nil {
		return nil
	}
	had, err := top()
	if err == nil {
		p.given[p.table] = &span{had: had, next: had + 1}
	}
	return err
}

// used tells whether the run may have given id to a row that had another: a plan cannot look.
func (p place) used(id int64) bool {
	s := p.given[p.table]
	return s.first > 0 && id >= s.first && id < s.next
}

// mayHave tells whether the table may have had a row under id before the run.
func (p place) mayHave(id int64) bool { return id <= p.given[p.table].had }

// give is the id that a row gets: its own, where no other row has it, and it stands behind those of its session.
// alike finds a row that says the same behind an id, 0 is none; next gives a new id, from one on; nil is that one.
func (p place) give(id int64, other, doubt bool, alike, next func(int64) (int64, error)) (int64, error) {
	of, s := p.table+"\x00"+p.session, p.given[p.table]
	last, known := p.last[of]
	if !other && last < id {
		s.next = max(s.next, id+1)
		return id, nil
	}
	if fresh := p.fresh[p.session]; !fresh || doubt {
		at, err := alike(last)
		if at > 0 {
			p.last[of] = at
		}
		if at > 0 || err != nil {
			return at, err
		}
		if !fresh && !known { // a session of the target's own
			return id, nil
		}
	}
	to := s.next
	if to <= 0 || to == math.MaxInt64 { // none is left
		return id, nil
	}
	if next != nil {
		var err error
		if to, err = next(to); err != nil {
			return 0, err
		}
	}
	if s.first == 0 {
		s.first = to
	}
	s.next, p.last[of] = to+1, to
	return to, nil
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
	losses := w.follow(d.place(d.layout.structured()), r)
	id, ok := r.vals[0].(int64)
	if !ok {
		return losses, nil
	}
	m := place{w.moves, d.rel + "\x00" + name, session}
	if err := m.begin(func() (int64, error) { return d.top(ctx, name) }); err != nil {
		return nil, d.Wrap(err)
	}
	other := m.used(id)
	if !other && m.mayHave(id) {
		have, err := d.find(ctx, name, r.cols, []string{"id"}, r.vals)
		if err != nil {
			return nil, d.Wrap(err)
		}
		other = have != nil && sqlitefile.Digest(have...) != sqlitefile.Digest(r.vals...)
	}
	at, err := m.give(id, other, w.run.Doubts(r.key), func(after int64) (int64, error) { return d.alike(ctx, name, r, after) }, nil)
	if err != nil || at == id {
		return losses, d.Wrap(err)
	}
	return append(losses, r.moveTo(at)...), nil
}

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
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	id, _ := rows[0][0].(int64)
	return id, nil
}

// top is the highest id that a table has given.
func (d *db) top(ctx context.Context, table string) (int64, error) {
	rows, err := sqlitefile.Query(ctx, d.Conn, "SELECT max(id) FROM "+quote(table))
	if missingTable(err) { // in a plan
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
