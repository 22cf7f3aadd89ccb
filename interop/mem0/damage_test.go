package mem0

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A damage is one statement at one database of a store; file "" is the collection in PostgreSQL.
type damage struct{ file, sql string }

// damages are the same for every flavour, as far as it keeps such a thing; ID stands for the memory that was updated.
func (f flavour) damages() map[string]damage {
	out := map[string]damage{}
	if f.name == "js" {
		out["an entry of the history is lost"] = damage{"history.db", "DELETE FROM memory_history WHERE memory_id = 'ID' AND action = 'ADD'"}
		out["an entry of the history is another"] = damage{"history.db", "UPDATE memory_history SET previous_value = 'x' WHERE memory_id = 'ID' AND action = 'UPDATE'"}
		out["the history's order is another"] = damage{"history.db", "UPDATE memory_history SET id = id + 10000 WHERE memory_id = 'ID' AND action = 'ADD'"}
		out["a message is another"] = damage{"history.db", "UPDATE messages SET content = content || '!' WHERE session_scope = 'user_id=u-1'"}
	} else {
		out["an entry of the history is lost"] = damage{"history.db", "DELETE FROM history WHERE memory_id = 'ID' AND event = 'ADD'"}
		out["an entry of the history is another"] = damage{"history.db", "UPDATE history SET old_memory = 'x' WHERE memory_id = 'ID' AND event = 'UPDATE'"}
		out["what was deleted is not"] = damage{"history.db", "UPDATE history SET is_deleted = 0 WHERE is_deleted = 1"}
		out["a message is another"] = damage{"history.db", "UPDATE messages SET content = content || '!' WHERE session_scope = 'user_id=u-1'"}
	}
	of := func(file, table, column, id string) {
		out["a memory is lost"] = damage{file, fmt.Sprintf("DELETE FROM %s WHERE %s", table, id)}
		for name, s := range map[string][2]string{"a text is another": {"clock", "CLOCK"}, "a user is another": {`u-1`, `u-2`}, "metadata is lost": {"reviewed", "reviewee"}} {
			out[name] = damage{file, fmt.Sprintf("UPDATE %s SET %s = swap(%[2]s, '%s', '%s') WHERE %s", table, column, s[0], s[1], id)}
		}
		out["a vector is another"] = damage{file, fmt.Sprintf("UPDATE %s SET %s = bend(%[2]s) WHERE %s", table, map[string]string{"payload": "vector", "point": "point"}[column], id)}
		out["what had expired is back"] = damage{file, fmt.Sprintf("UPDATE %s SET %s = swap(%[2]s, '2020-01-31', '2920-01-31')", table, column)}
	}
	switch {
	case f.postgres:
		of("", "mem0", "payload", "id = 'ID'")
		out["an entity is lost"] = damage{"", "DELETE FROM mem0_entities WHERE payload->>'data' LIKE 'Acme%'"}
	case f.name == "js":
		of("vector_store.db", "vectors", "payload", "id = 'ID'")
		out["an entity is lost"] = damage{"vector_store_entities.db", "DELETE FROM vectors WHERE payload LIKE '%Acme%'"}
	default:
		of("qdrant/collection/mem0/storage.sqlite", "points", "point", "instr(point, CAST('ID' AS BLOB))")
		out["an entity is lost"] = damage{"qdrant/collection/mem0_entities/storage.sqlite", "DELETE FROM points WHERE instr(point, CAST('Acme' AS BLOB))"}
	}
	return out
}

// helpers are what python/sql.py gives SQLite.
const helpers = `create or replace function swap(j jsonb, a text, b text) returns jsonb language sql as $$ select replace(j::text, a, b)::jsonb $$;
	create or replace function bend(v vector) returns vector language sql as $$ select (array[(v::real[])[1] + 0.5] || (v::real[])[2:])::vector $$`

// TestJudgesNotice: a judge that lets a damaged copy pass is no judge.
func TestJudgesNotice(t *testing.T) {
	for _, f := range flavours {
		t.Run(f.String(), func(t *testing.T) {
			url := model(t)
			source, ids := f.made(t, url)
			look := show(values(ids), queries()[:2]...)
			places, names := []place{source.with(look), f.damaged(t, source, "", damage{}, "").with(look)}, []string{"", "nothing"}
			for name, d := range f.damages() {
				names, places = append(names, name), append(places, f.damaged(t, source, name, d, ids["updated"]).with(look))
			}
			dumps := f.answers(t, url, places...)
			for i := 1; i < len(dumps); i++ {
				diff := differences(dumps[0][0], dumps[i][0], "")
				if noticed := len(diff) > 0; noticed != (names[i] != "nothing") {
					t.Errorf("%s: %d differences: %v", names[i], len(diff), diff)
				}
			}
		})
	}
}

// damaged is a copy of source, made by hand, with one thing damaged.
func (f flavour) damaged(t *testing.T, source place, name string, d damage, id string) place {
	t.Helper()
	bad := place{Dir: filepath.Join(t.TempDir(), "bad"), Collection: source.Collection}
	if err := os.CopyFS(bad.Dir, os.DirFS(source.Dir)); err != nil {
		t.Fatal(err)
	}
	if f.postgres {
		server := source.PG[:strings.LastIndex(source.PG, "/")]
		db := fmt.Sprintf("mem0_bad_%d", time.Now().UnixNano())
		psql(t, server+"/postgres", "create database "+db+" template "+filepath.Base(source.PG))
		bad.PG = server + "/" + db
	}
	sql := strings.ReplaceAll(d.sql, "ID", id)
	switch {
	case name == "":
	case d.file == "":
		psql(t, bad.PG, helpers)
		if out := psql(t, bad.PG, "with x as ("+sql+" returning 1) select count(*) from x"); strings.TrimSpace(out) == "0" {
			t.Fatalf("%s: no row was changed", name)
		}
	default:
		run(t, nil, "", filepath.Join(folder(t), "python", "bin", "python"), "python/sql.py", filepath.Join(bad.Dir, d.file), sql)
	}
	return bad
}
