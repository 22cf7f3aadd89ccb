package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/all"
)

// What people wrote into the store, in a message and in a memory.
var canaries = []string{"zq4-canary-in-a-message", "zq4-canary-in-a-memory"}

// brokenOff is a runtime whose reading ends after so many records, with an error that is not its own.
type brokenOff struct {
	exporters.Runtime
	after int
}

func (b brokenOff) Unwrap() agentstate.Source { return b.Runtime }

func (b brokenOff) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		n := 0
		for r, err := range b.Runtime.Records(ctx, o) {
			if n++; n > b.after {
				yield(nil, errors.New("the connection was lost"))
				return
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// canaryBox is a folder in which commands run, and everything that they leave or print is looked at.
type canaryBox struct {
	t        *testing.T
	dir      string
	plain    []string // files that hold text by nature: the source and the targets
	drivers  *exporters.Registry
	looked   atomic.Int64 // files of a running command that were looked at
	nameless atomic.Int64 // of them, those without a name
}

// run runs a command, and looks at what it prints and at every file that it has open or leaves.
func (b *canaryBox) run(code int, args ...string) {
	b.t.Helper()
	var out, msgs bytes.Buffer
	a := newApp(&out, &msgs)
	a.drivers = b.drivers
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
				b.look(args[0] + " while it runs")
			}
		}
	}()
	status := filepath.Join(b.dir, "status.json")
	got := a.run(context.Background(), append(args, "--progress=json", "--status", status))
	close(stop)
	<-ended
	if got != code {
		b.t.Errorf("%s: exit code %d, want %d\n%s%s", args[0], got, code, &out, &msgs)
	}
	for what, text := range map[string]*bytes.Buffer{"standard output": &out, "standard error": &msgs} {
		b.check(text.Bytes(), what+" of "+args[0])
	}
	b.look(args[0])
}

func (b *canaryBox) check(body []byte, where string) {
	for _, c := range canaries {
		if found, _ := inside(body, spelled(c)); found { // half a file, and a flipped one, are looked at as they are
			b.t.Errorf("%s holds %q", where, c)
		}
	}
}

// look reads all files in the folder, and those that this process has open there without a name.
func (b *canaryBox) look(when string) {
	err := filepath.WalkDir(b.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || slices.ContainsFunc(b.plain, func(x string) bool { return strings.HasPrefix(filepath.Base(p), x) }) {
			return nil
		}
		if body, err := os.ReadFile(p); err == nil {
			b.looked.Add(1)
			b.check(body, p+" of "+when)
		}
		return nil
	})
	if err != nil {
		b.t.Error(err)
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return // a system without it
	}
	for _, fd := range fds {
		link := "/proc/self/fd/" + fd.Name()
		to, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(to, b.dir) || !strings.HasSuffix(to, " (deleted)") || slices.ContainsFunc(b.plain, func(x string) bool { return strings.HasPrefix(filepath.Base(to), x) }) {
			continue
		}
		if body, err := os.ReadFile(link); err == nil && len(body) > 0 {
			b.nameless.Add(1)
			b.check(body, to+" of "+when)
		}
	}
}

// With encryption on, what people wrote is nowhere but in the source and in the target: not in the
// archive or its parts, in journals, plans, lists of refusals, status, progress, temporary files,
// messages or error texts. What prints records because it was asked to (list, show, cat, prove, unpack)
// is left out.
func TestCanary(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", filepath.Join(dir, "tmp"))
	store := supportStore
	for i, old := range []string{"Hello, where is my order A-1041?", "Returned goods are checked within two working days."} {
		text := "pwd: " + canaries[i] // which a scan for secrets finds too
		text += strings.Repeat(" ", len(old)-len(text))
		if !bytes.Contains(store, []byte(old)) {
			t.Fatalf("the store does not hold %q", old)
		}
		store = bytes.ReplaceAll(store, []byte(old), []byte(text))
	}
	for _, name := range []string{"source.sqlite", "target-other.sqlite"} {
		if err := os.WriteFile(name, store, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := &canaryBox{t: t, dir: dir, plain: []string{"source", "target", "etilqs"}} // SQLite's own files of the target
	for _, c := range canaries {
		if found, _ := inside(store, spelled(c)); !found {
			t.Fatal("the canary is not in the source: nothing is tested")
		}
	}
	registry := all.Registry()
	b.drivers = registry.With(exporters.Driver{Scheme: "broken", URL: "broken:FILE", Open: func(ctx context.Context, u *url.URL) (exporters.Runtime, error) {
		rt, err := registry.Open(ctx, "langgraph+sqlite:"+u.Opaque)
		return brokenOff{rt, 60}, err
	}})
	b.run(0, "keygen", "-o", "id.key")
	b.run(0, "keygen", "--classic", "-o", "other.key")
	b.run(0, "keygen", "--sign", "-o", "sign.key")
	public := map[string]string{}
	for _, k := range []string{"id.key", "other.key"} {
		text, err := os.ReadFile(k)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "# public key: ")
		public[k], _, _ = strings.Cut(rest, "\n")
	}
	src, to := "langgraph+sqlite:source.sqlite", "langgraph+sqlite:target.sqlite"

	b.run(0, "preflight", src)
	b.run(exitResume, "export", "broken:source.sqlite", "part.ctxa", "-r", public["id.key"])
	if !exists("part.ctxa.part") {
		t.Error("a broken export left no part: it was not looked at")
	}
	b.run(0, "export", src, "a.ctxa", "-r", public["id.key"])
	b.run(0, "sign", "a.ctxa", "--key", "sign.key")
	trust := []string{"--trust", "sign.key.pub", "-i", "id.key"}
	with := func(args ...string) []string { return append(args, trust...) }
	b.run(0, with("verify", "a.ctxa", "--ledger", "ledger.txt")...)
	b.run(exitRefused, "verify", "a.ctxa", "--trust", "sign.key.pub", "-i", "other.key")
	b.run(0, with("inspect", "a.ctxa")...)
	b.run(0, with("plan", "a.ctxa", to, "-o", "a.plan")...)
	b.run(0, with("replay", "a.ctxa", to)...)
	b.run(0, with("readback", "a.ctxa", to)...)
	if !exists("a.ctxa.journal") || !exists("a.plan") {
		t.Error("no journal or no plan: they were not looked at")
	}
	// A target with other content under the same keys: refusals and differences are named, not shown.
	db, err := openExclusive("target-other.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE store SET value = replace(value, 'kind', 'Kind'); UPDATE checkpoints SET metadata = replace(CAST(metadata AS TEXT), 'web-chat', 'zzzzzzzz'); COMMIT`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	other := "langgraph+sqlite:target-other.sqlite"
	b.run(exitPartial, with("replay", "a.ctxa", other, "--journal", "other.journal")...)
	if !exists("other.journal.refused.ndjson") {
		t.Error("nothing was refused: the list was not looked at")
	}
	b.run(exitPartial, with("readback", "a.ctxa", other, "--journal", "other.journal")...)
	b.run(0, "undo", "a.ctxa.journal", to)
	b.run(0, "derive", "a.ctxa", "d.ctxa", "--only-kind", "memory", "-i", "id.key", "-r", public["id.key"])
	b.run(0, with("re-encrypt", "a.ctxa", "e.ctxa", "-r", public["other.key"])...)
	b.run(0, "rewrap", "e.ctxa", "-i", "other.key", "-r", public["other.key"], "-r", public["id.key"])

	// A flipped byte in a sealed member.
	body, err := os.ReadFile("a.ctxa")
	if err != nil {
		t.Fatal(err)
	}
	body[len(body)/2] ^= 1
	if err := os.WriteFile("flipped.ctxa", body, 0o600); err != nil {
		t.Fatal(err)
	}
	b.run(exitRefused, with("verify", "flipped.ctxa")...)
	b.run(exitRefused, with("replay", "flipped.ctxa", "langgraph+sqlite:target-none.sqlite")...)

	// Refused for a secret: named by class.
	b.run(exitRefused, "export", src, "refused.ctxa", "-r", public["id.key"], "--secrets=refuse")
	t.Logf("%d files looked at, %d of them without a name", b.looked.Load(), b.nameless.Load())
}
