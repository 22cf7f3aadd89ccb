package mem0

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/interop/forks"
)

// flavour is one of mem0's packages, with its files or with PostgreSQL.
type flavour struct {
	name     string
	postgres bool
}

func (f flavour) String() string {
	if f.postgres {
		return f.name + " pgvector"
	}
	return f.name + " files"
}

var flavours = []flavour{{"js", false}, {"python", false}, {"js", true}, {"python", true}}

func folder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("EXITRAMP_INTEROP_MEM0")
	if dir == "" {
		t.Skip("SKIPPED: mem0 is not installed; start this with interop/run")
	}
	return dir
}

func run(t *testing.T, stdin []byte, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdin, cmd.WaitDelay = dir, bytes.NewReader(stdin), 5*time.Second
	cmd.Env = environ(t)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		said := out.String() + errs.String()
		t.Fatalf("%s %.200s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, said[max(0, len(said)-3000):])
	}
	return out.String()
}

// environ is what the runtimes are started with: a home of their own.
func environ(t *testing.T) []string {
	home := t.TempDir()
	// The index of approximate neighbours depends on chance: the judge wants every row.
	return append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "MEM0_TELEMETRY=false", "HOME="+home, "MEM0_DIR="+home, "PGOPTIONS=-c enable_indexscan=off")
}

// scripts are those in Python. What mem0 imports takes seconds; mem0 itself, which looks for its home meanwhile, each imports anew.
var scripts = forks.Process{Dir: "python", Modules: []string{"openai", "psycopg", "pydantic", "qdrant_client", "sqlalchemy"}}

func exitramp(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, nil, "", os.Getenv("EXITRAMP_BIN"), args...)
}

// A place is where a store of mem0 is.
type place struct {
	Dir        string `json:"dir"`
	PG         string `json:"pg,omitempty"`
	Collection string `json:"collection"`
	Dims       int    `json:"dims,omitempty"`    // of vectors; 0: 8
	History    string `json:"history,omitempty"` // its file; empty: in Dir
	Calls      []call `json:"calls"`
}

// newPlace is an empty one.
func (f flavour) newPlace(t *testing.T, name string) place {
	t.Helper()
	p := place{Dir: filepath.Join(t.TempDir(), name), Collection: "mem0"}
	if err := os.Mkdir(p.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if f.postgres {
		server := os.Getenv("EXITRAMP_INTEROP_PG")
		if server == "" {
			t.Skip("SKIPPED: no PostgreSQL; start this with interop/run")
		}
		db := fmt.Sprintf("mem0_%s_%s_%d", f.name, name, time.Now().UnixNano())
		psql(t, server+"/postgres", "create database "+db)
		p.PG = server + "/" + db
	}
	return p
}

func psql(t *testing.T, url, sql string) string {
	t.Helper()
	return run(t, nil, "", filepath.Join(os.Getenv("EXITRAMP_INTEROP_PGBIN"), "psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql)
}

// url names the place for exitramp.
func (p place) url() string {
	history := p.History
	if history == "" {
		history = p.Dir + "/history.db"
	}
	switch {
	case p.PG != "":
		return "mem0+" + strings.Replace(p.PG, "postgresql://", "postgres://", 1) + "?sslmode=disable&history=" + history
	case p.History != "":
		return "mem0:" + p.Dir + "?history=" + history
	}
	return "mem0:" + p.Dir
}

func (p place) with(calls ...call) place {
	p.Calls = calls
	return p
}

// answers lets the real mem0 make the calls of each place.
func (f flavour) answers(t *testing.T, url string, places ...place) [][]any {
	t.Helper()
	in, err := json.Marshal(object{"model": url, "stores": places})
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "answers.json")
	if f.name == "python" {
		if out, errs, code := scripts.Run(t, filepath.Join(folder(t), "python", "bin", "python"), forks.Script{Dir: "python", Args: []string{"mem.py", to}, Env: environ(t), Stdin: in}); code != 0 {
			t.Fatalf("mem.py: exit code %d\n%s%s", code, out, errs[max(0, len(errs)-3000):])
		}
	} else {
		dir := filepath.Join(t.TempDir(), "js") // Node looks for modules next to the script
		if err := os.CopyFS(dir, os.DirFS("js")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(folder(t), "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
			t.Fatal(err)
		}
		run(t, in, dir, "node", "mem.mjs", to)
	}
	b, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.ReplaceAll(b, []byte(": Infinity"), []byte(`: "Infinity"`)) // as Python writes it
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // 1.0 is not 1
	var out [][]any
	if err := d.Decode(&out); err != nil || len(out) != len(places) {
		t.Fatalf("%v: %d answers for %d stores", err, len(out), len(places))
	}
	return out
}

// made is a place with the state, and the ids of all memories that ever were there, by name.
func (f flavour) made(t *testing.T, url string) (place, map[string]string) {
	t.Helper()
	return f.madeOf(t, url, state(f))
}

func (f flavour) madeOf(t *testing.T, url string, calls []call) (place, map[string]string) {
	t.Helper()
	p, ids := f.newPlace(t, "source"), map[string]string{}
	for i, a := range f.answers(t, url, p.with(calls...))[0] {
		if as, ok := calls[i]["as"].(string); ok {
			for n, id := range a.([]any) {
				if n > 0 {
					as = fmt.Sprintf("%s/%d", calls[i]["as"], n)
				}
				ids[as] = id.(string)
			}
		}
	}
	return p, ids
}

func values(m map[string]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// carry takes source through an archive into an empty place.
func (f flavour) carry(t *testing.T, source place) place {
	t.Helper()
	archive, copied := filepath.Join(t.TempDir(), "a.ctxa"), f.newPlace(t, "copy")
	if out := exitramp(t, "export", source.url(), archive); !strings.Contains(out, "RECONCILED") {
		t.Errorf("export: %s", out)
	}
	exitramp(t, "verify", archive, "--integrity-only")
	exitramp(t, "plan", archive, copied.url(), "--accept-unsigned")
	if files, err := os.ReadDir(copied.Dir); err != nil || len(files) > 0 {
		t.Errorf("the plan wrote %v: %v", files, err)
	}
	exitramp(t, "replay", archive, copied.url(), "--accept-unsigned")
	if out := exitramp(t, "readback", archive, copied.url(), "--accept-unsigned"); !strings.Contains(out, "missing 0 · extra 0") {
		t.Errorf("readback: %s", out)
	}
	return copied
}

// differences names where two dumps differ, at most ten places, without the values.
func differences(want, got any, at string) []string {
	if reflect.DeepEqual(want, got) {
		return nil
	}
	var out []string
	w, isMap := want.(map[string]any)
	g, both := got.(map[string]any)
	if isMap && both {
		for k := range g {
			if _, ok := w[k]; !ok {
				out = append(out, at+"/"+k+" is new")
			}
		}
		for k := range w {
			out = append(out, differences(w[k], g[k], at+"/"+k)...)
		}
		return out[:min(len(out), 10)]
	}
	wl, isList := want.([]any)
	gl, both := got.([]any)
	if isList && both && len(wl) == len(gl) {
		for i := range wl {
			out = append(out, differences(wl[i], gl[i], fmt.Sprintf("%s/%d", at, i))...)
		}
		return out[:min(len(out), 10)]
	}
	if both {
		at += fmt.Sprintf(" (%d and %d)", len(wl), len(gl))
	}
	return []string{fmt.Sprintf("%s: want %.100s, got %.100s", at, fmt.Sprint(want), fmt.Sprint(got))}
}

// TestRoundTrip: the real mem0 makes the store, shows the same of the copy, and goes on in it.
func TestRoundTrip(t *testing.T) {
	for _, f := range flavours {
		t.Run(f.String(), func(t *testing.T) {
			url := model(t)
			source, ids := f.made(t, url)
			copied := f.carry(t, source)
			if f.postgres {
				if want, got := indexes(t, source), indexes(t, copied); want != got {
					t.Errorf("the tables and their indexes are others\nwant %s\ngot  %s", want, got)
				}
			}
			look := show(values(ids), queries()...)
			dumps := f.answers(t, url, source.with(look), copied.with(look))
			for _, d := range differences(dumps[0][0], dumps[1][0], "") {
				t.Error(d)
			}
			held(t, dumps[0][0].(object), ids)
			f.goOn(t, url, copied, ids)
		})
	}
}

func indexes(t *testing.T, p place) string {
	t.Helper()
	return psql(t, p.PG, `select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull from pg_class c join pg_attribute a on a.attrelid = c.oid
		where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attnum > 0 order by 1, 2`) + psql(t, p.PG, "select indexdef from pg_indexes where schemaname = 'public' order by 1")
}

// held: a dump of nothing would equal a dump of nothing.
func held(t *testing.T, d object, ids map[string]string) {
	t.Helper()
	all, visible := d["all"].(object), d["visible"].(object)
	if n := len(all[`{"user_id": "many"}`].([]any)); n != 334 {
		t.Errorf("%d of 334 memories of one user", n)
	}
	if a, v := len(all[`{"user_id": "u-1"}`].([]any)), len(visible[`{"user_id": "u-1"}`].([]any)); a != v+1 || v < 5 {
		t.Errorf("%d memories and %d that have not expired", a, v)
	}
	if n := len(d["history"].(object)[ids["updated"]].([]any)); n != 3 {
		t.Errorf("%d entries in the history of what was updated twice", n)
	}
	if n := len(d["history"].(object)[ids["deleted"]].([]any)); n != 2 || d["get"].(object)[ids["deleted"]] != nil {
		t.Errorf("%d entries in the history of what was deleted", n)
	}
	if len(d["entities"].([]any)) == 0 || len(d["messages"].(object)[`{"user_id": "u-1"}`].([]any)) == 0 {
		t.Error("no entities, or no messages")
	}
}

// goOn: what was carried can be changed, found and deleted.
func (f flavour) goOn(t *testing.T, url string, p place, ids map[string]string) {
	t.Helper()
	ask := call{"do": "show", "ids": []string{ids["updated"], ids["run"]}, "filters": []any{object{"user_id": "u-1"}}, "queries": []any{"Prefers Kelvin"}}
	a := f.answers(t, url, p.with(ask,
		call{"do": "update", "of": ids["updated"], "text": "Prefers Kelvin"}, call{"do": "add", "as": "new", "user_id": "u-1", "messages": "written in the copy"},
		call{"do": "delete", "of": ids["run"]}, ask))[0]
	before, after := a[0].(object), a[4].(object)
	key := `{"user_id": "u-1"}`
	if b, n := len(before["all"].(object)[key].([]any)), len(after["all"].(object)[key].([]any)); n != b+1 {
		t.Errorf("%d memories, and after one more %d", b, n)
	}
	m := after["get"].(object)[ids["updated"]].(object)
	if m["memory"] != "Prefers Kelvin" || m["metadata"].(object)["reviewed"] != true {
		t.Errorf("the updated memory is %v", m)
	}
	if h := after["history"].(object)[ids["updated"]].([]any); len(h) != 4 {
		t.Errorf("%d entries in its history", len(h))
	}
	if h := after["history"].(object)[ids["run"]].([]any); len(h) != 2 || after["get"].(object)[ids["run"]] != nil {
		t.Errorf("what was deleted has %d entries in its history and is %v", len(h), after["get"].(object)[ids["run"]])
	}
	best := after["search"].(object)[key+"Prefers Kelvin"].([]any)[0].([]any)
	if best[1] != ids["updated"] {
		t.Errorf("the search finds %v first", best[1])
	}
	var other int
	for id := range after["get"].(object) {
		if !reflect.DeepEqual(before["get"].(object)[id], after["get"].(object)[id]) {
			other++
		}
	}
	if other != 3 { // updated, deleted, new
		t.Errorf("%d memories are others, want 3", other)
	}
}
