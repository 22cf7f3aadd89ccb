package sqlitefile

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

func count(rows [][]any) int { return len(rows) }

// Rows come in their order and whole, and the connection is free between pieces.
func TestAhead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	create(t, path, "CREATE TABLE t (i INTEGER, v BLOB)", "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) INSERT INTO t SELECT i, zeroblob(i * 10) FROM n")
	d, err := Open(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	q := Ahead(t.Context(), d, "SELECT i, v, NULL, 'x', 1.5 FROM t ORDER BY i", func(rows [][]any) [][]any { return rows })
	defer q.Close()
	n := int64(0)
	for {
		rows, ok, err := q.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		for _, r := range rows {
			if v, _ := r[1].([]byte); r[0] != n || len(v) != int(n)*10 || r[2] != nil || r[3] != "x" || r[4] != 1.5 {
				t.Fatal(n, r)
			}
			n++
		}
		var all int
		if err := d.Conn.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&all); err != nil || all != 1000 {
			t.Fatal(all, err)
		}
	}
	if n != 1000 {
		t.Errorf("%d rows", n)
	}
	bad := Ahead(t.Context(), d, "SELECT none FROM t", count)
	defer bad.Close()
	if _, ok, err := bad.Next(); ok || err == nil {
		t.Error("a statement that is none", ok)
	}
}

// A sort of many rows ends with the context, before its first row.
func TestAheadEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	create(t, path, "CREATE TABLE t (i)")
	d, err := Open(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	q := Ahead(ctx, d, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 200000000) SELECT i FROM n ORDER BY -i", count)
	defer q.Close()
	if _, ok, err := q.Next(); ok || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(ok, err)
	}
}
