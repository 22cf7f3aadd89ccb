package pgsnapshot

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/exporters/internal/ahead"
)

// A page is what one FETCH brings: as many rows as came to about pageBytes before, and few at first.
const (
	firstRows = 64
	pageRows  = 512
	pageBytes = 1 << 18
)

// A Row is the values of a row as texts; nil is NULL. They lie in one piece of memory, and may be kept.
type Row [][]byte

// A Cursor is a query that is read page by page. A query bounds the length of its values; a page is
// at most 512 rows.
type Cursor struct {
	Server *Server
	Conn   *pgx.Conn
	Lock   sync.Locker // held while the connection is used: between pages it is free
	Name   string      // of the cursor
	Query  string
}

// Ahead reads the rows of c past pgx, which would make each value once more, while work is done on
// the pages before.
func Ahead[T any](ctx context.Context, c *Cursor, work func(rows []Row) T) *ahead.Queue[T] {
	return ahead.Start(ctx, c.pages, work)
}

func (c *Cursor) pages(ctx context.Context, emit func([]Row) error) error {
	if _, _, err := c.run(ctx, "DECLARE "+c.Name+" NO SCROLL CURSOR FOR "+c.Query, 0); err != nil {
		return err
	}
	for n := firstRows; ; {
		rows, size, err := c.run(ctx, fmt.Sprintf("FETCH %d FROM %s", n, c.Name), n)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			if err := emit(rows); err != nil {
				return err
			}
		}
		if len(rows) < n {
			_, _, err := c.run(ctx, "CLOSE "+c.Name, 0)
			return err
		}
		n = max(1, min(2*n, pageRows, n*pageBytes/max(size, 1)))
	}
}

// run is the rows of a statement, about n, and the size of their values.
func (c *Cursor) run(ctx context.Context, q string, n int) (rows []Row, size int, err error) {
	c.Lock.Lock()
	defer c.Lock.Unlock()
	res := c.Conn.PgConn().Exec(ctx, q)
	rows = make([]Row, 0, n)
	var values [][]byte // of rows to come
	for res.NextResult() {
		for r := res.ResultReader(); r.NextRow(); {
			v := r.Values()
			if len(values) < len(v) {
				values = make([][]byte, max(n, 1)*len(v))
			}
			row := Row(values[:len(v):len(v)])
			values = values[len(v):]
			size += keep(row, v)
			rows = append(rows, row)
		}
	}
	return rows, size, c.Server.Wrap(res.Close())
}

// keep fills row with a copy of the values v, and gives their size.
func keep(row Row, v [][]byte) (size int) {
	for _, x := range v {
		size += len(x)
	}
	buf := make([]byte, 0, size)
	for i, x := range v {
		if x != nil {
			at := len(buf)
			buf = append(buf, x...)
			row[i] = slices.Clip(buf[at:])
		}
	}
	return size
}
