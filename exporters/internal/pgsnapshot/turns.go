package pgsnapshot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/context/replay"
)

// What is asked in one trip to the server.
const (
	tripAsks  = 512
	tripBytes = 4 << 20 // of parameters, and of the one that goes beyond it
	tripApart = 64      // of them behind savepoints, which nest: whoever meets a row before the end of the transaction climbs that far
)

// Turns lets functions that ask the server one thing after the other share their trips to it: each runs until it asks, what all of
// them ask goes to the server together, in their order, and each goes on with its answer. Only one runs at a time.
type Turns struct {
	Conn   *pgx.Conn
	Server *Server         // of Conn, for Apart
	wait   func(*ask) bool // of the function whose turn it is; nil: asked is at once
	behind string          // the first savepoint of the last trip, where it had one
}

type ask struct {
	sql   string
	args  []any
	read  func(pgx.Rows) error
	err   error
	apart bool // behind a savepoint of its own
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

// Apart is Server.Apart for fn, each of whose asks is taken back alone where a rule refuses it: fn is to write with one of them. They
// share trips as others do; what comes behind one that was refused is asked again. A read says with replay.ErrRule that its ask
// is to be taken back.
func (t *Turns) Apart(ctx context.Context, fn func() error) error {
	wait := t.wait
	if wait == nil {
		return t.Server.Apart(ctx, t.Conn, fn)
	}
	t.wait = func(a *ask) bool {
		a.apart = true
		return wait(a)
	}
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
			var failed error
			at := t.send(ctx, open, 0)
			if at >= 0 {
				failed = open[at].now.err
			}
			var more []*turn
			for k, x := range open {
				if err != nil {
					more = append(more, open[k:]...)
					break
				}
				if t.goOn(x) {
					more = append(more, x)
				}
				if err = x.err; err == nil && k == at { // what is behind it has no answer
					err = failed
				}
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
	if t.behind == "" {
		return nil
	}
	_, err := t.Conn.Exec(ctx, "RELEASE SAVEPOINT "+t.behind, pgx.QueryExecModeSimpleProtocol)
	t.behind = ""
	return t.Server.Wrap(err)
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

// send asks what all of open wait for, and gives which failed; -1: none. What a rule refused of those apart has not failed. The first answer is
// read whatever its size; of the others, where room is not 0, what is above so many bytes of all, or above aheadBytes of one, is to be asked again.
func (t *Turns) send(ctx context.Context, open []*turn, room int) int {
	for from, n := 0, len(open); from < len(open); {
		some := few(open[from:min(from+n, len(open))])
		at := t.trip(ctx, some, room)
		if at < 0 {
			from, n = from+len(some), 2*n
			continue
		}
		a := some[at].now
		if !a.apart || !errors.Is(t.Server.Wrap(a.err), replay.ErrRule) {
			return from + at
		}
		if _, err := t.Conn.Exec(ctx, fmt.Sprint("ROLLBACK TO SAVEPOINT ", savepoint, at), pgx.QueryExecModeSimpleProtocol); err != nil {
			a.err = err
			return from + at
		}
		from, n = from+at+1, max(2*at, 1) // as likely to come through, and so seldom sent in vain
	}
	return -1
}

// few are those of open, from its start, that go in one trip.
func few(open []*turn) []*turn {
	apart := 0
	for i, x := range open {
		if !x.now.apart {
			continue
		}
		if apart++; apart > tripApart {
			return open[:i]
		}
	}
	return open
}

const savepoint = "exitramp_trip_"

// trip is send, up to the first that fails. Savepoints stay until the next trip: only then all answers are read.
func (t *Turns) trip(ctx context.Context, open []*turn, room int) int {
	b, before := &pgx.Batch{}, 0
	if t.behind != "" {
		b.Queue("RELEASE SAVEPOINT " + t.behind)
		t.behind, before = "", 1
	}
	for i, x := range open {
		if x.now.apart {
			name := fmt.Sprint(savepoint, i)
			b.Queue("SAVEPOINT " + name)
			t.behind = cmp.Or(t.behind, name)
		}
		b.Queue(x.now.sql, x.now.args...)
	}
	answers := t.Conn.SendBatch(ctx, b)
	var failed error
	skip := func(n int) {
		for ; n > 0 && failed == nil; n-- {
			_, failed = answers.Exec()
		}
	}
	at, used := -1, 0
	skip(before)
	for i, x := range open {
		all, read := &sized{}, x.now.read
		x.now.again = false
		if room > 0 && i > 0 {
			all.most = aheadBytes
			if x.now.again = used >= room; x.now.again {
				read = func(pgx.Rows) error { return nil }
			}
		}
		if x.now.apart {
			skip(1)
		}
		if failed == nil {
			if all.Rows, failed = answers.Query(); failed == nil {
				failed = readAll(all, read)
			}
			all.Rows.Close()
		}
		if failed != nil && at < 0 {
			at = i
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
