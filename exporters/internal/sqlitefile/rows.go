package sqlitefile

import (
	"context"
	"database/sql"
	"slices"
	"strings"
)

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// Selects is a list of columns as expressions, which keeps the driver from making times of text and
// truths of numbers.
func Selects(cols []string) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = "+" + quote(c)
	}
	return strings.Join(out, ", ")
}

// Query reads a small result.
func Query(ctx context.Context, c *sql.Conn, q string, args ...any) ([][]any, error) {
	var out [][]any
	err := Each(ctx, c, q, args, func(row []any) error {
		out = append(out, slices.Clone(row))
		return nil
	})
	return out, err
}

// Each calls fn for every row, which is valid during the call. An error of fn ends it and is returned.
func Each(ctx context.Context, c *sql.Conn, q string, args []any, fn func(row []any) error) error {
	rows, err := c.QueryContext(ctx, q, args...)
	if err != nil {
		return err
	}
	return each(rows, fn)
}

// each calls fn for every row, and closes rows.
func each(rows *sql.Rows, fn func(row []any) error) error {
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	v, p := make([]any, len(names)), make([]any, len(names))
	for i := range v {
		p[i] = &v[i]
	}
	for rows.Next() {
		clear(v)
		if err := rows.Scan(p...); err != nil {
			return err
		}
		if err := fn(v); err != nil {
			return err
		}
	}
	return rows.Err()
}
