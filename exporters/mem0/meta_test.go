package mem0

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/exportertest"
)

// A folder of Qdrant that has collections of its own gets those of the state beside them, in its list too,
// and loses them again.
func TestListOfTargetInUse(t *testing.T) {
	list := func(dir string) string {
		b, err := os.ReadFile(filepath.Join(dir, "qdrant", "meta.json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	renamed := func(from, to string) string {
		dir := copied(t, "python")
		at := filepath.Join(dir, "qdrant", "collection")
		if err := os.Rename(filepath.Join(at, from), filepath.Join(at, to)); err != nil {
			t.Fatal(err)
		}
		edit(t, filepath.Join(dir, "qdrant", "meta.json"), func(b []byte) []byte { return bytes.Replace(b, []byte(`"`+from+`"`), []byte(`"`+to+`"`), 1) })
		return dir
	}
	mem, _ := exportertest.Export(t, Open("testdata/python"))
	for name, c := range map[string]struct {
		dir    string
		change func(string) string // of its list
		lost   uint64
		both   bool // it has the collections of the state and its own then
	}{
		"another collection":        {renamed("mem0", "theirs"), nil, 1, true},
		"the same":                  {copied(t, "python"), nil, 0, false},
		"the same, spelt otherwise": {copied(t, "python"), func(s string) string { return strings.ReplaceAll(s, ": {", ":{") }, 1, false},
		"no collection yet":         {copied(t, "python"), func(string) string { return `{"aliases": {}, "collections": {}, "more": {}}` }, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			if c.change != nil {
				edit(t, filepath.Join(c.dir, "qdrant", "meta.json"), func(b []byte) []byte { return []byte(c.change(string(b))) })
			}
			before, dst := list(c.dir), Open(c.dir)
			plan, err := replay.Plan(t.Context(), dst, mem, nil)
			if err != nil || list(c.dir) != before {
				t.Fatalf("the plan wrote, or %v", err)
			}
			rep, journal := apply(t, dst, mem)
			if a, b := plan.LossCount["opaque.native"], rep.LossCount["opaque.native"]; a != c.lost || b != c.lost || len(rep.Conflicts) != 0 {
				t.Errorf("planned %d and said %d, want %d: %+v", a, b, c.lost, rep.Conflicts)
			}
			j, err := replay.OpenJournal(journal)
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.UnannouncedN != 0 {
				t.Errorf("%+v %v", back, err)
			}
			sizes, err := parseMeta([]byte(list(c.dir)))
			if _, own := sizes["mem0"]; err != nil || !own || c.both != (sizes["theirs"] != 0) {
				t.Errorf("%v %v", sizes, err)
			}
			j.Close()
			undo(t, dst, journal)
			if got := list(c.dir); got != before {
				t.Errorf("after undo it is %s", got)
			}
		})
	}
	// One collection in two forms cannot be both.
	other := copied(t, "python")
	edit(t, filepath.Join(other, "qdrant", "meta.json"), func(b []byte) []byte { return bytes.Replace(b, []byte(`"Cosine"`), []byte(`"Dot"`), 1) })
	was := list(other)
	if rep, _, _ := tried(t, Open(other), mem); rep == nil || len(rep.Conflicts) != 1 || list(other) != was {
		t.Errorf("%+v", rep)
	}
}
