// Package pgtest gives tests of drivers databases on the PostgreSQL server of EXITRAMP_TEST_POSTGRES.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

var made atomic.Int64

// Database makes a fresh database, fills it, and returns its URL, whose user may do everything. Without
// the variable the test is skipped.
func Database(t testing.TB, statements ...string) string {
	t.Helper()
	return database(t, "", statements)
}

// Latin1 is Database for one that cannot hold most characters.
func Latin1(t testing.TB, statements ...string) string {
	t.Helper()
	return database(t, " TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'", statements)
}

// database is made as how says.
func database(t testing.TB, how string, statements []string) string {
	t.Helper()
	raw := os.Getenv("EXITRAMP_TEST_POSTGRES")
	if raw == "" {
		t.Skip("EXITRAMP_TEST_POSTGRES is not set: want postgres://superuser@host:port/postgres")
	}
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal("EXITRAMP_TEST_POSTGRES is no URL")
	}
	name := fmt.Sprintf("exitramp_test_%d_%d", os.Getpid(), made.Add(1))
	Exec(t, raw, `CREATE DATABASE "`+name+`"`+how)
	t.Cleanup(func() { Exec(t, raw, `DROP DATABASE "`+name+`" WITH (FORCE)`) })
	u.Path = "/" + name
	Exec(t, u.String(), statements...)
	return u.String()
}

// Connect is a connection, which the caller closes.
func Connect(t testing.TB, rawURL string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// Exec carries out statements; one may be several, as in a dump.
func Exec(t testing.TB, rawURL string, statements ...string) {
	t.Helper()
	conn := Connect(t, rawURL)
	defer conn.Close(context.Background())
	for _, q := range statements {
		if _, err := conn.Exec(context.Background(), q, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%.200s: %v", q, err)
		}
	}
}

// Rows are what a query of one text column answers.
func Rows(t testing.TB, rawURL, query string) []string {
	t.Helper()
	conn := Connect(t, rawURL)
	defer conn.Close(context.Background())
	rows, err := conn.Query(context.Background(), query)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return out
}
