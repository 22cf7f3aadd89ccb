package openaiagents

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// The files of a sandbox are in no run state: Python 0.24.0 goes on in an empty one where its snapshot is not found, and JavaScript
// 0.20.0 refuses. A preflight and an export say that they are missing, once for each sandbox.
func TestSandbox(t *testing.T) {
	const (
		python = `{"$schemaVersion": "1.21", "current_agent": {"name": "boxed"}, "sandbox": {"backend_id": "unix_local", "current_agent_key": "boxed",
			"session_state": {"type": "unix_local", "session_id": "9e8a", "snapshot": {"type": "local", "id": "9e8a", "base_path": "/srv/snaps"}, "workspace_root_ready": true},
			"sessions_by_agent": {"boxed": {"agent_name": "boxed", "session_state": {"type": "unix_local", "session_id": "9e8a", "snapshot": {"type": "local", "id": "9e8a"}}},
				"other": {"agent_name": "other", "session_state": {"type": "docker", "session_id": "77", "snapshot": {"type": "noop", "id": "77"}}}}}}`
		js = `{"$schemaVersion": "1.22", "currentAgent": {"name": "boxed"}, "sandbox": {"backendId": "unix_local", "currentAgentKey": "boxed",
			"sessionState": {"version": 5, "backendId": "unix_local", "manifest": {"version": 1}, "snapshot": {"id": "dcfe", "type": "local", "path": "/srv/snaps/x"}, "workspaceReady": true},
			"sessionsByAgent": {"boxed": {"backendId": "unix_local", "sessionState": {"version": 5, "backendId": "unix_local", "snapshot": {"id": "dcfe", "type": "local"}}}}}}`
		two = `{"$schemaVersion": "1.21", "current_agent": {"name": "boxed"}, "sandbox": {"sessions_by_agent": {"boxed": {"session_state": {"type": "docker", "session_id": "1", "snapshot": {"type": "noop"}}},
			"other": {"session_state": {"type": "docker", "session_id": "2", "snapshot": {"type": "noop"}}}, "third": {"session_state": {"type": "docker", "session_id": "2", "snapshot": {"type": "noop"}}}}}}`
		none = `{"$schemaVersion": "1.22", "currentAgent": {"name": "boxed"}}`
	)
	for doc, want := range map[string]struct {
		n    uint64
		text string
	}{
		python: {2, "(unix_local, local snapshot 9e8a; docker, no snapshot)"}, two: {2, "(docker, no snapshot; docker, no snapshot)"}, js: {1, "(unix_local, local snapshot dcfe)"},
		`{"ticket": 7, "run": ` + js + `}`: {1, "(unix_local, local snapshot dcfe)"}, none: {},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "r.json"), []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		_, rep := drivertest.Export(t, Open(dir))
		before, err := Open(dir).Preflight(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		coverage := agentstate.Reconciled
		if want.n > 0 {
			coverage = agentstate.Gaps
		}
		if rep.Verdict.Coverage != coverage || rep.Records["state"] != 1 {
			t.Errorf("%.30s: %v %v, want %v", doc, rep.Records, rep.Verdict, coverage)
		}
		for who, gaps := range map[string][]*pb.Gap{"preflight": before.Gaps, "export": rep.Gaps} {
			if want.n == 0 && len(gaps) == 0 {
				continue
			}
			if len(gaps) != 1 || gaps[0].Kind != "artifact" || gaps[0].Count != want.n || !strings.Contains(gaps[0].Detail, want.text) {
				t.Errorf("%s of %.30s: %v, want %d of %s", who, doc, gaps, want.n, want.text)
			}
		}
	}
}

// JavaScript 0.20.0 writes the values of a sandbox's environment variables into the run state. Preflight and export name the variables, and no value.
func TestSandboxEnvironment(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "r.json", []byte(`{"$schemaVersion": "1.22", "currentAgent": {"name": "boxed"}, "sandbox": {"backendId": "unix_local",
		"sessionState": {"backendId": "unix_local", "manifest": {"environment": {"MY_TOKEN": {"value": "hunter2"}}}, "providerState": {"environment": {"MY_TOKEN": "hunter2"}}},
		"sessionsByAgent": {"other": {"sessionState": {"backendId": "docker", "manifest": {"environment": {"A": {"value": "hunter3"}, "MY_TOKEN": {"value": "hunter2"}}}}}}}}`))
	p, err := Open(dir).Preflight(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "r.json: ") || !strings.Contains(p.Notes[0], "(A, MY_TOKEN)") || strings.Contains(p.Notes[0], "hunter") {
		t.Errorf("%q", p.Notes)
	}
	if d := cmp.Diff(p.Notes, drivertest.Notes(t, Open(dir))); d != "" {
		t.Error(d)
	}
}

// What the agents of a sandbox remember lies in files of text beside what they said. None of it is carried, and that is said; a
// program's own text is none of it.
func TestMemoriesOfSandboxes(t *testing.T) {
	dir := t.TempDir()
	for rel, text := range map[string]string{
		"items.json": `[{"role": "user", "content": "hi"}]`, "README.md": "a", "box/notes.md": "b", "another/MEMORY.md": "of another program", "box/memories/MEMORY.md": "c", "box/memories/memory_summary.md": "d",
		"box/memories/raw_memories/r1.md": "e", "box/memories/rollout_summaries/r1.md": "f", "box/memories/phase_two_selection.json": `{"selected": []}`,
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(rel)), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, dir, rel, []byte(text))
	}
	p, err := Open(dir).Preflight(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const want = "memories of sandboxes are not carried (4): box/memories/MEMORY.md, box/memories/memory_summary.md, box/memories/raw_memories/r1.md, box/memories/rollout_summaries/r1.md"
	if !slices.Contains(p.Notes, want) {
		t.Errorf("%q, want %q", p.Notes, want)
	}
}
