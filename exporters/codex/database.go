package codex

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Tables that are not like the others.
const (
	counters   = "sqlite_sequence"
	enrolments = "remote_control_enrollments" // tie this machine to a service
)

// A database is one open file of rows, in one transaction.
type database struct {
	*sqlitefile.DB
	rel    string
	schema *schema
	ids    map[string]int64 // of a target: SQLite's counters before the run
}

// openDB opens a database to read. One that is not known is ErrSchema.
func (h *Home) openDB(ctx context.Context, f *homefiles.File) (*database, error) {
	s, err := schemaOf(ctx, f.Rel)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, fmt.Errorf("%w: found the database %s; supported: %s (%s)", ErrSchema, f.Rel, strings.Join(databases(), ", "), supported)
	}
	file, err := sqlitefile.Open(ctx, f.Path, h.wait)
	if err != nil {
		return nil, err
	}
	d := &database{DB: file, rel: f.Rel, schema: s}
	if err := s.check(ctx, file.Conn, f.Rel); err != nil {
		for _, n := range file.Notes { // the likely reason: it was copied without its log
			err = fmt.Errorf("%w; %s", err, n)
		}
		file.Close()
		return nil, d.Wrap(err)
	}
	return d, nil
}

// databases are the names of those that are known.
func databases() []string {
	return []string{"state_5.sqlite", "goals_1.sqlite", "memories_1.sqlite", "memories_v2_1.sqlite", "thread_history_1.sqlite", "queue_1.sqlite"}
}

// kindOfRow is the kind of record that a row becomes.
func kindOfRow(table string) string {
	switch table {
	case "thread_goals", "queued_items":
		return "state"
	case "stage1_outputs":
		return "memory"
	}
	return "opaque"
}

// kindOfDatabase is the kind that is short when a database cannot be read.
func kindOfDatabase(rel string) string {
	switch {
	case strings.HasPrefix(rel, "goals"), strings.HasPrefix(rel, "queue"):
		return "state"
	case strings.HasPrefix(rel, "memories"):
		return "memory"
	}
	return "opaque"
}

// gapOf is the gap that a database is which cannot be read.
func gapOf(rel string, err error) *pb.Gap {
	g := &pb.Gap{Kind: kindOfDatabase(rel), Place: rel, Detail: valid(err.Error())}
	switch {
	case errors.Is(err, fs.ErrPermission):
		g.Reason, g.Permission = pb.Gap_REASON_FORBIDDEN, "to read "+rel
	case errors.Is(err, sqlitefile.ErrLocked):
		g.Reason = pb.Gap_REASON_REFUSED
	case errors.Is(err, sqlitefile.ErrDamaged), errors.Is(err, sqlitefile.ErrEmpty):
		g.Reason = pb.Gap_REASON_CORRUPT
	case errors.Is(err, sqlitefile.ErrChanged):
		g.Reason = pb.Gap_REASON_CHANGED
	}
	return g
}

// count counts the rows of a table.
func (d *database) count(ctx context.Context, table string) (uint64, error) {
	rows, err := query(ctx, d.Conn, "SELECT count(*) FROM "+quote(table))
	if err != nil {
		return 0, d.Wrap(err)
	}
	return uint64(rows[0][0].(int64)), nil
}

// counts are the rows by kind, and the record of the database itself.
func (d *database) counts(ctx context.Context) (map[string]uint64, error) {
	out := map[string]uint64{"opaque": 1}
	for _, t := range d.schema.tables {
		n, err := d.count(ctx, t.name)
		if err != nil {
			return nil, err
		}
		out[kindOfRow(t.name)] += n
	}
	n, err := d.enrolled(ctx)
	out["credential"] += n
	return out, err
}

// enrolled is the number of services that the machine is enrolled at.
func (d *database) enrolled(ctx context.Context) (uint64, error) {
	if d.schema.objects["table "+enrolments] == "" {
		return 0, nil
	}
	return d.count(ctx, enrolments)
}

// title is what people call a thread; empty: nothing.
func (d *database) title(ctx context.Context, id string) (string, error) {
	rows, err := query(ctx, d.Conn, "SELECT CAST(coalesce(nullif(name, ''), substr(title, 1, 4096)) AS TEXT) FROM threads WHERE id = ?", id)
	if err != nil || len(rows) == 0 {
		return "", d.Wrap(err)
	}
	s, _ := rows[0][0].(string)
	return valid(s), nil
}

// record says what the database is made of: a target makes it again from its own copy.
func (d *database) record() agentstate.Record {
	m := d.schema.migrations
	text := func(name, v string) *pb.Column {
		return &pb.Column{Name: name, Value: &pb.Column_Text{Text: []byte(v)}}
	}
	return &pb.Opaque{Meta: agentstate.Meta("opaque", &pb.Native{Type: "database", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{
		text("file", d.rel),
		{Name: "migrations", Value: &pb.Column_Integer{Integer: int64(len(m))}},
		text("checksum", d.schema.mark()),
	}}}}, d.rel)}
}

// mark tells one schema from another.
func (s *schema) mark() string {
	h := sha256.New()
	for _, o := range sortedKeys(s.objects) {
		fmt.Fprintf(h, "%s %d:%s", o, len(s.objects[o]), s.objects[o])
	}
	for _, m := range s.migrations {
		fmt.Fprintf(h, "%d %s", m.version, m.checksum)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// row is the record of a row; nil: its key is NULL.
func (r *reading) row(d *database, t *table, v []any) (agentstate.Record, error) {
	kind := kindOfRow(t.name)
	parts := []string{d.rel, t.name}
	for _, k := range t.key {
		x := v[t.column(k)]
		if x == nil {
			return nil, nil
		}
		parts = append(parts, asText(x))
	}
	row := &pb.Row{}
	id := func(col string) string { return "row:" + col + " " + agentstate.Key(kind, parts...) }
	for i, c := range t.cols {
		x := &pb.Column{Name: c}
		switch v := v[i].(type) {
		case int64:
			x.Value = &pb.Column_Integer{Integer: v}
		case float64:
			x.Value = &pb.Column_Real{Real: v}
		case string:
			x.Value = &pb.Column_Text{Text: []byte(v)}
			if len(v) > agentstate.SpillSize {
				x.Value = &pb.Column_TextRef{TextRef: &pb.Blob{Id: id(c)}}
			}
		case []byte:
			x.Value = &pb.Column_Blob{Blob: slices.Clone(v)}
			if len(v) > agentstate.SpillSize {
				x.Value = &pb.Column_BlobRef{BlobRef: &pb.Blob{Id: id(c)}}
			}
		}
		row.Columns = append(row.Columns, x)
	}
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
		conversation = keyOf(f.Rel)
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
	at := func(col string, unit time.Duration) int64 {
		n, _ := get(col).(int64)
		if n <= 0 || n > int64(1<<62)/int64(unit) {
			return 0
		}
		return n * int64(unit)
	}
	switch t.name {
	case "thread_goals", "queued_items":
		m.CreatedUnixNano, m.UpdatedUnixNano = at("created_at_ms", time.Millisecond), at("updated_at_ms", time.Millisecond)
		s := &pb.State{Meta: m, Scope: "thread", ScopeKey: conversation}
		if t.name == "thread_goals" {
			s.Value = document("objective", "text/plain", "#value")
			if st, ok := get("status").(string); ok {
				m.Labels = []*pb.Label{{Name: "status", Value: valid(st)}}
			}
		} else {
			s.Value = document("payload_json", "application/json", "#value")
		}
		return s, nil
	case "stage1_outputs":
		m.UpdatedUnixNano = at("generated_at", time.Second)
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
		return mem, nil
	}
	o := &pb.Opaque{Meta: m}
	if conversation != "" {
		o.AboutKeys = []string{conversation}
	}
	return o, nil
}

// rows are all rows of a database.
func (r *reading) rows(ctx context.Context, d *database) error {
	if err := r.put(d.record()); err != nil {
		return err
	}
	for i := range d.schema.tables {
		t := &d.schema.tables[i]
		n := 0
		err := each(ctx, d.Conn, "SELECT "+selects(t.cols)+" FROM "+quote(t.name)+" ORDER BY rowid", nil, func(v []any) error {
			n++
			rec, err := r.row(d, t, v)
			if err != nil {
				return err
			}
			if rec == nil {
				return r.gap(&pb.Gap{Kind: kindOfRow(t.name), Place: d.rel + " " + t.name + " row " + strconv.Itoa(n), Reason: pb.Gap_REASON_CORRUPT, Detail: "its key is NULL", Count: 1})
			}
			return r.put(rec)
		})
		if err != nil && !errors.Is(err, errStop) {
			return r.broken(d, d.Wrap(err))
		}
		if err != nil {
			return err
		}
	}
	if d.schema.objects["table "+enrolments] != "" {
		err := each(ctx, d.Conn, "SELECT CAST(websocket_url AS TEXT), CAST(account_id AS TEXT), CAST(app_server_client_name AS TEXT) FROM "+enrolments, nil, func(v []any) error {
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

// broken is a database that ends in the middle: what was read of it stays.
func (r *reading) broken(d *database, err error) error {
	if r.out.OK() && (errors.Is(err, sqlitefile.ErrDamaged) || errors.Is(err, sqlitefile.ErrChanged)) {
		return r.gap(gapOf(d.rel, err))
	}
	return err
}

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
	q := "SELECT +rowid, " + selects(t.key) + ", " + selects(cols) + " FROM " + quote(t.name)
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	var out []any
	err := each(ctx, d.Conn, q, args, func(r []any) error {
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

// selects is the list of columns as expressions, which keeps the driver from making times and
// truths of numbers.
func selects(cols []string) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = "+" + quote(c)
	}
	return strings.Join(out, ", ")
}

// query reads a small result.
func query(ctx context.Context, c *sql.Conn, q string, args ...any) ([][]any, error) {
	var out [][]any
	err := each(ctx, c, q, args, func(row []any) error {
		out = append(out, slices.Clone(row))
		return nil
	})
	return out, err
}

// each calls fn for every row; the row is valid during the call.
func each(ctx context.Context, c *sql.Conn, q string, args []any, fn func([]any) error) error {
	rows, err := c.QueryContext(ctx, q, args...)
	if err != nil {
		return err
	}
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
