package langgraph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// env is what interop/run has installed and started.
var env = struct{ exitramp, python, modules, pg, pgbin string }{
	os.Getenv("EXITRAMP_BIN"), installed("python/bin/python"), installed("node_modules"),
	os.Getenv("EXITRAMP_INTEROP_PG"), os.Getenv("EXITRAMP_INTEROP_PGBIN"),
}

// installed is a path in the folder that the script install has filled; empty: there is none.
func installed(path string) string {
	dir := os.Getenv("EXITRAMP_INTEROP_LANGGRAPH")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, path)
}

// js is a copy of the JavaScript scripts beside the installed modules: Node looks for modules next to the script.
var js string

func TestMain(m *testing.M) {
	if env.exitramp == "" {
		fmt.Fprintln(os.Stderr, "these tests need the real runtimes: start them with interop/run")
		os.Exit(1)
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "interop-js-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		js = filepath.Join(dir, "js")
		err = os.CopyFS(js, os.DirFS("js"))
		if env.modules != "" {
			err = errors.Join(err, os.Symlink(env.modules, filepath.Join(js, "node_modules")))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// need ends a test that cannot run; only where the person has allowed that.
func need(t *testing.T, what string, have ...string) {
	t.Helper()
	for _, h := range have {
		if h != "" {
			continue
		}
		if os.Getenv("EXITRAMP_INTEROP_ALLOW_SKIP") == "1" {
			t.Skipf("SKIPPED: %s is not installed", what)
		}
		t.Fatalf("%s is not installed", what)
	}
}

// result is the outcome of one command.
type result struct {
	out, err string
	code     int
}

func (r result) all() string { return r.out + r.err }

// run starts a command and waits for it. A command that does not end within five minutes fails the test.
func run(t *testing.T, dir, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.WaitDelay = dir, 5*time.Second
	cmd.Env = environ()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v", filepath.Base(name), strings.Join(args, " "), err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s %s: still running after five minutes\n%s", filepath.Base(name), strings.Join(args, " "), tail(errs.String()))
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// exitramp runs the command and fails the test when the exit code is none of want.
func exitramp(t *testing.T, want []int, args ...string) result {
	t.Helper()
	r := run(t, "", env.exitramp, args...)
	if slices.Contains(want, r.code) {
		return r
	}
	t.Fatalf("exitramp %s: exit code %d, want %v\n%s", strings.Join(args, " "), r.code, want, tail(r.all()))
	return r
}

var done = []int{0}

// flavour is one of the two languages of LangGraph.
type flavour struct {
	name        string
	interpreter string
	dir, ext    string
	alone       bool // each script imports the library anew
}

func python(t *testing.T) flavour {
	need(t, "LangGraph for Python", env.python)
	return flavour{name: "python", interpreter: env.python, dir: "python", ext: ".py"}
}

func javascript(t *testing.T) flavour {
	need(t, "LangGraph for JavaScript", env.modules)
	return flavour{name: "js", interpreter: "node", dir: js, ext: ".mjs"}
}

// script runs one of the scripts of this flavour, which must succeed unless it is a judge: that one's verdict is returned.
func (f flavour) script(t *testing.T, name string, args ...string) result {
	t.Helper()
	args = append([]string{name + f.ext}, args...)
	var r result
	if f.name == "python" && !f.alone {
		r = forked(t, f, args...)
	} else {
		r = run(t, f.dir, f.interpreter, args...)
	}
	if r.code != 0 && !strings.HasPrefix(name, "judge") {
		t.Fatalf("%s: exit code %d\n%s", strings.Join(args, " "), r.code, tail(r.all()))
	}
	return r
}

var passed = regexp.MustCompile(`(?m)^PASS (\d+) checks$`)

// judge lets the runtime judge a store; nothing but a PASS of at least one check is a pass.
func (f flavour) judge(t *testing.T, script string, args ...string) {
	t.Helper()
	r := f.script(t, script, args...)
	m := passed.FindStringSubmatch(r.out)
	if r.code != 0 || m == nil || m[1] == "0" {
		t.Errorf("%s %s %s: exit code %d\n%s", f.name, script, strings.Join(args, " "), r.code, tail(r.all()))
		return
	}
	t.Logf("%s: %s", f.name, m[0])
}

// tail keeps a report readable.
func tail(s string) string {
	if len(s) > 4000 {
		return s[:1500] + "\n…\n" + s[len(s)-2500:]
	}
	return s
}

// inspection is the part of 'inspect --json' that these tests hold exitramp to.
type inspection struct {
	Coverage string           `json:"coverage"`
	Records  map[string]int64 `json:"records"`
}

func inspect(t *testing.T, archive string) inspection {
	t.Helper()
	var i inspection
	r := exitramp(t, []int{0, 3}, "inspect", archive, "--json")
	if err := json.Unmarshal([]byte(r.out), &i); err != nil || i.Coverage == "" {
		t.Fatalf("inspect --json: %v, coverage %q\n%s", err, i.Coverage, tail(r.out))
	}
	return i
}

// exists tells whether a file is there.
func exists(file string) bool {
	_, err := os.Stat(file)
	return !errors.Is(err, fs.ErrNotExist)
}
