package codex

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

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
	if nameOf(f.Rel) == "" {
		return nil, fmt.Errorf("%w: found the database %s; supported: %s (%s)", ErrSchema, f.Rel, strings.Join(databases(), ", "), supported)
	}
	file, err := sqlitefile.Open(ctx, f.Path, h.wait)
	if err != nil {
		return nil, err
	}
	d := &database{DB: file, rel: f.Rel}
	if d.schema, err = h.made.match(ctx, file.Conn, f.Rel); err != nil {
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
	rows, err := sqlitefile.Query(ctx, d.Conn, "SELECT count(*) FROM "+quote(table))
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
	t := d.schema.table("threads")
	if t == nil {
		return "", nil
	}
	name := "''" // older releases give no names
	if t.column("name") >= 0 {
		name = "name"
	}
	rows, err := sqlitefile.Query(ctx, d.Conn, "SELECT CAST(coalesce(nullif("+name+", ''), substr(title, 1, 4096)) AS TEXT) FROM threads WHERE id = ?", id)
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
