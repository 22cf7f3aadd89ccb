// Package embed lets a real embedding model make the vectors of a real mem0 anew, and lets that mem0
// search; and compares what exitramp reads in files of weights with what the official packages read.
package embed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"
)

func folder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("EXITRAMP_INTEROP_EMBED")
	if dir == "" {
		t.Skip("SKIPPED: the model is not installed; start this with interop/run")
	}
	return dir
}

// run runs a program to its end.
func run(t *testing.T, stdin []byte, name string, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.WaitDelay = bytes.NewReader(stdin), 5*time.Second
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "MEM0_TELEMETRY=false", "HOME="+home, "MEM0_DIR="+home)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var ee *exec.ExitError
	if errors.As(err, &ee) && ee.ExitCode() > 0 {
		return o.String() + e.String(), ee.ExitCode()
	}
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", filepath.Base(name), args, err, &o, &e)
	}
	return o.String(), 0
}

func must(t *testing.T, out string, code int) string {
	t.Helper()
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	return out
}

func exitramp(t *testing.T, args ...string) (string, int) {
	t.Helper()
	return run(t, nil, os.Getenv("EXITRAMP_BIN"), args...)
}

func python(t *testing.T) string { return filepath.Join(folder(t), "python/bin/python") }

func script(t *testing.T, name string) string {
	t.Helper()
	p, err := filepath.Abs(filepath.Join("python", name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// serve starts the embeddings service.
func serve(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(python(t), script(t, "serve.py"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); io.Copy(io.Discard, out); cmd.Wait() })
	var url string
	if _, err := fmt.Fscanln(out, &url); err != nil {
		t.Fatal(err)
	}
	return url
}

func mem(t *testing.T, do, dir, url, model string, texts ...string) [][]string {
	t.Helper()
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	out, code := run(t, in, python(t), script(t, "mem.py"), do, dir, url, model)
	must(t, out, code)
	var all [][]string
	for line := range strings.Lines(out) {
		var found []string
		if err := json.Unmarshal([]byte(line), &found); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		all = append(all, found)
	}
	return all
}

var memories = []string{
	"Ada drinks green tea every morning", "The invoice of March was paid late", "Her dog Rex is afraid of thunder", "She takes the train to Lyon on Fridays",
	"Ada is allergic to peanuts", "The printer on the second floor is broken", "She prefers window seats", "Her sister lives in Porto", "The shop opens at nine",
	"Ada plays the cello in an orchestra", "The password policy changes in June", "Her car needs new brakes", "She reads crime novels", "The garden has an old apple tree",
}

// questions share no word of weight with what answers them: only a model that knows the language finds it.
var questions = map[string]string{
	"which hot beverage does she like":        memories[0],
	"does she have an allergy":                memories[4],
	"which musical instrument":                memories[9],
	"what is wrong with the vehicle":          memories[11],
	"what scares the pet":                     memories[2],
	"which kind of literature does she enjoy": memories[12],
}

// found counts the questions whose answer is among the first three.
func found(t *testing.T, dir, url string) int {
	t.Helper()
	var qs []string
	for q := range questions {
		qs = append(qs, q)
	}
	sort.Strings(qs)
	n := 0
	for i, got := range mem(t, "search", dir, url, "all-MiniLM-L6-v2", qs...) {
		if slices.Contains(got, questions[qs[i]]) {
			n++
		} else {
			t.Logf("%s: %q", qs[i], got)
		}
	}
	return n
}

const model = "sentence-transformers/all-MiniLM-L6-v2"

// TestReembed: a store whose vectors are of another model of the same length. Copied as they are, mem0
// searches with its new model and finds little; made anew, it finds everything.
func TestReembed(t *testing.T) {
	url := serve(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	embedder := "exec:" + python(t) + " " + script(t, "minilm.py")
	for _, d := range []string{"old", "busy"} {
		if err := os.Mkdir(at(d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	mem(t, "add", at("old"), url, "words-384", memories...)
	out, code := exitramp(t, "export", "mem0:"+at("old"), at("a.ctxa"))
	must(t, out, code)

	out, code = exitramp(t, "replay", at("a.ctxa"), "mem0:"+at("copy"), "--accept-unsigned", "--journal", at("j1"))
	must(t, out, code)
	copied := found(t, at("copy"), url)
	if copied == len(questions) {
		t.Errorf("vectors of another model answer all %d questions: the test tells nothing", copied)
	}

	out, code = exitramp(t, "plan", at("a.ctxa"), "mem0:"+at("new"), "--accept-unsigned", "--embedder", embedder)
	if out = must(t, out, code); !strings.Contains(out, fmt.Sprintf("re-embed %d texts with %s, 384 numbers: %d asked for", len(memories), model, len(memories))) {
		t.Errorf("the plan does not say it:\n%s", out)
	}
	out, code = exitramp(t, "replay", at("a.ctxa"), "mem0:"+at("new"), "--accept-unsigned", "--journal", at("j2"), "--embedder", embedder)
	must(t, out, code)
	out, code = exitramp(t, "readback", at("a.ctxa"), "mem0:"+at("new"), "--accept-unsigned", "--journal", at("j2"))
	must(t, out, code)
	if n := found(t, at("new"), url); n != len(questions) {
		t.Errorf("after re-embedding mem0 answers %d of %d questions", n, len(questions))
	}
	t.Logf("among the first three: %d of %d with copied vectors, %d after re-embedding", copied, len(questions), len(questions))

	// Through the service, with its 429s, the same vectors come.
	out, code = exitramp(t, "replay", at("a.ctxa"), "mem0:"+at("http"), "--accept-unsigned", "--journal", at("j3"), "--embedder", url, "--embedder-model", "all-MiniLM-L6-v2", "--embedder-dimensions", "384")
	must(t, out, code)
	if n := found(t, at("http"), url); n != len(questions) {
		t.Errorf("through the service mem0 answers %d of %d questions", n, len(questions))
	}
	out, code = exitramp(t, "recall", "mem0:"+at("new"), "mem0:"+at("http"), "--json")
	var rep struct {
		Overlap float64 `json:"overlap"`
		After   struct{ Recall float64 }
	}
	if err := json.Unmarshal([]byte(must(t, out, code)), &rep); err != nil || rep.Overlap != 1 || rep.After.Recall != 1 {
		t.Errorf("program and service: %v\n%s", err, out)
	}
	out, code = exitramp(t, "recall", at("a.ctxa"), "mem0:"+at("new"), "--json")
	if err := json.Unmarshal([]byte(must(t, out, code)), &rep); err != nil || rep.Overlap == 1 || rep.After.Recall != 1 {
		t.Errorf("before and after: %v\n%s", err, out)
	}

	// mem0 does not say the model of its vectors. A store in use takes those of another store of mem0 with
	// a warning, and such as were made anew when a person says that its model is the same.
	mem(t, "add", at("busy"), url, "all-MiniLM-L6-v2", "The lighthouse was built in 1871")
	out, code = exitramp(t, "replay", at("a.ctxa"), "mem0:"+at("busy"), "--accept-unsigned", "--journal", at("j5"))
	must(t, out, code)
	out, code = exitramp(t, "undo", at("j5"), "mem0:"+at("busy"))
	must(t, out, code)
	if out, code = exitramp(t, "replay", at("a.ctxa"), "mem0:"+at("busy"), "--accept-unsigned", "--journal", at("j4"), "--embedder", embedder); code != 5 || !strings.Contains(out, "two models in one index") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	out, code = exitramp(t, "replay", at("a.ctxa"), "mem0:"+at("busy"), "--accept-unsigned", "--journal", at("j4"), "--embedder", embedder, "--target-model", model)
	must(t, out, code)
	if n := found(t, at("busy"), url); n != len(questions) {
		t.Errorf("beside other memories mem0 answers %d of %d questions", n, len(questions))
	}
	out, code = exitramp(t, "undo", at("j4"), "mem0:"+at("busy"))
	must(t, out, code)
	if got := mem(t, "search", at("busy"), url, "all-MiniLM-L6-v2", "old tower by the sea"); len(got) != 1 || len(got[0]) != 1 || !strings.Contains(got[0][0], "lighthouse") {
		t.Errorf("after the undo mem0 finds %v", got)
	}
}

// TestWeights: names, shapes and number formats are those that the official packages read, in files
// that they wrote.
func TestWeights(t *testing.T) {
	dir := t.TempDir()
	b, err := os.ReadFile("../../exporters/weights/testdata/make.py")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "make.py"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := run(t, nil, python(t), filepath.Join(dir, "make.py"))
	must(t, out, code)
	var official map[string]map[string][]any
	if b, err = os.ReadFile(filepath.Join(dir, "official.json")); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &official); err != nil {
		t.Fatal(err)
	}
	out, code = exitramp(t, "cat", "weights:"+filepath.Join(dir, "models"), "model")
	got := map[string]map[string][]any{}
	for line := range strings.Lines(must(t, out, code)) {
		var m struct {
			Parameters struct{ Inline []byte }
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v\n%s", err, line)
		}
		var p struct {
			Weights []struct {
				File    string
				Tensors []struct {
					Name, DType string
					Shape       []any
				}
			}
		}
		if err := json.Unmarshal(m.Parameters.Inline, &p); err != nil {
			t.Fatal(err)
		}
		for _, w := range p.Weights {
			if strings.HasPrefix(w.File, "oci/") { // the same file again, under its digest
				continue
			}
			got[w.File] = map[string][]any{}
			for _, x := range w.Tensors {
				got[w.File][x.Name] = []any{x.DType, x.Shape}
			}
		}
	}
	if len(official) < 4 || !reflect.DeepEqual(official, got) {
		t.Errorf("the packages read %v\nexitramp reads %v", official, got)
	}
}
