package agentcore

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// What cannot be read is no empty result of a tool: the run ends, and goes on later. A source that has no
// blobs at all has none to give.
func TestPartUnread(t *testing.T) {
	blob := &pb.Data{MediaType: "text/plain", Body: &pb.Data_Blob{Blob: &pb.Blob{Id: "b"}}}
	gone := errors.New("gone")
	for _, err := range []error{gone, agentstate.ErrUnsupported} {
		w := &writer{run: &replay.Run{Source: agentstate.Resolver{OpenBlob: func(context.Context, *pb.Blob) (io.ReadCloser, error) { return nil, err }}}}
		for _, p := range []*pb.Part{
			{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "1", Output: blob}}},
			{Body: &pb.Part_Data{Data: blob}},
		} {
			if _, got := w.partJSON(t.Context(), p); errors.Is(got, gone) != (err == gone) {
				t.Errorf("%T: %v, the source says %v", p.Body, got, err)
			}
		}
	}
}
