package replay_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/loadtest"
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

// Undo removes what the run wrote.
func (f fileTarget) Undo(_ context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], _ func(replay.Receipt)) error {
	ls, err := f.lines()
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for rc, err := range created {
		if err != nil {
			return err
		}
		gone[run.ID+" "+rc.Key] = true
	}
	ls = slices.DeleteFunc(ls, func(l string) bool { return gone[l] })
	return os.WriteFile(f.path, []byte(strings.Join(ls, "\n")+"\n"), 0o600)
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
// wants every record once, and none after Undo. EXITRAMP_LOAD=1 does so until it has killed 200 times.
func TestKilled(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	want := loadtest.Of(1, 200)
	kills := 0
	for runs := 1; kills < want; runs++ {
		kills += killed(t, exe)
		if t.Failed() {
			return
		}
		t.Logf("%d runs, killed %d times", runs, kills)
	}
}

// killed is one run that is killed until it comes through, and its undoing. It returns the kills.
func killed(t *testing.T, exe string) int {
	dir := t.TempDir()
	target := fileTarget{filepath.Join(dir, "target")}
	if err := os.WriteFile(target.path, []byte("somebody else's\n"), 0o600); err != nil {
		t.Fatal(err)
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
		go killAfter(cmd, target.path, 5+rand.IntN(40), done)
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
	j, err := replay.OpenJournal(filepath.Join(dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if !j.Done() || kills == 0 {
		t.Fatalf("done %v after %d kills", j.Done(), kills)
	}
	ls, err := target.lines()
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
	if err != nil || uint64(len(ls)) != plan.Actions[replay.Created]+1 {
		t.Errorf("%d records, want %d (%v)", len(ls)-1, plan.Actions[replay.Created], err)
	}
	rep, err := replay.Undo(t.Context(), target, j)
	if err != nil || rep.LeftN != 0 || rep.Removed != plan.Actions[replay.Created] {
		t.Errorf("undo: %+v %v", rep, err)
	}
	if ls, err := target.lines(); err != nil || len(ls) != 1 || ls[0] != "somebody else's" {
		t.Errorf("after the undo %d lines are there, %v", len(ls), err)
	}
	return kills
}
