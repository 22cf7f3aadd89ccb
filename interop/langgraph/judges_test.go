package langgraph

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// TestJudgesNotice damages copies of real state, in ways that an importer could: a judge that lets one pass is no judge.
func TestJudgesNotice(t *testing.T) {
	// Both flavours have the same tables on SQLite; only Python keeps a store there.
	damages := map[string]string{
		"an interrupt is lost":       "delete from writes where channel = '__interrupt__' and thread_id = 't-interrupt'",
		"a sibling's result is lost": "delete from writes where channel = 'results' and thread_id = 't-failed'",
		"an error is lost":           "delete from writes where channel = '__error__'",
		"an old checkpoint is lost":  "delete from checkpoints where checkpoint_id = (select min(checkpoint_id) from checkpoints where thread_id = 't-done')",
		"a subgraph's state is lost": "delete from checkpoints where checkpoint_ns <> '' and thread_id = 't-subgraph'",
		"a parent is lost":           "update checkpoints set parent_checkpoint_id = null where thread_id = 't-delta'",
		"old writes are lost":        "delete from writes where thread_id = 't-delta'",
		"metadata is lost":           "update checkpoints set metadata = cast('{\"source\":\"loop\",\"step\":1,\"parents\":{}}' as blob) where thread_id = 't-func'",
		"a thread is renamed":        "update checkpoints set thread_id = 't-renamed' where thread_id = 't-done'",
		"a thread is there twice":    "insert into checkpoints select 't-copy', checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata from checkpoints where thread_id = 't-done'",
		"task ids are new":           "update writes set task_id = upper(task_id) where thread_id = 't-failed'",
		"a namespace changed":        "update checkpoints set checkpoint_ns = replace(checkpoint_ns, 'sub:', 'sub:0') where thread_id = 't-subgraph'",
	}
	store := map[string]string{
		"an item is lost":        "delete from store where key = 'mem-2'",
		"a value changed":        "update store set value = cast('{\"text\":\"likes planes\"}' as blob) where key = 'mem-3'",
		"an end date is lost":    "update store set expires_at = null",
		"vectors are lost":       "delete from store_vectors",
		"a vector changed":       "update store_vectors set embedding = (select embedding from store_vectors where key = 'mem-3') where key = 'mem-2'",
		"a namespace is renamed": "update store set prefix = 'users.u-3' where prefix = 'users.u-2'",
	}
	for lang, get := range map[string]func(*testing.T) flavour{"python": python, "js": javascript} {
		t.Run(lang, func(t *testing.T) {
			f := get(t)
			need(t, "LangGraph for Python", env.python) // which damages the files
			s := made(t, f, "trip", "sqlite")
			s.judge(t, "judge", s.shape, s.place.of(f), s.facts)
			all := maps.Clone(damages)
			if lang == "python" {
				maps.Copy(all, store)
			}
			for name, sql := range all {
				t.Run(name, func(t *testing.T) { s.damage(t, sql) })
			}
		})
	}
}

// damage runs one statement on a copy; the judge must object to it.
func (s sealed) damage(t *testing.T, sql string) {
	file := filepath.Join(t.TempDir(), "damaged.sqlite")
	copyFile(t, s.file, file)
	r := run(t, "", env.python, "-c", "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nn = c.execute(sys.argv[2]).rowcount\nc.commit()\nsys.exit(n < 1)", file, sql)
	if r.code != 0 {
		t.Fatalf("no row was damaged\n%s", r.all())
	}
	v := s.script(t, "judge", s.shape, "sqlite:"+file, s.facts)
	if v.code != 1 || !strings.Contains(v.out, "DIFF ") || !strings.Contains(v.out, "FAIL ") {
		t.Errorf("the judge says nothing: exit code %d\n%s", v.code, tail(v.all()))
	}
}
