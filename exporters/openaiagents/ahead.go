package openaiagents

import (
	"context"
	"database/sql"
)

// An ahead reads the rows of a statement while those before them are worked on: the database and
// the reading of items have a core each. What is ahead is a few pieces of some megabytes.
type ahead struct {
	pieces chan [][]any
	piece  [][]any // under way
	err    error   // set before pieces is closed
	stop   context.CancelFunc
}

const (
	pieceRows  = 32
	pieceBytes = 1 << 18
)

func newAhead(ctx context.Context, c *sql.Conn, q string) *ahead {
	ctx, stop := context.WithCancel(ctx)
	a := &ahead{pieces: make(chan [][]any, 2), stop: stop}
	go func() {
		defer close(a.pieces)
		a.err = a.read(ctx, c, q)
	}()
	return a
}

func (a *ahead) read(ctx context.Context, c *sql.Conn, q string) error {
	var piece [][]any
	var cells []any // of the rows of piece
	size := 0
	send := func() error {
		select {
		case a.pieces <- piece:
			piece, cells, size = nil, nil, 0
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := each(ctx, c, q, nil, func(row []any) error {
		if piece == nil {
			piece, cells = make([][]any, 0, pieceRows), make([]any, 0, pieceRows*len(row))
		}
		at := len(cells)
		cells = append(cells, row...)
		piece = append(piece, cells[at:len(cells):len(cells)])
		for _, v := range row {
			switch v := v.(type) {
			case string:
				size += len(v)
			case []byte:
				size += len(v)
			}
		}
		if len(piece) == pieceRows || size > pieceBytes {
			return send()
		}
		return nil
	})
	if err == nil && len(piece) > 0 {
		err = send()
	}
	return err
}

// peek is the next row; nil: there is none.
func (a *ahead) peek() ([]any, error) {
	if len(a.piece) == 0 {
		piece, ok := <-a.pieces
		if !ok {
			return nil, a.err
		}
		a.piece = piece
	}
	return a.piece[0], nil
}

// next goes on behind the row of peek.
func (a *ahead) next() { a.piece = a.piece[1:] }

// close ends the reading; the connection is free then.
func (a *ahead) close() {
	a.stop()
	for range a.pieces {
	}
}
