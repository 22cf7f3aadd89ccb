package sqlitefile

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/context/replay"
)

// Put carries out q, an INSERT, UPDATE or DELETE of one row, and gives the number of a row that is new. Where a table's owner made
// a constraint with ON CONFLICT, it takes no other row's place and ends no transaction. A row that a trigger passes over
// without a word is refused (replay.ErrRule) as by any other rule.
func (d *DB) Put(ctx context.Context, q string, args ...any) (int64, error) {
	abort, err := d.yields(ctx)
	if err != nil {
		return 0, err
	}
	if verb, rest, _ := strings.Cut(q, " "); abort && verb != "DELETE" {
		q = verb + " OR ABORT " + rest
	}
	st, done, err := d.Prepared(ctx, q)
	if err != nil {
		return 0, d.Wrap(err)
	}
	defer done()
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, d.Wrap(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		if err == nil {
			err = fmt.Errorf("%w: %s: a trigger passed over it: a row comes or goes only where it is changed or dropped: do that first", replay.ErrRule, d.file.path)
		}
		return 0, err
	}
	return res.LastInsertId()
}

// yields tells whether a table has a constraint with ON CONFLICT, which is asked once. OR ABORT, which it yields to, is said nowhere
// else: it would reach into the triggers, too, whose own OR IGNORE and OR REPLACE stand.
func (d *DB) yields(ctx context.Context) (bool, error) {
	if d.conflicts == nil {
		rows, err := Query(ctx, d.Conn, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND sql LIKE '%CONFLICT%' LIMIT 1")
		if err != nil {
			return false, d.Wrap(err)
		}
		d.conflicts = new(len(rows) > 0)
	}
	return *d.conflicts, nil
}

var errTakenBack = errors.New("it took back all that the run had written (RAISE(ROLLBACK)): want a trigger that refuses its row alone (RAISE(ABORT)), or none")

// Alone tells whether err, of Apart, is of a rule that refused rows alone (replay.ErrRule), so that the run goes on.
func Alone(err error) bool {
	return errors.Is(err, replay.ErrRule) && !errors.Is(err, errTakenBack)
}

// Apart runs fn, which writes by Put, behind a savepoint: of what a rule of the database refuses (replay.ErrRule) all is taken
// back, and the transaction goes on. A trigger that ends the transaction ends the run (see Alone). The errors of fn are those of Wrap.
func (d *DB) Apart(ctx context.Context, fn func() error) error {
	if _, err := d.Conn.ExecContext(ctx, "SAVEPOINT exitramp_apart"); err != nil {
		return d.Wrap(err)
	}
	end, err := "RELEASE exitramp_apart", fn()
	if err != nil {
		end = "ROLLBACK TO exitramp_apart; " + end
	}
	_, failed := d.Conn.ExecContext(ctx, end)
	switch {
	case failed == nil:
		return err
	case errors.Is(err, replay.ErrRule): // no savepoint is left
		return fmt.Errorf("%w: %w", err, errTakenBack)
	}
	return errors.Join(err, d.Wrap(failed))
}
