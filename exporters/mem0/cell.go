package mem0

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A nativeRow is the native form of a row, in one piece of memory: a store has as many as rows.
type nativeRow struct {
	native pb.Native
	body   pb.Native_Row
	row    pb.Row
	cols   [3]pb.Column
	list   [3]*pb.Column
}

// newRow is the native form of a row of n columns, which are to be filled in.
func newRow(typ string, n int) *nativeRow {
	r := &nativeRow{}
	for i := range n {
		r.list[i] = &r.cols[i]
	}
	r.row.Columns, r.body.Row = r.list[:n:n], &r.row
	r.native.Type, r.native.Body = typ, &r.body
	return r
}

// cell is a value as a column of a native row. Values above the limit lie beside it.
func (d *db) cell(name, id string, v any) *pb.Column {
	c := &pb.Column{}
	d.fill(c, name, id, v)
	return c
}

func (d *db) fill(c *pb.Column, name, id string, v any) {
	c.Name, c.Type = name, d.columnType(name)
	switch v := v.(type) {
	case int64:
		c.Value = &pb.Column_Integer{Integer: v}
	case float64:
		c.Value = &pb.Column_Real{Real: v}
	case string:
		c.Value = &pb.Column_Text{Text: []byte(v)}
		if len(v) > agentstate.SpillSize {
			c.Value = &pb.Column_TextRef{TextRef: &pb.Blob{Id: d.blobID(name, id)}}
		}
	case []byte:
		c.Value = &pb.Column_Blob{Blob: v}
		if len(v) > agentstate.SpillSize {
			c.Value = &pb.Column_BlobRef{BlobRef: &pb.Blob{Id: d.blobID(name, id)}}
		}
	}
}

func (d *db) columnType(name string) string {
	if d.layout.Form != pgForm {
		return ""
	}
	return map[string]string{"id": "uuid", "vector": "vector", "payload": "jsonb"}[name]
}

func (d *db) blobID(col, id string) string {
	table := d.main()
	if col == "content" { // of a message
		table = "messages"
	}
	b, _ := json.Marshal([]string{d.layout.File, table, col, id})
	return "row:" + string(b)
}

// bookkeeping reads a small table of mem0 or of SQLite.
func (r *reading) bookkeeping(ctx context.Context, d *db, table string) error {
	n, err := d.one(ctx, "SELECT count(*) FROM "+table)
	if err != nil {
		return err
	}
	r.n["opaque"] += uint64(n)
	cols := columnsOf(table)
	return d.each(ctx, "SELECT "+d.selects(table, cols)+" FROM "+table+" ORDER BY "+cols[0], nil, func(v []any) error {
		row := &pb.Row{}
		for i, c := range cols {
			row.Columns = append(row.Columns, d.cell(c, sqlitefile.Text(v[0]), v[i]))
		}
		return r.put(&pb.Opaque{Meta: agentstate.Meta("opaque", &pb.Native{Type: table, Body: &pb.Native_Row{Row: row}}, d.layout.Place, table, sqlitefile.Text(v[0]))})
	})
}

// OpenBlob opens one value of a row.
func (r *reading) OpenBlob(ctx context.Context, id string) (io.ReadCloser, error) {
	body, ok := strings.CutPrefix(id, "row:")
	var at []string
	if !ok || json.Unmarshal([]byte(body), &at) != nil || len(at) != 4 {
		return nil, fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, id)
	}
	i := slices.IndexFunc(r.dbs, func(d *db) bool { return d.layout.File == at[0] })
	if i < 0 {
		return nil, fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, id)
	}
	d := r.dbs[i]
	var out []byte
	found := false
	err := d.each(ctx, "SELECT "+d.column(at[1], at[2])+" FROM "+quote(at[1])+" WHERE id = "+d.param(at[1], "id"), []any{at[3]}, func(v []any) error {
		found = true
		switch x := v[0].(type) {
		case string:
			out = []byte(x)
		case []byte:
			out = bytes.Clone(x)
		}
		return nil
	})
	if err != nil || !found {
		return nil, errors.Join(own(d.wrap(err)), fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, id))
	}
	return io.NopCloser(bytes.NewReader(out)), nil
}
