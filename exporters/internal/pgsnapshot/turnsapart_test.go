package pgsnapshot_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestTurnsApart: of rows that share trips a rule keeps out its own alone, and so does one who reads the answer. A trigger that wrote elsewhere
// instead has written nothing.
func TestTurnsApart(t *testing.T) {
	u := pgtest.Database(t, "CREATE TABLE t (n int CHECK (n % 7 <> 3)); CREATE TABLE elsewhere (n int)",
		`CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.n % 11 = 5 THEN INSERT INTO elsewhere VALUES (NEW.n); RETURN NULL; END IF; RETURN NEW; END'`,
		"CREATE TRIGGER away BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION away()")
	counted, trips := pgtest.Trips(t, u)
	s, err := pgsnapshot.Parse(counted)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.Begin(t.Context(), "BEGIN")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	turns := &pgsnapshot.Turns{Conn: conn, Server: s}
	const n = 600
	out := make([]error, n)
	var want []string
	trips()
	for range 2 { // savepoints of one batch are not in the way of the next
		if err := turns.Run(t.Context(), n, func(i int) error {
			out[i] = turns.Apart(t.Context(), func() error {
				return s.Wrap(turns.Ask(t.Context(), "INSERT INTO t VALUES ($1::int)", []any{i}, func(rows pgx.Rows) error {
					rows.Close()
					if rows.Err() == nil && rows.CommandTag().RowsAffected() == 0 {
						return s.PassedOver()
					}
					return rows.Err()
				}))
			})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if in := i%7 != 3 && i%11 != 5; in != (out[i] == nil) || !in && !errors.Is(out[i], replay.ErrRule) {
				t.Errorf("%d: %v", i, out[i])
			} else if in {
				want = append(want, fmt.Sprint(i))
			}
		}
	}
	if got, most := trips(), int64(2*3*(n/7+n/11)+20); got > most {
		t.Errorf("%d trips, want %d at most", got, most)
	}
	if _, err := conn.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if got := pgtest.Rows(t, u, "SELECT n::text FROM t"); !slices.Equal(got, want) {
		t.Errorf("got %d rows, want %d: %.60q", len(got), len(want), got)
	}
	if got := pgtest.Rows(t, u, "SELECT n::text FROM elsewhere"); len(got) > 0 {
		t.Errorf("elsewhere: %q", got)
	}
}

// TestTurnsDepth: savepoints nest, and so are few in a trip: another who reads the rows before the end climbs over those of each.
func TestTurnsDepth(t *testing.T) {
	counted, trips := pgtest.Trips(t, pgtest.Database(t))
	s, err := pgsnapshot.Parse(counted)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.Begin(t.Context(), "BEGIN")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	turns := &pgsnapshot.Turns{Conn: conn, Server: s}
	trips()
	const n = 640
	if err := turns.Run(t.Context(), n, func(int) error {
		return turns.Apart(t.Context(), func() error {
			return turns.Ask(t.Context(), "SELECT 1", nil, func(rows pgx.Rows) error { rows.Close(); return rows.Err() })
		})
	}); err != nil {
		t.Fatal(err)
	}
	if got := trips(); got < n/64 || got > n/20 {
		t.Errorf("%d trips for %d asks", got, n)
	}
}
