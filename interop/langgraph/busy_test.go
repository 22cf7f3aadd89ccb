package langgraph

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestExportWhileWriting exports a store into which an application writes about 50 steps a second.
func TestExportWhileWriting(t *testing.T) {
	for _, kind := range []string{"sqlite", "pg"} {
		t.Run(kind, func(t *testing.T) {
			f := python(t)
			source, target := sqlite(t, "busy.sqlite"), sqlite(t, "target.sqlite")
			if kind == "pg" {
				source, target = postgres(t, ""), postgres(t, "")
			}
			archive := ""
			full := write(t, f, source.python, "1000")
			time.Sleep(2 * time.Second)
			t.Log("before:", full())
			stop := write(t, f, source.python, "50")
			n := 0 // the last one is judged, the others add moments at which a reader could go wrong
			for begin := time.Now(); n < 3 || time.Since(begin) < 4*time.Second; n++ {
				archive = filepath.Join(t.TempDir(), "busy.ctxa")
				exitramp(t, []int{0, 3}, "export", source.exitramp, archive)
			}
			t.Log(n, "exports while writing:", stop())
			exitramp(t, done, "verify", archive, "--integrity-only")
			later := filepath.Join(t.TempDir(), "later.ctxa")
			exitramp(t, []int{0, 3}, "export", source.exitramp, later)
			dangling(t, archive, later)
			exitramp(t, done, "replay", archive, target.exitramp, "--accept-unsigned", "--journal", archive+".journal")
			f.judge(t, "judge_busy", source.python, target.python)
		})
	}
}

// write starts the writer and returns once it writes; the function it returns stops the writer and gives its last words.
func write(t *testing.T, f flavour, url, rate string) (stop func() string) {
	t.Helper()
	cmd := exec.Command(f.interpreter, "write"+f.ext, url, rate, "60")
	cmd.Dir = f.dir
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	t.Cleanup(func() {
		if !ended {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "writing" {
		t.Fatalf("the writer says %q", lines.Text())
	}
	return func() string {
		in.Close()
		last := ""
		for lines.Scan() {
			last = lines.Text()
		}
		ended = true
		if err := cmd.Wait(); err != nil {
			t.Errorf("the writer: %v", err)
		}
		return last
	}
}

// dangling checks that every checkpoint, value and write of an archive points at records that are in it. The library
// puts checkpoints and writes by threads of its own: a write may be there before its checkpoint, which is then in an
// archive of later.
func dangling(t *testing.T, archive, later string) {
	t.Helper()
	keys, refs := references(t, archive)
	if len(keys) < 100 || len(refs) < 100 {
		t.Fatalf("%d keys and %d references: this check does not see the records", len(keys), len(refs))
	}
	came, _ := references(t, later)
	for ref, name := range refs {
		kind, _, ok := strings.Cut(ref, "/")
		early := name == "checkpoint_key" && came[ref]
		if ok && !keys[ref] && !early && (kind == "checkpoint" || kind == "channelvalue" || kind == "conversation" || kind == "memory" || kind == "pendingwrite") {
			t.Errorf("%s points at %s, which is not in the archive", name, ref)
		}
	}
	t.Logf("%d records, %d references", len(keys), len(refs))
}

// references are the keys of an archive's records and the keys that they name, by key: the field that does.
func references(t *testing.T, archive string) (keys map[string]bool, refs map[string]string) {
	t.Helper()
	keys, refs = map[string]bool{}, map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(exitramp(t, done, "cat", archive).out))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var rec any
		if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
			t.Fatalf("cat: %v: %.200s", err, lines.Text())
		}
		walk(rec, "", func(name, value string) {
			switch low := strings.ToLower(name); {
			case low == "meta.key":
				keys[value] = true
			case strings.HasSuffix(low, "key") || strings.HasSuffix(low, "keys"):
				refs[value] = name
			}
		})
	}
	return keys, refs
}

// walk calls f for every string of a JSON document with the last two names above it.
func walk(v any, path string, f func(name, value string)) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			walk(x, strings.TrimPrefix(path[strings.LastIndexByte(path, '.')+1:]+"."+k, "."), f)
		}
	case []any:
		for _, x := range v {
			walk(x, path, f)
		}
	case string:
		f(path, v)
	}
}
