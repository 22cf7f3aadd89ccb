package openaiagents

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A tracing key stays behind, in short run states and in those that lie beside their record; all
// other bytes are carried.
func TestTracingKey(t *testing.T) {
	sample, err := os.ReadFile("testdata/sdk/runstate.paused.json")
	if err != nil {
		t.Fatal(err)
	}
	const secret = `sk-tr\"acing-1234567890`
	for name, b := range map[string][]byte{"short": sample, "long": bytes.Replace(sample, []byte("{"), []byte(`{"$schemaVersion":"1.16","note":"`+strings.Repeat("x", agentstate.SpillSize)+`",`), 1)} {
		dir, i := t.TempDir(), bytes.LastIndexByte(b, '}')
		with := func(v string) []byte { return []byte(string(b[:i]) + `,"trace":{"tracing_api_key" : ` + v + "}}") }
		if err := os.WriteFile(filepath.Join(dir, "r.json"), with(`"`+secret+`"`), 0o600); err != nil {
			t.Fatal(err)
		}
		mem, rep := drivertest.Export(t, Open(dir))
		if rep.Records["credential"] != 1 || rep.Records["interrupt"] != 2 || rep.Verdict.Coverage != agentstate.Reconciled {
			t.Errorf("%s: %v %v", name, rep.Records, rep.Verdict)
		}
		dst := Open(filepath.Join(t.TempDir(), "copy"))
		_, j, _ := apply(t, dst, mem)
		if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.ExtraN != 0 || back.Same != back.Records {
			t.Errorf("%s: %+v %v", name, back, err)
		}
		got, err := os.ReadFile(filepath.Join(dst.root, "r.json"))
		if err != nil || !bytes.Equal(got, with("null")) || bytes.Contains(got, []byte("acing-1234567890")) {
			t.Errorf("%s: %d bytes, want %d, without the key: %v", name, len(got), len(with("null")), err)
		}
	}
}

// Run states of older schemas are read; one of a newer is carried whole, and what waits in it named
// as not read.
func TestRunStateVersions(t *testing.T) {
	for file, versions := range map[string]map[string]bool{
		"runstate.paused.json": {"1.0": true, "1.5": true, "1.21": true, "1.22": false, "2.0": false, "1.016": false, "1.-1": false, "": false},
		"js/js.runstate.json":  {"1.0": true, "1.22": true, "1.23": false, "0.9": false},
	} {
		sample, err := os.ReadFile(filepath.Join("testdata/sdk", file))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := readRunState(sample)
		if err != nil {
			t.Fatal(err)
		}
		now := fmt.Sprintf("%q", doc.version)
		for v, ok := range versions {
			dir := t.TempDir()
			b := bytes.Replace(sample, []byte(now), []byte(fmt.Sprintf("%q", v)), 1)
			if err := os.WriteFile(filepath.Join(dir, "r.json"), b, 0o600); err != nil {
				t.Fatal(err)
			}
			mem, rep := drivertest.Export(t, Open(dir))
			if ok != (rep.Records["interrupt"] > 0) || ok != (len(rep.Gaps) == 0) || rep.Records["state"] != 1 {
				t.Errorf("%s %s: %v %v", file, v, rep.Records, rep.Gaps)
			}
			if !ok && !strings.Contains(rep.Gaps[0].Detail, fmt.Sprintf("found %q, supported 1.0 to 1.", v)) {
				t.Error(rep.Gaps[0].Detail)
			}
			dst := Open(filepath.Join(t.TempDir(), "copy"))
			apply(t, dst, mem)
			if got, err := os.ReadFile(filepath.Join(dst.root, "r.json")); err != nil || !bytes.Equal(got, b) {
				t.Errorf("%s %s: not the same bytes: %v", file, v, err)
			}
		}
	}
}

// What a person has decided before the move does not wait for a person after it.
func TestDecided(t *testing.T) {
	sample, err := os.ReadFile("testdata/sdk/runstate.paused.json")
	if err != nil {
		t.Fatal(err)
	}
	const none = `"approvals": {}`
	if !bytes.Contains(sample, []byte(none)) {
		t.Fatal("the sample has approvals")
	}
	for approvals, want := range map[string]string{
		`{}`: "1 - 1 -",
		`{"delete_file": {"approved": ["CALL0"], "rejected": ["CALL1"], "rejection_messages": {"CALL1": "non"}}}`:                          `2 {"approved":true} 2 {"approved":false,"message":"non"}`,
		`{"delete_file": {"approved": ["CALL0"], "rejected": []}}`:                                                                         `2 {"approved":true} 1 -`,
		`{"delete_file": {"approved": true, "rejected": []}}`:                                                                              `2 {"approved":true} 2 {"approved":true}`,
		`{"delete_file": {"approved": true, "rejected": ["CALL1"]}}`:                                                                       `2 {"approved":true} 2 {"approved":false}`,
		`{"delete_file": {"approved": [], "rejected": true}}`:                                                                              `2 {"approved":false} 2 {"approved":false}`,
		`{"another": {"approved": true, "rejected": []}}`:                                                                                  "1 - 1 -",
		`{}, "functionApprovals": [{"agentIdentity": "a", "approvals": {"[\"x\"]": {"approved": ["CALL1"], "rejected": false}}}], "x": {}`: "1 - 1 -", // a call of another agent
		`{}, "functionApprovals": [{"agentIdentity": "assistant", "approvals": {"[\"x\"]": {"approved": ["CALL1"], "rejected": false}}}]`:  `1 - 2 {"approved":true}`,
		`{}, "function_tool_approvals": [{"agent": {"name": "assistant"}, "tool_key": "delete_file", "decision": {"approved": ["CALL0"], "rejected": ["CALL1"], "rejection_messages": {"CALL1": "no"}}}]`: `2 {"approved":true} 2 {"approved":false,"message":"no"}`,
		`{}, "function_tool_approvals": [{"agent": {"name": "assistant"}, "tool_key": "delete_file", "decision": {"approved": true, "rejected": false}}]`:                                                 `2 {"approved":true} 2 {"approved":true}`,
		`{}, "function_tool_approvals": [{"agent": {"name": "another"}, "tool_key": "delete_file", "decision": {"approved": true, "rejected": false}}]`:                                                   "1 - 1 -",
		`{}, "hosted_mcp_approvals": [{"identity": {"type": "request", "request_id": "CALL0"}, "decision": {"approved": false, "rejected": true}}]`:                                                       `2 {"approved":false} 1 -`,
		`{}, "hosted_mcp_approvals": [{"identity": {"type": "server_tool", "server_label": "wiki", "tool_name": "delete_file"}, "decision": {"approved": true, "rejected": false}}]`:                      "1 - 1 -",
	} {
		doc, err := readRunState(sample)
		if err != nil || len(doc.waiting) != 2 {
			t.Fatal(doc, err)
		}
		now := strings.NewReplacer("CALL0", doc.waiting[0].call, "CALL1", doc.waiting[1].call).Replace(approvals)
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "r.json"), bytes.Replace(sample, []byte(none), []byte(`"approvals": `+now), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		mem, _ := drivertest.Export(t, Open(dir))
		var got []string
		for _, w := range doc.waiting {
			r, err := mem.Get(t.Context(), agentstate.Key("interrupt", "r.json", w.call))
			if err != nil {
				t.Fatal(err)
			}
			i, said := r.(*pb.Interrupt), "-"
			if i.Answer != nil {
				said = string(i.Answer.GetInline())
			}
			got = append(got, fmt.Sprint(int(i.Status), " ", said))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", approvals, s, want)
		}
	}
}

// A program gives its run states any name, and may wrap them into a document of its own, as an object or
// as a text; what waits in them is read, keys are taken out, and the bytes stay.
func TestWrapped(t *testing.T) {
	sample, err := os.ReadFile("testdata/sdk/runstate.paused.json")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(string(sample))
	const key = "sk-canary-1234567890abcdef"
	inner := append(bytes.Clone(sample[:bytes.LastIndexByte(sample, '}')]), `,"more":{"tracing_api_key":"`+key+`"}}`...)
	keyed, _ := json.Marshal(string(inner))
	deeper, _ := json.Marshal(string(keyed))
	files := map[string]string{
		"paused":                string(sample),
		"t-7.state":             "\n " + string(sample),
		"ticket.json":           `{"ticket": 7, "run": ` + string(sample) + `}`,
		"ticket.text":           `{"ticket": 7, "run": ` + string(text) + `}`,
		"two.json":              `{"a": ` + string(text) + `, "b": ` + string(sample) + `}`,
		"key.json":              `{"run": ` + string(keyed) + `, "deeper": ` + string(deeper) + `}`,
		"history.dat":           `[{"role": "user", "content": "hi"}]`,
		"notes.txt":             "{these are notes}",
		"empty-list.txt":        "[]",
		"package/settings.conf": `{"name": "x"}`,
	}
	dir := t.TempDir()
	for name, text := range files {
		put(t, dir, name, []byte(text))
	}
	mem, rep := drivertest.Export(t, Open(dir))
	if rep.Records["state"] != 6 || rep.Records["interrupt"] != 2+2+2+2+4+4 || rep.Records["conversation"] != 1 || rep.Records["credential"] != 1 || rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v %v", rep.Records, rep.Verdict)
	}
	dst := Open(filepath.Join(t.TempDir(), "copy"))
	_, j, _ := apply(t, dst, mem)
	if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.ExtraN != 0 || back.Same != back.Records {
		t.Errorf("%+v %v", back, err)
	}
	for name, text := range files {
		got, err := os.ReadFile(filepath.Join(dst.root, name))
		switch {
		case name == "key.json":
			if bytes.Contains(got, []byte("canary")) || bytes.Count(got, []byte("null")) < 2 {
				t.Errorf("%s: a key stayed", name)
			}
		case strings.HasPrefix(name, "notes"), strings.HasPrefix(name, "empty"), strings.HasPrefix(name, "package"):
		case err != nil || string(got) != text:
			t.Errorf("%s is another file: %v", name, err)
		}
	}
}

// A run state that is written anew while the folder is read is waited for; one that stays half is named.
func TestWrittenMeanwhile(t *testing.T) {
	b, err := os.ReadFile("testdata/sdk/runstate.paused.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put(t, dir, "empty.json", nil)
	put(t, dir, "half.json", b[:len(b)/2])
	time.AfterFunc(200*time.Millisecond, func() {
		put(t, dir, "empty.json", b)
		put(t, dir, "half.json", b)
	})
	if _, rep := drivertest.Export(t, Open(dir)); rep.Records["state"] != 2 || rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v %v", rep.Records, rep.Verdict)
	}
	put(t, dir, "half.json", b[:len(b)/2])
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(filepath.Join(dir, "half.json"), old, old); err != nil {
		t.Fatal(err)
	}
	mem := &memstate.State{}
	if _, err := agentstate.Copy(t.Context(), mem, Open(dir), nil); err != nil {
		t.Fatal(err)
	}
	named := false
	for r := range mem.Records(t.Context(), nil) {
		g, ok := r.(*pb.Gap)
		named = named || ok && g.Place == "half.json" && g.Reason == pb.Gap_REASON_CHANGED && g.Kind == "state"
	}
	if !named {
		t.Error("half a run state is not named")
	}
}

// Of a run whose responses are chained by themselves nobody can tell whether another run came before it: the SDK
// writes the same of both.
func TestChained(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "r.json", []byte(`{"$schemaVersion": "1.16", "current_agent": {"name": "a"}, "previous_response_id": "resp_1", "auto_previous_response_id": true}`))
	_, rep := drivertest.Export(t, Open(dir))
	if len(rep.Gaps) != 1 || rep.Gaps[0].Count != 0 || !strings.Contains(rep.Gaps[0].Detail, "if anything") {
		t.Error(rep.Gaps)
	}
	put(t, dir, "r.json", []byte(`{"$schemaVersion": "1.16", "current_agent": {"name": "a"}, "previous_response_id": null, "auto_previous_response_id": true}`)) // nothing was answered yet
	if _, rep := drivertest.Export(t, Open(dir)); rep.Verdict.Coverage != agentstate.Reconciled {
		t.Error(rep.Verdict, rep.Gaps)
	}
}

// A run that goes on in a conversation that the provider keeps does not say that all of it is here.
func TestRemoteConversation(t *testing.T) {
	for member, id := range map[string]string{"conversation_id": "conv_1", "previous_response_id": "resp_1", "conversationId": "conv_1", "previousResponseId": "resp_1", "other_id": ""} {
		dir := t.TempDir()
		one := fmt.Sprintf(`{"$schemaVersion": "1.16", "current_agent": {"name": "a"}, %q: %q}`, member, id)
		if id == "" {
			one = `{"$schemaVersion": "1.16", "current_agent": {"name": "a"}, "conversation_id": null, "previous_response_id": null}`
		}
		put(t, dir, "r.json", []byte(`[`+one+`, `+one+`]`)) // two of one conversation
		_, rep := drivertest.Export(t, Open(dir))
		switch {
		case id == "" && rep.Verdict.Coverage == agentstate.Reconciled:
		case id != "" && len(rep.Gaps) == 1 && rep.Gaps[0].Kind == "conversation" && rep.Gaps[0].Count == 1 && rep.Gaps[0].Reason == pb.Gap_REASON_GONE && strings.Contains(rep.Gaps[0].Detail, id):
		default:
			t.Errorf("%s: %v %v", member, rep.Verdict, rep.Gaps)
		}
	}
}

// TestDocumentInDoubt: a document that an attempt of this run may have written is the run's own.
func TestDocumentInDoubt(t *testing.T) {
	mem, _ := drivertest.Export(t, Open("testdata/sdk"))
	dst := Open(filepath.Join(t.TempDir(), "new"))
	apply(t, dst, mem)
	key := "state/runstate.paused.json"
	r, err := mem.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	for doubt, want := range map[bool]replay.Action{true: replay.Created, false: replay.Same} {
		w, err := dst.Begin(t.Context(), &replay.Run{From: &pb.Origin{Product: product}, Source: agentstate.ResolverOf(mem), InDoubt: func(k string) bool { return doubt && k == key }})
		if err != nil {
			t.Fatal(err)
		}
		if rc, err := w.Write(t.Context(), r); err != nil || rc.Action != want {
			t.Errorf("in doubt %v: %v %q %v, want %v", doubt, rc.Action, rc.Why, err, want)
		}
	}
}
