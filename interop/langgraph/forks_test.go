package langgraph

import (
	"os"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/interop/forks"
)

// scripts are those in Python.
var scripts = forks.Process{Dir: "python", Modules: []string{"backend", "langgraph.checkpoint.postgres", "langgraph.checkpoint.sqlite", "langgraph.func", "langgraph.graph.message", "langgraph.prebuilt",
	"langgraph.store.postgres", "langgraph.store.sqlite", "psycopg"}}

// forked runs a script like run does.
func forked(t *testing.T, f flavour, args ...string) result {
	t.Helper()
	out, err, code := scripts.Run(t, f.interpreter, forks.Script{Dir: f.dir, Args: args, Env: environ()})
	return result{out, err, code}
}

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
