package format

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// sameBesidesBlobs compares records whose blobs the writer has named.
func sameBesidesBlobs(t *testing.T, want, got []agentstate.Record) {
	t.Helper()
	for _, recs := range [][]agentstate.Record{want, got} {
		for _, r := range recs {
			agentstate.Blobs(r, func(b *pb.Blob) { b.Id, b.Sha256, b.Size = "", nil, 0 })
		}
	}
	sameRecords(t, want, got)
}

func noPlaintext(t *testing.T, files ...string) {
	t.Helper()
	for _, f := range files {
		b, err := os.ReadFile(f)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"customer", "refund", "memory/s/", "blob-zq", "/hr/zq", "observer-zq", "account-zq", "unit test", "AGE-SECRET-KEY"} {
			if bytes.Contains(b, []byte(secret)) {
				t.Fatalf("%s holds %q", f, secret)
			}
		}
	}
}

// ephemeralOnce checks that no two age files in b have the same recipient stanza, and so file key.
func ephemeralOnce(t *testing.T, b []byte) {
	t.Helper()
	seen := map[string]bool{}
	for part := range bytes.SplitSeq(b, []byte("age-encryption.org/v1\n-> X25519 ")) {
		line, _, _ := bytes.Cut(part, []byte("\n"))
		if seen[string(line)] {
			t.Fatalf("stanza %q twice", line)
		}
		seen[string(line)] = true
	}
	if len(seen) < 50 {
		t.Fatalf("%d age files", len(seen))
	}
}

// A source that fails, run after run, makes progress, and the tally is carried over.
func TestResumeAfterErrors(t *testing.T) {
	t.Parallel()
	o := &WriterOptions{ShardSize: 4096, CommitShards: 1, CommitInterval: time.Nanosecond}
	path := filepath.Join(t.TempDir(), "x.ctxa")
	for _, stop := range []int{1, 15, 16, 400, 401, 900} {
		s := source(1000)
		s.stop = stop
		if _, err := Export(context.Background(), path, s, o, nil); !errors.Is(err, errStopped) {
			t.Fatal(err)
		}
	}
	w, err := Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	if string(w.Cursor()) != "891" || w.Tally().Records["origin"] != 1 || w.Tally().Records["memory"]+w.Tally().Records["embedding"]+w.Tally().Records["memoryspace"] != 890 {
		t.Errorf("cursor %q, tally %v", w.Cursor(), w.Tally().Records)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	rep, err := Export(context.Background(), path, source(1000), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v := verify(t, b, nil)
	if rep.Verdict.Coverage != agentstate.Gaps || v.Coverage.Coverage != agentstate.Gaps || rep.Records["memory"] != 1000 {
		t.Errorf("%+v, %+v", rep.Verdict, v)
	}
	sameBesidesBlobs(t, source(1000).recs, collect(t, open(t, b, nil).Records(context.Background(), nil)))
	r := open(t, b, nil)
	for _, w := range source(1000).recs {
		if _, err := r.Get(context.Background(), w.GetMeta().GetKey()); err != nil {
			t.Fatal(err)
		}
	}
}

// Both files of a run are taken away while it runs, and another run begins: what the first one seals is its own, or nothing.
func TestPartOfAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.ctxa")
	begin := func() *Writer {
		w, err := Create(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range state(10) {
			if err := w.Put(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		return w
	}
	first := begin()
	for _, f := range []string{path + ".part", path + ".part.journal"} {
		if err := os.Remove(f); err != nil {
			t.Skip("a file that is open is not removed here: ", err)
		}
	}
	second := begin()
	if err := first.Commit(t.Context()); err == nil || !strings.Contains(err.Error(), "x.ctxa.part was moved, removed or replaced") {
		t.Errorf("the first run: %v", err)
	}
	if err := second.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, b, nil)
}

// A journal that is torn anywhere resumes from the commit before, or starts anew.
func TestTornJournal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.ctxa")
	o := &WriterOptions{ShardSize: 4096, CommitShards: 1, CommitInterval: time.Nanosecond}
	s := source(200)
	s.stop = 150
	if _, err := Export(context.Background(), path, s, o, nil); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	part, err := os.ReadFile(path + ".part")
	if err != nil {
		t.Fatal(err)
	}
	journal, err := os.ReadFile(path + ".part.journal")
	if err != nil {
		t.Fatal(err)
	}
	g := rand.New(rand.NewPCG(1, 1))
	for i := range loadtest.Of(8, 20) {
		j, p := bytes.Clone(journal), part
		switch i % 4 {
		case 0:
			j = j[:g.IntN(len(j))]
		case 1:
			j[g.IntN(len(j))] ^= 1 << g.IntN(8)
		case 2:
			j = append(j, make([]byte, g.IntN(20))...)
		case 3:
			p = p[:g.IntN(len(p))]
		}
		path := filepath.Join(t.TempDir(), "y.ctxa")
		if err := errors.Join(os.WriteFile(path+".part", p, 0o600), os.WriteFile(path+".part.journal", j, 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := Export(context.Background(), path, source(200), o, nil); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		verify(t, b, nil)
		sameBesidesBlobs(t, source(200).recs, collect(t, open(t, b, nil).Records(context.Background(), nil)))
	}
}

func TestResumeWithOtherOptions(t *testing.T) {
	_, rec := keyPair(t, true)
	path := filepath.Join(t.TempDir(), "x.ctxa")
	o := &WriterOptions{CommitShards: 1, CommitInterval: time.Nanosecond, Tool: "test"}
	s := source(50)
	s.stop = 40
	if _, err := Export(context.Background(), path, s, o, nil); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	for want, other := range map[string]*WriterOptions{
		"Recipients": {Tool: "test", Recipients: []age.Recipient{rec}}, "Tool": {}, "Small": {Tool: "test", Small: true},
		"Sequence": {Tool: "test", Sequence: 2},
	} {
		if _, err := Create(path, other); !errors.Is(err, ErrResume) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	before := earlier(t, path)
	if _, err := Create(path, o); !errors.Is(err, ErrResume) || !strings.Contains(err.Error(), "the version of the program is another than that of "+path+".part: give the same, or delete") {
		t.Error(err)
	}
	if after, err := os.ReadFile(path + ".part"); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the part was touched: %v", err)
	}
	if err := Discard(path); err != nil {
		t.Fatal(err)
	}
	w, err := Create(path, &WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if w.Cursor() != nil || w.Tally() != nil {
		t.Error("resumed what was discarded")
	}
	if err := w.Abandon(); err != nil {
		t.Fatal(err)
	}
	if es, err := os.ReadDir(filepath.Dir(path)); err != nil || len(es) > 0 {
		t.Errorf("%v %v", es, err)
	}
}

// earlier makes the broken run at path one of a build that had another option, and gives its part.
func earlier(t *testing.T, path string) []byte {
	t.Helper()
	var begin journalBegin
	j, err := os.ReadFile(path + ".part.journal")
	if err != nil {
		t.Fatal(err)
	}
	n, err := readFrame(bytes.NewReader(j), &begin)
	if err != nil {
		t.Fatal(err)
	}
	delete(begin.Options, "Small")
	begin.Options["Level"] = "0"
	head, err := appendFrame(nil, begin)
	if err != nil {
		t.Fatal(err)
	}
	part, err := os.ReadFile(path + ".part")
	if err := errors.Join(err, os.WriteFile(path+".part.journal", append(head, j[n:]...), 0o600)); err != nil {
		t.Fatal(err)
	}
	return part
}

// A source that has changed is read anew, once.
func TestCursorThatIsStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ctxa")
	o := &WriterOptions{CommitShards: 1, CommitInterval: time.Nanosecond}
	s := source(300)
	s.stop = 200
	if _, err := Export(context.Background(), path, s, o, nil); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	s = source(300)
	s.stale = true
	rep, err := Export(context.Background(), path, s, o, nil)
	if err != nil || s.stale || rep.Records["memory"] != 300 {
		t.Fatalf("%v, %v", rep, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sameBesidesBlobs(t, source(300).recs, collect(t, open(t, b, nil).Records(context.Background(), nil)))
}
