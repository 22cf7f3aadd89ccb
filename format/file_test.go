package format

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/loadtest"
)

// A disk that is full, wherever it ends: a clear error, no archive, and what was marked is there for
// the next run, which ends with all of it.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts processes")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	id, rec, err := GenerateIdentity(true)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := ParseIdentities(strings.NewReader(id))
	if err != nil {
		t.Fatal(err)
	}
	limits, records := []int{1, 100}, loadtest.Of(childRecords/2, childRecords) // each shard goes to the disk for itself
	for i := range loadtest.Of(0, 50) {
		limits = append(limits, i*i/10)
	}
	run := func(dir, limit string) ([]byte, error) {
		// ulimit -f counts blocks of 512 bytes in POSIX, of 1,024 in bash: either ends before the archive.
		cmd := exec.Command("/bin/sh", "-c", limit+` exec "$0" -test.run='^$'`, self)
		cmd.Env = append(os.Environ(), "FORMAT_TEST_CHILD="+dir, "FORMAT_TEST_IGNORE_XFSZ=1", "FORMAT_TEST_RECORDS="+strconv.Itoa(records))
		return cmd.CombinedOutput()
	}
	var kept atomic.Int64
	t.Run("full", func(t *testing.T) { // side by side: they wait for the disk
		for _, blocks := range limits {
			t.Run(fmt.Sprintf("%d blocks", blocks), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				path := filepath.Join(dir, "x.ctxa")
				if err := os.WriteFile(filepath.Join(dir, "recipient"), []byte(rec), 0o600); err != nil {
					t.Fatal(err)
				}
				out, err := run(dir, fmt.Sprintf("ulimit -f %d &&", blocks))
				if err == nil || !strings.Contains(string(out), "file too large") || !strings.Contains(string(out), "x.ctxa.part") {
					t.Fatalf("%v: %s", err, out)
				}
				if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
					t.Fatalf("an archive: %v", err)
				}
				noPlaintext(t, path+".part", path+".part.journal")
				if b, err := os.Open(path + ".part.journal"); err == nil {
					if readJournal(b) != nil {
						kept.Add(1)
					}
					b.Close()
				}
				if out, err := run(dir, ""); err != nil {
					t.Fatalf("then enough: %v: %s", err, out)
				}
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := tryVerify(b, ids...); err != nil {
					t.Fatalf("then enough: %v", err)
				}
			})
		}
	})
	t.Logf("full at %d points, %d of them gone on from", len(limits), kept.Load())
	if kept.Load() == 0 {
		t.Error("nothing was ever kept")
	}
}

// requests counts ReadAt calls, as object storage would bill them.
type requests struct {
	*bytes.Reader
	n int
}

func (r *requests) ReadAt(p []byte, off int64) (int, error) {
	r.n++
	return r.Reader.ReadAt(p, off)
}

// One read opens an archive whose tail fits in it; a record costs one of the index and one of its
// shard more.
func TestThreeRequests(t *testing.T) {
	id, rec := keyPair(t, false)
	g := &filler{newRand()}
	var recs []agentstate.Record
	for i := range 20_000 {
		recs = append(recs, memory(g, i))
	}
	b := sealed(t, &WriterOptions{Recipients: []age.Recipient{rec}}, recs...)
	if len(b) < 2<<20 {
		t.Fatalf("%d bytes are too few to tell", len(b))
	}
	ra := &requests{Reader: bytes.NewReader(b)}
	r, err := NewReader(ra, int64(len(b)), &ReaderOptions{Policy: IntegrityOnly(), Identities: []age.Identity{id}})
	if err != nil {
		t.Fatal(err)
	}
	opened := ra.n
	if _, err := r.Get(context.Background(), agentstate.Key("memory", "s", "10")); err != nil {
		t.Fatal(err)
	}
	if opened != 1 || ra.n > 3 {
		t.Errorf("%d to open, %d in all", opened, ra.n)
	}
}

// Only its owner reads a journal or a part.
func TestModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ctxa")
	w, err := Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, f := range []string{path + ".part", path + ".part.journal"} {
		fi, err := os.Stat(f)
		if err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", fi.Mode(), err)
		}
	}
}

// A stream and a file without Marks leave no archive when they are closed early.
func TestCloseWithoutCommit(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Mark(context.Background(), []byte("cursor")); err != nil || w.Cursor() != nil {
		t.Errorf("a stream cannot be resumed: %v", err)
	}
	for _, f := range []func() error{w.Close, w.Close} {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
	if err := tryVerify(out.Bytes()); err == nil {
		t.Error("an archive without Commit")
	}
	path := filepath.Join(t.TempDir(), "x.ctxa")
	f, err := Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = Create(path, &WriterOptions{Tool: "other"}); err != nil {
		t.Fatalf("nothing was marked, so there is nothing to go on with: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, &ReaderOptions{Policy: IntegrityOnly()}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// Marks that come faster than commits are worth are remembered as none.
func TestMarksAreThinned(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ctxa")
	w, err := Create(path, &WriterOptions{CommitInterval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range state(100) {
		if err := w.Put(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		if err := w.Mark(context.Background(), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.led.len(); n != 2 {
		t.Errorf("%d members for a hundred Marks", n)
	}
	if err := w.Abandon(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenWhatIsNoFile(t *testing.T) {
	o := &ReaderOptions{Policy: IntegrityOnly()}
	if _, err := Open(t.TempDir(), o); !errors.Is(err, ErrNotArchive) {
		t.Error(err)
	}
	if _, err := NewReader(failing{}, 4096, o); err == nil || Class(err) != "" {
		t.Errorf("an error of the file is not a refusal: %v", err)
	}
}

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, io.ErrNoProgress }
