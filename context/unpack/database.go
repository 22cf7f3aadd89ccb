package unpack

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"

	"google.golang.org/protobuf/proto"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/recordjson"
)

// database is one SQLite file with a table a kind.
type database struct {
	db  *sql.DB
	tx  *sql.Tx
	by  map[string]*relation
	out []byte
}

type relation struct {
	cols   []column
	insert *sql.Stmt
	args   []any
}

func newDatabase(path string) (*database, error) {
	db, err := sql.Open("sqlite", "file:"+uriPath(path)+"?_pragma=journal_mode(off)&_pragma=synchronous(off)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	tx, err := db.Begin()
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &database{db: db, tx: tx, by: map[string]*relation{}}, nil
}

func uriPath(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (d *database) put(kind string, r agentstate.Record) error {
	t, err := d.relation(kind, r)
	if err != nil {
		return err
	}
	for i, c := range t.cols {
		t.args[i] = c.value(r)
		if u, ok := t.args[i].(uint64); ok && u > 1<<63-1 { // SQLite has no such number
			t.args[i] = fmt.Sprint(u)
		}
		if f, ok := t.args[i].(float64); ok && math.IsNaN(f) { // nor this: it would be NULL, as what is not said
			t.args[i] = "NaN"
		}
	}
	short := proto.Clone(r).(agentstate.Record)
	short.GetMeta().Native = nil
	d.out = recordjson.Append(d.out[:0], short)
	t.args[len(t.cols)] = string(d.out)
	_, err = t.insert.Exec(t.args...)
	return err
}

// relation is the table of a kind. There is one from its first record on, which tells the columns.
func (d *database) relation(kind string, r agentstate.Record) (*relation, error) {
	if t, ok := d.by[kind]; ok {
		return t, nil
	}
	t, err := d.create(kind, r)
	if err == nil {
		d.by[kind] = t
	}
	return t, err
}

func (d *database) create(kind string, r agentstate.Record) (*relation, error) {
	t := &relation{cols: columns(r)}
	t.args = make([]any, len(t.cols)+1)
	var defs, marks []string
	for _, c := range t.cols {
		defs, marks = append(defs, quote(c.name)), append(marks, "?")
	}
	defs[0] += " TEXT PRIMARY KEY" // the key
	if kind == "unknown" {
		defs[0] = strings.TrimSuffix(defs[0], " PRIMARY KEY")
	}
	q := fmt.Sprintf("CREATE TABLE %s (%s, record TEXT)", quote(kind), strings.Join(defs, ", "))
	if _, err := d.tx.Exec(q); err != nil {
		return nil, err
	}
	var err error
	t.insert, err = d.tx.Prepare(fmt.Sprintf("INSERT INTO %s VALUES (%s, ?)", quote(kind), strings.Join(marks, ", ")))
	return t, err
}

// views read as people do. Each is of its first kind, and looks into the others, of which there may be no record: not
// every runtime has spaces for its memories.
var views = []struct {
	name  string
	kinds []string
	query string
}{
	{"talk", []string{"message", "conversation"}, `SELECT coalesce(c.title, c.key) AS conversation, m.position, coalesce(m.created, '') AS at,
		coalesce(nullif(m.native_role, ''), m.role) AS who, m.said, m.conversation_key, m.key
		FROM message m LEFT JOIN conversation c ON c.key = m.conversation_key ORDER BY m.conversation_key, m.position, m.rowid`},
	{"conversations", []string{"conversation", "message"}, `SELECT coalesce(c.title, c.key) AS conversation, c.status, count(m.key) AS messages,
		min(m.created) AS first, max(m.created) AS last, c.key FROM conversation c LEFT JOIN message m ON m.conversation_key = c.key GROUP BY c.key ORDER BY c.rowid`},
	{"memories", []string{"memory", "memoryspace"}, `SELECT coalesce(s.path, m.space_key) AS space, m.name, coalesce(m.text, m.data) AS remembers, m.created, m.updated, m.key
		FROM memory m LEFT JOIN memoryspace s ON s.key = m.space_key ORDER BY m.rowid`},
}

func (d *database) close() error {
	if d.tx == nil {
		return nil
	}
	err := d.finish()
	for _, t := range d.by {
		err = errors.Join(err, t.insert.Close())
	}
	if err != nil {
		err = errors.Join(err, d.tx.Rollback())
	} else {
		err = d.tx.Commit()
	}
	d.tx = nil
	return errors.Join(err, d.db.Close())
}

func (d *database) finish() error {
	had := maps.Clone(d.by) // views add tables
	for _, v := range views {
		if had[v.name] != nil || had[v.kinds[0]] == nil { // a kind of a later release may be called so
			continue
		}
		for _, k := range v.kinds {
			if _, err := d.relation(k, agentstate.New(k)); err != nil {
				return err
			}
		}
		if _, err := d.tx.Exec("CREATE VIEW " + v.name + " AS " + v.query); err != nil {
			return err
		}
	}
	if d.by["message"] != nil {
		_, err := d.tx.Exec("CREATE INDEX message_conversation ON message (conversation_key, position)")
		return err
	}
	return nil
}
