package pgsnapshot_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// What many ask of the server goes there together, each gets its own answer, and what the server is asked keeps its order.
func TestTurns(t *testing.T) {
	u := pgtest.Database(t, "CREATE TABLE said (n serial, what text)")
	counted, trips := pgtest.Trips(t, u)
	conn := pgtest.Connect(t, counted)
	defer conn.Close(t.Context())
	if _, err := conn.Prepare(t.Context(), "say", "INSERT INTO said (what) VALUES ($1::text) RETURNING what"); err != nil {
		t.Fatal(err)
	}
	turns := &pgsnapshot.Turns{Conn: conn}
	say := func(what string) error {
		var got string
		err := turns.Ask(t.Context(), "say", []any{what}, func(rows pgx.Rows) error {
			for rows.Next() {
				if err := rows.Scan(&got); err != nil {
					return err
				}
			}
			return rows.Err()
		})
		if err == nil && got != what {
			err = fmt.Errorf("got %q, want %q", got, what)
		}
		return err
	}
	trips()
	const n = 300
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint("first ", i))
	}
	for i := 1; i < n; i += 2 {
		want = append(want, fmt.Sprint("second ", i))
	}
	if err := turns.Run(t.Context(), n, func(i int) error {
		if err := say(fmt.Sprint("first ", i)); err != nil || i%2 == 0 {
			return err
		}
		return say(fmt.Sprint("second ", i))
	}); err != nil {
		t.Fatal(err)
	}
	if got := trips(); got > n/10 {
		t.Errorf("%d trips for %d asks", got, n*3/2)
	}
	if err := turns.Run(t.Context(), 2, func(i int) error {
		if i == 0 {
			return say("waits")
		}
		return turns.AtOnce(func() error { return say("at once") })
	}); err != nil {
		t.Fatal(err)
	}
	want = append(want, "at once", "waits")
	if got := pgtest.Rows(t, u, "SELECT what FROM said ORDER BY n"); !slices.Equal(got, want) {
		t.Errorf("got %.300q", got)
	}
}

// An error ends all of it and is that of the first that failed: what was asked before it is answered, what comes after does not go on.
func TestTurnsEnd(t *testing.T) {
	conn := pgtest.Connect(t, pgtest.Database(t))
	defer conn.Close(t.Context())
	turns := &pgsnapshot.Turns{Conn: conn}
	own := errors.New("own")
	for _, c := range []struct {
		name string
		ask  func(i int) (string, error)
		at   int
	}{
		{"by the server", func(i int) (string, error) { return fmt.Sprintf("SELECT 1/(%d-%d)", 5, i), nil }, 5},
		{"by itself", func(i int) (string, error) {
			if i == 5 {
				return "", own
			}
			return "SELECT 1", nil
		}, 5},
	} {
		var ended []int
		failed := -1
		err := turns.Run(t.Context(), 10, func(i int) error {
			q, err := c.ask(i)
			if err == nil {
				err = turns.Ask(t.Context(), q, nil, func(rows pgx.Rows) error {
					for rows.Next() {
					}
					return rows.Err()
				})
			}
			if err == nil {
				ended = append(ended, i)
			} else if failed < 0 {
				failed = i
			}
			return err
		})
		if err == nil || failed != c.at || len(ended) > 5 {
			t.Errorf("%s: %v, failed at %d, %v ended", c.name, err, failed, ended)
		}
		if err := conn.Ping(context.Background()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
