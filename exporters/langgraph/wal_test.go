package langgraph

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// folder is what lies beside a database: names, sizes and digests.
func folder(t testing.TB, path string) string {
	t.Helper()
	es, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, e := range es {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(e.Name(), "-shm") { // locks of readers live in it
			b = b[:48]
		}
		out += fmt.Sprintf("%s %d %x\n", e.Name(), len(b), sha256.Sum256(b))
	}
	return out
}

const newThread = `INSERT INTO checkpoints SELECT 'new', checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata
	FROM checkpoints WHERE thread_id = 't-interrupt'`

// TestLiveWAL reads while the application is running and its writes are in the log alone. Nothing
// is written, nothing is checkpointed.
func TestLiveWAL(t *testing.T) {
	p := sample(t, "python.sqlite")
	app := run(t, p, true, "PRAGMA journal_mode = WAL", "PRAGMA wal_autocheckpoint = 0", newThread)
	before := folder(t, p)
	s := SQLite(p)
	_, rep := drivertest.Export(t, s)
	if rep.Records["conversation"] != 9 || rep.Records["checkpoint"] != 67 || rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v %v", rep.Records, rep.Verdict.Coverage)
	}
	if now := folder(t, p); now != before {
		t.Errorf("the source changed:\n%s%s", before, now)
	}
	// A write after the reading has begun is not in it, and does not spoil it.
	n := 0
	for r, err := range s.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 5 {
			for _, q := range []string{"DELETE FROM checkpoints WHERE thread_id = 't-types'", "DELETE FROM writes", "PRAGMA wal_checkpoint(PASSIVE)"} {
				if _, err := app.Exec(q); err != nil {
					t.Fatal(err)
				}
			}
		}
		if st, ok := r.(*pb.Completeness); ok {
			for _, k := range st.Kinds {
				if k.Kind == "pendingwrite" && (k.Enumerated != 212 || k.GetReference() != 212) {
					t.Errorf("writes: %v", k)
				}
			}
		}
	}
	if _, rep := drivertest.Export(t, s); rep.Records["pendingwrite"] != 0 {
		t.Errorf("second reading is not of the new state: %v", rep.Records)
	}
}

// TestWithoutWAL copies the main file alone, as people do. That something may be missing is said
// in the preflight and stays with the archive; no file appears beside the source.
func TestWithoutWAL(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, true, "PRAGMA journal_mode = WAL", "PRAGMA wal_autocheckpoint = 0", newThread)
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(t.TempDir(), "alone.sqlite")
	if err := os.WriteFile(alone, b, 0o400); err != nil {
		t.Fatal(err)
	}
	before := folder(t, alone)
	s := SQLite(alone)
	pre, err := s.Preflight(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(pre.Notes, func(n string) bool { return strings.Contains(n, "no -wal lies beside it") }) {
		t.Errorf("notes: %q", pre.Notes)
	}
	m, rep := drivertest.Export(t, s)
	if rep.Records["conversation"] != 8 || len(rep.Gaps) != 0 {
		t.Errorf("%v", rep.Records)
	}
	if !slices.ContainsFunc(originOf(t, m).Meta.Labels, func(l *pb.Label) bool {
		return l.Name == "wal" && strings.Contains(l.Value, "cannot be excluded")
	}) {
		t.Errorf("labels: %v", originOf(t, m).Meta.Labels)
	}
	if now := folder(t, alone); now != before {
		t.Errorf("the source changed:\n%s%s", before, now)
	}
}

// TestChanged has an application start and write into a file that is read without a lock.
func TestChanged(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, false, "PRAGMA journal_mode = WAL")
	var last error
	n := 0
	for _, err := range SQLite(p).Records(t.Context(), nil) {
		if n++; n == 5 {
			run(t, p, false, newThread) // closing moves the log into the file
		}
		last = err
	}
	if !errors.Is(last, ErrChanged) {
		t.Errorf("ended with %v", last)
	}
}

// TestWALReadOnly puts file and log into a folder that cannot be written to, so that the index of
// the log cannot be made: then a private copy is read. Root can write everywhere, so it lets
// nobody look.
func TestWALReadOnly(t *testing.T) {
	p := os.Getenv("EXITRAMP_TEST_READONLY")
	if p == "" {
		live := sample(t, "python.sqlite")
		run(t, live, true, "PRAGMA journal_mode = WAL", "PRAGMA wal_autocheckpoint = 0", newThread)
		dir, err := os.MkdirTemp("", "langgraph-readonly-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			os.Chmod(dir, 0o700)
			os.RemoveAll(dir)
		})
		p = filepath.Join(dir, "x.sqlite")
		for _, s := range []string{"", "-wal"} {
			b, err := os.ReadFile(live + s)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p+s, b, 0o444); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		if os.Getuid() == 0 {
			drivertest.AsNobody(t, "^TestWALReadOnly$", "EXITRAMP_TEST_READONLY="+p)
			return
		}
	}
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	before := folder(t, p)
	s := SQLite(p)
	_, rep := drivertest.Export(t, s)
	if rep.Records["conversation"] != 9 {
		t.Errorf("%v", rep.Records)
	}
	pre, err := s.Preflight(t.Context())
	if err != nil || !slices.ContainsFunc(pre.Notes, func(n string) bool { return strings.Contains(n, "private copy") }) {
		t.Errorf("%v %v", pre, err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if now := folder(t, p); now != before {
		t.Errorf("the source changed:\n%s%s", before, now)
	}
}

// TestHotJournal leaves a write broken off in its middle: only the application may roll it back.
func TestHotJournal(t *testing.T) {
	live := sample(t, "python.sqlite")
	db := run(t, live, true, "PRAGMA cache_size = 1")
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec("UPDATE writes SET value = zeroblob(3000)"); err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(t.TempDir(), "x.sqlite")
	for _, s := range []string{"", "-journal"} {
		b, err := os.ReadFile(live + s)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p+s, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := folder(t, p)
	if err := readErr(t.Context(), SQLite(p)); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "rolls it back") {
		t.Errorf("%v", err)
	}
	if now := folder(t, p); now != before {
		t.Errorf("the source changed:\n%s%s", before, now)
	}
}
