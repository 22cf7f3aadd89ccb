package openaiagents

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// An item of more than 4 MiB is not read whole: the record says what stands in it beside its long
// strings, and its bytes come from the database piece by piece.
const (
	maxItem   = 4 << 20
	shortItem = "CASE WHEN octet_length(message_data) <= 4194304 THEN message_data END"
)

// A beside is a value that was not read.
type beside struct{ blob bool }

// longItem is a beside where the item is too long; nil: it is NULL.
func (d *db) longItem(ctx context.Context, table string, id any) (any, error) {
	rows, err := sqlitefile.Query(ctx, d.Conn, "SELECT typeof(message_data) FROM "+quote(table)+" WHERE id IS ?", id)
	if err != nil || len(rows) != 1 || rows[0][0] == "null" {
		return nil, err
	}
	return beside{rows[0][0] == "blob"}, nil
}

// blob names one value: the file, the table, the column, and the row by its key.
func (d *db) blob(t *table, col string, v []any) *pb.Blob {
	id := []string{d.rel, t.name, col}
	for _, k := range t.key {
		switch v := v[slices.Index(t.cols, k)].(type) {
		case int64:
			id = append(id, k, "i"+strconv.FormatInt(v, 10))
		default:
			id = append(id, k, "t"+sqlitefile.Text(v))
		}
	}
	for i, p := range id {
		id[i] = url.PathEscape(p)
	}
	return &pb.Blob{Id: "row:" + strings.Join(id, "/")}
}

// openRow opens one value of a row.
func (r *reading) openRow(ctx context.Context, id string) (io.ReadCloser, error) {
	var parts []string
	for p := range strings.SplitSeq(strings.TrimPrefix(id, "row:"), "/") {
		u, err := url.PathUnescape(p)
		if err != nil {
			break
		}
		parts = append(parts, u)
	}
	if len(parts) < 5 || r.dbs[parts[0]] == nil {
		return nil, fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, id)
	}
	v := &value{ctx: ctx, d: r.dbs[parts[0]], table: parts[1], col: parts[2]}
	for i := 3; i+1 < len(parts); i += 2 {
		v.where = append(v.where, quote(parts[i])+" IS ?")
		if s, ok := strings.CutPrefix(parts[i+1], "i"); ok {
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, id)
			}
			v.key = append(v.key, n)
		} else {
			v.key = append(v.key, strings.TrimPrefix(parts[i+1], "t"))
		}
	}
	if err := v.next(); err != nil && !errors.Is(err, io.EOF) {
		return nil, own(v.d.Wrap(err))
	}
	return v, nil
}

// A value reads one value of a row piece by piece.
type value struct {
	ctx        context.Context
	d          *db
	table, col string
	where      []string
	key        []any
	off        int64
	buf        []byte
	last       bool
}

// next reads the next piece; io.EOF: there is none.
func (v *value) next() error {
	if v.last {
		return io.EOF
	}
	rows, err := sqlitefile.Query(v.ctx, v.d.Conn, "SELECT substr(CAST("+quote(v.col)+" AS BLOB), ?, ?) FROM "+quote(v.table)+" WHERE "+strings.Join(v.where, " AND "), append([]any{v.off + 1, maxItem}, v.key...)...)
	if err == nil && len(rows) != 1 {
		err = fmt.Errorf("%w: row of %s", agentstate.ErrNotFound, v.table)
	}
	if err != nil {
		return err
	}
	v.buf, _ = rows[0][0].([]byte)
	v.off += int64(len(v.buf))
	v.last = len(v.buf) < maxItem
	return nil
}

func (v *value) Read(p []byte) (int, error) {
	for len(v.buf) == 0 {
		if err := v.next(); err != nil {
			if !errors.Is(err, io.EOF) {
				err = own(v.d.Wrap(err))
			}
			return 0, err
		}
	}
	n := copy(p, v.buf)
	v.buf = v.buf[n:]
	return n, nil
}

func (v *value) Close() error { return nil }

// readLong reads what a long item says.
func (d *db) readLong(ctx context.Context, m *pb.Message, p *pair, id any) error {
	return readLong(m, &value{ctx: ctx, d: d, table: p.Messages, col: "message_data", where: []string{"id IS ?"}, key: []any{id}})
}

// unreadItem marks a message whose item is too long to be taken apart.
func unreadItem() *pb.Label {
	return &pb.Label{Name: "item", Value: "in the native form alone: it is longer than 16 MiB"}
}

// readLong reads an item without the middle of its long strings. One that is long without them is
// carried, and not taken apart.
func readLong(m *pb.Message, r io.Reader) error {
	var s responses.Shortener
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		s.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			responses.Read(m, s.Bytes())
			return nil
		}
		if err != nil {
			return err
		}
		if len(s.Bytes()) > 4*maxItem {
			m.Meta.Labels = append(m.Meta.Labels, unreadItem())
			return nil
		}
	}
}
