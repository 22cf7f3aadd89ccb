package openaiagents

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/internal/heappeak"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A program may keep the items of a session in an object of its own, and a session need not begin with a
// message: one that was compacted begins with what is left of it.
func TestListsOfItems(t *testing.T) {
	const said = `{"role": "user", "content": "hi"}, {"type": "function_call", "callId": "c1", "name": "f", "arguments": "[1, {}]"}`
	sample, err := os.ReadFile("testdata/sdk/runstate.paused.json")
	if err != nil {
		t.Fatal(err)
	}
	files, messages := map[string]string{}, 0
	for name, c := range loadtest.Rows(map[string]struct {
		text string
		n    int
	}{
		"wrapped.json":       {`{"sessionId": "s-1", "at": [[], {"items": 1}], "items": [` + said + `], "more": {"items": [1, 2, 3]}}`, 2},
		"wrapped.session":    {"\ufeff{\"history\": [" + said + "]}\n", 2},
		"two.json":           {`{"items": null, "history": [` + said + `]}`, 2},
		"compacted.json":     {`[{"id": "cmp_1", "type": "compaction", "encrypted_content": "x"}, ` + said + `]`, 3},
		"compacted.js.json":  {`[{"type": "compaction", "encrypted_content": "x"}]`, 1},
		"hosted.json":        {`[{"type": "hosted_tool_call", "id": "ws_1", "name": "web_search_call", "status": "completed"}, ` + said + `]`, 3},
		"shell.json":         {`[{"type": "shell_call_output", "call_id": "c0", "output": []}, ` + said + `]`, 3},
		"search.json":        {`{"items": [{"id": "ws_1", "type": "web_search_call", "status": "completed"}]}`, 1},
		"long/wrapped.json":  {`{"items": [{"role": "user", "content": "` + strings.Repeat("long ", agentstate.SpillSize/4) + `"}, ` + said + `]}`, 3},
		"image.json":         {`[{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,` + strings.Repeat("AAAA", 400_000) + `"}]}, ` + said + `]`, 3},
		"images.json":        {`[{"role": "user", "content": [` + strings.Repeat(`{"type": "input_image", "image_url": "data:image/png;base64,`+strings.Repeat("AAAA", 500_000)+`"}, `, 6) + `{"type": "input_text", "text": "which?"}]}]`, 1},
		"image2.json":        {`{"picture": "` + strings.Repeat("AAAA", 400_000) + `", "items": [` + said + `]}`, 2},
		"approved.json":      {`[{"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": true}]`, 1},
		"session.jsonl":      {strings.ReplaceAll(said, "}, {", "}\n{") + "\n", 2},
		"one.jsonl":          {"\ufeff" + `{"role": "user", "content": "hi", "items": 5}` + "\r\n\r\n", 1},
		"begun.jsonl":        {`{"role": "user", "content": "` + strings.Repeat("long ", 300_000) + `"}` + "\n", 1},
		"long.log":           {`{"role": "user", "content": "` + strings.Repeat("long ", 300_000) + `"}` + "\n" + `{"role": "assistant", "content": "so?"}`, 2},
		"parts.json":         {`[{"role": "user", "content": [{}` + strings.Repeat(`, {"type": "input_text", "text": "short"}`, 220_000) + `]}, ` + said + `]`, 3},
		"most parts.json":    {`[{"role": "user", "content": [{}` + strings.Repeat(`, {"type": "input_text", "text": "short"}`, 440_000) + `]}, ` + said + `]`, 3},
		"found.json":         {`[{"type": "tool_search_output", "call_id": "ts_1", "tools": []}, ` + said + `]`, 3},
		"pages/of/list.json": {fmt.Sprintf(`{"items": [%s%s]}`, said, strings.Repeat(", "+said, 500)), 1002},
	}, "wrapped.json", "wrapped.session", "two.json", "compacted.json", "compacted.js.json", "hosted.json", "shell.json", "search.json", "long/wrapped.json",
		"image.json", "approved.json", "session.jsonl", "one.jsonl", "begun.jsonl", "most parts.json", "found.json", "pages/of/list.json") {
		files[name], messages = c.text, messages+c.n
	}
	others := map[string]string{
		"shop.json":   `{"items": [{"id": 7, "type": "book"}]}`,
		"calls.json":  `[{"type": "phone_call", "number": 1}]`,
		"phone.json":  `{"history": [{"type": "missed_call", "id": 7}]}`,
		"phone2.json": `[{"type": "phone_call", "call_id": "7", "status": "completed"}]`,
		"sft.jsonl":   "\ufeff" + `{"messages": [{"role": "user", "content": "hi"}]}` + "\n" + `{"messages": [{"role": "user", "content": "ho"}]}`, // a set of data
		"one.json":    `{"role": "user", "content": "no list"}`,
		"pretty.json": "{\n" + `"role": "user", "content": "no list"}` + "\n",
		"prompt.json": `{"role": "system", "content": "no list"}` + "\n",
		"log.jsonl":   `{"role": "user", "content": "hi"}` + "\n" + `{"time": 1, "level": "info", "msg": "called"}` + "\n",
		"mixed.jsonl": `{"role": "user", "content": "hi"}` + "\n[1]",
		"chats.jsonl": `{"role": "user", "text": "hi"}` + "\n" + `{"role": "user", "content": "hi"}`,
		"empty.json":  `{"items": []}`,
		"number.json": `{"items": 3, "history": {"role": "user", "content": "hi"}}`,
		"texts.json":  `{"items": ["a"]}`,
	}
	files["state.json"] = `{"items": [` + said + `], "run": ` + string(sample) + `}` // a run state beside them: the file is that, and they are readings of it
	messages += 2
	dir := t.TempDir()
	for _, m := range []map[string]string{files, others} {
		for name, text := range m {
			put(t, dir, name, []byte(text))
		}
	}
	f := Open(dir)
	mem, rep := drivertest.Export(t, f)
	want := map[string]uint64{"conversation": uint64(len(files)), "message": uint64(messages), "state": 1, "interrupt": 2, "origin": 1}
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v", rep.Verdict)
	}
	for k, n := range want {
		if rep.Records[k] != n && k != "origin" {
			t.Errorf("%s: got %d, want %d", k, rep.Records[k], n)
		}
	}
	p, err := f.Preflight(t.Context())
	if err != nil || p.Counts["message"] != int64(messages) || p.Counts["conversation"] != int64(len(files)) || !strings.Contains(strings.Join(p.Notes, "\n"), "not carried (14)") {
		t.Errorf("%v %v", p, err)
	}
	r, err := mem.Get(t.Context(), agentstate.Key("message", "wrapped.json", "1"))
	if err != nil {
		t.Fatal(err)
	}
	if c := r.(*pb.Message).GetParts(); len(c) != 1 || c[0].GetToolCall().GetName() != "f" {
		t.Errorf("%v", r)
	}
	if r, err := mem.Get(t.Context(), agentstate.Key("message", "most parts.json", "0")); err != nil || len(r.GetMeta().GetLabels()) != 1 {
		t.Errorf("%v %v", r.GetMeta().GetLabels(), err)
	}
	dst := Open(filepath.Join(t.TempDir(), "copy"))
	_, j, _ := apply(t, dst, mem)
	if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.ExtraN != 0 || back.Same != back.Records {
		t.Errorf("%+v %v", back, err)
	}
	got := map[string]string{}
	for name := range files {
		b, err := os.ReadFile(filepath.Join(dst.root, name))
		if err != nil {
			t.Error(err)
		}
		got[name] = string(b)
	}
	if d := cmp.Diff(files, got); d != "" {
		t.Errorf("not the same bytes: %s", d)
	}
}

// A long document of another program costs no more than its start to be told from a session.
func TestLongDocumentOfOthers(t *testing.T) {
	for _, one := range loadtest.Every(2, []string{`{"role": "user", "content": "abc"}`, `{"k": 1, "v": "abc"}`}) {
		text := `{"data": [1` + strings.Repeat(", "+one, 1<<20) + `]}`
		r := strings.NewReader(text)
		if high := heappeak.Live(func() {
			if f := jsonForm(r); f != notOurs {
				t.Errorf("%s: form %d", one, f)
			}
		}); high > 64<<20 { // its text; taken apart it is several times that
			t.Errorf("%s: %d MB of memory for %d MB", one, high>>20, len(text)>>20)
		}
	}
}

// A long session in an object costs no more than its start either.
func TestLongWrappedSession(t *testing.T) {
	const item = `{"role": "user", "content": "a \"}{[ b \\"}`
	text := `{"items": [` + item + strings.Repeat(", "+item, loadtest.Of(1<<18, 1<<19)) + `]}`
	for tail, want := range loadtest.Rows(map[string]form{"": itemList, "\n": itemList, `"}]}`: itemList, "\n{}": keeper, "\n[]": keeper}, `"}]}`, "\n{}") {
		r := strings.NewReader(text + tail)
		if high := heappeak.Live(func() {
			if f := jsonForm(r); f != want {
				t.Errorf("%q: form %d, want %d", tail, f, want)
			}
		}); high > loadtest.Of[uint64](8<<20, 16<<20) {
			t.Errorf("%q: %d MB of memory for %d MB", tail, high>>20, len(text)>>20)
		}
	}
}

// Half an item behind a long one is no half line where only the start of the file was looked at.
func TestLongFirstLine(t *testing.T) {
	first := `{"role": "user", "content": "` + strings.Repeat("a", 1<<20-200) + "\"}\n"
	text := first + `{"content": "` + strings.Repeat("b", 1<<10) + `", "role": "assistant"}` + "\n"
	if f := jsonForm(strings.NewReader(text)); f != itemList {
		t.Errorf("form %d", f)
	}
	if f := jsonForm(strings.NewReader(first + `{"content": "` + strings.Repeat("b", 1<<10))); f != oneItem {
		t.Errorf("half a line: form %d", f)
	}
}

// A session with the end of a longer one behind it is no document of others: it is named as damaged.
func TestSessionBeforeTail(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "s.json", []byte(`{"items": [{"role": "user", "content": "hi"}]}"}]}`))
	_, rep := drivertest.Export(t, Open(dir))
	if len(rep.Gaps) != 2 || rep.Gaps[0].Place != "s.json" || rep.Gaps[0].Reason != pb.Gap_REASON_CORRUPT {
		t.Errorf("%v", rep.Gaps)
	}
}
