package harness

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Results are the runs of a test as records: a Source of TestRuns.
type Results struct {
	Name string // of the test, part of every key: two tests in one archive need two
	runs []*pb.TestRun
}

// Add takes one result. Output and tool calls are kept as the runner gave them.
func (s *Results) Add(r Result) {
	t := &pb.TestRun{
		Meta:            agentstate.Meta("testrun", nil, s.Name, r.Task.Key, r.Side, strconv.Itoa(r.Run)),
		CaseKey:         r.Task.Key,
		StartedUnixNano: agentstate.UnixNano(r.Started), EndedUnixNano: agentstate.UnixNano(r.Ended),
	}
	t.Meta.Labels = []*pb.Label{{Name: "side", Value: r.Side}, {Name: "run", Value: strconv.Itoa(r.Run)}}
	if r.Why != "" {
		t.Meta.Labels = append(t.Meta.Labels, &pb.Label{Name: "why", Value: r.Why})
	}
	if r.Judged {
		t.Passed = &r.Passed
	}
	if r.Answer != nil {
		a := *r.Answer
		a.ID = ""
		t.Output = agentstate.Inline(JSON, Encode(outcome{a.Output, a.ToolCalls, a.Usage, a.Error}))
	}
	s.runs = append(s.runs, t)
}

// outcome is an Answer as a TestRun keeps it.
type outcome struct {
	Output    any        `json:"output"`
	ToolCalls []ToolCall `json:"tool_calls,omitempty"`
	Usage     any        `json:"usage,omitempty"`
	Error     string     `json:"error,omitempty"`
}

// Records yields the runs in the order in which they were added. Outputs above
// agentstate.SpillSize are blobs.
func (s *Results) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		e := agentstate.NewEmitter(ctx, yield, &pb.Origin{
			Meta: agentstate.Meta("origin", nil, "exitramp-test", s.Name), Product: "exitramp-test", Location: s.Name,
		})
		if opts != nil && len(opts.Cursor) > 0 {
			e.Fail(fmt.Errorf("harness: %w", agentstate.ErrCursor))
			return
		}
		for i := range s.runs {
			if !e.Put(s.record(i)) {
				return
			}
		}
		e.Reference("testrun", uint64(len(s.runs)), "length of the list", "made by this process")
		e.AbsentOthers()
		e.Statement().Consistent = true
		e.End(nil)
	}
}

// record is run i, the reader's own.
func (s *Results) record(i int) *pb.TestRun {
	r := proto.Clone(s.runs[i]).(*pb.TestRun)
	if b := r.Output.GetInline(); len(b) > agentstate.SpillSize {
		r.Output.Body = &pb.Data_Blob{Blob: &pb.Blob{Id: strconv.Itoa(i)}}
	}
	return r
}

// OpenBlob opens a long output.
func (s *Results) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	i, err := strconv.Atoi(b.GetId())
	if err != nil || i < 0 || i >= len(s.runs) {
		return nil, fmt.Errorf("harness: %w: blob %s", agentstate.ErrNotFound, b.GetId())
	}
	return io.NopCloser(bytes.NewReader(s.runs[i].Output.GetInline())), nil
}
