package format

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// marking is a source that can be resumed: a Mark behind every tenth record.
type marking struct {
	recs    []agentstate.Record
	content []byte        // of a blob that every hundredth record has
	pause   time.Duration // before each record
	stop    int           // fail after this many records; 0: never
	stale   bool          // answer ErrCursor once
}

var errStopped = errors.New("login ended")

func (s *marking) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		from := 1 // the Origin is put by the first run alone
		if len(opts.Cursor) > 0 {
			if s.stale {
				s.stale = false
				yield(nil, agentstate.ErrCursor)
				return
			}
			from, _ = strconv.Atoi(string(opts.Cursor))
		}
		if !yield(s.recs[0], nil) {
			return
		}
		for i := from; i < len(s.recs); i++ {
			time.Sleep(s.pause)
			if s.stop > 0 && i == s.stop {
				yield(nil, errStopped)
				return
			}
			if !yield(s.recs[i], nil) {
				return
			}
			if i%10 == 0 && !yield(&pb.Mark{Meta: &pb.Meta{Key: "mark"}, Cursor: []byte(strconv.Itoa(i + 1))}, nil) {
				return
			}
		}
	}
}

func (s *marking) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	if b.Id != "of the source" {
		return nil, fmt.Errorf("blob %q", b.Id)
	}
	return io.NopCloser(bytes.NewReader(s.content)), nil
}

// source is n memories, some with a blob, vectors and gaps beside them.
func source(n int) *marking {
	s := &marking{content: bytes.Repeat([]byte("blob-zq "), 20_000)}
	recs := state(n)
	st := recs[len(recs)-1].(*pb.Completeness)
	g := &filler{rand.New(rand.NewPCG(3, 3))}
	embeddings := uint64(0)
	for i, r := range recs[:len(recs)-1] {
		m, ok := r.(*pb.Memory)
		s.recs = append(s.recs, r)
		if ok && i%100 == 50 {
			b := &pb.Blob{Id: "of the source"}
			m.Meta.Native = append(m.Meta.Native, &pb.Native{Type: "file", Body: &pb.Native_Data{Data: &pb.Data{Body: &pb.Data_Blob{Blob: b}}}})
		}
		if ok && i%5 == 0 {
			embeddings++
			s.recs = append(s.recs, &pb.Embedding{Meta: agentstate.Meta("embedding", nil, "s", fmt.Sprint(i)), OfKey: m.Meta.Key,
				Element: pb.Embedding_ELEMENT_FLOAT32, Vector: g.vector(64)})
		}
	}
	s.recs = append(s.recs, &pb.Gap{Meta: agentstate.Meta("gap", nil, "memory", "p"), Kind: "memory", Count: 2, Place: "/hr/zq"})
	for _, k := range st.Kinds {
		switch k.Kind {
		case "embedding":
			k.Class, k.Enumerated, k.Exhausted, k.AccessBasis, k.Reference = pb.KindCompleteness_CLASS_ENUMERATED, embeddings, true, "whole file", &embeddings
		case "memory":
			k.Enumerated += 2
			*k.Reference += 2
		}
	}
	s.recs = append(s.recs, st)
	return s
}

func TestMain(m *testing.M) {
	if dir := os.Getenv("FORMAT_TEST_CHILD"); dir != "" {
		if os.Getenv("FORMAT_TEST_IGNORE_XFSZ") != "" {
			signal.Ignore(syscall.Signal(25)) // SIGXFSZ: the write is to fail instead
		}
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const childRecords = 2000

// load tells whether to try as much as EXITRAMP_LOAD=1 asks for: minutes instead of seconds.
func load() bool { return os.Getenv("EXITRAMP_LOAD") != "" }

// child exports into dir, as fast as it may be killed.
func child(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, "recipient"))
	if err != nil {
		return err
	}
	rs, err := ParseRecipients(string(b))
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(os.Getenv("FORMAT_TEST_RECORDS"))
	if err != nil {
		return err
	}
	s := source(n)
	s.pause = 50 * time.Microsecond
	_, err = Export(context.Background(), filepath.Join(dir, "x.ctxa"), s, childOptions(rs), nil)
	return err
}

func childOptions(rs []age.Recipient) *WriterOptions {
	return &WriterOptions{Recipients: rs, ShardSize: 4096, CommitShards: 1, CommitInterval: time.Nanosecond}
}

// An export that is killed at any instant goes on, and ends with the same records; nothing that it
// leaves on the way tells of them.
func TestKilledExport(t *testing.T) {
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
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "recipient"), []byte(rec), 0o600); err != nil {
		t.Fatal(err)
	}
	g := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	path := filepath.Join(dir, "x.ctxa")
	kills, resumed := 0, 0
	early, most, records := 4, 10, childRecords
	if load() {
		early, most, records = 20, 200, 12*childRecords // enough to be killed so often
	}
	for try := 0; ; try++ {
		cmd := exec.Command(self, "-test.run=^$")
		cmd.Env = append(os.Environ(), "FORMAT_TEST_CHILD="+dir, "FORMAT_TEST_RECORDS="+strconv.Itoa(records))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		switch {
		case kills < early: // at the start, also before there is a file
			time.Sleep(time.Duration(g.IntN(40)) * time.Millisecond)
			cmd.Process.Kill()
		case kills < most: // anywhere, however slowly the process starts
			waitForSize(path+".part", fileSize(path+".part")+g.Int64N(30_000)+1, ended)
			time.Sleep(time.Duration(g.IntN(5_000)) * time.Microsecond)
			cmd.Process.Kill()
		}
		err := <-ended
		if stderr.Len() > 0 {
			t.Fatalf("run %d: %s", try, stderr.String())
		}
		if err == nil {
			break
		}
		kills++
		noPlaintext(t, path+".part", path+".part.journal")
		if b, err := os.Open(path + ".part.journal"); err == nil {
			if run := readJournal(b); run != nil {
				resumed++
			}
			b.Close()
		}
		if _, err := os.Stat(path); err == nil {
			t.Fatal("there is an archive, and the run was killed")
		}
	}
	t.Logf("%d kills, %d of them resumed", kills, resumed)
	if load() && kills < most {
		t.Errorf("%d kills, want %d", kills, most)
	}
	if resumed == 0 {
		t.Error("no run got as far as a commit: nothing was tested")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := ParseIdentities(strings.NewReader(id))
	if err != nil {
		t.Fatal(err)
	}
	ro := ReaderOptions{Identities: ids}
	v := verify(t, b, &VerifyOptions{ReaderOptions: ro})
	if v.Level != LevelDeep || v.Coverage.Coverage != agentstate.Gaps {
		t.Errorf("%+v", v)
	}
	sameBesidesBlobs(t, source(records).recs, collect(t, open(t, b, &ro).Records(context.Background(), nil)))
	ephemeralOnce(t, b)
}

func fileSize(path string) int64 {
	fi, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return fi.Size()
}

// waitForSize waits until the file has n bytes or the process that writes it has ended.
func waitForSize(path string, n int64, ended chan error) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end) && len(ended) == 0; time.Sleep(time.Millisecond) {
		if fileSize(path) >= n {
			return
		}
	}
}

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
	for _, o := range []*WriterOptions{{}, {Compartments: nil}} {
		o.ShardSize, o.CommitShards, o.CommitInterval = 4096, 1, time.Nanosecond
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
	for i := range 20 {
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
		"Recipients": {Tool: "test", Recipients: []age.Recipient{rec}}, "Tool": {}, "Level": {Tool: "test", Level: LevelDefault},
		"Sequence": {Tool: "test", Sequence: 2},
	} {
		if _, err := Create(path, other); !errors.Is(err, ErrResume) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
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
