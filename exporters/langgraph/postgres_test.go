package langgraph

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

func connect(t testing.TB, rawURL string) *pgx.Conn {
	t.Helper()
	conn := pgtest.Connect(t, rawURL)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// load puts a pg_dump of testdata into the database.
func load(t testing.TB, rawURL, name string) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, rawURL)
	if strings.Contains(string(b), "CREATE EXTENSION") && !hasVector(t, rawURL) {
		t.Skip("the server has no extension vector")
	}
	var q strings.Builder
	lines := strings.SplitAfter(string(b), "\n")
	run := func() {
		if _, err := conn.Exec(t.Context(), q.String(), pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		q.Reset()
	}
	for i := 0; i < len(lines); i++ {
		switch l := lines[i]; {
		case strings.HasPrefix(l, `\`), strings.HasPrefix(l, "--"):
		case strings.HasPrefix(l, "COPY "):
			run()
			var data strings.Builder
			for i++; lines[i] != "\\.\n"; i++ {
				data.WriteString(lines[i])
			}
			if _, err := conn.PgConn().CopyFrom(t.Context(), strings.NewReader(data.String()), l); err != nil {
				t.Fatalf("%s: %s: %v", name, l, err)
			}
		default:
			q.WriteString(l)
		}
	}
	run()
}

func hasVector(t testing.TB, rawURL string) bool {
	t.Helper()
	return vectorIn(t, connect(t, rawURL))
}

func vectorIn(t testing.TB, conn *pgx.Conn) bool {
	t.Helper()
	rows, err := pgRows(t.Context(), conn, "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'")
	if err != nil {
		t.Fatal(err)
	}
	return rows[0][0].i > 0
}

func needVector(t testing.TB, s *Store) {
	t.Helper()
	if s.server == nil {
		return
	}
	conn, err := s.server.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if !vectorIn(t, conn) {
		t.Skip("the server has no extension vector")
	}
}

func postgres(t testing.TB, rawURL string) *Store {
	t.Helper()
	s, err := Postgres(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRowsPostgres is TestRows for dumps of the real PostgreSQL stores.
func TestRowsPostgres(t *testing.T) {
	for _, name := range []string{"js.pg.sql", "python.pg.sql", "python.pgvector.sql"} {
		t.Run(name, func(t *testing.T) {
			u := pgtest.Database(t)
			load(t, u, name)
			s := postgres(t, u)
			want := tableRows(t, s)
			mem, rep := drivertest.Export(t, s)
			n := 0
			for table, rows := range want {
				n += len(rows)
				if len(rows) == 0 {
					delete(want, table)
				}
			}
			if n < 200 {
				t.Fatalf("only %d rows", n)
			}
			if d := cmp.Diff(want, recordRows(t, mem)); d != "" {
				t.Errorf("rows differ (-store +records):\n%.2000s", d)
			}
			if rep.Verdict.Coverage != agentstate.Reconciled {
				t.Errorf("coverage %v: %v", rep.Verdict.Coverage, rep.Verdict.Kinds)
			}
			if len(rep.Gaps) > 0 {
				t.Errorf("gaps in a healthy store: %v", rep.Gaps)
			}
			t.Log(n, "rows;", rep.Records)
		})
	}
}
