package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/exitramp/exitramp/exporters/all"
	"github.com/exitramp/exitramp/internal/gctest"
)

// process is what the commands of the scripts share, one after the other: to start a process costs more than most
// commands do. `exec exitramp …` starts one all the same: what waits must, since it would hold up the other scripts.
type process struct {
	mu   sync.Mutex
	env  []string // names that scripts set
	path string   // PATH of before
	json *jsonDoc
}

// ownProcess are the verbs that start programs with the streams they have, or themselves again; quiet are the flags with
// which they start none.
var (
	ownProcess = [...]string{"drill", "record", "play", "test"}
	quiet      = [...]string{"--dry-run", "--init"}
)

func newProcess(t *testing.T, scripts string) *process {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(scripts, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	p := &process{json: readJSONDoc(t), path: os.Getenv("PATH")}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^(?:\[.*\] )?env (\w+)=`).FindAllSubmatch(b, -1) {
			p.env = append(p.env, string(m[1]))
		}
	}
	return p
}

// setup notes the names of the variables that a script has. testscript reads PATH when a script begins, which may be
// while another one has the process's environment.
func (p *process) setup(e *testscript.Env) {
	e.Setenv("PATH", p.path)
	names := slices.Clone(p.env)
	for _, v := range e.Vars {
		name, _, _ := strings.Cut(v, "=")
		names = append(names, name)
	}
	e.Values[p] = names
}

// run is `exitramp …` of a script.
func (p *process) run(ts *testscript.TestScript, neg bool, args []string) {
	code := p.code(ts, args, startsPrograms(args))
	if neg != (code != "0") {
		ts.Fatalf("exit code %s", code)
	}
}

func startsPrograms(args []string) bool {
	return len(args) > 0 && slices.Contains(ownProcess[:], args[0]) &&
		!slices.ContainsFunc(quiet[:], func(flag string) bool { return slices.Contains(args, flag) })
}

// code runs one command line, in a process of its own or in this one, and returns its exit code.
func (p *process) code(ts *testscript.TestScript, args []string, alone bool) string {
	if alone {
		err := ts.Exec("exitramp", args...)
		ts.Check(p.json.check(args, []byte(ts.ReadFile("stdout"))))
		return exitText(ts, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.enter(ts)()
	ctx := context.Background()
	var out bytes.Buffer
	a := &app{
		stdout: io.MultiWriter(ts.Stdout(), &out), stderr: ts.Stderr(), getenv: os.Getenv, now: time.Now, drivers: all.Registry(),
		readPassword: func(prompt string) (string, error) { return readPassword(ctx, prompt) },
	}
	code := a.run(ctx, args)
	ts.Check(p.json.check(args, out.Bytes()))
	return fmt.Sprint(code)
}

// enter gives the process the folder and the environment of a script until the returned function is called. A
// variable that is empty is as one that is not set.
func (p *process) enter(ts *testscript.TestScript) (leave func()) {
	dir, err := os.Getwd()
	ts.Check(err)
	before := os.Environ()
	leave = func() {
		os.Clearenv()
		for _, v := range before {
			name, value, _ := strings.Cut(v, "=")
			ts.Check(os.Setenv(name, value))
		}
		ts.Check(os.Chdir(dir))
	}
	os.Clearenv()
	for _, name := range ts.Value(p).([]string) {
		if value := ts.Getenv(name); value != "" {
			ts.Check(os.Setenv(name, value))
		}
	}
	ts.Check(os.Chdir(ts.MkAbs(".")))
	return leave
}

// withCommand puts exitramp beside the commands that testscript has installed: a line of a script that begins with
// it is not for testscript to run.
type withCommand struct{ *testing.M }

func (m withCommand) Run() int {
	beside, err := exec.LookPath("asks")
	if err == nil {
		err = os.Link(beside, filepath.Join(filepath.Dir(beside), "exitramp"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return gctest.Main(m.M)
}
