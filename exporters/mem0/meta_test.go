package mem0

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
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
	without := copied(t, "python")
	if err := os.RemoveAll(filepath.Join(without, "qdrant", "collection")); err != nil {
		t.Fatal(err)
	}
	mem, _ := drivertest.Export(t, Open("testdata/python"))
	for name, c := range map[string]struct {
		dir    string
		change func(string) string // of its list
		lost   uint64
		both   bool // it has the collections of the state and its own then
	}{
		"another collection":        {renamed("mem0", "theirs"), nil, 1, true},
		"the same":                  {copied(t, "python"), nil, 0, false},
		"the same, spelt otherwise": {copied(t, "python"), func(s string) string { return strings.ReplaceAll(s, ": {", ":{") }, 1, false},
		"of a release with other members": {copied(t, "python"), func(s string) string {
			return strings.NewReplacer(`"init_from": null, `, "", `"metadata": null`, `"init_from": null`, `{"bm25": {"index": null, "modifier": "idf"}}`, "null", `"memory": null, `, "").Replace(s)
		}, 1, false},
		"no collection yet": {without, func(string) string { return `{"aliases": {}, "collections": {}, "more": {}}` }, 1, false},
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
			if name == "no collection yet" && strings.Contains(list(c.dir), "null") { // each may be unknown to the release of the target
				t.Errorf("the list says %s", list(c.dir))
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

// cutOff is a store whose runs break off when all is done, before they know.
type cutOff struct{ *Store }

type cutWriter struct{ *writer }

var errCut = errors.New("cut off")

func (c cutOff) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w, err := c.Store.Begin(ctx, run)
	if err != nil {
		return nil, err
	}
	return cutWriter{w.(*writer)}, nil
}

func (c cutWriter) Commit(ctx context.Context) error {
	return errors.Join(c.writer.Commit(ctx), errCut)
}

// cutBefore is a store whose runs break off before anything is committed.
type cutBefore struct{ *Store }

type uncommitted struct{ *writer }

func (c cutBefore) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w, err := c.Store.Begin(ctx, run)
	if err != nil {
		return nil, err
	}
	return uncommitted{w.(*writer)}, nil
}

func (uncommitted) Commit(context.Context) error { return errCut }

// A run that was broken off before it wrote the list has added nothing to it: an empty collection that somebody else
// made meanwhile stays theirs when the run that went on is undone.
func TestListOfAnother(t *testing.T) {
	mem, _ := drivertest.Export(t, Open("testdata/python"))
	same, err := os.ReadFile("testdata/python/qdrant/meta.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string]string{"a list before": `{"collections": {}, "aliases": {}}`, "no list before": ""} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			at := filepath.Join(dir, "qdrant", "meta.json")
			if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
				t.Fatal(err)
			}
			put := func(list string) {
				if err := os.WriteFile(at, []byte(list), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if list != "" {
				put(list)
			}
			journal := filepath.Join(t.TempDir(), "journal")
			for _, dst := range []replay.Target{cutBefore{Open(dir)}, Open(dir)} {
				j, err := replay.OpenJournal(journal)
				if err != nil {
					t.Fatal(err)
				}
				_, err = replay.Apply(t.Context(), dst, mem, &replay.Options{Journal: j, TargetModel: "m"})
				if _, cut := dst.(cutBefore); cut != errors.Is(err, errCut) {
					t.Fatal(err)
				}
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				if _, cut := dst.(cutBefore); cut {
					put(string(same))
				}
			}
			rep := undo(t, Open(dir), journal)
			if b, err := os.ReadFile(at); err != nil || string(b) != string(same) || rep.LeftN != 0 {
				t.Errorf("left %+v and the list %s %v", rep.Left, b, err)
			}
		})
	}
}

// A collection stays in the list as long as it holds points: those of others, that came after the run, would
// be lost to Qdrant. A run that was broken off behind its last step is undone as any other.
func TestUndoOfList(t *testing.T) {
	mem, _ := drivertest.Export(t, Open("testdata/python"))
	same, err := os.ReadFile("testdata/python/qdrant/meta.json")
	if err != nil {
		t.Fatal(err)
	}
	theirs := strings.ReplaceAll(string(same), ": {", ":{")
	for name, c := range map[string]struct {
		list string // of the target before; empty: there is no target
		used bool   // somebody adds a point after the run
		cut  bool
		own  bool // the collection was in the list before
	}{
		"beside an empty one of its own":          {list: theirs, own: true},
		"beside an empty one of its own, cut off": {list: theirs, own: true, cut: true},
		"beside an empty one of its own, more":    {list: theirs, own: true, cut: true, used: true},
		"the same list":                           {list: string(same), own: true},
		"the same list, cut off":                  {list: string(same), own: true, cut: true},
		"into a place in use":                     {list: `{"collections": {}, "aliases": {}}`},
		"into a place in use, used":               {list: `{"collections": {}, "aliases": {}}`, used: true},
		"into a place in use, cut off":            {list: `{"collections": {}, "aliases": {}}`, cut: true},
		"into an empty place":                     {},
		"into an empty place, used":               {used: true},
		"into an empty place, cut off":            {cut: true},
		"into a place in use, both":               {list: `{"collections": {}, "aliases": {}}`, used: true, cut: true},
		"into an empty place, both more":          {used: true, cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			if c.list != "" {
				if err := os.MkdirAll(filepath.Join(dir, "qdrant"), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "qdrant", "meta.json"), []byte(c.list), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			journal := filepath.Join(t.TempDir(), "journal")
			run := func(dst replay.Target) error {
				j, err := replay.OpenJournal(journal)
				if err != nil {
					t.Fatal(err)
				}
				defer j.Close()
				_, err = replay.Apply(t.Context(), dst, mem, &replay.Options{Journal: j, TargetModel: "m"})
				return err
			}
			dst := Open(dir)
			if c.cut {
				if err := run(cutOff{dst}); !errors.Is(err, errCut) {
					t.Fatal(err)
				}
			}
			if err := run(dst); err != nil {
				t.Fatal(err)
			}
			if c.used {
				sqlOf(t, pointsOf(dir), "INSERT INTO points SELECT 'theirs', point FROM points LIMIT 1")
			}
			rep := undo(t, dst, journal)
			b, err := os.ReadFile(filepath.Join(dir, "qdrant", "meta.json"))
			sizes, _ := parseMeta(b)
			_, listed := sizes["mem0"]
			switch {
			case c.own && (string(b) != c.list || rep.LeftN > 0):
				t.Errorf("left %+v and the list %s", rep.Left, b)
			case c.own:
			case listed != c.used, c.used != (rep.LeftN != 0):
				t.Errorf("left %+v and the list %s", rep.Left, b)
			case !c.used && c.list == "" && !errors.Is(err, fs.ErrNotExist), !c.used && c.list != "" && string(b) != c.list:
				t.Errorf("the list is %s %v", b, err)
			}
		})
	}
}
