package mcpmemory

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
)

func folder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("EXITRAMP_INTEROP_MCPMEMORY")
	if dir == "" {
		t.Skip("SKIPPED: the memory server is not installed; start this with interop/run")
	}
	return dir
}

// driver is drive.mjs beside the installed modules: Node looks for them next to the script.
func driver(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	b, err := os.ReadFile("drive.mjs")
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "drive.mjs")
	if err := os.WriteFile(at, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(folder(t), "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return at
}

type call [2]any

type object = map[string]any

// server starts the real server on file and makes the calls.
func server(t *testing.T, file string, calls ...call) []object {
	t.Helper()
	in, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "calls.json")
	if err := os.WriteFile(script, in, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", driver(t), file, script)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("the server: %v\n%s", err, errs.String())
	}
	var out []object
	if err := json.Unmarshal(b, &out); err != nil || len(out) != len(calls) {
		t.Fatalf("%v: %d answers to %d calls", err, len(out), len(calls))
	}
	return out
}

func exitramp(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Getenv("EXITRAMP_BIN"), args...)
	b, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("exitramp %s: %v\n%s", strings.Join(args, " "), err, b)
	}
	return string(b)
}

// graphs are the states: calls that make them, and what is done to the file by hand afterwards.
func graphs() map[string]struct {
	calls []call
	edit  func(string) string
} {
	people := []any{
		object{"name": "Ada Müller", "entityType": "person", "observations": []any{"prefers °C", "line\nbreak \u2028 sep", "\u0000 and \"quotes\" \\"}},
		object{"name": "Acme", "entityType": "company", "observations": []any{}},
		object{"name": "", "entityType": "", "observations": []any{"no name"}},
		object{"name": "<b>&", "entityType": "日本語", "observations": []any{"🙂"}},
	}
	relations := []any{
		object{"from": "Ada Müller", "to": "Acme", "relationType": "works_at"},
		object{"from": "Ada Müller", "to": "Ghost", "relationType": "knows"},
		object{"from": "Acme", "to": "Acme", "relationType": "owns"},
	}
	base := []call{
		{"create_entities", object{"entities": people}}, {"create_relations", object{"relations": relations}},
		{"add_observations", object{"observations": []any{object{"entityName": "Acme", "contents": []any{"founded 1947", "founded 1947"}}}}},
	}
	var many []any
	for i := range 2000 {
		many = append(many, object{"name": fmt.Sprintf("node %d", i), "entityType": "thing", "observations": []any{strings.Repeat("é", i), fmt.Sprint(i)}})
	}
	big := []any{object{"name": "Big", "entityType": "book", "observations": []any{strings.Repeat("chapter ", 200_000)}}}
	same := func(s string) string { return s }
	return map[string]struct {
		calls []call
		edit  func(string) string
	}{
		"small": {base, same},
		"after deletions": {append(append([]call{}, base...), call{"delete_entities", object{"entityNames": []any{"Ada Müller"}}},
			call{"delete_observations", object{"deletions": []any{object{"entityName": "Acme", "observations": []any{"founded 1947"}}}}}), same},
		"2,000 entities":    {[]call{{"create_entities", object{"entities": many}}}, same},
		"a megabyte in one": {[]call{{"create_entities", object{"entities": big}}}, same},
		"edited by hand": {base, func(s string) string {
			return "\n" + s + "\n\n" + `{"type":"entity","name":"Acme","entityType":"second","observations":[],"id":7}` + "\r\n" + `{"type":"note","x":1}` + "\n"
		}},
		"all of it taken away": {append(append([]call{}, base...), call{"delete_entities", object{"entityNames": []any{"Ada Müller", "Acme", "", "<b>&"}}}), same},
	}
}

// TestRoundTrip: the real server makes the graph, reads the copy, finds the same, and goes on.
func TestRoundTrip(t *testing.T) {
	for name, g := range graphs() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, archive, copied := filepath.Join(dir, "memory.jsonl"), filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "copy.jsonl")
			server(t, file, g.calls...)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text := g.edit(string(b))
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if out := exitramp(t, "export", "mcpmemory:"+file, archive); !strings.Contains(out, "RECONCILED") {
				t.Errorf("export: %s", out)
			}
			exitramp(t, "verify", archive, "--integrity-only")
			exitramp(t, "plan", archive, "mcpmemory:"+copied, "--accept-unsigned")
			if _, err := os.Stat(copied); err == nil {
				t.Error("the plan wrote")
			}
			exitramp(t, "replay", archive, "mcpmemory:"+copied, "--accept-unsigned")
			if out := exitramp(t, "readback", archive, "mcpmemory:"+copied, "--accept-unsigned"); !strings.Contains(out, "missing 0 · extra 0") {
				t.Errorf("readback: %s", out)
			}
			if got, err := os.ReadFile(copied); string(got) != text && !(text == "" && err != nil) {
				t.Error("the copy is another file")
			}
			judge(t, file, copied)
		})
	}
}

// judge compares what the server says of both files, then goes on in the copy.
func judge(t *testing.T, source, copied string) {
	t.Helper()
	read := []call{{"read_graph", object{}}, {"search_nodes", object{"query": "acme"}}, {"open_nodes", object{"names": []any{"Ada Müller", "node 7"}}}}
	want, got := server(t, source, read...), server(t, copied, read...)
	if !reflect.DeepEqual(want, got) {
		t.Error("the server reads another graph")
	}
	before := len(got[0]["entities"].([]any))
	after := server(t, copied,
		call{"create_entities", object{"entities": []any{object{"name": "New", "entityType": "t", "observations": []any{"a"}}}}},
		call{"add_observations", object{"observations": []any{object{"entityName": "New", "contents": []any{"b"}}}}},
		call{"create_relations", object{"relations": []any{object{"from": "New", "to": "Acme", "relationType": "follows"}}}},
		call{"read_graph", object{}})
	if n := len(after[3]["entities"].([]any)); n != before+1 {
		t.Errorf("%d entities after one more, %d before", n, before)
	}
}

// TestJudgeNotices: a judge that lets a damaged copy pass is no judge.
func TestJudgeNotices(t *testing.T) {
	g := graphs()["small"]
	file := filepath.Join(t.TempDir(), "memory.jsonl")
	server(t, file, g.calls...)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(string) string{
		"a relation is lost":       func(s string) string { return s[:strings.LastIndex(s, "\n")] },
		"an observation is lost":   func(s string) string { return strings.Replace(s, `"prefers °C",`, "", 1) },
		"a dangling end is mended": func(s string) string { return strings.Replace(s, "Ghost", "Acme", 1) },
		"the order changed": func(s string) string {
			l := strings.Split(s, "\n")
			l[0], l[1] = l[1], l[0]
			return strings.Join(l, "\n")
		},
	} {
		copied := filepath.Join(t.TempDir(), "copy.jsonl")
		if err := os.WriteFile(copied, []byte(edit(string(b))), 0o600); err != nil {
			t.Fatal(err)
		}
		read := call{"read_graph", object{}}
		if reflect.DeepEqual(server(t, file, read), server(t, copied, read)) {
			t.Errorf("%s, and nobody noticed", name)
		}
	}
}

// TestIntoGraphInUse: a copy arrives in a graph that has entities of its own, and leaves it again.
func TestIntoGraphInUse(t *testing.T) {
	dir := t.TempDir()
	file, archive, target := filepath.Join(dir, "memory.jsonl"), filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "target.jsonl")
	server(t, file, graphs()["small"].calls...)
	server(t, target, call{"create_entities", object{"entities": []any{object{"name": "Mine", "entityType": "t", "observations": []any{"stays"}}}}})
	exitramp(t, "export", "mcpmemory:"+file, archive)
	exitramp(t, "replay", archive, "mcpmemory:"+target, "--accept-unsigned", "--journal", filepath.Join(dir, "j"))
	got := server(t, target, call{"open_nodes", object{"names": []any{"Mine", "Acme"}}}, call{"read_graph", object{}})
	if n := len(got[0]["entities"].([]any)); n != 2 {
		t.Errorf("%d of two entities", n)
	}
	exitramp(t, "undo", filepath.Join(dir, "j"), "mcpmemory:"+target)
	got = server(t, target, call{"read_graph", object{}})
	if n := len(got[0]["entities"].([]any)); n != 1 {
		t.Errorf("%d entities after undo, want the one that was there", n)
	}
}
