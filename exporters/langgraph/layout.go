package langgraph

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
)

// A language is the library that writes a store. Tables have the same names in both; values,
// versions and the long-term store differ.
type language string

const (
	python     language = "python"
	javascript language = "js"
)

// A layout is what introspection found: the tables, their schema versions and the language.
type layout struct {
	engine  string // "sqlite", "postgres"
	lang    language
	basis   string // what the language was told by
	tell    bool   // false: an empty store, lang is a guess
	t       map[string]*table
	v       map[string]int64 // highest row of each migrations table; -1: empty
	shallow bool             // tables of ShallowPostgresSaver
	orphans bool             // there are vectors without their store
}

// Names of the tables that differ by database.
func (l *layout) writes() *table {
	if l.engine == "sqlite" {
		return l.t["writes"]
	}
	return l.t["checkpoint_writes"]
}

// js is for column names of the store.
func (l *layout) js() bool { return l.lang == javascript }

// flavor is as in pb.Origin.
func flavorOf(lang language, engine string) string { return string(lang) + "+" + engine }

func (l *layout) flavor() string { return flavorOf(l.lang, l.engine) }

// newest are the schema versions that this release knows, by flavor and migrations table. The
// JavaScript store has three vector migrations, and one more for each further metric.
func newest(flavor string) map[string]int64 {
	switch flavor {
	case "python+postgres":
		return map[string]int64{"checkpoint_migrations": 9, "store_migrations": 3, "vector_migrations": 2}
	case "js+postgres":
		return map[string]int64{"checkpoint_migrations": 4, "store_migrations": 8}
	case "python+sqlite":
		return map[string]int64{"store_migrations": 4, "vector_migrations": 0}
	}
	return nil
}

// schema is the store's own versions, as in pb.Origin: "checkpoints=9 store=3 vectors=2".
func (l *layout) schema() string {
	var out []string
	for _, n := range []string{"checkpoint", "store", "vector"} {
		v, ok := l.v[n+"_migrations"]
		if !ok || v < 0 {
			continue
		}
		label := n
		if n != "store" {
			label += "s"
		}
		out = append(out, fmt.Sprintf("%s=%d", label, v))
	}
	return strings.Join(out, " ")
}

// detect finds out what e holds, and refuses what this release does not know.
func detect(ctx context.Context, e engine) (*layout, error) {
	l, err := layoutOf(ctx, e)
	if err == nil && l.bare() {
		return nil, nothing(ctx, e)
	}
	return l, err
}

// bare tells whether there is neither of the tables that the others stand beside.
func (l *layout) bare() bool { return l.t["checkpoints"] == nil && l.t["store"] == nil }

// layoutOf is detect of a database that may be bare.
func layoutOf(ctx context.Context, e engine) (*layout, error) {
	ts, err := e.tables(ctx)
	if err != nil {
		return nil, err
	}
	l := &layout{engine: e.facts().engine, t: ts, v: map[string]int64{}}
	l.deepen()
	if err := l.required(); err != nil {
		return nil, err
	}
	for _, n := range []string{"checkpoint_migrations", "store_migrations", "vector_migrations"} {
		if t := l.t[n]; t.readable() {
			rows, err := e.query(ctx, "SELECT coalesce(max(v), -1) FROM "+t.ident)
			if err != nil {
				return nil, err
			}
			l.v[n] = rows[0][0].i
		}
	}
	if l.shallow {
		delete(l.v, "checkpoint_migrations") // which it counts in its own way
	}
	if err := l.tellLanguage(ctx, e.query); err != nil {
		return nil, err
	}
	return l, l.versions()
}

// required checks the columns that the runtime's tables cannot be without.
func (l *layout) required() error {
	need := map[string][]string{
		"checkpoints":       {"thread_id", "checkpoint_ns", "checkpoint_id", "parent_checkpoint_id", "type", "checkpoint", "metadata"},
		"checkpoint_blobs":  {"thread_id", "checkpoint_ns", "channel", "version", "type", "blob"},
		"checkpoint_writes": {"thread_id", "checkpoint_ns", "checkpoint_id", "task_id", "idx", "channel", "type", "blob"},
		"writes":            {"thread_id", "checkpoint_ns", "checkpoint_id", "task_id", "idx", "channel", "type", "value"},
	}
	for _, n := range slices.Sorted(maps.Keys(need)) {
		t := l.t[n]
		if t == nil {
			continue
		}
		if c := t.missing(need[n]...); c != "" {
			switch {
			case t.col("thread_ts") >= 0:
				return errSchema("table %s has a column thread_ts: LangGraph 0.1 or older, whose checkpoints no later release reads either", n)
			}
			return errSchema("table %s has no column %s: another program's table, or another version of the runtime", n, c)
		}
		if want := keyColumns(n, false); !slices.Equal(t.key, want) {
			return errSchema("table %s has the primary key (%s); want (%s)", n, strings.Join(t.key, ", "), strings.Join(want, ", "))
		}
	}
	writes := "writes"
	if l.engine == "postgres" {
		writes = "checkpoint_writes"
	}
	if l.t["checkpoints"] != nil {
		for _, n := range []string{writes, "checkpoint_blobs"} {
			if l.t[n] == nil && (n != "checkpoint_blobs" || l.engine == "postgres") {
				return errSchema("table checkpoints without %s", n)
			}
		}
	}
	return l.requiredStore()
}

// requiredStore checks the long-term store. A table store without migrations beside it may be
// anybody's: then it is not the runtime's.
func (l *layout) requiredStore() error {
	s := l.t["store"]
	if s == nil {
		l.orphans = l.t["store_vectors"] != nil
		delete(l.t, "store_vectors")
		return nil
	}
	js := s.col("namespace_path") >= 0
	want := []string{"prefix", "key", "value", "created_at", "updated_at"}
	if js {
		want[0] = "namespace_path"
	}
	c := s.missing(want...)
	if c != "" || !slices.Equal(s.key, keyColumns("store", js)) {
		if l.t["store_migrations"] == nil {
			l.orphans = l.t["store_vectors"] != nil
			delete(l.t, "store")
			delete(l.t, "store_vectors")
			return nil
		}
		return errSchema("table store has columns or a key that the runtime's has not (missing: %q)", c)
	}
	v := l.t["store_vectors"]
	if v == nil {
		return nil
	}
	key := keyColumns("store_vectors", js)
	if c := v.missing(append(slices.Clone(key), "embedding")...); c != "" || !slices.Equal(v.key, key) {
		return errSchema("table store_vectors has columns or a key that the runtime's has not (missing: %q)", c)
	}
	return nil
}

// versions refuses schemas that are newer than this release.
func (l *layout) versions() error {
	known := newest(l.flavor())
	for n, v := range l.v {
		max, ok := known[n]
		if !ok && v >= 0 {
			return errSchema("table %s in a store of flavor %s", n, l.flavor())
		}
		if v > max {
			return errSchema("%s is at version %d; this release knows %s up to %d: use a newer exitramp", n, v, l.flavor(), max)
		}
	}
	return nil
}

// tellLanguage tells Python from JavaScript by columns, migrations and the shape of values, never
// by table names. Of two languages in one store, which nothing forbids, the newest checkpoint's
// is taken.
func (l *layout) tellLanguage(ctx context.Context, query queryFunc) error {
	set := func(lang language, basis string) { l.lang, l.basis, l.tell = lang, basis, true }
	if l.shallow {
		set(python, shallowSaver)
		return nil
	}
	if c := l.t["checkpoints"]; c.readable() && l.writes().readable() {
		lang, basis, err := l.byValues(ctx, query)
		if err != nil {
			return err
		}
		if lang != "" {
			set(lang, basis)
			return nil
		}
	}
	if s := l.t["store"]; s != nil {
		if s.col("namespace_path") >= 0 {
			set(javascript, "store.namespace_path")
		} else {
			set(python, "store.prefix")
		}
		return nil
	}
	if w := l.writes(); w != nil && w.col("task_path") >= 0 {
		set(python, w.name+".task_path")
		return nil
	}
	if v, ok := l.v["checkpoint_migrations"]; ok && v > 4 {
		set(python, fmt.Sprintf("checkpoint_migrations %d", v))
		return nil
	}
	if v, ok := l.v["checkpoint_migrations"]; ok && v == 4 {
		l.lang, l.basis = javascript, "no row tells JavaScript's tables from those of an older Python release: taken as JavaScript"
		return nil
	}
	l.lang, l.basis = python, "nothing in it tells Python from JavaScript: taken as Python"
	return nil
}

// byValues looks at serializer tags and at the last checkpoint in key order.
func (l *layout) byValues(ctx context.Context, query queryFunc) (language, string, error) {
	empty := false
	for _, t := range []*table{l.writes(), l.t["checkpoint_blobs"], l.t["checkpoints"]} {
		if !t.readable() {
			continue
		}
		rows, err := query(ctx, "SELECT type FROM "+t.ident+" WHERE type IS NOT NULL LIMIT 100")
		if err != nil {
			return "", "", err
		}
		for _, r := range rows {
			switch tag, _, _ := strings.Cut(r[0].String(), "+"); tag {
			case "msgpack", "null", "bytearray", "pickle":
				return python, "serializer tag " + r[0].String(), nil
			case "empty":
				empty = true
			}
		}
	}
	ts, err := l.lastTime(ctx, query)
	switch {
	case err != nil:
		return "", "", err
	case strings.HasSuffix(ts, "Z"):
		return javascript, "checkpoint.ts ends in Z", nil
	case strings.HasSuffix(ts, "+00:00"):
		return python, "checkpoint.ts ends in +00:00", nil
	case empty && l.writes().col("task_path") < 0 && l.v["checkpoint_migrations"] <= 4: // older releases of Python's wrote it, too
		return javascript, "serializer tag empty", nil
	}
	return l.byIDs(ctx, query)
}

// byIDs looks at the ids of checkpoints, for a store whose documents nothing can be told from: its program has a
// serializer of its own. The step stands in them, and each language writes the one before the first in its own way.
func (l *layout) byIDs(ctx context.Context, query queryFunc) (language, string, error) {
	rows, err := query(ctx, "SELECT CAST(checkpoint_id AS TEXT) FROM "+l.t["checkpoints"].ident+
		" WHERE CAST(checkpoint_id AS TEXT) LIKE '________-____-6___-_fff-____________' ORDER BY thread_id DESC LIMIT 1")
	if err != nil || len(rows) == 0 {
		return "", "", err
	}
	switch id := rows[0][0].String(); id[19] {
	case 'f':
		return javascript, "checkpoint id " + id, nil
	case 'b':
		return python, "checkpoint id " + id, nil
	}
	return "", "", nil
}

// lastTime is the time that stands in the last checkpoint in key order; empty: there is none, or it does
// not say. Documents that are no objects are passed over: JavaScript leaves one where it could not serialize a value.
func (l *layout) lastTime(ctx context.Context, query queryFunc) (string, error) {
	what, where := "coalesce(type, ''), CAST(checkpoint AS BLOB)", " WHERE substr(CAST(checkpoint AS BLOB), 1, 1) = x'7b'"
	if l.engine == "postgres" {
		what, where = "coalesce(checkpoint ->> 'ts', '')", ""
	}
	rows, err := query(ctx, "SELECT "+what+" FROM "+l.t["checkpoints"].ident+where+" ORDER BY thread_id DESC, checkpoint_ns DESC, checkpoint_id DESC LIMIT 1")
	switch {
	case err != nil || len(rows) == 0:
		return "", err
	case l.engine == "postgres":
		return rows[0][0].String(), nil
	}
	cp, err := values.ParseCheckpoint(rows[0][0].String(), rows[0][1].b)
	if err != nil {
		return "", nil // nothing can be told from it
	}
	return cp.TS, nil
}
