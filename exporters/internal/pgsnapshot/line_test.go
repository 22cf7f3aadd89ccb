package pgsnapshot_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// asker asks through turns for a text of so many bytes, and gives how many came.
func asker(t *testing.T, turns *pgsnapshot.Turns) func(bytes int) (int, error) {
	return func(bytes int) (got int, err error) {
		err = turns.Ask(t.Context(), "SELECT repeat('x', $1::int4)", []any{bytes}, func(rows pgx.Rows) error {
			for rows.Next() {
				got = len(rows.RawValues()[0])
			}
			return rows.Err()
		})
		if err == nil && got != bytes {
			err = fmt.Errorf("%d bytes came, want %d", got, bytes)
		}
		return got, err
	}
}

// Those in a line share their trips, what they give is taken in their order, and who takes it may ask, too.
func TestLine(t *testing.T) {
	counted, trips := pgtest.Trips(t, pgtest.Database(t))
	const large = 1 << 19
	for _, c := range []struct {
		name  string
		n     int
		bytes func(i int) int
		most  int64 // trips
		ahead int   // of how many, at most, large answers came before what is before them was taken
		full  bool
	}{
		{"small", 200, func(int) int { return 10 }, 30, 0, false},
		{"one large", 200, func(i int) int { return map[bool]int{false: 10, true: 10 * large}[i == 150] }, 40, 1, true},
		{"all large", 40, func(int) int { return large }, 160, 10, true},
		{"too large to wait", 20, func(i int) int { return 3 * large }, 100, 1, true},
	} {
		for _, mode := range []string{"", "simple_protocol"} {
			if mode != "" && c.full {
				continue
			}
			t.Run(c.name+mode, func(t *testing.T) {
				u := counted
				if mode != "" {
					u += "?default_query_exec_mode=" + mode
				}
				conn := pgtest.Connect(t, u)
				defer conn.Close(t.Context())
				turns := &pgsnapshot.Turns{Conn: conn}
				ask := asker(t, turns)
				trips()
				var took, ended []int
				came, most := 0, 0
				line := &pgsnapshot.Line[int]{
					Turns: turns,
					Read: func(i int, p *pgsnapshot.Place[int]) error {
						for k := range 4 {
							got, err := ask(c.bytes(i))
							if err != nil {
								return err
							}
							if got >= large && k == 0 {
								came++
								most = max(most, came-len(ended))
							}
							if err := p.Give(10*i + k); err != nil {
								return err
							}
						}
						return nil
					},
					Take: func(x int) error {
						took = append(took, x)
						if x%400 == 0 {
							_, err := ask(5)
							return err
						}
						return nil
					},
					End: func(i int) error { ended = append(ended, i); return nil },
				}
				full, err := line.Run(t.Context(), c.n)
				if err != nil {
					t.Fatal(err)
				}
				if len(took) != 4*c.n || !slices.IsSorted(took) || len(ended) != c.n || !slices.IsSorted(ended) {
					t.Errorf("%d taken, %d ended, or not in order", len(took), len(ended))
				}
				if mode != "" {
					return
				}
				if got := trips(); got > c.most {
					t.Errorf("%d trips, want %d at most", got, c.most)
				}
				if full != c.full {
					t.Errorf("full is %v", full)
				}
				if most > c.ahead {
					t.Errorf("%d large answers were held at once, want %d at most", most, c.ahead)
				}
			})
		}
	}
}

// First waits for its place, and what fails behind the first does so when all before it was taken, unless the server answers nothing more.
func TestLineOrder(t *testing.T) {
	conn := pgtest.Connect(t, pgtest.Database(t))
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	turns := &pgsnapshot.Turns{Conn: conn}
	ask := asker(t, turns)
	own := errors.New("own")
	for _, c := range []struct {
		name string
		fail func() error
		want func(error) bool
		took int
	}{
		{"of its own", func() error { return own }, func(err error) bool { return errors.Is(err, own) }, 7},
		{"of the server", func() error {
			return turns.Ask(t.Context(), "SELECT 1/0", nil, func(rows pgx.Rows) error { rows.Next(); return rows.Err() })
		}, func(err error) bool { return err != nil }, 0},
	} {
		var took []int
		line := &pgsnapshot.Line[int]{
			Turns: turns,
			Read: func(i int, p *pgsnapshot.Place[int]) error {
				if _, err := ask(1); err != nil {
					return fmt.Errorf("%d: %w", i, err)
				}
				if i == 7 {
					if err := c.fail(); err != nil {
						return fmt.Errorf("%d: %w", i, err)
					}
				}
				if i == 5 {
					if err := p.First(); err != nil {
						return err
					}
					if len(took) != 5 {
						t.Errorf("%s: %v were taken before the sixth", c.name, took)
					}
				}
				if _, err := ask(1); err != nil {
					return fmt.Errorf("%d: %w", i, err)
				}
				return p.Give(i)
			},
			Take: func(x int) error { took = append(took, x); return nil },
			End:  func(int) error { return nil },
		}
		_, err := line.Run(t.Context(), 10)
		if !c.want(err) || err.Error()[:2] != "7:" || len(took) < c.took {
			t.Errorf("%s: %v, %v taken", c.name, err, took)
		}
	}
}
