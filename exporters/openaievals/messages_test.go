package openaievals

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestSentFor: what a run sends is as models take it, in all the forms in which an eval says it.
func TestSentFor(t *testing.T) {
	const item = `{"q":"hi \"you\"","chat":{"turns":[{"role":"user","content":"hello"}]},"bad":[1]}`
	for name, tc := range map[string]struct{ input, want string }{
		"a text":               {`{"type":"template","template":[{"role":"user","content":"{{item.q}}"}]}`, `[{"role":"user","content":"hi \"you\""}]`},
		"a part":               {`{"type":"template","template":[{"type":"message","role":"user","content":{"type":"input_text","text":"{{ item.q }}"}}]}`, `[{"role":"user","content":"hi \"you\""}]`},
		"parts":                {`{"template":[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"output_text","text":"b"}]}]}`, `[{"role":"user","content":"a\nb"}]`},
		"an image":             {`{"template":[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"u"}]}]}`, `[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"u"}]}]`},
		"the row's own":        {`{"type":"item_reference","item_reference":"item.chat.turns"}`, `[{"role":"user","content":"hello"}]`},
		"not in the row":       {`{"type":"item_reference","item_reference":"item.none"}`, ``},
		"no messages":          {`{"type":"item_reference","item_reference":"item.bad"}`, ``},
		"a value that is none": {`{"template":[{"role":"user","content":"{{item.none}}"}]}`, ``},
		"nothing":              {`null`, ``},
	} {
		if d := cmp.Diff(tc.want, string(sentFor(jsonvalue.Value(tc.input), jsonvalue.Value(item)))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestOddItems: an output item without a row is of no case, and an output in parts is a text.
func TestOddItems(t *testing.T) {
	const of = `{"object":"eval.run.output_item","run_id":"r","eval_id":"e","results":[],"id":`
	mem, rep := export(t, write(t, "d.json", `{"object":"eval","id":"e"}`+of+`"1","datasource_item":null,"sample":null}`+of+`"2","datasource_item":[1]}`+
		of+`"3","datasource_item":{"q":1},"sample":{"output":[{"role":"assistant","content":[{"type":"output_text","text":"yes"}]}]}}`))
	if rep.Records["testcase"] != 1 {
		t.Errorf("%v", rep.Records)
	}
	var got []string
	for r, err := range agentstate.Of[*pb.TestRun](mem.Records(t.Context(), nil)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.CaseKey+" "+string(r.Output.GetInline()))
	}
	if d := cmp.Diff([]string{" ", " ", agentstate.Key("testcase", "e", harness.Digest([]byte(`{"q":1}`))) + " yes"}, got); d != "" {
		t.Error(d)
	}
}
