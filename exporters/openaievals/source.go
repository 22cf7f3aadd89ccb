package openaievals

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Records reads the dump: eval by eval, its cases, its runs and what they gave.
func (d *Dump) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		e := agentstate.NewEmitter(ctx, yield, d.origin())
		if opts != nil && len(opts.Cursor) > 0 {
			e.Fail(fmt.Errorf("openaievals: %w", agentstate.ErrCursor))
			return
		}
		if !e.OK() {
			return
		}
		all, err := d.load(ctx)
		if err != nil {
			e.Fail(err)
			return
		}
		d.mu.Lock()
		d.blobs = map[string][]byte{}
		d.mu.Unlock()
		r := &reader{d: d, e: e, all: all, models: map[string]bool{}}
		r.read()
		d.mu.Lock()
		d.blobs = nil
		d.mu.Unlock()
	}
}

// A reader makes the records of a dump.
type reader struct {
	d      *Dump
	e      *agentstate.Emitter
	all    *dump
	models map[string]bool
}

func (r *reader) read() {
	byEval := map[string]*ofEval{}
	var order []string
	of := func(id string) *ofEval {
		if byEval[id] == nil {
			byEval[id] = &ofEval{id: id}
			order = append(order, id)
		}
		return byEval[id]
	}
	for i := range r.all.evals {
		of(r.all.evals[i].id).eval = &r.all.evals[i]
	}
	for _, x := range r.all.runs {
		v := of(x.eval)
		v.runs = append(v.runs, x)
	}
	for _, x := range r.all.items {
		v := of(x.eval)
		v.items = append(v.items, x)
	}
	for _, id := range order {
		if !r.eval(byEval[id]) {
			return
		}
	}
	for _, x := range r.all.others {
		key := []string{x.eval, x.run, x.id}
		if x.id == "" {
			key = []string{harness.Digest(x.raw)}
		}
		m := agentstate.Meta("opaque", nil, append([]string{"object"}, key...)...)
		m.Native = []*pb.Native{r.native("object", m.Key, x.raw)}
		if !r.e.Put(&pb.Opaque{Meta: m}) {
			return
		}
	}
	for _, g := range r.all.gaps() {
		if !r.e.Gap(g) {
			return
		}
	}
	r.statement(len(order))
	r.e.End(nil)
}

func (r *reader) statement(evals int) {
	const route, access = "objects of the files", "whole files"
	r.e.Reference("testsuite", uint64(evals), route, access)
	r.e.Reference("opaque", uint64(len(r.all.runs)+len(r.all.others)), route, access)
	runs, counted := r.all.counted()
	if counted { // the provider's own count of the rows
		r.e.Reference("testrun", runs, "result_counts of the runs", "the provider counted")
	} else {
		r.e.Reference("testrun", uint64(len(r.all.items)), route, access)
	}
	r.e.Derived("testcase", "testrun", "opaque")
	r.e.Derived("model", "testrun")
	r.e.AbsentOthers()
	st := r.e.Statement()
	st.Observer, st.ObserverBasis = fmt.Sprintf("uid %d", os.Getuid()), "process"
	st.Account, st.Consistent = r.d.origin().Location, true
}

// ofEval is what belongs to one eval.
type ofEval struct {
	id          string
	eval        *object // nil: the dump has it not
	runs, items []object
}

func (r *reader) native(typ, key string, raw jsonvalue.Value) *pb.Native {
	return &pb.Native{Type: typ, Body: &pb.Native_Data{Data: r.d.data(key, "application/json", raw)}}
}

func runKey(eval, run string) string { return agentstate.Key("opaque", "run", eval, run) }

func itemKey(x *object) string { return agentstate.Key("testrun", x.eval, x.run, x.id) }

// eval yields one eval with all that is of it; false: stop.
func (r *reader) eval(v *ofEval) bool {
	key := agentstate.Key("testsuite", v.id)
	s := &pb.TestSuite{Meta: &pb.Meta{Key: key}}
	var criteria []json.RawMessage
	if v.eval != nil {
		o := v.eval.raw
		s.Name = o.Get("name").Text()
		s.Meta.CreatedUnixNano = seconds(o.Get("created_at"))
		s.Definition = r.d.data(key, "application/json", v.eval.raw)
		s.Meta.Native = []*pb.Native{{Type: "eval", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{{Name: "object", Value: &pb.Column_At{At: "#definition"}}}}}}}
		_ = json.Unmarshal(o.Get("testing_criteria"), &criteria)
	} else { // nobody dumped it: a name for its cases
		for _, x := range v.runs {
			s.Meta.ViewOfKeys = append(s.Meta.ViewOfKeys, runKey(x.eval, x.id))
		}
		if s.Meta.ViewOfKeys == nil {
			s.Meta.ViewOfKeys = []string{itemKey(&v.items[0])}
		}
	}
	if !r.e.Put(s) {
		return false
	}
	return r.cases(v, key, criteria) && r.runs(v, key) && r.items(v)
}

func seconds(raw jsonvalue.Value) int64 {
	var n int64
	if json.Unmarshal(raw, &n) != nil {
		return 0
	}
	return agentstate.UnixNano(time.Unix(n, 0))
}

func (r *reader) runs(v *ofEval, suite string) bool {
	for _, x := range v.runs {
		o := x.raw
		m := &pb.Meta{Key: runKey(x.eval, x.id), CreatedUnixNano: seconds(o.Get("created_at"))}
		m.Native = []*pb.Native{r.native("eval.run", m.Key, x.raw)}
		if !r.e.Put(&pb.Opaque{Meta: m, AboutKeys: []string{suite}}) {
			return false
		}
	}
	return true
}

// items yields what the runs gave, one TestRun an output item.
func (r *reader) items(v *ofEval) bool {
	for i := range v.items {
		x := &v.items[i]
		o := x.raw
		t := &pb.TestRun{Meta: &pb.Meta{Key: itemKey(x), CreatedUnixNano: seconds(o.Get("created_at"))}}
		t.Meta.Native = []*pb.Native{r.native("eval.run.output_item", t.Meta.Key, x.raw)}
		t.StartedUnixNano = t.Meta.CreatedUnixNano
		if item := o.Get("datasource_item"); item.IsObject() { // else there is no case
			t.CaseKey = caseKey(v.id, item)
		}
		sample := o.Get("sample")
		if out, ok := output(sample.Get("output")); ok {
			t.Output = r.d.data(t.Meta.Key+"#output", harness.PlainText, out)
		}
		r.graded(t, o.Get("results"))
		if model := sample.Get("model").Text(); model != "" {
			t.ModelKey = agentstate.Key("model", model)
			if !r.models[model] {
				r.models[model] = true
				m := &pb.Model{Meta: agentstate.Meta("model", nil, model), ServedId: model}
				m.Meta.ViewOfKeys = []string{t.Meta.Key}
				if !r.e.Put(m) {
					return false
				}
			}
		}
		if !r.e.Put(t) {
			return false
		}
	}
	return true
}

// output is the text of the assistant's messages; false: there is none.
func output(raw jsonvalue.Value) ([]byte, bool) {
	var out []string
	raw.Elements(func(m jsonvalue.Value) {
		if s, ok := plain(m.Get("content")); ok {
			out = append(out, s)
		}
	})
	return []byte(strings.Join(out, "\n")), len(out) > 0
}

// graded sets what the graders said: passed where all did, and the score where there is one grader.
func (r *reader) graded(t *pb.TestRun, raw jsonvalue.Value) {
	var results []struct {
		Passed *bool    `json:"passed"`
		Score  *float64 `json:"score"`
	}
	if json.Unmarshal(raw, &results) != nil || len(results) == 0 {
		return
	}
	passed := true
	for _, g := range results {
		if g.Passed == nil {
			return
		}
		passed = passed && *g.Passed
	}
	t.Passed = &passed
	if len(results) == 1 {
		t.Score = results[0].Score
	}
}
