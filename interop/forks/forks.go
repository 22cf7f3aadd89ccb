// Package forks runs Python scripts in forks of one process that has imported what they share: most scripts work for less time
// than their imports take.
package forks

import (
	"bufio"
	_ "embed"
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

//go:embed forks.py
var script string

// Process starts with the first script, and ends with the tests.
type Process struct {
	Dir     string   // where modules of our own are
	Modules []string // that it imports

	mu  sync.Mutex
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// Script is what one fork runs: the file is the first of its arguments.
type Script struct {
	Dir   string
	Args  []string
	Env   []string
	Stdin []byte
}

// Run runs a script in a fork of python, and returns what it printed, and how it ended. The process itself has the
// environment of its first script. A script that does not end within five minutes fails the test.
func (p *Process) Run(t *testing.T, python string, s Script) (out, errs string, code int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		p.start(t, python, s.Env)
	}
	tmp := t.TempDir()
	files := []string{filepath.Join(tmp, "in"), filepath.Join(tmp, "out"), filepath.Join(tmp, "err")}
	dir, err := filepath.Abs(s.Dir)
	for i, data := range [][]byte{s.Stdin, nil, nil} {
		if err == nil {
			err = os.WriteFile(files[i], data, 0o600)
		}
	}
	environ := map[string]string{}
	for _, e := range s.Env {
		name, value, _ := strings.Cut(e, "=")
		environ[name] = value
	}
	if err == nil {
		err = json.NewEncoder(p.in).Encode(map[string]any{"dir": dir, "args": s.Args, "env": environ, "files": files})
	}
	if err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(5*time.Minute, p.kill)
	line, err := p.out.ReadString('\n')
	late.Stop()
	code, bad := strconv.Atoi(strings.TrimSpace(line))
	said, _ := os.ReadFile(files[1])
	failed, _ := os.ReadFile(files[2])
	if err != nil || bad != nil {
		p.kill()
		_ = p.cmd.Wait()
		p.cmd = nil
		t.Fatalf("%s: no exit code within five minutes: %v\n%s", strings.Join(s.Args, " "), err, failed[max(0, len(failed)-3000):])
	}
	return string(said), string(failed), code
}

func (p *Process) start(t *testing.T, python string, env []string) {
	t.Helper()
	cmd := exec.Command(python, append([]string{"-c", script}, p.Modules...)...)
	cmd.Dir, cmd.Stderr, cmd.Env = p.Dir, os.Stderr, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a group: its forks end with it
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
	p.cmd, p.in, p.out = cmd, in, bufio.NewReader(out)
}

// kill ends the process and what it runs.
func (p *Process) kill() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }
