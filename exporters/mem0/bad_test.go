package mem0

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile/sqlitetest"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// copied is a copy of a sample that may be damaged.
func copied(t testing.TB, sample string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.CopyFS(dir, os.DirFS("testdata/"+sample)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func edit(t testing.TB, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func half(b []byte) []byte { return b[:len(b)/2] }

func pointsOf(dir string) string { return dir + "/qdrant/collection/mem0/storage.sqlite" }

// TestRefused: what cannot be read as a whole ends with an error that names the file, and says what it
// is and what to do.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		sample string
		damage func(t *testing.T, dir string)
		want   error
		say    string
	}{
		"a collection is cut short": {"js", func(t *testing.T, dir string) { edit(t, dir+"/vector_store.db", half) }, ErrDamaged, "vector_store.db is cut short"},
		"a history is cut short":    {"python", func(t *testing.T, dir string) { edit(t, dir+"/history.db", half) }, ErrDamaged, "history.db is cut short"},
		"points are cut short":      {"python", func(t *testing.T, dir string) { edit(t, pointsOf(dir), half) }, ErrDamaged, "storage.sqlite is cut short"},
		"cut inside the header": {"js", func(t *testing.T, dir string) {
			edit(t, dir+"/vector_store.db", func(b []byte) []byte { return b[:60] })
		}, ErrDamaged, "ends inside its header"},
		"pages are overwritten": {"js", func(t *testing.T, dir string) {
			edit(t, dir+"/vector_store.db", func(b []byte) []byte { return append(b[:4096], bytes.Repeat([]byte{0xff}, len(b)-4096)...) })
		}, ErrDamaged, "vector_store.db"},
		"no database": {"js", func(t *testing.T, dir string) {
			edit(t, dir+"/vector_store.db", func([]byte) []byte { return []byte(`{"not": "SQLite"}   `) })
		}, ErrDamaged, "not a SQLite database"},
		"empty, its log is not": {"js", func(t *testing.T, dir string) {
			edit(t, dir+"/vector_store.db", func([]byte) []byte { return nil })
			if err := os.WriteFile(dir+"/vector_store.db-wal", []byte("writes"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrDamaged, "bring the right one back"},
		"a column less": {"python", func(t *testing.T, dir string) { sqlOf(t, dir+"/history.db", "ALTER TABLE history DROP COLUMN event") }, ErrSchema, "supported: id, memory_id"},
		"two in one file": {"js", func(t *testing.T, dir string) {
			sqlOf(t, dir+"/vector_store.db", "CREATE TABLE memory_history (id INTEGER)")
		}, ErrSchema, "both tables vectors and memory_history"},
		"stores of two packages": {"js", func(t *testing.T, dir string) {
			if err := os.CopyFS(dir, os.DirFS("testdata/python/qdrant")); err != nil {
				t.Fatal(err)
			}
		}, ErrSchema, "both the JavaScript and the Python package"},
		"meta.json is cut short": {"python", func(t *testing.T, dir string) { edit(t, dir+"/qdrant/meta.json", half) }, ErrSchema, "meta.json"},
		"meta.json is of another": {"python", func(t *testing.T, dir string) {
			edit(t, dir+"/qdrant/meta.json", func([]byte) []byte { return []byte(`[]`) })
		}, ErrSchema, "want an object with collections"},
		"nothing in the folder": {"js", func(t *testing.T, dir string) {
			if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, ErrSchema, "has no collection: want vector_store.db"},
		"no folder": {"js", func(t *testing.T, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}, fs.ErrNotExist, "no folder"},
		"a file, no folder": {"js", func(t *testing.T, dir string) {
			if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}, ErrSchema, "is a file; name the folder"},
		"only a history": {"js", func(t *testing.T, dir string) {
			if err := errors.Join(os.Remove(dir+"/vector_store.db"), os.Remove(dir+"/vector_store_entities.db")); err != nil {
				t.Fatal(err)
			}
		}, ErrSchema, "has no collection"},
		"all files are empty": {"js", func(t *testing.T, dir string) {
			for _, f := range []string{"vector_store.db", "vector_store_entities.db", "history.db"} {
				edit(t, dir+"/"+f, func([]byte) []byte { return nil })
			}
		}, ErrSchema, "has no collection"},
		"the folder is a link": {"python", func(t *testing.T, dir string) {
			away := filepath.Join(t.TempDir(), "away")
			if err := errors.Join(os.Rename(dir+"/qdrant", away), os.Symlink(away, dir+"/qdrant")); err != nil {
				t.Fatal(err)
			}
		}, ErrSchema, "has no collection"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copied(t, c.sample)
			c.damage(t, dir)
			_, err := agentstate.Copy(t.Context(), memstate.New(), Open(dir), nil)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.say) || strings.Contains(err.Error(), "Ada") {
				t.Errorf("%v, want %q", err, c.say)
			}
			if strings.Contains(fmt.Sprint(err), "mem0: mem0: not") || strings.Count(strings.TrimPrefix(fmt.Sprint(err), "agentstate: source: at origin/mem0: "), "mem0: ") != 1 {
				t.Errorf("not one prefix: %v", err)
			}
			if _, perr := Open(dir).Preflight(t.Context()); !errors.Is(perr, c.want) && name != "pages are overwritten" {
				t.Errorf("preflight: %v", perr)
			}
		})
	}
}

// TestLocked: a file that another process is writing is waited for, and then said to be locked.
func TestLocked(t *testing.T) {
	dir := copied(t, "js")
	unlock := sqlitetest.Lock(t, dir+"/vector_store.db")
	s := Open(dir)
	s.wait = 50 * time.Millisecond
	if _, err := agentstate.Copy(t.Context(), memstate.New(), s, nil); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "stop the application") {
		t.Errorf("%v", err)
	}
	unlock()
	if _, rep := drivertest.Export(t, s); rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v", rep.Verdict)
	}
}

// TestWithoutLog: a file that was copied without its -wal is read as it is, and that is said.
func TestWithoutLog(t *testing.T) {
	dir := copied(t, "js")
	live := filepath.Join(t.TempDir(), "live.db")
	edit(t, dir+"/vector_store.db", func(b []byte) []byte {
		if err := os.WriteFile(live, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return b
	})
	db, err := sql.Open("sqlite", live)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, q := range []string{"PRAGMA journal_mode = wal", "PRAGMA wal_autocheckpoint = 0", "PRAGMA wal_checkpoint(TRUNCATE)",
		`INSERT INTO vectors VALUES ('late', x'0000803f', '{"data": "late"}')`} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	take := func(suffix string) {
		t.Helper()
		b, err := os.ReadFile(live + suffix)
		if err == nil {
			err = os.WriteFile(dir+"/vector_store.db"+suffix, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	take("")
	p, err := Open(dir).Preflight(t.Context())
	if err != nil || !slices.ContainsFunc(p.Notes, func(n string) bool {
		return strings.Contains(n, "vector_store.db: ") && strings.Contains(n, "no -wal lies beside it")
	}) {
		t.Errorf("%v %v", p, err)
	}
	said := false
	for o, err := range agentstate.Of[*pb.Origin](Open(dir).Records(t.Context(), nil)) {
		if err != nil {
			t.Fatal(err)
		}
		said = slices.ContainsFunc(o.Meta.Labels, func(l *pb.Label) bool { return l.Name == "wal" && strings.Contains(l.Value, "vector_store.db: absent") })
	}
	if !said {
		t.Error("the archive would not say it")
	}
	if ms := recordsOf[*pb.Memory](t, Open(dir)); len(ms) != 4 {
		t.Errorf("%d memories", len(ms))
	}
	take("-wal")
	if ms := recordsOf[*pb.Memory](t, Open(dir)); len(ms) != 5 || ms["memory/vector_store/late"].GetText() != "late" {
		t.Errorf("%d memories with the log", len(ms))
	}
}

// TestLarge: a value of many megabytes is carried beside its record, and comes back. EXITRAMP_LOAD=1 makes
// it 100.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("takes many megabytes several times")
	}
	size := loadtest.Of(12<<20, 100<<20)
	for sample, file := range loadtest.Rows(map[string]string{"js": "vector_store.db", "python": "qdrant/collection/mem0/storage.sqlite"}, "python") {
		t.Run(sample, func(t *testing.T) {
			dir := copied(t, sample)
			doc := `{"user_id":"u-1","data":"` + strings.Repeat("x", size) + `"}`
			db, err := sql.Open("sqlite", filepath.Join(dir, file)+"?_pragma=synchronous(0)")
			if err != nil {
				t.Fatal(err)
			}
			q, args := "INSERT INTO vectors VALUES ('large', x'0000803f', ?)", []any{doc}
			if sample == "python" {
				q, args = "INSERT INTO points VALUES (?, ?)", []any{rowKey("large"), pickled(t, "large", doc)}
			}
			_, err = db.Exec(q, args...)
			if err := errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
			var before, now runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			s, n := Open(dir), 0
			for r, err := range s.Records(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				if m, ok := r.(*pb.Memory); ok {
					if n++; len(m.GetText()) > 4<<20 {
						t.Errorf("%d bytes inside of a record", len(m.GetText()))
					}
				}
			}
			runtime.GC()
			runtime.GC() // a pool lets go at the second
			runtime.ReadMemStats(&now)
			if now.HeapAlloc > before.HeapAlloc+uint64(size)/2 {
				t.Errorf("%d bytes more than before are held after the reading", now.HeapAlloc-before.HeapAlloc)
			}
			dst := Open(filepath.Join(t.TempDir(), "new"))
			rep, _ := apply(t, dst, s)
			if len(rep.Refused)+len(rep.Conflicts) > 0 || n < 5 {
				t.Errorf("%d memories, %v %v", n, rep.Refused, rep.Conflicts)
			}
			if back, err := os.Stat(filepath.Join(dst.root, file)); err != nil || back.Size() < int64(size) {
				t.Errorf("%v %v", back, err)
			}
		})
	}
}
