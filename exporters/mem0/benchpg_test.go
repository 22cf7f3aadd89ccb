//go:build unix

package mem0

import (
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// BenchmarkReadPostgres is BenchmarkRead for pgvector.
func BenchmarkReadPostgres(b *testing.B) {
	u := database(b, "")
	pgtest.Exec(b, u, `CREATE EXTENSION vector; CREATE TABLE memory_migrations (id serial primary key, user_id text not null unique);
		CREATE TABLE memories (id uuid primary key, vector vector(384), payload jsonb);
		INSERT INTO memories SELECT gen_random_uuid(), (SELECT array_agg(sin(i * 384 + j)::real) FROM generate_series(1, 384) j)::vector,
			jsonb_build_object('category', 'profile', 'score', i % 10, 'user_id', 'user-' || i % 997, 'data', 'Customer ' || i || ' prefers short answers, and asked for an invoice in April', 'hash', md5(i::text),
				'textLemmatized', 'customer ' || i || ' prefer short answer ask invoice april', 'createdAt', '2026-11-23T02:55:19.463Z', 'updatedAt', '2026-11-23T02:55:19.498Z')
		FROM generate_series(1, 100000) i`)
	conn := pgtest.Connect(b, u)
	defer conn.Close(b.Context())
	drivertest.Speed(b, benchMemories, "memory", func() (n int, err error) {
		rows, err := conn.Query(b.Context(), "SELECT id::text, vector::text, payload::text FROM memories")
		if err != nil {
			return 0, err
		}
		for ; rows.Next(); n++ {
			if _, err := rows.Values(); err != nil {
				return n, err
			}
		}
		return n, rows.Err()
	}, store(b, u, ""))
}
