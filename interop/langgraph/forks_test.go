package langgraph

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// forks is the process that has imported Python's LangGraph and forks itself for each script: most scripts work for less time than their imports take.
var forks struct {
	sync.Mutex
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// forked runs a script like run does.
func forked(t *testing.T, f flavour, args ...string) result {
	t.Helper()
	forks.Lock()
	defer forks.Unlock()
	if forks.cmd == nil {
		startForks(t, f)
	}
	dir, err := filepath.Abs(f.dir)
	tmp := t.TempDir()
	job := map[string]any{"dir": dir, "args": args, "env": environment(), "out": filepath.Join(tmp, "out"), "err": filepath.Join(tmp, "err")}
	for _, name := range []string{"out", "err"} {
		if err == nil {
			err = os.WriteFile(filepath.Join(tmp, name), nil, 0o600)
		}
	}
	if err == nil {
		err = json.NewEncoder(forks.in).Encode(job)
	}
	if err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(5*time.Minute, endForks)
	line, err := forks.out.ReadString('\n')
	late.Stop()
	code, bad := strconv.Atoi(strings.TrimSpace(line))
	out, _ := os.ReadFile(filepath.Join(tmp, "out"))
	errs, _ := os.ReadFile(filepath.Join(tmp, "err"))
	if err != nil || bad != nil {
		endForks()
		_ = forks.cmd.Wait()
		forks.cmd = nil
		t.Fatalf("%s: no exit code within five minutes: %v\n%s", strings.Join(args, " "), err, tail(string(errs)))
	}
	return result{string(out), string(errs), code}
}

func startForks(t *testing.T, f flavour) {
	t.Helper()
	cmd := exec.Command(f.interpreter, "forks.py")
	cmd.Dir, cmd.Stderr, cmd.SysProcAttr = "python", os.Stderr, &syscall.SysProcAttr{Setpgid: true} // a group: its forks end with it
	cmd.Env = environ()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	forks.cmd, forks.in, forks.out = cmd, in, bufio.NewReader(out)
}

// endForks ends the process and what it runs.
func endForks() { _ = syscall.Kill(-forks.cmd.Process.Pid, syscall.SIGKILL) }

// TestForkTellsOfFailure: what a forked script prints and how it ends arrive, also when it fails, and the next script runs.
func TestForkTellsOfFailure(t *testing.T) {
	f := python(t)
	if r := forked(t, f, "judge.py", "trip", "sqlite:none", "no facts"); r.code != 1 || !strings.Contains(r.err, "FileNotFoundError") {
		t.Errorf("exit code %d, want 1\n%s", r.code, tail(r.all()))
	}
	if r := forked(t, f, "judge.py", "--help"); r.code != 0 || !strings.Contains(r.out, "facts") {
		t.Errorf("exit code %d, want 0\n%s", r.code, tail(r.all()))
	}
}

// environ is what scripts are started with.
func environ() []string {
	return append(os.Environ(), "PYTHONHASHSEED=0", "PYTHONDONTWRITEBYTECODE=1", "NO_COLOR=1")
}

func environment() map[string]string {
	out := map[string]string{}
	for _, e := range environ() {
		name, value, _ := strings.Cut(e, "=")
		out[name] = value
	}
	return out
}
