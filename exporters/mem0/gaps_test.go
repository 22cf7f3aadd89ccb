package mem0

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestGaps: what cannot be understood of a store costs itself alone, is named, and is carried byte for
// byte where it can be.
func TestGaps(t *testing.T) {
	put := func(dir, q string, args ...any) func(t *testing.T) {
		return func(t *testing.T) {
			t.Helper()
			db, err := sql.Open("sqlite", dir+"?_pragma=synchronous(0)")
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(q, args...); err != nil {
				t.Fatal(err)
			}
		}
	}
	evil := harmful()["runs a program"]
	big := strings.Repeat("a long value ", 40_000)
	for name, c := range loadtest.Rows(map[string]struct {
		sample   string
		file     string
		sql      string
		args     []any
		memories int  // that are read
		gap      bool // one is named
		exact    bool // a copy holds the very rows
	}{
		"a payload is no JSON":        {"js", "vector_store.db", `INSERT INTO vectors VALUES ('x', x'0000803f', '{"data": "cut sh')`, nil, 5, false, true},
		"a payload is a list":         {"js", "vector_store.db", `INSERT INTO vectors VALUES ('x', x'0000803f', '[1]')`, nil, 5, false, true},
		"a payload is bytes":          {"js", "vector_store.db", `INSERT INTO vectors VALUES ('x', x'0000803f', x'7b7d')`, nil, 5, false, true},
		"a vector is text":            {"js", "vector_store.db", `INSERT INTO vectors VALUES ('x', '[1,2]', '{}')`, nil, 5, false, true},
		"a vector is empty":           {"js", "vector_store.db", `INSERT INTO vectors VALUES ('x', x'', '{}')`, nil, 5, false, true},
		"a vector is of zeros":        {"js", "vector_store.db", `INSERT INTO vectors VALUES ('x', x'0000000000000000', '{}')`, nil, 5, false, true},
		"a vector is cut":             {"js", "vector_store.db", `INSERT INTO vectors VALUES ('x', x'0000803f00', '{}')`, nil, 5, false, true},
		"an id is NUL and halves":     {"js", "vector_store.db", `INSERT INTO vectors VALUES (?, x'0000803f', ?)`, []any{"a\x00b\xed\xa0\x80", `{"data":"a\u0000b\ud83d","user_id":"\ud83d\u0000","half\ud83d":1}`}, 5, false, true},
		"two ids differ in NUL":       {"js", "vector_store.db", `INSERT INTO vectors VALUES (?, x'0000803f', '{}'), (?, x'0000803f', '{}')`, []any{"n\x00", "n"}, 6, false, true},
		"a long payload":              {"js", "vector_store.db", `INSERT INTO vectors VALUES ('long', ?, ?)`, []any{bytes.Repeat([]byte{1, 2, 3, 4}, 80_000), `{"data":"` + big + `"}`}, 5, false, true},
		"an odd history":              {"js", "history.db", `INSERT INTO memory_history VALUES (-9, 'gone' || char(0), x'ff00', ?, 'ADD', 17, 'yesterday', 'maybe')`, []any{"a\x00\xff" + big}, 4, false, true},
		"an odd message":              {"python", "history.db", `INSERT INTO messages VALUES ('m' || char(0), NULL, 'king', ?, 1.5, 'never')`, []any{"\xed\xa0\xbd" + big}, 10, false, true},
		"numbers that were given":     {"js", "history.db", `UPDATE sqlite_sequence SET seq = 4000`, nil, 4, false, true},
		"a pickle runs a program":     {"python", "qdrant/collection/mem0/storage.sqlite", `INSERT INTO points VALUES ('evil', ?)`, []any{evil}, 10, true, false},
		"a pickle is cut short":       {"python", "qdrant/collection/mem0/storage.sqlite", `UPDATE points SET point = substr(point, 1, 200) WHERE rowid = 1`, nil, 9, true, false},
		"a point is text":             {"python", "qdrant/collection/mem0/storage.sqlite", `INSERT INTO points VALUES ('text', 'no pickle')`, nil, 10, true, false},
		"a point is NULL":             {"python", "qdrant/collection/mem0/storage.sqlite", `INSERT INTO points VALUES ('null', NULL)`, nil, 10, true, false},
		"a row's key is of another":   {"python", "qdrant/collection/mem0/storage.sqlite", `UPDATE points SET id = 'gASVKAAAAAAAAACMJDAw' WHERE rowid = 1`, nil, 10, false, false},
		"a point twice":               {"python", "qdrant/collection/mem0/storage.sqlite", `INSERT INTO points SELECT '?' || id, point FROM points WHERE rowid = 1`, nil, 10, false, false},
		"a long point":                {"python", "qdrant/collection/mem0/storage.sqlite", `INSERT INTO points VALUES (?, ?)`, []any{rowKey("long"), pickled(t, "long", `{"data":"`+big+`"}`)}, 11, false, true},
		"halves and NUL in a point":   {"python", "qdrant/collection/mem0/storage.sqlite", `INSERT INTO points VALUES (?, ?)`, []any{rowKey("odd"), pickled(t, "odd", `{"data":"a\u0000\ud83d","user_id":"\udc00","half\ud83d":"\ud83d\ude42"}`)}, 11, false, true},
		"a database of somebody else": {"js", "notes.db", `CREATE TABLE notes (id TEXT)`, nil, 4, false, false},
	}, "a payload is no JSON", "a vector is cut", "an id is NUL and halves", "a long payload", "an odd history", "an odd message", "numbers that were given", "a pickle runs a program", "a pickle is cut short", "a row's key is of another", "a point twice", "a long point", "a database of somebody else") {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for the disk
			dir := copied(t, c.sample)
			put(filepath.Join(dir, c.file), c.sql, c.args...)(t)
			mem, rep := drivertest.Export(t, Open(dir))
			if n := len(recordsOf[*pb.Memory](t, mem)); n != c.memories {
				t.Errorf("%d memories, want %d", n, c.memories)
			}
			gaps := 0
			for g, err := range agentstate.Of[*pb.Gap](mem.Records(t.Context(), nil)) {
				if err != nil {
					t.Fatal(err)
				}
				if gaps++; g.Place == "" || g.Detail == "" {
					t.Errorf("%v", g)
				}
			}
			if (gaps > 0) != c.gap || c.gap != (rep.Verdict.Coverage == agentstate.Gaps) || !c.gap && rep.Verdict.Coverage != agentstate.Reconciled {
				t.Errorf("%d gaps, %s %v", gaps, rep.Verdict.Coverage, rep.Verdict.Why)
			}
			pre, err := Open(dir).Preflight(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			said := drivertest.Notes(t, Open(dir))
			if (len(said) == 1) != (name == "a database of somebody else") || len(said) > len(pre.Notes) || !slices.Equal(said, pre.Notes[:len(said)]) {
				t.Errorf("an export says %q, a preflight %q", said, pre.Notes)
			}
			dst := Open(filepath.Join(t.TempDir(), "new"))
			got, journal := apply(t, dst, mem)
			if c.exact {
				if len(got.Refused)+len(got.Conflicts)+len(got.Losses) > 0 {
					t.Errorf("%v %v %v", got.Refused, got.Conflicts, got.Losses)
				}
				if d := cmp.Diff(dump(t, dir), dump(t, dst.root)); d != "" {
					t.Error(d[:min(len(d), 2000)])
				}
			}
			for _, l := range dump(t, dst.root) {
				if strings.Contains(l, "posix") {
					t.Error("a pickle that runs a program was written")
				}
			}
			if u := undo(t, dst, journal); u.LeftN != 0 {
				t.Errorf("undo leaves %v", u.Left)
			}
		})
	}
}

func pickled(t *testing.T, id, payload string) []byte {
	t.Helper()
	b, err := picklePoint(id, []float64{1, 0.1}, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLinks: nothing outside of the folder is read or written through a link.
func TestLinks(t *testing.T) {
	dir, away := copied(t, "js"), copied(t, "js")
	if err := errors.Join(os.Remove(dir+"/vector_store.db"), os.Symlink(away+"/vector_store.db", dir+"/vector_store.db"), os.Symlink(away+"/vector_store.db", dir+"/more.db")); err != nil {
		t.Fatal(err)
	}
	mem := memstate.New()
	rep, err := agentstate.Copy(t.Context(), mem, Open(dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Records["memory"] != 0 || rep.Verdict.Coverage != agentstate.Gaps || len(rep.Gaps) != 8 {
		t.Errorf("%v %v %v", rep.Records, rep.Verdict, rep.Gaps)
	}
	sqlOf(t, away+"/vector_store.db", "DELETE FROM vectors")
	before := dump(t, away)
	mem, _ = drivertest.Export(t, Open("testdata/js"))
	if _, _, err := tried(t, Open(dir), mem); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("%v", err)
	}
	if d := cmp.Diff(before, dump(t, away)); d != "" {
		t.Errorf("written through a link: %s", d)
	}
	for name, c := range map[string]struct{ sample, link, kind string }{
		"history":      {"js", "history.db", "revision"},
		"storage":      {"python", "qdrant/collection/second/storage.sqlite", "memory"},
		"collection":   {"python", "qdrant/collection/second", "memory"},
		"JavaScript's": {"js", "second.db", "memory"},
	} {
		dir := copied(t, c.sample)
		p := filepath.Join(dir, c.link)
		os.Remove(p)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o700), os.Symlink(away, p)); err != nil {
			t.Fatal(err)
		}
		_, rep := drivertest.Export(t, Open(dir))
		if rep.Verdict.Coverage != agentstate.Gaps || rep.Verdict.Kinds[c.kind].Coverage != agentstate.Gaps ||
			!slices.ContainsFunc(rep.Gaps, func(g *pb.Gap) bool {
				return g.Kind == c.kind && g.Place == c.link && g.Reason == pb.Gap_REASON_FORBIDDEN
			}) {
			t.Errorf("%s: %v %v", name, rep.Verdict, rep.Gaps)
		}
		pre, err := Open(dir).Preflight(t.Context())
		if err != nil || len(pre.Gaps) != len(rep.Gaps) {
			t.Errorf("%s: %v %v", name, pre, err)
		}
	}
}

// TestElsewhere: by default the history of either package is in another folder than the vectors, and the
// home folder of mem0 may hold files of both.
func TestElsewhere(t *testing.T) {
	dir, home := copied(t, "python"), copied(t, "js")
	if err := errors.Join(os.Rename(dir+"/history.db", home+"/python.db"), os.Rename(home+"/history.db", home+"/memory.db")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url       string
		revisions int
		gap       bool
	}{
		{"mem0:" + dir + "/qdrant", 0, true},
		{"mem0:" + dir + "/qdrant?history=" + home + "/python.db", 14, false},
		{"mem0:" + dir + "?flavor=python&history=" + home + "/python.db", 14, false},
		{"mem0:" + home + "?flavor=js", 7, false},
		{"mem0:" + home + "?flavor=js&history=" + home + "/memory.db", 7, false},
	} {
		src := opened(t, c.url)
		mem, rep := drivertest.Export(t, src)
		if n := len(recordsOf[*pb.Revision](t, mem)); n != c.revisions || c.gap != (rep.Verdict.Coverage == agentstate.Gaps) || !c.gap && rep.Verdict.Coverage != agentstate.Reconciled {
			t.Errorf("%s: %d revisions, %s", c.url, n, rep.Verdict.Coverage)
		}
		to := t.TempDir()
		dst := opened(t, "mem0:"+to+"/new?history="+to+"/elsewhere.db")
		got, journal := apply(t, dst, mem)
		if len(got.Refused)+len(got.Conflicts) > 0 {
			t.Errorf("%s: %v %v", c.url, got.Refused, got.Conflicts)
		}
		if _, err := os.Stat(to + "/elsewhere.db"); (err == nil) == c.gap {
			t.Errorf("%s: %v", c.url, err)
		}
		if !c.gap {
			if n := len(recordsOf[*pb.Revision](t, dst)); n != c.revisions {
				t.Errorf("%s: %d revisions in the copy", c.url, n)
			}
			if u := undo(t, dst, journal); u.LeftN != 0 {
				t.Errorf("%s: undo leaves %v", c.url, u.Left)
			}
		}
	}
	if _, err := agentstate.Copy(t.Context(), memstate.New(), opened(t, "mem0:"+home), nil); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "add ?flavor=js") {
		t.Errorf("%v", err)
	}
	if _, err := agentstate.Copy(t.Context(), memstate.New(), opened(t, "mem0:"+dir+"?history="+home+"/none.db"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
