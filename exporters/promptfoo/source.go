package promptfoo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const mediaYAML = "application/yaml"

// Records reads the file: the suite with all of its bytes, then its cases.
func (s *Suite) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		e := agentstate.NewEmitter(ctx, yield, s.origin())
		if opts != nil && len(opts.Cursor) > 0 {
			e.Fail(fmt.Errorf("promptfoo: %w", agentstate.ErrCursor)) // a file of this size is read anew
			return
		}
		if !e.OK() {
			return
		}
		doc, b, err := s.load()
		if err != nil {
			e.Fail(err)
			return
		}
		e.Put(suiteRecord(doc, b))
		for i := range doc.cases {
			if !e.Put(doc.cases[i].record()) {
				return
			}
		}
		for _, o := range doc.left {
			e.Gap(o.gap())
		}
		e.Reference("testsuite", 1, "the file is one suite", "whole file")
		e.Derived("testcase", "testsuite")
		e.AbsentOthers()
		st := e.Statement()
		st.Observer, st.ObserverBasis = fmt.Sprintf("uid %d", os.Getuid()), "process"
		st.Account, st.Consistent = s.origin().Location, true
		e.Note(doc.notes()...)
		e.End(nil)
	}
}

// suiteRecord is the file. Its bytes are its definition, and its native form cites them.
func suiteRecord(doc *suite, b []byte) *pb.TestSuite {
	r := &pb.TestSuite{Name: doc.description, Definition: agentstate.Inline(mediaYAML, b)}
	r.Meta = &pb.Meta{Key: suiteKey, Native: []*pb.Native{{Type: "file", Body: &pb.Native_Row{Row: &pb.Row{
		Columns: []*pb.Column{{Name: "content", Value: &pb.Column_At{At: "#definition"}}},
	}}}}}
	if len(b) > agentstate.SpillSize {
		r.Definition.Body = &pb.Data_Blob{Blob: &pb.Blob{Id: "file"}}
	}
	return r
}

// OpenBlob opens the file again: its bytes are beside the record where they are many.
func (s *Suite) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	if b.GetId() != "file" {
		return nil, fmt.Errorf("promptfoo: %w: blob %s", agentstate.ErrNotFound, b.GetId())
	}
	all, err := s.read()
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(all)), nil
}

// record is the case as a view of its suite.
func (c *testCase) record() *pb.TestCase {
	r := &pb.TestCase{
		Meta: agentstate.Meta("testcase", nil, product, c.id), SuiteKey: suiteKey, Name: c.name,
		Input: agentstate.Inline(harness.JSON, harness.Encode(c.input)), Expectations: c.expect,
	}
	r.Meta.ViewOfKeys = []string{suiteKey}
	return r
}

func (l left) gap() *pb.Gap {
	g := &pb.Gap{Kind: "testcase", Place: l.place, Detail: l.why}
	if l.why == outside {
		g.Reason = pb.Gap_REASON_GONE
	}
	return g
}

// Preflight says what is in the file, and stores nothing.
func (s *Suite) Preflight(context.Context) (*agentstate.Preflight, error) {
	doc, _, err := s.load()
	if err != nil {
		return nil, err
	}
	p := &agentstate.Preflight{Origin: s.origin(), Observer: fmt.Sprintf("uid %d", os.Getuid()),
		Counts: map[string]int64{"testsuite": 1, "testcase": int64(len(doc.cases))}}
	for _, o := range doc.left {
		p.Gaps = append(p.Gaps, o.gap())
	}
	p.Notes = doc.notes()
	return p, nil
}

// notes say to a person what of the suite asks for more than exitramp has.
func (s *suite) notes() (out []string) {
	for _, typ := range slices.Sorted(maps.Keys(s.judged)) {
		out = append(out, fmt.Sprintf("assertions %s, which need a judge command: %d", typ, s.judged[typ]))
	}
	if s.unfilled > 0 {
		out = append(out, fmt.Sprintf("cases with a template that only promptfoo fills: %d", s.unfilled))
	}
	return out
}
