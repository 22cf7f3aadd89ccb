package codex

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// find is the row of the record target: its rowid and these columns; nil: there is none.
func (d *database) find(ctx context.Context, t *table, target string, cols []string) ([]any, error) {
	kind, parts := agentstate.SplitKey(target)
	if len(parts) != 2+len(t.key) {
		return nil, nil
	}
	var where []string
	var args []any
	for i, k := range t.key {
		if p := parts[2+i]; !strings.Contains(p, "~") && !strings.HasPrefix(p, "\x00") { // else cut in the key, or no text
			where, args = append(where, quote(k)+" = ?"), append(args, p)
		}
	}
	q := "SELECT +rowid, " + sqlitefile.Selects(t.key) + ", " + sqlitefile.Selects(cols) + " FROM " + quote(t.name)
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	var out []any
	err := d.Each(ctx, q, args, func(r []any) error {
		have := []string{parts[0], parts[1]}
		for i := range t.key {
			have = append(have, asText(r[1+i]))
		}
		if out == nil && agentstate.Key(kind, have...) == target {
			out = append([]any{r[0]}, r[1+len(t.key):]...)
		}
		return nil
	})
	return out, d.Wrap(err)
}

// openValue opens one value of a row of the stream under way: "row:", the column, and the key.
func openValue(ctx context.Context, dbs map[string]*database, id string) (io.ReadCloser, error) {
	col, key, _ := strings.Cut(strings.TrimPrefix(id, "row:"), " ")
	_, at := agentstate.SplitKey(key)
	if len(at) < 3 || dbs[at[0]] == nil {
		return nil, fmt.Errorf("%w: blob %.200s: its stream has ended", agentstate.ErrNotFound, id)
	}
	d := dbs[at[0]]
	t := d.schema.table(at[1])
	if t == nil || t.column(col) < 0 {
		return nil, fmt.Errorf("%w: blob %.200s", agentstate.ErrNotFound, id)
	}
	v, err := d.find(ctx, t, key, []string{col})
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, fmt.Errorf("%w: blob %.200s", agentstate.ErrNotFound, id)
	}
	if b, ok := v[1].([]byte); ok {
		return io.NopCloser(bytes.NewReader(slices.Clone(b))), nil
	}
	s, _ := v[1].(string)
	return io.NopCloser(strings.NewReader(s)), nil
}

// asText is a part of a key.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return fmt.Sprintf("\x00%T %x", v, v)
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
