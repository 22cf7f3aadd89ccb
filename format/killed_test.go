package format

import (
	"bytes"
	"context"
	"fmt"
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
	"github.com/exitramp/exitramp/internal/gctest"
	"github.com/exitramp/exitramp/internal/loadtest"
)

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
	os.Exit(gctest.Main(m))
}

const childRecords = 2000

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
	early, most := loadtest.Of(2, 20), loadtest.Of(6, 200)
	records := loadtest.Of(childRecords, 12*childRecords) // enough to be killed so often
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
	if kills < loadtest.Of(1, most) {
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
