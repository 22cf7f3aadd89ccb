//go:build unix

package openaiagents

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

const benchItems = 100_000

// benchFolder is a folder with sessions sessions of benchItems items in all, each of about 330 bytes.
func benchFolder(b *testing.B, sessions int) *Folder {
	n := fmt.Sprint(sessions)
	return made(b, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < `+n+`) INSERT INTO agent_sessions SELECT 's' || i, '2026-11-23 16:21:40', '2026-11-23 16:21:41' FROM n`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < `+fmt.Sprint(benchItems)+`)
		INSERT INTO agent_messages SELECT i, 's' || (i % `+n+` + 1), '{"role": "user", "content": "' || substr(hex(zeroblob(200)), 1, 300) || i || '"}', '2026-11-23 16:21:40' FROM n`)
}

// BenchmarkRead reads 100,000 items and their sessions against a plain SELECT of either table.
func BenchmarkRead(b *testing.B) {
	for _, sessions := range []int{1, 20_000} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			f := benchFolder(b, sessions)
			c, err := sql.Open("sqlite", "file:"+filepath.Join(f.root, "s.db")+"?mode=ro")
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			drivertest.Speed(b, benchItems, "message", func() (int, error) {
				if _, err := drivertest.Select(b.Context(), c, "SELECT "+sqlitefile.Selects([]string{"session_id", "created_at", "updated_at"})+" FROM agent_sessions ORDER BY session_id"); err != nil {
					return 0, err
				}
				return drivertest.Select(b.Context(), c, "SELECT "+sqlitefile.Selects([]string{"id", "session_id", "message_data", "created_at"})+" FROM agent_messages ORDER BY session_id, id")
			}, f)
		})
	}
}

// BenchmarkReadPostgres is the same for PostgreSQL.
func BenchmarkReadPostgres(b *testing.B) {
	for _, sessions := range []int{1, 20_000} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			u := pgtest.Database(b, tables(ownNames()), fmt.Sprintf(`INSERT INTO agent_sessions SELECT 's' || i, now(), now() FROM generate_series(1, %d) i`, sessions),
				fmt.Sprintf(`INSERT INTO agent_messages (session_id, message_data) SELECT 's' || (i %% %d + 1), '{"role": "user", "content": "' || repeat('0', 300) || i || '"}' FROM generate_series(1, %d) i`, sessions, benchItems), "ANALYZE")
			conn, err := pgx.Connect(b.Context(), u)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close(context.Background())
			drivertest.Speed(b, benchItems, "message", func() (int, error) {
				if _, err := selectAll(b.Context(), conn, `SELECT * FROM agent_sessions ORDER BY session_id COLLATE "C"`); err != nil {
					return 0, err
				}
				return selectAll(b.Context(), conn, `SELECT * FROM agent_messages ORDER BY session_id COLLATE "C", id`)
			}, postgres(b, u))
		})
	}
}

// selectAll reads all rows of a statement, and gives their number.
func selectAll(ctx context.Context, conn *pgx.Conn, q string) (n int, err error) {
	rows, err := conn.Query(ctx, q)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		if _, err := rows.Values(); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}
