package openaievals

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	"github.com/exitramp/exitramp/internal/lazyre"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// caseKey is of what a row says: rows have no id that runs share.
func caseKey(eval string, item jsonvalue.Value) string {
	return agentstate.Key("testcase", eval, harness.Digest(item))
}

// cases yields every row of data once: rows that output items hold, with what was sent for them,
// then rows of runs that gave nothing.
func (r *reader) cases(v *ofEval, suite string, criteria []json.RawMessage) bool {
	seen := map[string]bool{}
	put := func(item, messages jsonvalue.Value, from string) bool {
		key := caseKey(v.id, item)
		if seen[key] {
			return true
		}
		seen[key] = true
		in := harness.Input{Messages: json.RawMessage(messages), Vars: slices.Concat(json.RawMessage(`{"item":`), json.RawMessage(item), json.RawMessage("}"))}
		b := harness.Encode(in)
		c := &pb.TestCase{Meta: &pb.Meta{Key: key, ViewOfKeys: []string{from}}, SuiteKey: suite, Input: r.d.data(key, harness.JSON, b)}
		for _, g := range criteria {
			c.Expectations = append(c.Expectations, expectation(jsonvalue.Value(g), item))
		}
		return r.e.Put(c)
	}
	templates := map[string]jsonvalue.Value{}
	for i := range v.runs {
		templates[v.runs[i].id] = v.runs[i].raw.Get("data_source").Get("input_messages")
	}
	for i := range v.items {
		x := &v.items[i]
		o := x.raw
		item := o.Get("datasource_item")
		sample := o.Get("sample")
		sent := conversation(sample.Get("input"))
		if sent == nil { // nothing was sent, as where the model could not be reached: what would have been
			sent = sentFor(templates[x.run], item)
		}
		if item.IsObject() && !put(item, sent, itemKey(x)) {
			return false
		}
	}
	for i := range v.runs {
		x := &v.runs[i]
		o := x.raw
		data := o.Get("data_source")
		source := data.Get("source")
		template := templates[x.id]
		going := true
		source.Get("content").Elements(func(row jsonvalue.Value) {
			if item := row.Get("item"); going && item.IsObject() {
				going = put(item, sentFor(template, item), runKey(x.eval, x.id))
			}
		})
		if !going {
			return false
		}
	}
	return true
}

// filled is a template of messages with the values of a row; nil where it takes anything else.
func filled(template, item jsonvalue.Value) jsonvalue.Value {
	if len(template) == 0 {
		return nil
	}
	ok := true
	out := placeholder().ReplaceAllFunc(template, func(m []byte) []byte {
		s, found := value(item, string(placeholder().FindSubmatch(m)[1]))
		ok = ok && found
		quoted := harness.Encode(s) // it stands inside of a JSON text
		return quoted[1 : len(quoted)-1]
	})
	if !ok || strings.Contains(string(placeholder().ReplaceAll(template, nil)), "{{") || !json.Valid(out) {
		return nil
	}
	return out
}

var placeholder = lazyre.New(`\{\{\s*item\.([\w.]+)\s*\}\}`)

// value is a member of a row as text: a.b is the member b of a.
func value(item jsonvalue.Value, path string) (string, bool) {
	for name := range strings.SplitSeq(path, ".") {
		item = item.Get(name)
	}
	switch {
	case len(item) == 0 || item.IsObject() || item.IsList():
		return "", false
	case item.IsText():
		return item.Text(), true
	}
	return string(item), true
}

// expectation is one grader: in this module's forms where it compares the model's text with one of
// the row, else as a question for a judge.
func expectation(grader, item jsonvalue.Value) *pb.Expectation {
	var g struct {
		Type, Operation, Input, Reference string
	}
	judge := harness.Expect(harness.Judged, harness.JSON, []byte(grader))
	if json.Unmarshal(grader, &g) != nil || g.Type != "string_check" || strings.Join(strings.Fields(g.Input), "") != "{{sample.output_text}}" {
		return judge
	}
	ok := true
	want := placeholder().ReplaceAllStringFunc(g.Reference, func(m string) string {
		s, found := value(item, placeholder().FindStringSubmatch(m)[1])
		ok = ok && found
		return s
	})
	if !ok || strings.Contains(placeholder().ReplaceAllString(g.Reference, ""), "{{") {
		return judge
	}
	switch g.Operation {
	case "eq":
		return harness.Expect(harness.Exact, harness.PlainText, []byte(want))
	case "like":
		return harness.Expect(harness.Contains, harness.PlainText, []byte(want))
	case "ilike":
		return harness.ExpectJSON(harness.Contains, harness.Words{All: []string{want}, IgnoreCase: true})
	}
	return judge
}

// counted is how many rows the runs say that they had; false where one does not say.
func (d *dump) counted() (uint64, bool) {
	total := uint64(0)
	for i := range d.runs {
		n, ok := rows(&d.runs[i])
		if !ok {
			return 0, false
		}
		total += n
	}
	runs := map[string]bool{}
	for _, x := range d.runs {
		runs[x.eval+" "+x.id] = true
	}
	for _, x := range d.items {
		if !runs[x.eval+" "+x.run] {
			return 0, false
		}
	}
	return total, len(d.runs) > 0
}

// rows is what a run counted.
func rows(x *object) (uint64, bool) {
	var r struct {
		Counts struct {
			Total *uint32 `json:"total"`
		} `json:"result_counts"`
	}
	if json.Unmarshal(x.raw, &r) != nil || r.Counts.Total == nil {
		return 0, false
	}
	return uint64(*r.Counts.Total), true
}

// unknown are the evals that the dump has not, and has runs or output items of.
func (d *dump) unknown() []string {
	known := map[string]bool{}
	for _, x := range d.evals {
		known[x.id] = true
	}
	var out []string
	for _, x := range slices.Concat(d.runs, d.items) {
		if !known[x.eval] {
			known[x.eval] = true
			out = append(out, x.eval)
		}
	}
	return out
}

// gaps are what the dump says that it lacks.
func (d *dump) gaps() []*pb.Gap {
	out := slices.Clone(d.damaged)
	for _, id := range d.unknown() {
		out = append(out, &pb.Gap{Kind: "testsuite", Place: id, Reason: pb.Gap_REASON_GONE, Detail: "the dump has runs of it, and not the eval itself: its graders are missing"})
	}
	have := map[string]uint64{}
	for _, x := range d.items {
		have[x.eval+" "+x.run]++
	}
	for i := range d.runs {
		x := &d.runs[i]
		if n, ok := rows(x); ok && n > have[x.eval+" "+x.id] {
			out = append(out, &pb.Gap{Kind: "testrun", Place: x.eval + " " + x.id, Reason: pb.Gap_REASON_GONE, Count: n - have[x.eval+" "+x.id],
				Detail: fmt.Sprintf("the run counted %d output items, the dump has %d", n, have[x.eval+" "+x.id])})
		}
	}
	var open []string
	for of, ended := range d.pages {
		if !ended {
			open = append(open, of)
		}
	}
	slices.Sort(open)
	for _, of := range open {
		name, _, _ := strings.Cut(of, " ")
		out = append(out, &pb.Gap{Kind: kindOf(name), Place: "list of " + of, Reason: pb.Gap_REASON_GONE, Detail: "its last page says has_more: the pages behind it were not dumped"})
	}
	return out
}
