package openaiagents

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const (
	keptUser = `{"role": "user", "content": "hi"}`
	keptCall = `{"type": "function_call", "callId": "c1", "name": "f", "arguments": "{}"}`
	keptPart = `{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}`
	keptLast = `{"type": "poem_call", "id": "p1"}` // of a later release
)

// A program keeps several sessions in one document, however it likes: each is found with its items, and the file arrives to the byte.
func TestSeveralSessions(t *testing.T) {
	for name, c := range map[string]struct {
		file, doc string
		want      map[string]int // messages by session
	}{
		"by id":           {"t.json", `{"threads": {"a": {"items": [` + keptUser + `, ` + keptCall + `]}, "b/c": {"title": "x", "items": [` + keptUser + `]}, "e": {"items": []}}}`, map[string]int{"a": 2, "b/c": 1}},
		"list of objects": {"t.json", `[{"id": "a", "items": [` + keptUser + `]}, {"id": "b", "items": [` + keptCall + `]}]`, map[string]int{"a": 1, "b": 1}},
		"one object":      {"t.json", `[{"id": "a", "items": [` + keptUser + `]}]`, map[string]int{"a": 1}},
		"same id":         {"t.json", `[{"sessionId": "a", "items": [` + keptUser + `]}, {"sessionId": "a", "items": [` + keptCall + `]}]`, map[string]int{"a": 1, "1/items": 1}},
		"lines":           {"t.jsonl", `{"session_id": "a", "history": [` + keptUser + `]}` + "\n" + `{"session_id": "b", "history": [` + keptUser + `]}` + "\n", map[string]int{"a": 1, "b": 1}},
		"states in lines": {"t.jsonl", `{"history": [` + keptUser + `]}` + "\n" + `{"history": [` + keptUser + `, ` + keptCall + `]}` + "\n" + `{"history": [` + keptLast + `, ` + keptCall + `]}` + "\n" + `{"history": [` + keptLast + `, ` + keptCall + `, ` + keptUser + `]}` + "\n", map[string]int{"history": 2, "2/history": 3}},
		"states of runs":  {"t.jsonl", `{"history": [` + keptUser + `], "items": [` + keptUser + `]}` + "\n" + `{"history": [` + keptUser + `, ` + keptCall + `], "items": [` + keptUser + `, ` + keptCall + `]}` + "\n", map[string]int{"items": 2}},
		"states by id":    {"t.jsonl", `{"id": "a", "items": [` + keptUser + `]}` + "\n" + `{"id": "b", "items": [` + keptUser + `]}` + "\n" + `{"id": "a", "items": [` + keptUser + `, ` + keptCall + `]}` + "\n", map[string]int{"a": 2, "b": 1}},
		"states of two":   {"t.jsonl", `{"user": "a", "history": [` + keptUser + `]}` + "\n" + `{"user": "b", "history": [` + keptUser + `, ` + keptCall + `]}` + "\n" + `{"user": "a", "history": [` + keptUser + `, ` + keptPart + `]}` + "\n", map[string]int{"history": 2, "1/history": 2}},
		"of two, deeper":  {"t.jsonl", `{"user_id": 1, "s": {"history": [` + keptUser + `]}}` + "\n" + `{"user_id": 2, "s": {"history": [` + keptUser + `, ` + keptCall + `]}}` + "\n", map[string]int{"s/history": 1, "1/s/history": 2}},
		"names alone":     {"t.json", `{"a": [` + keptPart + `], "b": [` + keptLast + `, ` + keptCall + `], "c": [1]}`, map[string]int{"a": 1, "b": 2}},
		"beside one":      {"t.json", `{"items": [` + keptUser + `], "history": [` + keptUser + `], "old": {"b": {"items": [` + keptUser + `]}}}`, map[string]int{"": 1, "b": 1}},
		"id as a way":     {"t.json", `[{"id": "1/items", "items": [` + keptUser + `]}, {"items": [` + keptCall + `]}]`, map[string]int{"1/items": 1, "1/items/2": 1}},
		"numbers":         {"t.json", `{"threads": {"12": {"items": [` + keptUser + `]}}, "rows": [{"id": 13, "items": [` + keptUser + `]}]}`, map[string]int{"12": 1, "13": 1}},
		"same names":      {"t.json", `{"x": {"log": [` + keptUser + `, ` + keptCall + `]}, "y": {"log": [` + keptCall + `]}}`, map[string]int{"x/log": 2, "y/log": 1}},
		"no answer yet":   {"t.json", `{"all": [[` + keptUser + `], [` + keptUser + `, ` + keptCall + `]], "b": {"log": [` + keptUser + `]}}`, map[string]int{"all/0": 1, "all/1": 2}},
		"a word in lines": {"t.jsonl", `{"id": "a", "items": [{"role": "user", "content": "what is $schemaVersion?"}]}` + "\n" + `{"id": "b", "items": [` + keptUser + `]}` + "\n", map[string]int{"a": 1, "b": 1}},
		"results of runs": {"t.jsonl", `{"id": "a", "history": [` + keptUser + `], "output": [` + keptCall + `], "usage": {}}` + "\n" + `{"id": "b", "history": [` + keptUser + `], "output": [], "usage": {}}` + "\n", map[string]int{"a": 1, "b": 1}},
		"long":            {"t.json", `{"pad": "` + strings.Repeat("x", 2<<20) + `", "s": {"b": {"items": [` + keptUser + `]}}}`, map[string]int{"b": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for the disk
			dir := t.TempDir()
			put(t, dir, c.file, []byte(c.doc))
			mem, rep := drivertest.Export(t, Open(dir))
			if rep.Verdict.Coverage != agentstate.Reconciled {
				t.Errorf("%v", rep.Verdict)
			}
			got := map[string]int{}
			for r, err := range mem.Records(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				if m, ok := r.(*pb.Message); ok {
					_, parts := agentstate.SplitKey(m.ConversationKey)
					got[strings.Join(parts[1:], "")]++
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			pre, err := Open(dir).Preflight(t.Context())
			if err != nil || pre.Counts["message"] != int64(rep.Records["message"]) || pre.Counts["conversation"] != int64(rep.Records["conversation"]) || pre.Counts["opaque"] != int64(rep.Records["opaque"]) {
				t.Errorf("%v %v", pre, err)
			}
			dst := Open(filepath.Join(t.TempDir(), "copy"))
			_, j, _ := apply(t, dst, mem)
			if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.ExtraN != 0 || back.Same != back.Records {
				t.Errorf("%+v %v", back, err)
			}
			if got, err := os.ReadFile(filepath.Join(dst.root, c.file)); err != nil || string(got) != c.doc {
				t.Errorf("not the same bytes: %v", err)
			}
			if left, err := replay.Undo(t.Context(), dst, j); err != nil || len(left.Left) > 0 {
				t.Errorf("undo: %+v %v", left, err)
			}
		})
	}
}

// Items of which nothing says what session they are of are a gap of sessions and messages, never of none; what other programs keep is neither.
func TestLooseItems(t *testing.T) {
	for name, c := range map[string]struct {
		file, doc string
		gaps      int
	}{
		"log":      {"log.jsonl", `{"ts": 1, "item": ` + keptUser + `}` + "\n" + `{"ts": 2, "item": ` + keptCall + `}` + "\n", 2},
		"list":     {"log.json", `[{"ts": 1, "item": ` + keptUser + `}]`, 2},
		"payloads": {"log.jsonl", `{"ts": 1}` + "\n" + `{"ts": 2, "payload": ` + keptPart + `}` + "\n", 2},
		"a text":   {"kv.json", `{"session:a": "[{\"role\": \"user\", \"content\": \"hi\"}]"}`, 2},
		"prompts":  {"p.json", `{"prompts": [` + keptUser + `], "tests": [{"input": [` + keptUser + `]}], "messages": [` + keptUser + `]}`, 0},
		"evals":    {"e.jsonl", `{"input": [` + keptPart + `], "ideal": "x"}` + "\n" + `{"input": [` + keptPart + `], "ideal": "y"}` + "\n", 0},
		"request":  {"q.json", `{"model": "m", "input": [` + keptPart + `]}`, 0},
		"an entry": {"q.json", `{"entry": ` + keptUser + `}`, 0},
		"answer":   {"r.json", `{"id": "resp_1", "output": [` + keptCall + `], "usage": {}, "x": {"role": 1}}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, c.file, []byte(c.doc))
			put(t, dir, "s.json", []byte("["+keptUser+"]"))
			_, rep := drivertest.Export(t, Open(dir))
			if len(rep.Gaps) != c.gaps || (rep.Verdict.Coverage == agentstate.Reconciled) != (c.gaps == 0) || rep.Records["message"] != 1 || rep.Records["opaque"] != uint64(c.gaps/2) {
				t.Errorf("%v %v %v", rep.Gaps, rep.Records, rep.Verdict)
			}
			if pre, err := Open(dir).Preflight(t.Context()); err != nil || len(pre.Gaps) != c.gaps {
				t.Errorf("%v %v", pre, err)
			}
		})
	}
}

// Sessions of a document go into a database under the ids that the program gave them.
func TestSeveralSessionsElsewhere(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "t.json", []byte(`{"threads": {"a": {"items": [`+keptUser+`, `+keptCall+`]}, "b": {"items": [`+keptUser+`]}}}`))
	mem, _ := drivertest.Export(t, Open(dir))
	to := pgtest.Database(t, createPostgres(newPGPair("public", ownNames()))...)
	apply(t, postgres(t, to), mem)
	got := pgtest.Rows(t, to, "SELECT session_id || count(*) FROM agent_messages GROUP BY session_id ORDER BY 1")
	if d := cmp.Diff([]string{"a2", "b1"}, got); d != "" {
		t.Error(d)
	}
}

// A list may begin with items of a type that this release does not know.
func TestUnknownFirst(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "s.json", []byte("["+keptLast+", "+keptUser+"]"))
	put(t, dir, "w.json", []byte(`{"items": [`+keptLast+", "+keptLast+", "+keptCall+"]}"))
	put(t, dir, "other.json", []byte("["+keptLast+", 1, "+keptUser+"]"))
	if _, rep := drivertest.Export(t, Open(dir)); rep.Records["conversation"] != 2 || rep.Records["message"] != 5 || rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v %v", rep.Records, rep.Verdict)
	}
}

// The id of a session stays when the document gets others before and behind it.
func TestSessionIDsStay(t *testing.T) {
	const user = `{"log": [` + keptUser + `, ` + keptCall + `]}`
	for _, docs := range [][]string{
		{`{"b": ` + user + `, "c": ` + user + `}`, `{"a": ` + user + `, "b": ` + user + `, "c": ` + user + `}`},
		{`{"t": [{"items": [` + keptUser + `]}]}` + "\n", `{"t": [{"items": [` + keptUser + `]}]}` + "\n" + `{"t": [{"items": [` + keptCall + `]}]}` + "\n"},
		{`[` + keptCall + `]`, `[` + keptCall + `]` + "\n" + user},
	} {
		had := map[string]string{} // by its way
		for _, doc := range docs {
			k, err := keptIn([]byte(doc))
			if err != nil {
				t.Fatal(err)
			}
			ids := map[string]string{}
			for _, s := range k.sessions {
				if s.id == "" {
					t.Errorf("%s: no id", doc)
				}
				ids[s.whole] = s.id
			}
			for way, id := range had {
				if ids[way] != id {
					t.Errorf("%s: %q was %q", doc, ids, id)
				}
			}
			had = ids
		}
		if len(had) < 2 {
			t.Errorf("%q", had)
		}
	}
}

// A key that a session of a document holds is in no record, and a person is told of it.
func TestKeysInSessions(t *testing.T) {
	const key = `{"type": "hosted_tool_call", "id": "h1", "name": "n", "arguments": {"tracing_api_key": "s3cret"}}, {"type": "function_call_output", "call_id": "c1", "output": "{\"tracing_api_key\":\"s3cret\"}"}`
	const sessions = `"threads": {"a": {"items": [` + keptUser + `, ` + key + `]}}`
	for name, doc := range map[string]string{"sessions": `{` + sessions + `}`, "beside a run state": `{"run": {"$schemaVersion": "1.20", "current_agent": {"name": "x"}}, ` + sessions + `}`} {
		dir := t.TempDir()
		put(t, dir, "t.json", []byte(doc))
		mem, rep := drivertest.Export(t, Open(dir))
		if rep.Records["credential"] != 1 || rep.Records["message"] != 3 || rep.Verdict.Coverage != agentstate.Reconciled {
			t.Errorf("%s: %v %v", name, rep.Records, rep.Verdict)
		}
		for r, err := range mem.Records(t.Context(), nil) {
			if b, _ := proto.Marshal(r); err != nil || bytes.Contains(b, []byte("s3cret")) {
				t.Errorf("%s: %s has the key: %v", name, r.GetMeta().GetKey(), err)
			}
		}
	}
}
