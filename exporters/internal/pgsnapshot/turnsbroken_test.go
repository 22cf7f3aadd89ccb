package pgsnapshot_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// A trip that is cancelled, or whose connection breaks, ends all that wait for it, and leaves nothing that runs.
func TestTurnsBroken(t *testing.T) {
	u := pgtest.Database(t)
	for _, c := range []struct {
		name, breaks string
		want         error // nil: any
	}{
		{"cancelled", "SELECT pg_sleep(60)", context.Canceled},
		{"connection lost", "SELECT pg_terminate_backend(pg_backend_pid())", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := pgtest.Connect(t, u)
			defer conn.Close(context.Background())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.want != nil {
				time.AfterFunc(300*time.Millisecond, cancel)
			}
			before := runtime.NumGoroutine()
			turns := &pgsnapshot.Turns{Conn: conn}
			begun := time.Now()
			var went, ended int
			err := turns.Run(ctx, 1000, func(i int) error {
				defer func() { ended++ }()
				q := "SELECT 1"
				if i == 100 {
					q = c.breaks
				}
				err := turns.Ask(ctx, q, nil, func(rows pgx.Rows) error {
					for rows.Next() {
					}
					return rows.Err()
				})
				if err == nil {
					went++
				}
				return err
			})
			if err == nil || c.want != nil && !errors.Is(err, c.want) || went > 100 || ended > 512 || time.Since(begun) > 30*time.Second {
				t.Errorf("%v, %d went on, %d ended, after %v", err, went, ended, time.Since(begun))
			}
			for i := 0; runtime.NumGoroutine() > before && i < 100; i++ {
				time.Sleep(20 * time.Millisecond)
			}
			if n := runtime.NumGoroutine(); n > before {
				t.Errorf("%d goroutines stay", n-before)
			}
		})
	}
}

// TestTurnsUnheard: where the server fails, all ends, also where the one that was told so goes on.
func TestTurnsUnheard(t *testing.T) {
	u := pgtest.Database(t, "CREATE TABLE t (n int CHECK (n <> 3))")
	s, err := pgsnapshot.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.Begin(t.Context(), "BEGIN")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	turns := &pgsnapshot.Turns{Conn: conn, Server: s}
	most := 0
	err = turns.Run(t.Context(), 300, func(i int) error {
		q := "INSERT INTO t VALUES (1)"
		switch i {
		case 2:
			q = "INSERT INTO t VALUES (3)" // what comes behind it goes in a trip of its own
		case 5:
			q = "SELECT pg_terminate_backend(pg_backend_pid())"
		}
		err := turns.Apart(t.Context(), func() error {
			return turns.Ask(t.Context(), q, nil, func(rows pgx.Rows) error { rows.Close(); return rows.Err() })
		})
		if err == nil {
			most = i
		}
		return nil
	})
	if err == nil || most > 4 {
		t.Errorf("%v, %d went on", err, most)
	}
}
