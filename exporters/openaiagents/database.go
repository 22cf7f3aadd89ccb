package openaiagents

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A db is one open session database.
type db struct {
	*sqlitefile.DB
	rel    string
	layout layout
}

// A layout is what the tables of a database are: it travels in a label of the Origin, and a target
// makes them again.
type layout struct {
	File    string   `json:"file"`
	Dialect dialect  `json:"dialect"`
	Pairs   []pair   `json:"pairs"`
	Extra   []string `json:"extra,omitempty"` // of extraTables, those that are there
	// Alchemy are the tables of messages that SQLAlchemySession made in a file of another dialect.
	Alchemy []string `json:"alchemy,omitempty"`
	// ByTime are the tables of messages that older releases of the library index by time, not by id.
	ByTime []string `json:"by_time,omitempty"`
	// Added are the columns that an application put into tables of the library, by table.
	Added map[string][]string `json:"added,omitempty"`
	// Structure is the table of messages that the tables of AdvancedSQLiteSession belong to, where
	// that is not the first one.
	Structure string `json:"structure,omitempty"`

	others   []string // tables of an application, which are not carried
	triggers []string // and triggers, which act on what the library writes
}

// structured is the pair that the tables of AdvancedSQLiteSession belong to.
func (l *layout) structured() *pair {
	if p := l.pair(l.Structure); p != nil && l.Structure != "" {
		return p
	}
	return &l.Pairs[0]
}

// dialectOf is who made the tables of p.
func (l *layout) dialectOf(p pair) dialect {
	if slices.Contains(l.Alchemy, p.Messages) {
		return sqlAlchemy
	}
	return l.Dialect
}

// A pair is a table of sessions and its table of messages: their names are the program's choice.
type pair struct {
	Sessions string `json:"sessions"`
	Messages string `json:"messages"`
}

// dialect is who made the tables.
type dialect string

const (
	plainSQLite dialect = "sqlite"     // SQLiteSession, AdvancedSQLiteSession
	sqlAlchemy  dialect = "sqlalchemy" // SQLAlchemySession
)

// columnsOf are the columns of the runtime's tables. Without one of them it is a schema that is not
// known; others are an application's.
func columnsOf(table string, p *pair) []string {
	switch {
	case p != nil && table == p.Sessions:
		return []string{"session_id", "created_at", "updated_at"}
	case p != nil && table == p.Messages:
		return []string{"id", "session_id", "message_data", "created_at"}
	}
	return extraTables()[table]
}

// extraTables are those of AdvancedSQLiteSession, and SQLite's counters.
func extraTables() map[string][]string {
	return map[string][]string{
		"message_structure": {"id", "session_id", "message_id", "branch_id", "message_type", "sequence_number", "user_turn_number", "branch_turn_number", "tool_name", "created_at"},
		"turn_usage": {"id", "session_id", "branch_id", "user_turn_number", "requests", "input_tokens", "output_tokens", "total_tokens",
			"input_tokens_details", "output_tokens_details", "created_at"},
		"branch_reservations":       {"session_id", "branch_id"},
		"session_clear_generations": {"session_id", "generation"},
		"sqlite_sequence":           {"name", "seq"},
	}
}

// keyOf are the columns that identify a row.
func keyOf(table string, p *pair) []string {
	switch {
	case p != nil && table == p.Sessions, table == "session_clear_generations":
		return []string{"session_id"}
	case table == "branch_reservations":
		return []string{"session_id", "branch_id"}
	case table == "sqlite_sequence":
		return []string{"name"}
	}
	return []string{"id"}
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

// fileTables are those of a file, in the order of their names.
type fileTables struct {
	names   []string
	cols    map[string][]string
	varchar map[string]bool // tables with a column of that type, which SQLAlchemy declares
}

func readTables(ctx context.Context, c *sql.Conn) (*fileTables, error) {
	rows, err := sqlitefile.Query(ctx, c, `SELECT +m.name, +x.name, +x.type FROM sqlite_master m JOIN pragma_table_info(m.name) x WHERE m.type = 'table' ORDER BY m.name, x.cid`)
	if err != nil {
		return nil, err
	}
	ts := &fileTables{cols: map[string][]string{}, varchar: map[string]bool{}}
	for _, r := range rows {
		t := r[0].(string)
		if ts.cols[t] == nil {
			ts.names = append(ts.names, t)
		}
		ts.cols[t] = append(ts.cols[t], r[1].(string))
		ts.varchar[t] = ts.varchar[t] || r[2] == "VARCHAR"
	}
	return ts, nil
}

// refersTo is the table that a column refers to; one is false where it is none, or several.
func refersTo(ctx context.Context, c *sql.Conn, table, column string) (to string, one bool, err error) {
	fk, err := sqlitefile.Query(ctx, c, `SELECT +"table" FROM pragma_foreign_key_list(?) WHERE "from" = ?`, table, column)
	if err != nil || len(fk) != 1 {
		return "", false, err
	}
	return fk[0][0].(string), true, nil
}

// readLayout finds the pairs of tables by their columns, since their names may be any.
func readLayout(ctx context.Context, c *sql.Conn, rel string) (layout, error) {
	l := layout{File: rel, Dialect: plainSQLite}
	ts, err := readTables(ctx, c)
	if err != nil {
		return l, err
	}
	for _, t := range ts.names {
		if slices.Contains(ts.cols[t], "message_data") && slices.Contains(ts.cols[t], "session_id") {
			if err := l.messages(ctx, c, ts, t); err != nil {
				return l, err
			}
		}
	}
	for _, t := range ts.names { // the SDK makes both at once
		if slices.Equal(ts.cols[t], columnsOf(t, &pair{Sessions: t})) && !l.isSessions(t) && (t == "agent_sessions" || l.Pairs == nil) {
			return l, fmt.Errorf("%w: %s: no table holds the messages of the sessions in %s; supported: both (openai-agents "+releases+")", ErrSchema, rel, t)
		}
	}
	if l.Pairs == nil {
		return l, nil
	}
	triggers, err := sqlitefile.Query(ctx, c, `SELECT +name FROM sqlite_master WHERE type = 'trigger' ORDER BY name`)
	if err != nil {
		return l, err
	}
	for _, r := range triggers {
		l.triggers = append(l.triggers, r[0].(string))
	}
	if len(l.Alchemy) == len(l.Pairs) {
		l.Dialect, l.Alchemy = sqlAlchemy, nil
	}
	for _, t := range ts.names {
		if err := l.extra(ctx, c, ts, t); err != nil {
			return l, err
		}
	}
	return l, nil
}

func (l *layout) isSessions(table string) bool {
	return slices.ContainsFunc(l.Pairs, func(p pair) bool { return p.Sessions == table })
}

// messages notes the pair of t, which has the columns of a table of messages.
func (l *layout) messages(ctx context.Context, c *sql.Conn, ts *fileTables, t string) error {
	sessions, one, err := refersTo(ctx, c, t, "session_id")
	if err != nil {
		return err
	}
	if !one {
		if t == "agent_messages" {
			return fmt.Errorf("%w: %s: table %s refers to no table of sessions; supported: session_id of agent_sessions (openai-agents "+releases+")", ErrSchema, l.File, t)
		}
		return nil // not one of the SDK's
	}
	p := pair{Sessions: sessions, Messages: t}
	if err := l.knows(t, &p, ts.cols[t]); err != nil {
		return err
	}
	if ts.cols[sessions] == nil {
		return fmt.Errorf("%w: %s: table %s is not there, whose sessions the messages in %s are of; supported: both (openai-agents "+releases+")", ErrSchema, l.File, sessions, t)
	}
	if err := l.knows(sessions, &p, ts.cols[sessions]); err != nil {
		return err
	}
	l.Pairs = append(l.Pairs, p)
	if ts.varchar[t] {
		l.Alchemy = append(l.Alchemy, t)
	}
	index, err := sqlitefile.Query(ctx, c, `SELECT 1 FROM pragma_index_info(?) WHERE name = 'created_at'`, "idx_"+t+"_session_id")
	if len(index) > 0 {
		l.ByTime = append(l.ByTime, t)
	}
	return err
}

// extra notes t where it is of no pair.
func (l *layout) extra(ctx context.Context, c *sql.Conn, ts *fileTables, t string) error {
	if extraTables()[t] == nil {
		if p := l.pair(t); !l.isSessions(t) && (p == nil || p.Messages != t) && !strings.HasPrefix(t, "sqlite_") {
			l.others = append(l.others, t)
		}
		return nil
	}
	if err := l.knows(t, nil, ts.cols[t]); err != nil {
		return err
	}
	l.Extra = append(l.Extra, t)
	if t != "message_structure" {
		return nil
	}
	messages, one, err := refersTo(ctx, c, t, "message_id")
	if one && l.pair(messages) != nil && messages != l.Pairs[0].Messages {
		l.Structure = messages
	}
	return err
}

// knows refuses a table that lacks a column of the library, and notes those that an application added.
func (l *layout) knows(table string, p *pair, have []string) error {
	want := columnsOf(table, p)
	for _, c := range want {
		if !slices.Contains(have, c) {
			return fmt.Errorf("%w: %s: table %s has the columns %s; supported: %s (openai-agents %s)", ErrSchema, l.File, table, strings.Join(have, ", "), strings.Join(want, ", "), releases)
		}
	}
	for _, c := range have {
		if slices.Contains(want, c) {
			continue
		}
		if !utf8.ValidString(c) {
			return fmt.Errorf("%w: %s: table %s has a column %q, whose name is no text", ErrSchema, l.File, table, c)
		}
		if l.Added == nil {
			l.Added = map[string][]string{}
		}
		l.Added[table] = append(l.Added[table], c)
	}
	return nil
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
