package mem0

import (
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestTrips: what a run writes, finds again, reads and takes out costs no trip to the server a record.
func TestTrips(t *testing.T) {
	from := database(t, "")
	pgtest.Exec(t, from, `CREATE EXTENSION vector; CREATE TABLE memory_migrations (id serial primary key, user_id text not null unique);
		CREATE TABLE memories (id uuid primary key, vector vector(8), payload jsonb);
		INSERT INTO memories SELECT gen_random_uuid(), (SELECT array_agg(sin(i * 8 + j)::real) FROM generate_series(1, 8) j)::vector,
			jsonb_build_object('user_id', 'user-' || i % 7, 'data', 'memory ' || i, 'hash', md5(i::text), 'createdAt', '2026-11-23T02:55:19.463Z', 'updatedAt', '2026-11-23T02:55:19.498Z')
		FROM generate_series(1, 600) i`)
	m, _ := drivertest.Export(t, store(t, from, ""))
	for _, rule := range []string{"", ", CHECK (payload <> '[]')"} {
		to := database(t, "")
		pgtest.Exec(t, to, "CREATE EXTENSION vector; CREATE TABLE memories (id uuid primary key, vector vector(8), payload jsonb"+rule+")")
		u, trips := pgtest.Trips(t, to)
		drivertest.Trips(t, m, store(t, u, ""), trips, 150)
	}
}
