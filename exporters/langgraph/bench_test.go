//go:build unix

package langgraph

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

const benchRecords = 100_000

// benchDoc is a checkpoint document of JavaScript with n messages, as SQLite holds it; with none
// inside, as PostgreSQL does.
func benchDoc(thread, step, n int, inline bool) (doc, messages string) {
	var ms []string
	for i := range n {
		ms = append(ms, fmt.Sprintf(`{"lc":1,"type":"constructor","id":["langchain_core","messages","%s"],"kwargs":{"id":"m-%d-%d","content":"message %d, %s","additional_kwargs":{},"response_metadata":{}}}`,
			[]string{"HumanMessage", "AIMessage"}[i%2], thread, i, i, strings.Repeat("some words ", 12)))
	}
	messages = "[" + strings.Join(ms, ",") + "]"
	values := ""
	if inline {
		values = `,"channel_values":{"messages":` + messages + `}`
	}
	return fmt.Sprintf(`{"v":4,"id":"%s","ts":"2026-11-23T02:44:20.670Z"%s,"channel_versions":{"messages":%d},"versions_seen":{}}`, benchID(step), values, step+1), messages
}

func benchID(step int) string { return fmt.Sprintf("1f1e6e7c-8d91-65e0-8%03x-a13a1e480b3f", step) }

const benchMetadata = `{"source":"loop","step":1,"parents":{}}`

// A shape is a store, and how plain statements and an export count what is in it.
type shape struct {
	name  string
	kind  string
	plain []string
	lite  func(b *testing.B, db *sql.DB)
	pg    func(b *testing.B, conn *pgx.Conn)
}

func shapes() []shape {
	const threads, each, steps = 1000, 100, 3
	must := func(b *testing.B, err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	value := func(i int) string {
		v, _ := json.Marshal(map[string]any{"text": fmt.Sprintf("memory %d: %s", i, strings.Repeat("some words ", 15)), "n": i})
		return string(v)
	}
	return []shape{
		{"messages", "message", []string{"SELECT * FROM checkpoint_blobs ORDER BY 1, 2, 3, 4", "SELECT * FROM checkpoints ORDER BY 1, 2, 3", "SELECT * FROM writes ORDER BY 1, 2, 3, 4, 5"}, func(b *testing.B, db *sql.DB) {
			for t := range threads {
				for s := range steps {
					doc, _ := benchDoc(t, s, each*(s+1)/steps, true)
					_, err := db.Exec("INSERT INTO checkpoints VALUES (?, '', ?, ?, 'json', ?, ?)", fmt.Sprint("t", t), benchID(s), benchID(s-1), []byte(doc), []byte(benchMetadata))
					must(b, err)
				}
			}
		}, func(b *testing.B, conn *pgx.Conn) {
			for t := range threads {
				for s := range steps {
					doc, ms := benchDoc(t, s, each*(s+1)/steps, false)
					_, err := conn.Exec(b.Context(), "INSERT INTO checkpoints (thread_id, checkpoint_id, parent_checkpoint_id, checkpoint, metadata) VALUES ($1, $2, $3, $4, $5)", fmt.Sprint("t", t), benchID(s), benchID(s-1), doc, benchMetadata)
					must(b, err)
					_, err = conn.Exec(b.Context(), "INSERT INTO checkpoint_blobs (thread_id, channel, version, type, blob) VALUES ($1, 'messages', $2, 'json', $3)", fmt.Sprint("t", t), fmt.Sprint(s+1), []byte(ms))
					must(b, err)
				}
			}
		}},
		{"items", "memory", []string{"SELECT * FROM store ORDER BY 1, 2"}, func(b *testing.B, db *sql.DB) {
			for i := range benchRecords {
				_, err := db.Exec("INSERT INTO store (prefix, key, value) VALUES (?, ?, ?)", fmt.Sprintf("users.u-%d.memories", i/50), fmt.Sprint("mem-", i), []byte(value(i)))
				must(b, err)
			}
		}, func(b *testing.B, conn *pgx.Conn) {
			n := 0
			_, err := conn.CopyFrom(b.Context(), pgx.Identifier{"store"}, []string{"namespace_path", "key", "value"}, pgx.CopyFromFunc(func() ([]any, error) {
				if n++; n > benchRecords {
					return nil, nil
				}
				return []any{fmt.Sprintf("users:u-%d:memories", n/50), fmt.Sprint("mem-", n), value(n)}, nil
			}))
			must(b, err)
		}},
	}
}

// BenchmarkReadSQLite reads 100,000 messages of 1,000 threads, and as many items of the store, against
// plain SELECTs of the same tables.
func BenchmarkReadSQLite(b *testing.B) {
	for _, s := range shapes() {
		b.Run(s.name, func(b *testing.B) {
			// Real tables, emptied. Of JavaScript's the checkpoints, of Python's the store.
			name := map[string]string{"message": "js.sqlite", "memory": "python.sqlite"}[s.kind]
			path := sample(b, name)
			db := run(b, path, true, "DELETE FROM checkpoints", "DELETE FROM writes", "BEGIN")
			s.lite(b, db)
			if _, err := db.Exec("COMMIT"); err != nil {
				b.Fatal(err)
			}
			if err := db.Close(); err != nil {
				b.Fatal(err)
			}
			c, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			drivertest.Speed(b, benchRecords, s.kind, func() (int, error) {
				for _, q := range s.plain {
					if strings.Contains(q, "blobs") {
						continue
					}
					if _, err := drivertest.Select(b.Context(), c, q); err != nil {
						return 0, err
					}
				}
				return benchRecords, nil
			}, SQLite(path))
		})
	}
}

// BenchmarkReadSQLiteParsed reads the same messages against a reader that takes them out of the same
// rows: a SELECT, and each checkpoint through encoding/json.
func BenchmarkReadSQLiteParsed(b *testing.B) {
	path := sample(b, "js.sqlite")
	db := run(b, path, true, "DELETE FROM checkpoints", "DELETE FROM writes", "BEGIN")
	shapes()[0].lite(b, db)
	if _, err := db.Exec("COMMIT"); err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	drivertest.Speed(b, benchRecords, "message", func() (n int, err error) {
		rows, err := db.Query("SELECT checkpoint FROM checkpoints ORDER BY thread_id, checkpoint_ns, checkpoint_id")
		if err != nil {
			return 0, err
		}
		defer rows.Close()
		for rows.Next() {
			var doc sql.RawBytes
			if err := rows.Scan(&doc); err != nil {
				return n, err
			}
			var c struct {
				Values struct {
					Messages []struct {
						ID     []string
						Kwargs struct{ ID, Content string }
					}
				} `json:"channel_values"`
			}
			if err := json.Unmarshal(doc, &c); err != nil {
				return n, err
			}
			n += len(c.Values.Messages)
		}
		return n, rows.Err()
	}, SQLite(path))
}

// BenchmarkReadPostgres is the same for PostgreSQL.
func BenchmarkReadPostgres(b *testing.B) {
	for _, s := range shapes() {
		b.Run(s.name, func(b *testing.B) {
			u := pgtest.Database(b)
			load(b, u, "js.pg.sql")
			conn := connect(b, u)
			for _, q := range []string{"TRUNCATE checkpoints, checkpoint_blobs, checkpoint_writes, store", "BEGIN"} {
				if _, err := conn.Exec(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
			s.pg(b, conn)
			for _, q := range []string{"COMMIT", "ANALYZE"} {
				if _, err := conn.Exec(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
			store, err := Postgres(u)
			if err != nil {
				b.Fatal(err)
			}
			drivertest.Speed(b, benchRecords, s.kind, func() (int, error) {
				for _, q := range s.plain {
					rows, err := conn.Query(b.Context(), strings.Replace(q, "FROM writes", "FROM checkpoint_writes", 1))
					if err != nil {
						return 0, err
					}
					for rows.Next() {
						if _, err := rows.Values(); err != nil {
							return 0, err
						}
					}
					if rows.Err() != nil {
						return 0, rows.Err()
					}
				}
				return benchRecords, nil
			}, store)
		})
	}
}
