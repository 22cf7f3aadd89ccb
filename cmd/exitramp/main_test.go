package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/exitramp/exitramp/exporters/all"
	"github.com/exitramp/exitramp/internal/wordembedtest"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "exitramp" {
		main()
	}
	testscript.Main(withCommand{m}, map[string]func(){"asks": asks, "age-plugin-xyz": pluginMain, "wordembed": func() {
		if err := wordembedtest.Main(os.Args[1:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}})
}

// Each file in testdata/script is one behaviour: what is typed, what is seen, the exit code.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Abs("testdata/script")
	if err != nil {
		t.Fatal(err)
	}
	mem0, err := filepath.Abs("../../exporters/mem0/testdata/js")
	if err != nil {
		t.Fatal(err)
	}
	p := newProcess(t, scripts)
	testscript.Run(t, testscript.Params{
		Dir: scripts,
		Setup: func(e *testscript.Env) error {
			e.Setenv("MEM0", mem0)
			e.Setenv("GOGC", "off") // hundreds of short processes: what they collect is of their start
			e.Setenv("GOMEMLIMIT", "256MiB")
			p.setup(e)
			return os.WriteFile(filepath.Join(e.WorkDir, "support.sqlite"), supportStore, 0o644)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exitramp": p.run, "code": p.ends, "flip": flip, "cut": cut, "rezip": rezip, "lock": lock, "swap": swap, "nowhere": nowhere},
	})
}

// ends is `code N exitramp ARG…` or `code N exec COMMAND…`: the command ends with exit code N.
func (p *process) ends(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || args[1] != "exitramp" && args[1] != "exec" {
		ts.Fatalf("usage: code N exitramp ARG…, or code N exec COMMAND…")
	}
	var got string
	if args[1] == "exitramp" {
		wrong := args[0] == strconv.Itoa(exitUsage) // which is said before anything is started
		got = p.code(ts, args[2:], startsPrograms(args[2:]) && !wrong)
	} else {
		got = exitText(ts, ts.Exec(args[2], args[3:]...))
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

func exitText(ts *testscript.TestScript, err error) string {
	var ee interface{ ExitCode() int }
	if errors.As(err, &ee) {
		return fmt.Sprint(ee.ExitCode())
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	return "0"
}

// flip FILE OFFSET: changes one byte; a negative offset counts from the end.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	var at int
	_, err = fmt.Sscan(args[1], &at)
	ts.Check(err)
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 1
	ts.Check(os.WriteFile(path, b, 0o644))
}

// cut FILE N: leaves the first N bytes.
func cut(ts *testscript.TestScript, neg bool, args []string) {
	var n int64
	_, err := fmt.Sscan(args[1], &n)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

// rezip FILE NEW: what is in the zip FILE, in another one.
func rezip(ts *testscript.TestScript, neg bool, args []string) {
	r, err := zip.OpenReader(ts.MkAbs(args[0]))
	ts.Check(err)
	defer r.Close()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range r.File {
		ts.Check(w.Copy(f))
	}
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o644))
}

// lock FILE: another program holds the SQLite database for itself until the script ends.
func lock(ts *testscript.TestScript, neg bool, args []string) {
	db, err := openExclusive(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() { db.Close() })
}

func newApp(stdout, stderr *bytes.Buffer) *app {
	return &app{
		stdout: stdout, stderr: stderr, getenv: func(string) string { return "" }, now: time.Now, drivers: all.Registry(),
		readPassword: func(string) (string, error) { return "", errors.New("no terminal") },
	}
}

// The demo is the README's first screen: it ends well, is quick, and says where the files are.
func TestDemo(t *testing.T) {
	t.Chdir(t.TempDir())
	var out, msgs bytes.Buffer
	began := time.Now()
	if code := newApp(&out, &msgs).run(context.Background(), []string{"demo"}); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, &out, &msgs)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %s, want at most 10 s", took)
	}
	for _, want := range []string{
		"$ exitramp export langgraph+sqlite:exitramp-demo/support.sqlite exitramp-demo/demo.ctxa", "RECONCILED", "INTACT (deep)", "WAITS FOR A PERSON",
		"conflict 0", "0 extra", "missing 0", "exit 5", "The files are in exitramp-demo",
	} {
		if !strings.Contains(strings.ReplaceAll(out.String(), "extra 0", "0 extra"), want) {
			t.Errorf("the demo does not say %q:\n%s", want, &out)
		}
	}
	for _, f := range []string{"demo.ctxa", "support.sqlite", "copy.sqlite", "demo.ctxa.journal", "flipped.ctxa"} {
		if _, err := os.Stat(filepath.Join("exitramp-demo", f)); err != nil {
			t.Error(err)
		}
	}
	if code := newApp(&out, &msgs).run(context.Background(), []string{"demo"}); code != exitOther {
		t.Errorf("a second demo into the same folder: exit code %d", code)
	}
}

// A password in a URL shows nowhere: not in output, errors, progress or the status file.
func TestNoPassword(t *testing.T) {
	dir := t.TempDir()
	const canary = "s3cr3t-canary"
	for _, u := range []string{
		"langgraph+postgres://me:" + canary + "@127.0.0.1:1/db", "langgraph+postgres://me:" + canary + "@127.0.0.1:1/db?search_path=%zz",
		"langgraph+postgres://me:" + canary + "@[::1/db", "nosuch://me:" + canary + "@host/db", "langgraph+postgres://127.0.0.1:1/db?password=" + canary,
	} {
		for _, verb := range [][]string{{"export", u, filepath.Join(dir, "a.ctxa")}, {"preflight", u}, {"diff", u, u}, {"cat", u}} {
			var out, msgs bytes.Buffer
			status := filepath.Join(dir, "status.json")
			args := append(verb, "--status", status)
			if code := newApp(&out, &msgs).run(context.Background(), args); code == 0 {
				t.Errorf("%s: exit code 0", verb[0])
			}
			b, err := os.ReadFile(status)
			if err != nil {
				t.Fatal(err)
			}
			if all := out.String() + msgs.String() + string(b); strings.Contains(all, canary) {
				t.Errorf("%s shows the password: %s", verb[0], all)
			}
			if msgs.Len() == 0 {
				t.Errorf("%s: no message", verb[0])
			}
		}
	}
}

// A stopped export leaves no archive and says how to go on.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(dir, "support.sqlite")
	if err := os.WriteFile(store, supportStore, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, msgs bytes.Buffer
	path := filepath.Join(dir, "x.ctxa")
	code := newApp(&out, &msgs).run(ctx, []string{"export", "langgraph+sqlite:" + store, path})
	if code == 0 {
		t.Fatal("exit code 0")
	}
	if !strings.Contains(msgs.String(), "hint: nothing was kept yet") || strings.Contains(msgs.String(), "to go on") {
		t.Errorf("there is nothing to go on from: %s", &msgs)
	}
	if strings.Contains(msgs.String(), "context") || !strings.Contains(msgs.String(), "stopped") {
		t.Errorf("not what a person understands: %s", &msgs)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("there is an archive: %v", err)
	}
	if code = newApp(&out, &msgs).run(context.Background(), []string{"export", "langgraph+sqlite:" + store, path}); code != 0 {
		t.Errorf("the same command again: exit code %d\n%s", code, &msgs)
	}
}
