package pgsnapshot

import (
	"context"
	"errors"
	"iter"

	"github.com/jackc/pgx/v5"
)

// What is asked in one trip to the server.
const (
	tripAsks  = 512
	tripBytes = 4 << 20 // of parameters, and of the one that goes beyond it
)

// Turns lets functions that ask the server one thing after the other share their trips to it: each runs until it asks, what all of
// them ask goes to the server together, in their order, and each goes on with its answer. Only one runs at a time.
type Turns struct {
	Conn *pgx.Conn
	wait func(*ask) bool // of the function whose turn it is; nil: asked is at once
}

type ask struct {
	sql   string
	args  []any
	read  func(pgx.Rows) error
	err   error
	got   int  // bytes of the answer, in a Line
	again bool // in a Line: the answer was not read to its end, and is asked for again
}

func (a *ask) size() (n int) {
	for _, x := range a.args {
		switch x := x.(type) {
		case []byte:
			n += len(x)
		case string:
			n += len(x)
		}
	}
	return n
}

var errStopped = errors.New("pgsnapshot: an earlier one failed")

// Ask asks the server, with a statement or the name of a prepared one, and reads the answer. Inside Run others have their turn until
// it is there.
func (t *Turns) Ask(ctx context.Context, sql string, args []any, read func(pgx.Rows) error) error {
	wait := t.wait
	if wait == nil {
		rows, _ := t.Conn.Query(ctx, sql, args...) // rows has the error
		defer rows.Close()
		return readAll(rows, read)
	}
	a := &ask{sql: sql, args: args, read: read}
	if !wait(a) {
		return errStopped
	}
	t.wait = wait // others had theirs
	return a.err
}

func readAll(rows pgx.Rows, read func(pgx.Rows) error) error {
	if err := read(rows); err != nil {
		return err
	}
	rows.Close()
	return rows.Err()
}

// AtOnce runs fn, whose asks are not to wait for others: there is a savepoint around them.
func (t *Turns) AtOnce(fn func() error) error {
	wait := t.wait
	t.wait = nil
	err := fn()
	t.wait = wait
	return err
}

// A turn is a function that asks.
type turn struct {
	next func() (*ask, bool)
	stop func()
	now  *ask
	err  error
}

// Run runs fn for 0 to n-1, and begins them in this order. It ends with the first error; where one fails, those after it may have
// been begun, and are not ended.
func (t *Turns) Run(ctx context.Context, n int, fn func(i int) error) error {
	if t.simple() {
		for i := range n {
			if err := fn(i); err != nil {
				return err
			}
		}
		return nil
	}
	for i := 0; i < n; {
		var open []*turn
		var err error
		for size := 0; err == nil && i < n && len(open) < tripAsks && size < tripBytes; i++ {
			x := &turn{}
			x.next, x.stop = iter.Pull(func(yield func(*ask) bool) {
				t.wait = yield
				x.err = fn(i)
			})
			if t.goOn(x) {
				open, size = append(open, x), size+x.now.size()
			}
			err = x.err
		}
		for err == nil && len(open) > 0 {
			t.send(ctx, open, 0)
			var more []*turn
			for k, x := range open {
				if err != nil {
					more = append(more, open[k:]...)
					break
				}
				if t.goOn(x) {
					more = append(more, x)
				}
				err = x.err
			}
			open = more
		}
		for _, x := range open { // one failed
			x.stop()
			t.wait = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// goOn runs x until it asks; false: it has ended.
func (t *Turns) goOn(x *turn) (asks bool) {
	x.now, asks = x.next()
	t.wait = nil
	return asks
}

// simple tells whether a batch knows no prepared statements.
func (t *Turns) simple() bool {
	return t.Conn.Config().DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol
}

// broken tells whether the server answers nothing more in this transaction.
func (t *Turns) broken() bool {
	return t.Conn.IsClosed() || t.Conn.PgConn().TxStatus() == 'E'
}

// send asks what all of open wait for, and gives which failed; -1: none. The first answer is read whatever its size;
// of the others, where room is not 0, what is above so many bytes of all, or above aheadBytes of one, is to be asked again.
func (t *Turns) send(ctx context.Context, open []*turn, room int) int {
	b := &pgx.Batch{}
	for _, x := range open {
		b.Queue(x.now.sql, x.now.args...)
	}
	answers := t.Conn.SendBatch(ctx, b)
	var failed error
	at, used := -1, 0
	for i, x := range open {
		all, read := &sized{}, x.now.read
		x.now.again = false
		if room > 0 && i > 0 {
			all.most = aheadBytes
			if x.now.again = used >= room; x.now.again {
				read = func(pgx.Rows) error { return nil }
			}
		}
		if failed == nil {
			if all.Rows, failed = answers.Query(); failed == nil {
				failed = readAll(all, read)
			}
			all.Rows.Close()
			if failed != nil {
				at = i
			}
		}
		x.now.err, x.now.got = failed, all.n
		x.now.again = x.now.again || all.over()
		used += all.n
	}
	if err := answers.Close(); err != nil && failed == nil {
		at = len(open) - 1
		open[at].now.err = err
	}
	return at
}
