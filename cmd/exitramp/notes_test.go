package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNotes: what a person should know of what is carried as it is, is said by preflight, export and inspect, and what arrives so by
// plan, plan's file and replay; in words and as JSON.
func TestNotes(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("memory.jsonl"), []byte(`{"type":"relation","from":"a","to":"b"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	const told = "from it on they answer no read_graph of the file"
	run := func(says bool, args ...string) []byte {
		t.Helper()
		var out, errs bytes.Buffer
		if code := newApp(&out, &errs).run(t.Context(), args); code != 0 || strings.Contains(out.String()+errs.String(), told) != says {
			t.Errorf("%v: exit code %d\n%s%s", args, code, &out, &errs)
		}
		return out.Bytes()
	}
	src, dst := "mcpmemory:"+at("memory.jsonl"), "mcpmemory:"+at("copy.jsonl")
	run(true, "preflight", src)
	run(true, "export", src, at("a.ctxa"))
	run(true, "export", src, at("q.ctxa"), "--progress=none", "--json")
	run(true, "inspect", at("a.ctxa"))
	run(true, "inspect", at("a.ctxa"), "--json")
	run(true, "plan", at("a.ctxa"), dst, "--accept-unsigned", "-o", at("p"))
	if p, err := readPlan(at("p")); err != nil || len(p.Report.Notes) != 1 || !strings.Contains(p.Report.Notes[0], told) {
		t.Errorf("the plan's file: %v, %+v", err, p)
	}
	run(true, "replay", at("p"), "--accept-unsigned")
	run(false, "plan", at("a.ctxa"), dst, "--accept-unsigned") // it is there
	var got struct{ Notes []string }
	if err := json.Unmarshal(run(true, "plan", at("a.ctxa"), "mcpmemory:"+at("other.jsonl"), "--accept-unsigned", "--json"), &got); err != nil || len(got.Notes) != 1 {
		t.Errorf("%v %v", err, got)
	}
}
