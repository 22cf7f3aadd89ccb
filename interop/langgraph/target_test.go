package langgraph

import (
	"path/filepath"
	"testing"
)

// TestTargetInUse plans for, writes into, and cleans up a store that has state of its own. That state must be untouched by all of it.
func TestTargetInUse(t *testing.T) {
	for _, lang := range []string{"python", "js"} {
		for _, kind := range []string{"sqlite", "pg"} {
			t.Run(lang+"/"+kind, func(t *testing.T) {
				f := python
				if lang == "js" {
					f = javascript
				}
				own, s := made(t, f(t), "odd", kind), produce(t, f(t), "trip", kind)
				untouched := func(when string) {
					t.Helper()
					t.Log(when)
					own.judge(t, "judge", own.shape, own.place.of(own.flavour), own.facts)
				}
				journal := filepath.Join(t.TempDir(), "journal")
				exitramp(t, done, "plan", s.archive, own.place.exitramp, "--accept-unsigned", "-o", journal+".plan")
				untouched("planned")
				exitramp(t, done, "replay", s.archive, own.place.exitramp, "--accept-unsigned", "--journal", journal)
				exitramp(t, done, "readback", s.archive, own.place.exitramp, "--accept-unsigned", "--journal", journal)
				if r := own.script(t, "judge", own.shape, own.place.of(own.flavour), own.facts); r.code == 0 {
					t.Error("the judge sees nothing that was added: this test does not see the replay")
				}
				exitramp(t, done, "undo", journal, own.place.exitramp)
				untouched("undone")
			})
		}
	}
}

// TestPlanWritesNothing plans for places that are empty; they must still be so afterwards.
func TestPlanWritesNothing(t *testing.T) {
	s := produce(t, python(t), "trip", "sqlite")
	file, db := sqlite(t, "target.sqlite"), postgres(t, "")
	exitramp(t, done, "plan", s.archive, file.exitramp, "--accept-unsigned", "-o", filepath.Join(t.TempDir(), "a.plan"))
	for _, end := range []string{"", "-wal", "-shm", "-journal"} {
		if exists(file.file + end) {
			t.Errorf("plan has made target.sqlite%s", end)
		}
	}
	exitramp(t, []int{0, 3}, "plan", s.archive, db.exitramp, "--accept-unsigned", "-o", filepath.Join(t.TempDir(), "b.plan")) // t-encrypted cannot cross
	if n := psql(t, db.db, "select count(*) from pg_class where relnamespace = 'public'::regnamespace"); n != "0" {
		t.Errorf("plan has made %s tables and indexes", n)
	}
}
