package openaiagents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/derive"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A program keeps its run states under any names and in any container: each is found, what waits in it is
// read, and the file arrives to the byte.
func TestRunStatesAnywhere(t *testing.T) {
	sample, err := os.ReadFile("testdata/sdk/runstate.paused.json")
	if err != nil {
		t.Fatal(err)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, sample); err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(line.String())
	if err != nil {
		t.Fatal(err)
	}
	one, text := line.String(), string(quoted)
	long, err := json.Marshal(`{"log":["` + strings.Repeat(strings.Repeat("x", 1000)+`","`, 3000) + `"],` + one[1:])
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range loadtest.Rows(map[string]struct {
		file, doc string
		waiting   uint64
	}{
		"a list":          {"queue.json", "[" + one + ",\n" + one + "]", 4},
		"a list of texts": {"queue.json", "[" + text + "]", 2},
		"by user":         {"users.json", `{"users": {"ada": {"pending": ` + one + `}, "bo": null}}`, 2},
		"a text deep":     {"users.json", `{"v": 1, "tickets": [{"id": 7, "state": ` + text + `}]}`, 2},
		"a long text":     {"users.json", `{"a": ` + string(long) + `, "b": ` + text + `}`, 4},
		"lines":           {"queue.jsonl", one + "\n" + one + "\n", 4},
		"a mark first":    {"r.json", "\ufeff" + one, 2},
		"after much":      {"r.json", `{"log": "` + strings.Repeat("x", 2<<20) + `", "run": ` + one + `}`, 2},
	}, "a list", "a text deep", "a long text", "lines", "a mark first") {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.doc), 0o600); err != nil {
				t.Fatal(err)
			}
			mem, rep := drivertest.Export(t, Open(dir))
			if rep.Records["state"] != 1 || rep.Records["interrupt"] != c.waiting || rep.Verdict.Coverage != agentstate.Reconciled {
				t.Errorf("%v %v", rep.Records, rep.Verdict)
			}
			dst := Open(filepath.Join(t.TempDir(), "copy"))
			_, j, _ := apply(t, dst, mem)
			if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.ExtraN != 0 || back.Same != back.Records {
				t.Errorf("%+v %v", back, err)
			}
			if got, err := os.ReadFile(filepath.Join(dst.root, c.file)); err != nil || string(got) != c.doc {
				t.Errorf("not the same bytes: %v", err)
			}
		})
	}
	// One that is cut off is named; a document that has only such a name is none of the SDK's.
	dir, before := t.TempDir(), time.Now().Add(-time.Hour) // nobody is writing them, so none is waited for
	for file, doc := range map[string]string{
		"whole.json": one, "cut.jsonl": one + "\n" + one[:len(one)/2], "cut.json": "[" + one[:len(one)/2],
		"schema.json": `{"a": {"b": {"$schemaVersion": "1.0"}}}`, "notes.md": "[see](x) about $schemaVersion",
	} {
		p := filepath.Join(dir, file)
		if err := errors.Join(os.WriteFile(p, []byte(doc), 0o600), os.Chtimes(p, time.Time{}, before)); err != nil {
			t.Fatal(err)
		}
	}
	_, rep := drivertest.Export(t, Open(dir))
	var places []string
	for _, g := range rep.Gaps {
		places = append(places, g.Place)
	}
	slices.Sort(places)
	if d := cmp.Diff([]string{"cut.json", "cut.jsonl"}, places); d != "" || rep.Records["state"] != 1 {
		t.Errorf("%v %s", rep.Records, d)
	}
}

// A list of items behind a byte order mark is counted as it is read.
func TestItemsBehindMark(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "s.json", []byte("\ufeff"+`[{"role": "user", "content": "hi"}, {"role": "user", "content": "ho"}]`))
	if _, rep := drivertest.Export(t, Open(dir)); rep.Records["message"] != 2 || rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v %v", rep.Records, rep.Verdict)
	}
}

// Messages whose session has no row come as they are: nothing is lost, and nothing is said to be.
func TestRowless(t *testing.T) {
	f := made(t, `INSERT INTO agent_messages (session_id, message_data) VALUES ('orphan', '{"role":"user","content":"a"}')`)
	mem, out := drivertest.Export(t, f)
	if before, err := f.Preflight(t.Context()); err != nil {
		t.Error(err)
	} else if n := before.Counts["conversation"]; n != int64(out.Records["conversation"]) {
		t.Errorf("the preflight counts %d conversations, and the export %d", n, out.Records["conversation"])
	}
	dst := Open(filepath.Join(t.TempDir(), "copy"))
	rep, j, _ := apply(t, dst, mem)
	if len(rep.NoPlace) > 0 {
		t.Errorf("said to be lost: %v", rep.NoPlace)
	}
	if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.ExtraN != 0 || back.Same != back.Records {
		t.Errorf("%+v %v", back, err)
	}
}

// Every row of a session goes with it: none that is left names it.
func TestRowsOfSession(t *testing.T) {
	p, err := derive.New(t.Context(), Open("testdata/sdk"), derive.Options{Exclude: []string{"conversation/advanced.sqlite/s-branches"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	mem := &memstate.State{}
	if _, err := agentstate.Copy(t.Context(), mem, p, nil); err != nil {
		t.Fatal(err)
	}
	for r, err := range mem.Records(t.Context(), nil) {
		if _, grave := r.(*pb.Tombstone); err != nil || !grave && strings.Contains(fmt.Sprint(r), "s-branches") {
			t.Errorf("%v %v", r, err)
		}
	}
}
