package openaiagents

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A db is one open session database.
type db struct {
	*sqlitefile.DB
	rel    string
	layout layout
	there  map[string]bool     // of an undo: the tables that there are
	given  map[string][]string // of an undo: the columns of an application that the source had, by table
	ruled  bool                // of a run: rules that are not the SDK's may keep rows out
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// openDB opens a database that holds sessions; nil: it holds none.
func openDB(ctx context.Context, f found, wait time.Duration) (_ *db, err error) {
	s, err := sqlitefile.Open(ctx, f.path, wait)
	if err != nil {
		return nil, err
	}
	d := &db{DB: s, rel: f.rel}
	defer func() {
		if err != nil || d.layout.Pairs == nil {
			s.Close()
		}
	}()
	if d.layout, err = readLayout(ctx, d.Conn, f.rel); err != nil {
		return nil, d.Wrap(err)
	}
	if d.layout.Pairs == nil {
		return nil, nil
	}
	return d, nil
}

// A nativeRow is what the native form of a row of four columns consists of, made at once:
// there is one for each message.
type nativeRow struct {
	pb.Native
	body  pb.Native_Row
	row   pb.Row
	cols  [4]pb.Column
	list  [4]*pb.Column
	id    pb.Column_Integer
	texts [3]pb.Column_Text
}

// A table is one whose rows are read.
type table struct {
	name, role string // role is the name that the SDK gives it
	cols, key  []string
	own        int // columns of the SDK; those behind them are an application's
}

func tableOf(name string, p *pair, added ...string) *table {
	own := columnsOf(name, p)
	return &table{name, role(name, p), append(slices.Clip(own), added...), keyOf(name, p), len(own)}
}

// table is tableOf with the columns that an application added.
func (l *layout) table(name string, p *pair) *table { return tableOf(name, p, l.Added[name]...) }

// row is the native form of a row. Values above the limit lie beside it.
func (d *db) row(t *table, v []any) *pb.Native {
	return new(nativeRow).fill(t, v, func(col string) *pb.Blob { return d.blob(t, col, v) })
}

// fill makes n the row v of t. ref names a value that lies beside it; texts behind pointers are kept as
// they are.
func (n *nativeRow) fill(t *table, v []any, ref func(col string) *pb.Blob) *pb.Native {
	n.Type, n.Body, n.body.Row = t.role, &n.body, &n.row
	n.row.Columns = n.list[:0]
	texts, size := 0, 0
	long := func(i, n int) bool { return n > agentstate.SpillSize && !slices.Contains(t.key, t.cols[i]) }
	for i := range v {
		if s, ok := v[i].(string); ok && !long(i, len(s)) {
			size += len(s)
		}
	}
	buf := make([]byte, 0, size)
	for i, c := range t.cols {
		if v[i] == nil && i >= t.own {
			continue // an application's column without a value: as if it were not there
		}
		var x *pb.Column
		if i < len(n.cols) {
			x = &n.cols[i]
		} else {
			x = &pb.Column{}
		}
		x.Name = c
		switch val := v[i].(type) {
		case int64:
			if i > 0 {
				x.Value = &pb.Column_Integer{Integer: val}
			} else {
				n.id.Integer, x.Value = val, &n.id
			}
		case float64:
			x.Value = &pb.Column_Real{Real: val}
		case string:
			if long(i, len(val)) {
				x.Value = &pb.Column_TextRef{TextRef: ref(c)}
				break
			}
			at := len(buf)
			buf = append(buf, val...)
			if b := buf[at:len(buf):len(buf)]; texts < len(n.texts) {
				n.texts[texts].Text, x.Value = b, &n.texts[texts]
				texts++
			} else {
				x.Value = &pb.Column_Text{Text: b}
			}
		case *[]byte:
			if long(i, len(*val)) {
				x.Value = &pb.Column_TextRef{TextRef: ref(c)}
			} else if texts < len(n.texts) {
				n.texts[texts].Text, x.Value = *val, &n.texts[texts]
				texts++
			} else {
				x.Value = &pb.Column_Text{Text: *val}
			}
		case []byte:
			if long(i, len(val)) {
				x.Value = &pb.Column_BlobRef{BlobRef: ref(c)}
			} else {
				x.Value = &pb.Column_Blob{Blob: slices.Clone(val)}
			}
		case beside:
			x.Value = &pb.Column_TextRef{TextRef: ref(c)}
			if val.blob {
				x.Value = &pb.Column_BlobRef{BlobRef: ref(c)}
			}
		}
		n.row.Columns = append(n.row.Columns, x)
	}
	return &n.Native
}

// role is the table under the name that the SDK gives it.
func role(table string, p *pair) string {
	switch {
	case p != nil && table == p.Sessions:
		return "agent_sessions"
	case p != nil && table == p.Messages:
		return "agent_messages"
	}
	return table
}
