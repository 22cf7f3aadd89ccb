package openaiagents

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/receipts"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/internal/diskmap"
)

// Undo removes the rows that a run made, in one transaction. What says something else by now stays,
// and so does a session that has got further items. Tables and sequences stay as they are.
func (s *Store) Undo(ctx context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	d, err := s.open(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED")
	if err != nil {
		return replay.Untouched(own(err))
	}
	defer d.close()
	if err := d.server.TakesRows(ctx, d.Conn); err != nil {
		return replay.Untouched(own(err))
	}
	if err := d.takeOut(ctx, run, created, leave); err != nil {
		return replay.Untouched(own(err))
	}
	if err = own(d.exec(ctx, "COMMIT")); pgsnapshot.RolledBack(err) {
		err = replay.Untouched(err)
	}
	return err
}

// takeOut is Undo before its commit.
func (d *pg) takeOut(ctx context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	if err := d.rest(ctx, run.From); err != nil {
		return err
	}
	again, err := diskmap.New("") // targets of receipts
	if err != nil {
		return err
	}
	defer again.Close()
	for _, late := range []bool{false, true} { // sessions last
		wanted := func(rc replay.Receipt) bool {
			return rc.Target != "" && (agentstate.KindOfKey(rc.Target) == "conversation") == late
		}
		for part, err := range receipts.Parts(created, wanted) {
			if err != nil {
				return err
			}
			err := d.together(ctx, len(part), func(i int) (err error) {
				part[i].Why, err = d.undo(ctx, part[i])
				return err
			})
			for _, rc := range part {
				switch {
				case err != nil:
					return err
				case rc.Why == changed && strings.Contains(rc.Version, ","): // what stands behind its items, and is none of them, may be out later
					_, err = again.Add(rc.Target, nil)
				case rc.Why != "":
					leave(rc)
				}
			}
			if err != nil {
				return err
			}
		}
		if late {
			break
		}
		if err := d.undoAgain(ctx, created, again, leave); err != nil {
			return err
		}
	}
	return nil
}

// undoAgain takes out what again names.
func (d *pg) undoAgain(ctx context.Context, created iter.Seq2[replay.Receipt, error], again *diskmap.Map, leave func(replay.Receipt)) error {
	if again.Len() == 0 {
		return nil
	}
	for rc, err := range created {
		ok := false
		if err == nil {
			_, ok, err = again.View(rc.Target)
		}
		if ok {
			rc.Why, err = d.undo(ctx, rc)
		}
		if err != nil {
			return err
		}
		if ok && rc.Why != "" {
			leave(rc)
		}
	}
	return nil
}

// changed is why what a run wrote is left.
const changed = "changed since the run"

func (d *pg) undo(ctx context.Context, rc replay.Receipt) (why string, err error) {
	kind, parts := agentstate.SplitKey(rc.Target)
	if len(parts) != 2 {
		return "the journal names no row", nil
	}
	p := d.pair(parts[0])
	switch {
	case kind == "opaque": // a counter never goes back
		return "", nil
	case p == nil, kind == "message" && p.messages.gone, kind == "conversation" && p.sessions.gone: // a table that is gone has no rows
		return replay.Gone, nil
	case kind == "message":
		return d.undoItems(ctx, p, parts[1], strings.Split(rc.Version, ","))
	case kind != "conversation":
		return changed, nil
	}
	sid, ok, err := d.sessionOfKey(ctx, p, rc.Target, parts[1])
	if err != nil {
		return "", err
	}
	if !ok {
		return replay.Gone, nil
	}
	have, err := d.stored(ctx, p.sessions.ident, append([]string{"session_id", "created_at", "updated_at"}, p.sessions.has()...), sid)
	if err != nil {
		return "", err
	}
	if have == nil {
		return replay.Gone, nil
	}
	if !p.sessions.as(have, 3, rc.Version, d.given[p.Sessions]) {
		return changed, nil
	}
	if !p.messages.gone {
		if n, err := d.count(ctx, "SELECT count(*) FROM "+p.messages.ident+" WHERE session_id = $1::text", sid); err != nil {
			return "", err
		} else if n > 0 {
			return "the session has items that this run did not write", nil
		}
	}
	if why, err := d.hangs(ctx, p.sessions, p.messages.ident, "p.session_id = $1::text", sid); why != "" || err != nil {
		return why, err
	}
	return "", d.remove(ctx, p.sessions.ident+" WHERE session_id = $1::text", sid)
}

// remove deletes one row.
func (d *pg) remove(ctx context.Context, what string, arg any) error {
	n, err := d.change(ctx, "DELETE FROM "+what, arg)
	if err == nil && n == 0 {
		err = d.server.PassedOver()
	}
	return err
}

// hangs tells why a row is left that rows of an application lead to: they would go with it, or keep it there.
func (d *pg) hangs(ctx context.Context, t pgTable, but, where, id string) (why string, err error) {
	c := d.children[t.ident]
	if c == nil {
		if c, err = pgsnapshot.NewChildren(ctx, d.Conn, t.ident, but); err != nil {
			return "", d.server.Wrap(err)
		}
		d.children[t.ident] = c
	}
	by, err := c.Of(ctx, where, id)
	if by != "" {
		why = fmt.Sprintf("rows of table %s lead to it", by)
	}
	return why, d.server.Wrap(err)
}

// as tells whether a row, whose columns behind the first own are an application's, is the one that a
// run wrote with this version. given are the columns of an application that its source had.
func (t pgTable) as(row []any, own int, version string, given []string) bool {
	var added []addition
	for i, v := range row[own:] {
		if v != nil && slices.Contains(given, t.added[i][0]) {
			added = append(added, addition{t.added[i][0], v})
		}
	}
	return sqlitefile.Digest(row[:own]...) == version || mark(row[:own], added) == version
}

// undoItems deletes the items of a receipt: the first by its id, the others behind it.
func (d *pg) undoItems(ctx context.Context, p *pgPair, key string, versions []string) (why string, err error) {
	id, err := strconv.ParseInt(key, 10, 64)
	if err != nil {
		return "the journal names no row", nil
	}
	cols := printed(append([]string{"id", "session_id", "message_data", "created_at"}, p.messages.has()...))
	var got [][]any
	find := func(cols string) error {
		return d.ask(ctx, fmt.Sprintf("SELECT %[2]s FROM %[1]s WHERE id >= $1::int8 AND session_id = (SELECT session_id FROM %[1]s WHERE id = $1::int8) ORDER BY id LIMIT $2::int8", p.messages.ident, cols), []any{id, len(versions)}, func(rows pgx.Rows) (err error) {
			got, err = pgx.CollectRows(rows, func(c pgx.CollectableRow) ([]any, error) { return c.Values() })
			return err
		})
	}
	if err = find(short(cols)); err == nil && slices.ContainsFunc(got, func(v []any) bool { return v[2] == nil }) {
		err = d.atOnce(func() error { return find(cols) })
	}
	if err != nil {
		return "", err
	}
	if len(got) == 0 && len(versions) == 1 {
		return replay.Gone, nil
	}
	if len(got) == 0 {
		return changed, nil // the first is gone, and the others are found by it alone
	}
	for i, v := range got {
		if !p.messages.as(v, 4, versions[i], d.given[p.Messages]) {
			return changed, nil
		}
	}
	ids := make([]any, len(got))
	for i, v := range got {
		ids[i] = v[0]
	}
	got = nil // the others have their turn before what follows is done
	for _, id := range ids {
		if why, err := d.hangs(ctx, p.messages, "", "p.id = $1::text::int8", fmt.Sprint(id)); why != "" || err != nil {
			return why, err
		}
	}
	for _, id := range ids {
		if err := d.remove(ctx, p.messages.ident+" WHERE id = $1::int8", id); err != nil {
			return "", err
		}
	}
	return "", nil
}

// sessionOfKey is the session id behind a key, in which a long one is cut.
func (d *pg) sessionOfKey(ctx context.Context, p *pgPair, key, part string) (string, bool, error) {
	if agentstate.Key("conversation", p.Messages, part) == key && !strings.Contains(part, "~") {
		return part, true, nil
	}
	rows, err := d.Query(ctx, "SELECT session_id::text FROM "+p.sessions.ident)
	if err != nil {
		return "", false, d.server.Wrap(err)
	}
	defer rows.Close()
	for rows.Next() {
		var sid string
		if err := rows.Scan(&sid); err != nil {
			return "", false, d.server.Wrap(err)
		}
		if agentstate.Key("conversation", p.Messages, sid) == key {
			return sid, true, nil
		}
	}
	return "", false, d.server.Wrap(rows.Err())
}
