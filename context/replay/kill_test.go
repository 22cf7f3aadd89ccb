package replay_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
)

// fileTarget is a runtime that outlives its process: a file with a line a record, under ids of its
// own. It finds a record again by the run that wrote it, as services do with an idempotency token.
type fileTarget struct{ path string }

func (f fileTarget) lines() ([]string, error) {
	b, err := os.ReadFile(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"), err
}

func (f fileTarget) Begin(_ context.Context, run *replay.Run) (replay.Writer, error) {
	return &fileWriter{fileTarget: f, run: run}, nil
}

type fileWriter struct {
	fileTarget
	run *replay.Run
}

func (w *fileWriter) Write(_ context.Context, r agentstate.Record) (replay.Receipt, error) {
	key := r.GetMeta().Key
	rc := replay.Receipt{Key: key, Action: replay.Created}
	want := w.run.ID + " " + key
	if w.run.InDoubt(key) {
		ls, err := w.lines()
		if err != nil {
			return rc, err
		}
		for i, l := range ls {
			if l == want {
				rc.Target = fmt.Sprint(i + 1)
				return rc, nil
			}
		}
	}
	f, err := os.OpenFile(w.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return rc, err
	}
	time.Sleep(time.Millisecond / 2)
	_, err = f.WriteString(want + "\n")
	time.Sleep(time.Millisecond / 2)
	rc.Target = "last"
	return rc, errors.Join(err, f.Close())
}

func (w *fileWriter) Commit(context.Context) error { return nil }
func (w *fileWriter) Close() error                 { return nil }

// TestKilledHelper is the process that TestKilled kills.
func TestKilledHelper(t *testing.T) {
	dir := os.Getenv("EXITRAMP_TEST_KILL")
	if dir == "" {
		t.Skip("is run by TestKilled")
	}
	if _, err := run(t, fileTarget{filepath.Join(dir, "target")}, memstate.Sample(150), filepath.Join(dir, "journal"), replay.Options{}); err != nil {
		t.Fatal(err)
	}
}

// killAfter kills cmd when n more lines are in the file.
func killAfter(cmd *exec.Cmd, path string, n int, done <-chan struct{}) {
	count := func() int {
		ls, _ := fileTarget{path}.lines()
		return len(ls)
	}
	for first := count(); ; {
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
		}
		if count() >= first+n {
			time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
			_ = cmd.Process.Signal(syscall.SIGKILL)
			return
		}
	}
}

// TestKilled kills the process of a run with SIGKILL at random moments until one comes through, and
// wants every record once.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	kills := 0
	for range 60 {
		cmd := exec.Command(exe, "-test.run=^TestKilledHelper$", "-test.count=1")
		cmd.Env = append(os.Environ(), "EXITRAMP_TEST_KILL="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// It is killed when it has written some records more, at any moment of the next one.
		done := make(chan struct{})
		go killAfter(cmd, filepath.Join(dir, "target"), 5+rand.IntN(40), done)
		var said strings.Builder
		for sc := bufio.NewScanner(out); sc.Scan(); {
			fmt.Fprintln(&said, sc.Text())
		}
		err = cmd.Wait()
		close(done)
		if err == nil {
			break
		}
		if st, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !st.Signaled() {
			t.Fatalf("%v\n%s", err, said.String())
		}
		kills++
	}
	t.Logf("killed %d times", kills)
	j, err := replay.OpenJournal(filepath.Join(dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if !j.Done() || kills == 0 {
		t.Fatalf("done %v after %d kills", j.Done(), kills)
	}
	ls, err := fileTarget{filepath.Join(dir, "target")}.lines()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, l := range ls {
		if seen[l] {
			t.Errorf("%s is there twice", l)
		}
		seen[l] = true
	}
	plan, err := replay.Plan(t.Context(), memstate.NewRuntime(nil), memstate.Sample(150), nil)
	if err != nil || uint64(len(ls)) != plan.Actions[replay.Created] {
		t.Errorf("%d records, want %d (%v)", len(ls), plan.Actions[replay.Created], err)
	}
}
