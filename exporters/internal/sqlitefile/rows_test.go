package sqlitefile

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Rows that are kept do not change with the next one, values come as they are stored, and an error of the
// caller ends the reading.
func TestRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	create(t, path, `CREATE TABLE t ("a ""b" TIMESTAMP, n BOOLEAN)`, `INSERT INTO t VALUES ('2026-01-02', 1), (NULL, 2.5)`)
	d, err := Open(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	q := "SELECT " + Selects([]string{`a "b`, "n"}) + " FROM t ORDER BY rowid"
	got, err := Query(t.Context(), d.Conn, q)
	if diff := cmp.Diff([][]any{{"2026-01-02", int64(1)}, {nil, 2.5}}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	n, stop := 0, errors.New("enough")
	if err := Each(t.Context(), d.Conn, q, nil, func([]any) error { n++; return stop }); err != stop || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Query(ctx, d.Conn, q); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
