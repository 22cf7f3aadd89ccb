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

// Ahead reads the rows of a query page by page through the cursor name, past pgx, which would make
// each value once more, while work is done on the pages before. lock is held while the connection is
// used: between pages it is free. A query bounds the length of its values; a page is at most 512 rows.
func Ahead[T any](ctx context.Context, s *Server, conn *pgx.Conn, lock sync.Locker, name, query string, work func(rows []Row) T) *ahead.Queue[T] {
	p := &pager{s: s, conn: conn, lock: lock, name: name, query: query}
	return ahead.Start(ctx, p.pages, work)
}

type pager struct {
	s           *Server
	conn        *pgx.Conn
	lock        sync.Locker
	name, query string
}

func (p *pager) pages(ctx context.Context, emit func([]Row) error) error {
	if _, _, err := p.run(ctx, "DECLARE "+p.name+" NO SCROLL CURSOR FOR "+p.query, 0); err != nil {
		return err
	}
	for n := firstRows; ; {
		rows, size, err := p.run(ctx, fmt.Sprintf("FETCH %d FROM %s", n, p.name), n)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			if err := emit(rows); err != nil {
				return err
			}
		}
		if len(rows) < n {
			_, _, err := p.run(ctx, "CLOSE "+p.name, 0)
			return err
		}
		n = max(1, min(2*n, pageRows, n*pageBytes/max(size, 1)))
	}
}

// run is the rows of a statement, about n, and the size of their values.
func (p *pager) run(ctx context.Context, q string, n int) (rows []Row, size int, err error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	res := p.conn.PgConn().Exec(ctx, q)
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
	return rows, size, p.s.Wrap(res.Close())
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
