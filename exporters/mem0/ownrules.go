package mem0

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// ownRules finds what may keep rows out of a database, and is not mem0's.
func (d *db) ownRules(ctx context.Context) (out []string, err error) {
	tables := slices.Clone(d.layout.Tables) // of PostgreSQL without the collection itself
	if !slices.Contains(tables, d.main()) {
		tables = append(tables, d.main())
	}
	for _, t := range tables {
		cols := columnsOf(t)
		if t == d.main() {
			cols = columnsOf(string(d.layout.Form))
		}
		own := func(what, rule string) bool {
			return what == "INDEX" && rule == d.layout.File+wordsIndex || what == "NOT NULL" && slices.Contains(cols, rule) ||
				what == "UNIQUE" && t == "memory_migrations" && (strings.HasPrefix(rule, "sqlite_autoindex_") || rule == "memory_migrations_user_id_key")
		}
		var found []string
		switch e := d.engine.(type) {
		case *pg:
			found, err = e.server.Rules(ctx, e.conn, quote(e.schema)+"."+quote(t), t, func(what, rule, _ string) bool { return own(what, rule) })
		case lite:
			found, err = sqlitefile.Rules(ctx, e.Conn, t, own)
			for i := range found {
				found[i] += " in " + d.layout.File
			}
		}
		if err != nil {
			return nil, d.wrap(err)
		}
		for _, r := range found {
			out = append(out, strings.ToValidUTF8(r, "\ufffd"))
		}
	}
	return out, nil
}

// Rules are the target's own, of the databases that the run writes.
func (w *writer) Rules() (out []string) {
	for _, p := range slices.Sorted(maps.Keys(w.rules)) {
		out = append(out, w.rules[p]...)
	}
	return out
}

// apart runs fn, which writes one row; size is how long a text in it is that an index may hold. What a rule or a limit of the database
// does not take is said in the receipt: nothing of it is written then, and the run goes on. A savepoint is made where something may
// keep the row out.
func (w *writer) apart(ctx context.Context, d *db, table string, size int, rc replay.Receipt, fn func() error) (replay.Receipt, error) {
	var err error
	ruled := len(w.rules[d.layout.Place]) > 0
	switch e := d.engine.(type) {
	case *pg:
		if !ruled && size <= pgsnapshot.SureKey { // what is kept out all the same ends the transaction, and so the run
			return rc, fn()
		}
		err = e.turns.Apart(ctx, fn)
	case lite:
		if ruled {
			err = e.Apart(ctx, fn)
			break
		}
		err = fn()
	}
	if sqlitefile.Alone(err) {
		return refused("table %s does not take the row: %v", table, err)
	}
	return rc, err
}

const notTaken = "the row that it belongs to was not taken"
