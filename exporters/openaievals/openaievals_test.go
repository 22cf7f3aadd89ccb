package openaievals

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/exportertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestConformance is what every driver has to pass.
func TestConformance(t *testing.T) {
	exportertest.Run(t, exportertest.Harness{
		Open: func(context.Context) (agentstate.Source, error) { return Open("testdata/dump"), nil },
	})
}

func TestConformanceLong(t *testing.T) {
	item := `{"object":"eval.run.output_item","id":"o1","run_id":"r1","eval_id":"e1","datasource_item":{"q":"` + strings.Repeat("x", agentstate.SpillSize) + `"},"results":[{"passed":true,"score":0.5}],"sample":{"model":"m","output":[{"role":"assistant","content":"` + strings.Repeat("y", agentstate.SpillSize+1) + `"}]}}`
	p := write(t, "items.json", item)
	exportertest.Run(t, exportertest.Harness{
		Open: func(context.Context) (agentstate.Source, error) { return Open(p), nil },
	})
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func export(t testing.TB, path string) (*memstate.State, *agentstate.Report) {
	t.Helper()
	mem := &memstate.State{}
	rep, err := agentstate.Copy(t.Context(), mem, Open(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	return mem, rep
}

func TestDump(t *testing.T) {
	mem, rep := export(t, "testdata/dump")
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v", rep.Verdict)
	}
	if d := cmp.Diff(map[string]uint64{"origin": 1, "model": 1, "testsuite": 1, "testcase": 3, "testrun": 2, "opaque": 2, "completeness": 1}, rep.Records); d != "" {
		t.Error(d)
	}
	tasks, err := harness.Tasks(t.Context(), mem, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range tasks {
		got = append(got, string(k.Input))
		for _, e := range k.Expect[:2] {
			got = append(got, "  "+e.Form+" "+string(e.Value))
		}
		if k.Expect[2].Form != harness.Judged || !strings.Contains(string(k.Expect[2].Value), "passing_labels") {
			t.Errorf("%+v", k.Expect[2])
		}
	}
	developer := `{"content":"Answer with Hardware, Software or Other.","role":"developer"}`
	want := []string{
		`{"messages":[` + developer + `,{"content":"My screen is broken","role":"user"}],"vars":{"item":{"label":"Hardware","order":{"id":17},"ticket":"My screen is broken"}}}`,
		`  exact Hardware`, `  contains {"all":["order 17"],"ignore_case":true}`,
		`{"messages":[` + developer + `,{"content":"Word \"crashes\"","role":"user"}],"vars":{"item":{"label":"Software","order":{"id":18},"ticket":"Word \"crashes\""}}}`,
		`  exact Software`, `  contains {"all":["order 18"],"ignore_case":true}`,
		`{"messages":[` + developer + `,{"content":"Hello?","role":"user"}],"vars":{"item":{"label":"Other","order":{"id":19},"ticket":"Hello?"}}}`,
		`  exact Other`, `  contains {"all":["order 19"],"ignore_case":true}`,
	}
	for i := range got {
		if i < len(want) && !harness.Equal([]byte(got[i]), []byte(want[i])) && got[i] != want[i] {
			t.Errorf("%d:\n got %s\nwant %s", i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
	var runs []string
	for r, err := range agentstate.Of[*pb.TestRun](mem.Records(t.Context(), nil)) {
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, fmt.Sprintf("%s %v %s %v %d %v", r.Output.GetInline(), r.GetPassed(), r.ModelKey, r.Score == nil, r.StartedUnixNano, strings.HasPrefix(r.CaseKey, "testcase/eval_67a")))
	}
	if d := cmp.Diff([]string{"Hardware true model/gpt-4.1-2025-04-14 true 1742768100000000000 true", "Hardware false model/gpt-4.1-2025-04-14 true 1742768101000000000 true"}, runs); d != "" {
		t.Error(d)
	}
}

// What a dump lacks is named.
func TestGaps(t *testing.T) {
	const item = `{"object":"eval.run.output_item","id":"o1","run_id":"r1","eval_id":"e1","datasource_item":{"q":1}}`
	const run = `{"object":"eval.run","id":"r1","eval_id":"e1","result_counts":{"total":3}}`
	const eval = `{"object":"eval","id":"e1","testing_criteria":[]}`
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"all of it":         {eval + strings.Replace(run, "3", "1", 1) + item, nil},
		"items alone":       {item, []string{"testsuite e1 GONE 0"}},
		"rows are missing":  {eval + "\n" + run + "\n" + item, []string{"testrun e1 r1 GONE 2"}},
		"pages are missing": {eval + `{"object":"list","has_more":true,"data":[` + item + `]}`, []string{"testrun list of eval.run.output_item of r1 GONE 0"}},
		"the last page too": {eval + `[{"object":"list","has_more":true,"data":[` + item + `]},{"object":"list","has_more":false,"data":[` + strings.Replace(item, "o1", "o2", 1) + `]}]`, nil},
		"too deep":          {eval + item + strings.Repeat("[", 20) + `[1]` + strings.Repeat("]", 20) + strings.Repeat("[", 20) + strings.Replace(item, "o1", "o2", 1) + strings.Repeat("]", 20), []string{"testrun dump.json LIMIT 0"}},
		"an error":          {eval + item + strings.Repeat(`{"error":{"message":"Rate limit reached","code":"rate_limit_exceeded"}}`, 2), []string{"testrun dump.json GONE 0"}},
		"no error":          {`{"evals":[` + eval + `],"error":null}` + item, nil},
		"half a file":       {eval + item + `{"object":`, []string{"testrun dump.json CORRUPT 0"}},
		"two versions":      {eval + strings.Repeat(item+strings.Replace(item, ":1", ":2", 1), 2), []string{"testrun dump.json e1 r1 o1 CHANGED 0"}},
	} {
		dump := write(t, "dump.json", c.text)
		_, rep := export(t, dump)
		p, err := Open(dump).Preflight(t.Context())
		if err != nil || len(p.Gaps) != len(rep.Gaps) || p.Counts["testsuite"] != 1 {
			t.Errorf("%s: preflight: %v %v", name, p, err)
		}
		var got []string
		for _, g := range rep.Gaps {
			got = append(got, fmt.Sprint(g.Kind, " ", g.Place, " ", strings.TrimPrefix(g.Reason.String(), "REASON_"), " ", g.Count))
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if c.want == nil && rep.Verdict.Coverage != agentstate.Reconciled || c.want != nil && rep.Verdict.Coverage != agentstate.Gaps {
			t.Errorf("%s: %v", name, rep.Verdict)
		}
	}
}

// A row for which nothing was sent has what its run would have sent.
func TestNothingSent(t *testing.T) {
	mem, _ := export(t, write(t, "dump.json", `{"object":"eval","id":"e1","testing_criteria":[]}
{"object":"eval.run","id":"r1","eval_id":"e1","data_source":{"source":{"type":"file_id","id":"f"},"input_messages":{"type":"template","template":[{"role":"user","content":"Say {{item.q}}"}]}}}
{"object":"eval.run.output_item","id":"o1","run_id":"r1","eval_id":"e1","datasource_item":{"q":"a","want":"b"},"sample":{"input":[],"error":{"code":"x"}}}`))
	tasks, err := harness.Tasks(t.Context(), mem, "")
	if err != nil || len(tasks) != 1 || string(tasks[0].Input) != `{"messages":[{"role":"user","content":"Say a"}],"vars":{"item":{"q":"a","want":"b"}}}` {
		t.Errorf("%v %s", err, tasks[0].Input)
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"no file":       {filepath.Join(t.TempDir(), "none"), fs.ErrNotExist},
		"empty folder":  {t.TempDir(), ErrSchema},
		"empty file":    {write(t, "a.json", ""), ErrSchema},
		"no JSON":       {write(t, "a.json", "eval: yes"), ErrSchema},
		"other JSON":    {write(t, "a.json", `{"object":"list","data":[{"object":"file","id":"x"}]}`), ErrSchema},
		"no ids":        {write(t, "a.json", `[{"object":"eval"},{"object":"eval.run","id":"r"},{"object":"eval.run.output_item","id":"o","eval_id":"e"}]`), ErrSchema},
		"too deep":      {write(t, "a.json", strings.Repeat("[", 50)+`{"object":"eval","id":"e"}`+strings.Repeat("]", 50)), ErrSchema},
		"a device":      {os.DevNull, ErrSchema},
		"a wrong title": {write(t, "a.json", `{"object":{"a":1},"id":"eval"}`), ErrSchema},
	} {
		rep, err := agentstate.Copy(t.Context(), &memstate.State{}, Open(c.path), nil)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "openaievals: ") {
			t.Errorf("%s: %v", name, err)
		}
		if rep != nil && len(rep.Records) > 1 {
			t.Errorf("%s: records before the refusal: %v", name, rep.Records)
		}
		if _, err := Open(c.path).Preflight(t.Context()); !errors.Is(err, c.want) {
			t.Errorf("%s: preflight: %v", name, err)
		}
	}
}

// FuzzRead: whatever the file holds, it is refused or read to the end, with a verdict that is not
// better than its gaps.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"evals.json", "runs/page1.json", "runs/items.jsonl"} {
		b, err := os.ReadFile(filepath.Join("testdata/dump", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"object":"list","has_more":true,"data":[{"object":"eval","id":"\ud800"},{"object":"eval.run","id":"r","eval_id":"\u0000","data_source":{"source":{"content":[{"item":{}}]},"input_messages":{"template":[{"role":"{{item.a}}"}]}}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		rep, err := agentstate.Copy(t.Context(), &memstate.State{}, Open(write(t, "f.json", string(b))), nil)
		if errors.Is(err, ErrSchema) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(rep.Gaps) > 0 && rep.Verdict.Coverage < agentstate.Gaps {
			t.Fatalf("%v with %d gaps", rep.Verdict, len(rep.Gaps))
		}
	})
}
