package pgsnapshot

import (
	"errors"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestReadingHasNoRule: a value that a view of the source cannot cast, or a function that raises, is no rule of a target; and
// what it says is no less kept to itself.
func TestReadingHasNoRule(t *testing.T) {
	u := pgtest.Database(t, "CREATE FUNCTION raises() RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''s3cret''; END'")
	s, err := Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	for _, begin := range []string{"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", "BEGIN", "BEGIN READ ONLY"} {
		for _, q := range []string{"SELECT 's3cret'::int", "SELECT raises()"} {
			conn, err := s.Begin(t.Context(), begin)
			if err != nil {
				t.Fatal(err)
			}
			_, err = conn.Exec(t.Context(), q)
			conn.Close(t.Context())
			if err = s.Wrap(err); err == nil || errors.Is(err, replay.ErrRule) != (begin == "BEGIN") || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s, %s: %v", begin, q, err)
			}
		}
	}
}
