package openaiagents

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

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

	filled map[string][]string // by table, the columns with a DEFAULT

	// Of an application, and not carried: tables, triggers, which act on what the library writes, indexes
	// of the library's tables, which may forbid rows, and views.
	others, triggers, indexes, views []string
}

// structured is the pair that the tables of AdvancedSQLiteSession belong to.
func (l *layout) structured() *pair {
	if p := l.pair(l.Structure); p != nil && l.Structure != "" {
		return p
	}
	return &l.Pairs[0]
}

// whose are columns that say of each pair whether it has what a row of table t of AdvancedSQLiteSession names. Releases up to 0.10.5 let
// all such rows refer to agent_messages, also those of tables with other names; later ones to the tables that were there first.
func (l *layout) whose(t string, cols []string) (columns string) {
	if len(l.Pairs) < 2 || !slices.Contains(cols, "session_id") {
		return ""
	}
	for _, p := range l.Pairs {
		if slices.Contains(cols, "message_id") {
			columns += ", EXISTS (SELECT 1 FROM " + quote(p.Messages) + " WHERE id = " + t + ".message_id AND session_id = " + t + ".session_id)"
		} else {
			columns += ", EXISTS (SELECT 1 FROM " + quote(p.Sessions) + " WHERE session_id = " + t + ".session_id UNION ALL SELECT 1 FROM " + quote(p.Messages) + " WHERE session_id = " + t + ".session_id)"
		}
	}
	return columns
}

// owners are the pairs whose a row is, of those that whose has found: all of them where it cannot be told, that of the table where it
// is of none.
func (l *layout) owners(found []any) (out []*pair) {
	table := l.structured()
	for i := range found {
		if p := &l.Pairs[i]; found[i] == int64(1) && p == table {
			out = append([]*pair{p}, out...)
		} else if found[i] == int64(1) {
			out = append(out, p)
		}
	}
	if out == nil {
		out = []*pair{table}
	}
	return out
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

// fileTables are those of a file, in the order of their names.
type fileTables struct {
	names   []string
	cols    map[string][]string
	varchar map[string]bool // tables with a column of that type, which SQLAlchemy declares
	filled  map[string][]string
}

func readTables(ctx context.Context, c *sql.Conn) (*fileTables, error) {
	rows, err := sqlitefile.Query(ctx, c, `SELECT +m.name, +x.name, +x.type, coalesce(+x.dflt_value, 'NULL') <> 'NULL' COLLATE NOCASE FROM sqlite_master m JOIN pragma_table_info(m.name) x WHERE m.type = 'table' ORDER BY m.name, x.cid`)
	if err != nil {
		return nil, err
	}
	ts := &fileTables{cols: map[string][]string{}, varchar: map[string]bool{}, filled: map[string][]string{}}
	for _, r := range rows {
		t := r[0].(string)
		if ts.cols[t] == nil {
			ts.names = append(ts.names, t)
		}
		ts.cols[t] = append(ts.cols[t], r[1].(string))
		ts.varchar[t] = ts.varchar[t] || r[2] == "VARCHAR"
		if r[3] == int64(1) {
			ts.filled[t] = append(ts.filled[t], r[1].(string))
		}
	}
	return ts, nil
}

// refersTo is the table that a column refers to, as the file has its name: a program may have written it in another case. one is
// false where it is none, or several.
func refersTo(ctx context.Context, c *sql.Conn, table, column string) (to string, one bool, err error) {
	fk, err := sqlitefile.Query(ctx, c, `SELECT coalesce((SELECT +name FROM sqlite_master WHERE type = 'table' AND name = f."table" COLLATE NOCASE), +f."table") FROM pragma_foreign_key_list(?) f WHERE f."from" = ?`, table, column)
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
	l.filled = ts.filled
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
	if len(l.Alchemy) == len(l.Pairs) {
		l.Dialect, l.Alchemy = sqlAlchemy, nil
	}
	for _, t := range ts.names {
		if err := l.extra(ctx, c, ts, t); err != nil {
			return l, err
		}
	}
	return l, l.beside(ctx, c)
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
		if slices.Contains(want, c) || slices.Contains(l.Added[table], c) { // two tables of messages may have one of sessions
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

// beside notes what an application put beside the tables, which is not carried.
func (l *layout) beside(ctx context.Context, c *sql.Conn) error {
	rows, err := sqlitefile.Query(ctx, c, `SELECT +type, +name, +tbl_name FROM sqlite_master WHERE type IN ('trigger', 'view') OR type = 'index' AND sql IS NOT NULL ORDER BY name`)
	for _, r := range rows {
		name, table := r[1].(string), r[2].(string)
		switch p := l.pair(table); {
		case r[0] == "trigger":
			l.triggers = append(l.triggers, name)
		case r[0] == "view":
			l.views = append(l.views, name)
		case l.isSessions(table), p != nil && name != "idx_"+table+"_session_id" && name != "idx_"+table+"_session_time",
			slices.Contains(l.Extra, table) && !strings.HasPrefix(name, "idx_structure_") && name != "idx_turn_usage_session_turn":
			l.indexes = append(l.indexes, name)
		}
	}
	return err
}
