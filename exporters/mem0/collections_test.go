package mem0

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// collections makes files of the JavaScript package with a memory each, and one history of all and of a
// memory that is gone.
func collections(t *testing.T, first int, names ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	history := filepath.Join(dir, "history.db")
	sqlOf(t, history, create(jsHistory, "memory_history"), create(jsHistory, "messages"))
	row := func(id string) {
		sqlOf(t, history, fmt.Sprintf("INSERT INTO memory_history (memory_id, new_value, action, created_at) VALUES ('%s', 'text', 'ADD', '2026-11-23T02:55:19.482Z')", id))
	}
	for i, name := range names {
		id := fmt.Sprintf("%08d-0000-4000-8000-000000000000", first+i)
		sqlOf(t, filepath.Join(dir, name+".db"), create(vectorsForm, "vectors"), create(vectorsForm, "memory_migrations"),
			fmt.Sprintf(`INSERT INTO vectors VALUES ('%s', x'0000803f0000803f', '{"data":"text","user_id":"u"}')`, id))
		row(id)
	}
	row(fmt.Sprintf("%d9999999-0000-4000-8000-000000000000", first))
	return dir
}

// of are the memories that the history speaks of, in its order.
func of(t *testing.T, mem *memstate.State) (out []string) {
	t.Helper()
	for r, err := range mem.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := r.(*pb.Revision); ok {
			out = append(out, strings.SplitAfter(v.OfKey, "/")[1]+v.OfKey[strings.LastIndex(v.OfKey, "/")+8:][:1])
		}
	}
	return out
}

// Several collections share one history, which does not say of which a memory is: it is of the one that
// holds it. Of one that is gone nobody knows, and where it is taken for another's a plan says so.
func TestHistoryOfSeveral(t *testing.T) {
	src := collections(t, 0, "notes", "vector_store", "work")
	mem, _ := drivertest.Export(t, Open(src))
	if d := cmp.Diff([]string{"notes/0", "vector_store/1", "work/2", "notes/9"}, of(t, mem)); d != "" {
		t.Error(d)
	}
	for name, c := range map[string]struct {
		dst  *Store
		want []string // what the history is then of
		lost uint64
	}{
		"a fresh place":                    {Open(filepath.Join(t.TempDir(), "new")), []string{"notes/0", "vector_store/1", "work/2", "notes/9"}, 0},
		"beside a collection before":       {Open(collections(t, 5, "a")), []string{"a/5", "a/9", "notes/0", "vector_store/1", "work/2", "a/9"}, 1},
		"the other package, of mem0's own": {&Store{root: filepath.Join(t.TempDir(), "python"), flavor: "python", wait: 1e9}, []string{"mem0/1", "mem0/9", "notes/0", "work/2"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := replay.Plan(t.Context(), c.dst, mem, &replay.Options{TargetModel: "m"})
			if err != nil {
				t.Fatal(err)
			}
			rep, journal := apply(t, c.dst, mem)
			j, err := replay.OpenJournal(journal)
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if back, err := replay.ReadBack(t.Context(), mem, c.dst, j); err != nil || back.MissingN+back.UnannouncedN != 0 {
				t.Errorf("%+v %v", back, err)
			}
			got, _ := drivertest.Export(t, Open(c.dst.root))
			there := of(t, got)
			if c.dst.flavor != "" {
				slices.Sort(there) // ids of its rows are made
			}
			if d := cmp.Diff(c.want, there); d != "" {
				t.Error(d)
			}
			if a, b := plan.LossCount["revision.of_key"], rep.LossCount["revision.of_key"]; a != c.lost || b != c.lost {
				t.Errorf("planned %d and said %d, want %d", a, b, c.lost)
			}
		})
	}
}

// A store of the JavaScript package counts its uses under a name of its own. A target in use keeps that
// name, and all else arrives.
func TestNameOfTargetInUse(t *testing.T) {
	name := func(dir, v string) string {
		sqlOf(t, filepath.Join(dir, "vector_store.db"), "INSERT INTO memory_migrations (user_id) VALUES ('"+v+"')")
		return dir
	}
	mem, _ := drivertest.Export(t, Open(name(collections(t, 0, "vector_store"), "mine")))
	dst := Open(name(collections(t, 5, "vector_store"), "theirs"))
	rep, journal := apply(t, dst, mem)
	if len(rep.Conflicts)+len(rep.Refused) != 0 || rep.LossCount["opaque.native.user_id"] != 1 {
		t.Errorf("%+v", rep)
	}
	j, err := replay.OpenJournal(journal)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.UnannouncedN != 0 {
		t.Errorf("%+v %v", back, err)
	}
	if got := dump(t, dst.root); !slices.ContainsFunc(got, func(l string) bool { return strings.Contains(l, "theirs") }) || slices.ContainsFunc(got, func(l string) bool { return strings.Contains(l, "mine") }) {
		t.Errorf("%q", got)
	}
}

// TestMergedSpaces: two scopes that become one are that one alone. What the target has under the name of the other was
// there before, and a reading does not take it for a difference.
func TestMergedSpaces(t *testing.T) {
	dst := &Store{root: filepath.Join(t.TempDir(), "python"), flavor: "python", wait: 1e9}
	before, _ := drivertest.Export(t, Open(collections(t, 5, "work")))
	apply(t, dst, before)
	mem, _ := drivertest.Export(t, Open(collections(t, 0, "notes", "work")))
	dst.collection = "notes"
	rep, journal := apply(t, dst, mem)
	j, err := replay.OpenJournal(journal)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.UnannouncedN != 0 || len(rep.NoPlace) == 0 {
		t.Errorf("%+v %+v %v", rep.NoPlace, back, err)
	}
}
