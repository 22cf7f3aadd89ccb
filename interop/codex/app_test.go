package codex

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/interop/clihome"
)

type object = map[string]any

// An app is the real CLI's app server: JSON lines on its standard input and output.
type app struct {
	t   *testing.T
	in  io.WriteCloser
	out chan object
	cmd *exec.Cmd
	n   int
}

func startApp(t *testing.T, home, cwd string) *app {
	t.Helper()
	return startAppOf(t, binary(t), home, cwd)
}

func startAppOf(t *testing.T, binary, home, cwd string) *app {
	t.Helper()
	a := &app{t: t, out: make(chan object, 1000), cmd: exec.Command(binary, "app-server")}
	a.cmd.Dir = cwd
	a.cmd.Env = append(os.Environ(), "CODEX_HOME="+home, "TEST_KEY=x", "HOME="+filepath.Join(home, "..", "user"))
	var err error
	if a.in, err = a.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.cmd.Process.Kill() })
	go func() {
		defer close(a.out)
		lines := bufio.NewReader(out)
		for {
			b, err := lines.ReadBytes('\n')
			var o object
			if json.Unmarshal(b, &o) == nil {
				a.out <- o
			}
			if err != nil {
				return
			}
		}
	}()
	a.call("initialize", object{"clientInfo": object{"name": "t", "title": "t", "version": "1"}, "capabilities": object{"experimentalApi": true}})
	a.send(object{"method": "initialized"})
	return a
}

func (a *app) send(o object) {
	b, err := json.Marshal(o)
	if err == nil {
		_, err = a.in.Write(append(b, '\n'))
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *app) next(what string) object {
	a.t.Helper()
	select {
	case o, ok := <-a.out:
		if !ok {
			a.t.Fatalf("the app server ended before %s", what)
		}
		return o
	case <-time.After(time.Minute):
		a.t.Fatalf("no %s in a minute", what)
		return nil
	}
}

func (a *app) call(method string, params object) object {
	a.t.Helper()
	a.n++
	a.send(object{"id": a.n, "method": method, "params": params})
	for {
		o := a.next(method)
		if id, ok := o["id"].(float64); ok && int(id) == a.n && o["method"] == nil {
			if o["error"] != nil {
				a.t.Fatalf("%s: %v", method, o["error"])
			}
			r, _ := o["result"].(object)
			return r
		}
	}
}

// turn says something in a thread and waits until the model has answered.
func (a *app) turn(thread, text string) {
	a.t.Helper()
	a.call("turn/start", object{"threadId": thread, "input": []any{object{"type": "text", "text": text}}})
	for a.next("turn/completed")["method"] != "turn/completed" {
	}
}

func (a *app) stop() {
	a.t.Helper()
	a.in.Close()
	done := make(chan error, 1)
	go func() { done <- a.cmd.Wait() }()
	select {
	case err := <-done:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			a.t.Fatal(err)
		}
	case <-time.After(time.Minute):
		a.t.Fatal("the app server does not end")
	}
}

func id(r object) string { return r["thread"].(object)["id"].(string) }

// shown is what the CLI shows of a home: threads with their names and turns, goals, queued messages.
func shown(t *testing.T, home, cwd string) string {
	t.Helper()
	a := startApp(t, home, cwd)
	defer a.stop()
	var out []any
	list := a.call("thread/list", object{})["data"].([]any)
	for _, x := range list {
		thread := x.(object)["id"].(string)
		read := a.call("thread/read", object{"threadId": thread, "includeTurns": true})
		out = append(out, x.(object), read, a.call("thread/goal/get", object{"threadId": thread}), a.call("thread/queue/list", object{"threadId": thread}))
	}
	b, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	// The time of a thread is that of its file; a copy has the time of the last line, which may be in
	// the second before.
	return updated.ReplaceAllString(strings.ReplaceAll(string(b), home, "HOME"), "")
}

var updated = regexp.MustCompile(`(?m)^ *"updatedAt": [0-9]+,?\n`)

// python runs a program on the databases of a home: SQLite as somebody else built it.
func python(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Getenv("PYTHON"), append([]string{"-c", program}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return string(out)
}

// rows are all rows of all tables with the class of each value, the place of the home taken out, and
// the bookkeeping of migrations as far as the CLI looks at it.
func rows(t *testing.T, home string) string {
	t.Helper()
	return strings.ReplaceAll(python(t, `
import glob, os, sqlite3, sys
for p in sorted(glob.glob(sys.argv[1] + "/*.sqlite")):
    if os.path.basename(p).startswith("logs_"): continue
    c = sqlite3.connect(p)
    for (t,) in c.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
        cols = [r[1] for r in c.execute('PRAGMA table_info("%s")' % t) if not (t == "_sqlx_migrations" and r[1] in ("installed_on", "execution_time"))]
        for r in c.execute('SELECT %s FROM "%s" ORDER BY 1, 2' % (", ".join('"%s", typeof("%s")' % (x, x) for x in cols), t)):
            print(os.path.basename(p), t, r)
    for r in c.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1, 2"): print(os.path.basename(p), r)
    print(os.path.basename(p), c.execute("PRAGMA integrity_check").fetchall())
`, home), home, "HOME")
}

func same(t *testing.T, what, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			t.Errorf("%s, line %d:\nwant %.600s\ngot  %.600s", what, i+1, w[i], g[i])
			return
		}
	}
	t.Errorf("%s: %d lines, want %d", what, len(g), len(w))
}

// atWork is a model, a folder with a home that asks it, and a folder to work in.
func atWork(t *testing.T) (m *model, dir, home, work string) {
	t.Helper()
	m, dir = newModel(t), t.TempDir()
	home, work = filepath.Join(dir, "home"), filepath.Join(dir, "work")
	if err := os.MkdirAll(work, 0o700); err != nil {
		t.Fatal(err)
	}
	config(t, m, home)
	return m, dir, home, work
}

// TestDatabases: the real CLI names threads, sets a goal, forks, reverts and queues a message; of the
// copy it shows the same, migrates nothing, and goes on in the fork and in the reverted thread.
func TestDatabases(t *testing.T) {
	m, dir, home, work := atWork(t)
	copied, archive := filepath.Join(dir, "copy"), filepath.Join(dir, "a.ctxa")
	a := startApp(t, home, work)
	first := id(a.call("thread/start", object{"cwd": work}))
	a.turn(first, "the first thing é 🙂")
	a.call("thread/name/set", object{"threadId": first, "name": "Bread é 🙂"})
	a.call("thread/goal/set", object{"threadId": first, "objective": "bake bread", "status": "paused", "tokenBudget": 1000})
	fork := id(a.call("thread/fork", object{"threadId": first}))
	a.turn(fork, "said in the fork")
	a.call("thread/name/set", object{"threadId": fork, "name": "Rye"})
	a.turn(first, "this is taken back")
	turns := a.call("thread/read", object{"threadId": first, "includeTurns": true})["thread"].(object)["turns"].([]any)
	a.call("thread/revert", object{"threadId": first, "beforeTurnId": turns[len(turns)-1].(object)["id"]})
	a.stop()
	a = startApp(t, home, work) // nothing is loaded: the message waits
	a.call("thread/queue/add", object{"threadId": first, "clientUserMessageId": "c1", "input": []any{object{"type": "text", "text": "queued for later"}}})
	a.stop()
	// Extracting memories takes a model of the provider's: the row is put in as the CLI's schema has them.
	python(t, `
import sqlite3, sys
c = sqlite3.connect(sys.argv[1] + "/memories_1.sqlite")
c.execute("INSERT INTO stage1_outputs VALUES (?, 1, 'likes rye', 'a summary', 'rye', 5, NULL, NULL, 1, 1)", (sys.argv[2],))
c.commit()
`, home, first)
	want := shown(t, home, work)
	for _, s := range []string{"Bread é 🙂", "Rye", "bake bread", "queued for later", "said in the fork", "the first thing"} {
		if !strings.Contains(want, s) {
			t.Fatalf("the CLI does not show %q of its own home", s)
		}
	}
	if strings.Contains(want, "this is taken back") {
		t.Fatal("the CLI shows what was reverted")
	}
	held := rows(t, home)

	out := clihome.Exitramp(t, 0, "export", "codex:"+home, archive)
	for _, s := range []string{"RECONCILED", "state 2 RECONCILED", "memory 1 RECONCILED", "conversation 3 RECONCILED"} {
		if !strings.Contains(out, s) || strings.Contains(out, "GAPS") {
			t.Errorf("export does not say %s: %s", s, out)
		}
	}
	same(t, "the home after the export", held, rows(t, home))
	clihome.Exitramp(t, 0, "verify", archive, "--integrity-only")
	clihome.Exitramp(t, 0, "plan", archive, "codex:"+copied, "--accept-unsigned")
	clihome.Exitramp(t, 0, "replay", archive, "codex:"+copied, "--accept-unsigned", "--journal", filepath.Join(dir, "j1"))
	if out := clihome.Exitramp(t, 0, "readback", archive, "codex:"+copied, "--accept-unsigned", "--journal", filepath.Join(dir, "j1")); !strings.Contains(out, "missing 0 · extra 0") {
		t.Errorf("readback: %s", out)
	}
	same(t, "rows of the copy", held, rows(t, copied))
	if err := os.Rename(home, home+".gone"); err != nil { // the copy stands alone
		t.Fatal(err)
	}
	config(t, m, copied)
	same(t, "what the CLI shows of the copy", want, shown(t, copied, work))
	migrations := func(s string) (out string) {
		for l := range strings.SplitSeq(s, "\n") {
			if strings.Contains(l, "_sqlx_migrations") {
				out += l + "\n"
			}
		}
		return out
	}
	same(t, "migrations after the CLI", migrations(held), migrations(rows(t, copied)))

	a = startApp(t, copied, work)
	a.call("thread/resume", object{"threadId": fork})
	a.turn(fork, "go on in the fork")
	clihome.Says(t, m.last(), "the first thing", "said in the fork", "go on in the fork")
	a.stop()
	codex(t, copied, work, "resume", first, "go on here")
	if clihome.Says(t, m.last(), "the first thing", "go on here"); strings.Contains(m.last(), "this is taken back") {
		t.Error("what was reverted is back")
	}

	second := filepath.Join(dir, "second")
	clihome.Exitramp(t, 0, "replay", archive, "codex:"+second, "--accept-unsigned", "--journal", filepath.Join(dir, "j2"))
	clihome.Exitramp(t, 0, "undo", filepath.Join(dir, "j2"), "codex:"+second)
	if es, err := os.ReadDir(second); err == nil && len(es) > 0 {
		t.Errorf("undo left %v", es)
	}
}

// TestIntoUsedHome: into a home in which the CLI has worked; what is there stays, and both are shown.
func TestIntoUsedHome(t *testing.T) {
	m := newModel(t)
	dir := t.TempDir()
	archive, work := filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "work")
	if err := os.MkdirAll(work, 0o700); err != nil {
		t.Fatal(err)
	}
	home := func(name string) string {
		h := filepath.Join(dir, name)
		config(t, m, h)
		a := startApp(t, h, work)
		defer a.stop()
		thread := id(a.call("thread/start", object{"cwd": work}))
		a.turn(thread, "said in "+name)
		a.call("thread/name/set", object{"threadId": thread, "name": "named in " + name})
		return h
	}
	from, to := home("one"), home("two")
	clihome.Exitramp(t, 0, "export", "codex:"+from, archive)
	out := clihome.Exitramp(t, 3, "replay", archive, "codex:"+to, "--accept-unsigned")
	conflicts := regexp.MustCompile(`(?m)^\s*conflict  (\S+)`).FindAllStringSubmatch(out, -1)
	for _, c := range conflicts { // each home's own lists; the second one is alike when both were made in one second
		if c[1] != "artifact/session_index.jsonl" && c[1] != "opaque/state_5.sqlite/backfill_state/1" {
			t.Errorf("%s is a conflict: %s", c[1], out)
		}
	}
	if !strings.Contains(out, "conflict  artifact/session_index.jsonl") {
		t.Errorf("replay does not say that a list is there: %s", out)
	}
	if err := os.Rename(from, from+".gone"); err != nil {
		t.Fatal(err)
	}
	got := shown(t, to, work)
	for _, s := range []string{"named in one", "said in one", "named in two", "said in two"} {
		if !strings.Contains(got, s) {
			t.Errorf("the CLI does not show %q; replay said: %s", s, out)
		}
	}
	// The judge looks at the databases: another name there is another name shown.
	python(t, `
import sqlite3, sys
c = sqlite3.connect(sys.argv[1] + "/state_5.sqlite")
assert c.execute("UPDATE threads SET name = 'renamed' WHERE name = 'named in one'").rowcount == 1
c.commit()
`, to)
	if got := shown(t, to, work); !strings.Contains(got, "renamed") || strings.Contains(got, "named in one") {
		t.Error("the judge looks at something else than the database")
	}
}
