package codex

import (
	"context"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A cell is a column with the values that most have, made at once.
type cell struct {
	column  pb.Column
	integer pb.Column_Integer
	text    pb.Column_Text
}

// native is the native form of a row. id names the blob of a column whose value is too long for a record.
func native(t *table, v []any, id func(col string) string) *pb.Row {
	row := &pb.Row{Columns: make([]*pb.Column, len(t.cols))}
	cells := make([]cell, len(t.cols))
	for i, c := range t.cols {
		x := &cells[i]
		x.column.Name = c
		row.Columns[i] = &x.column
		switch v := v[i].(type) {
		case int64:
			x.integer.Integer = v
			x.column.Value = &x.integer
		case float64:
			x.column.Value = &pb.Column_Real{Real: v}
		case string:
			if len(v) > agentstate.SpillSize {
				x.column.Value = &pb.Column_TextRef{TextRef: &pb.Blob{Id: id(c)}}
				continue
			}
			x.text.Text = []byte(v)
			x.column.Value = &x.text
		case []byte:
			x.column.Value = &pb.Column_Blob{Blob: v}
			if len(v) > agentstate.SpillSize {
				x.column.Value = &pb.Column_BlobRef{BlobRef: &pb.Blob{Id: id(c)}}
			}
		}
	}
	return row
}

// row is the record of a row, whose values are its own from here on; nil: its key is NULL. It is called
// for several rows at once.
func (r *reading) row(d *database, t *table, v []any) agentstate.Record {
	kind := kindOfRow(t.name)
	parts := append(make([]string, 0, 2+len(t.key)), d.rel, t.name)
	for _, k := range t.key {
		x := v[t.column(k)]
		if x == nil {
			return nil
		}
		parts = append(parts, asText(x))
	}
	id := func(col string) string { return "row:" + col + " " + agentstate.Key(kind, parts...) }
	row := native(t, v, id)
	m := agentstate.Meta(kind, &pb.Native{Type: t.name, Body: &pb.Native_Row{Row: row}}, parts...)
	get := func(name string) any {
		if i := t.column(name); i >= 0 {
			return v[i]
		}
		return nil
	}
	thread, _ := get("thread_id").(string)
	if t.name == "threads" {
		thread, _ = get("id").(string)
	}
	conversation := ""
	if f := r.threads[thread]; f != nil {
		conversation = f.key
	}
	// document takes a column out of the row: it is held once, as the field at.
	document := func(col, media, at string) *pb.Data {
		s, ok := get(col).(string)
		if !ok {
			return nil
		}
		row.Columns[t.column(col)].Value = &pb.Column_Splice{Splice: &pb.Splice{Text: true, Pieces: []*pb.Piece{{Body: &pb.Piece_At{At: at}}}}}
		if len(s) > agentstate.SpillSize {
			return &pb.Data{MediaType: media, Body: &pb.Data_Blob{Blob: &pb.Blob{Id: id(col)}}}
		}
		return agentstate.Inline(media, []byte(s))
	}
	switch t.name {
	case "thread_goals", "queued_items":
		m.CreatedUnixNano, m.UpdatedUnixNano = nanos(get("created_at_ms"), time.Millisecond), nanos(get("updated_at_ms"), time.Millisecond)
		s := &pb.State{Meta: m, Scope: "thread", ScopeKey: conversation}
		if t.name == "thread_goals" {
			s.Value = document("objective", "text/plain", "#value")
			if st, ok := get("status").(string); ok {
				m.Labels = []*pb.Label{{Name: "status", Value: valid(st)}}
			}
		} else {
			s.Value = document("payload_json", "application/json", "#value")
		}
		return s
	case "stage1_outputs":
		m.UpdatedUnixNano = nanos(get("generated_at"), time.Second)
		mem := &pb.Memory{Meta: m, Form: pb.Memory_FORM_EPISODIC}
		if s, ok := get("rollout_slug").(string); ok && len(s) <= agentstate.SpillSize {
			mem.Name = valid(s)
		}
		if s, ok := get("raw_memory").(string); ok && utf8.ValidString(s) && len(s) <= agentstate.SpillSize {
			document("raw_memory", "", "#text")
			mem.Content = &pb.Memory_Text{Text: s}
		} else if d := document("raw_memory", "text/markdown", "#data"); d != nil {
			mem.Content = &pb.Memory_Data{Data: d}
		}
		if conversation != "" {
			mem.SourceKeys = []string{conversation}
		}
		return mem
	}
	o := &pb.Opaque{Meta: m}
	if conversation != "" {
		o.AboutKeys = []string{conversation}
	}
	return o
}

// nanos is a time of a column that counts units since 1970, in nanoseconds; 0: it holds none.
func nanos(v any, unit time.Duration) int64 {
	n, _ := v.(int64)
	if n <= 0 || n > int64(1<<62)/int64(unit) {
		return 0
	}
	return n * int64(unit)
}

// rows are all rows of a database.
func (r *reading) rows(ctx context.Context, d *database) error {
	if err := r.put(d.record()); err != nil {
		return err
	}
	for i := range d.schema.tables {
		t := &d.schema.tables[i]
		if err := r.table(ctx, d, t); errors.Is(err, agentstate.ErrStopped) {
			return err
		} else if err != nil {
			return r.broken(d, d.Wrap(err))
		}
	}
	if d.schema.objects["table "+enrolments] != "" {
		err := sqlitefile.Each(ctx, d.Conn, "SELECT CAST(websocket_url AS TEXT), CAST(account_id AS TEXT), CAST(app_server_client_name AS TEXT) FROM "+enrolments, nil, func(v []any) error {
			return r.put(&pb.Credential{Meta: agentstate.Meta("credential", nil, d.rel, enrolments, asText(v[0]), asText(v[1]), asText(v[2])), Name: "remote control", Form: "enrolment",
				Location: d.rel + " " + enrolments, Rebind: "enrol the machine again: codex remote-control"})
		})
		if err != nil {
			return err
		}
	}
	if err := d.Check(); err != nil {
		return r.broken(d, err)
	}
	return nil
}

// table are the rows of a table: while some are used those behind them are read and made records.
func (r *reading) table(ctx context.Context, d *database, t *table) error {
	queue := sqlitefile.Ahead(ctx, d.DB, "SELECT "+sqlitefile.Selects(t.cols)+" FROM "+quote(t.name)+" ORDER BY rowid", func(rows [][]any) []agentstate.Record {
		out := make([]agentstate.Record, len(rows))
		for i, v := range rows {
			out[i] = r.row(d, t, v)
		}
		return out
	})
	defer queue.Close()
	for n := 0; ; {
		recs, ok, err := queue.Next()
		if !ok {
			return err
		}
		for _, rec := range recs {
			if n++; rec == nil {
				err = r.gap(&pb.Gap{Kind: kindOfRow(t.name), Place: d.rel + " " + t.name + " row " + strconv.Itoa(n), Reason: pb.Gap_REASON_CORRUPT, Detail: "its key is NULL", Count: 1})
			} else {
				err = r.put(rec)
			}
			if err != nil {
				return err
			}
		}
	}
}

// broken is a database that ends in the middle: what was read of it stays.
func (r *reading) broken(d *database, err error) error {
	if r.out.OK() && (errors.Is(err, sqlitefile.ErrDamaged) || errors.Is(err, sqlitefile.ErrChanged)) {
		return r.gap(gapOf(d.rel, err))
	}
	return err
}
