// Package underway holds the stream that a source is yielding, so that the blobs of its records can be opened meanwhile.
package underway

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// An Opener opens a blob of the records of one stream by its id.
type Opener interface {
	OpenBlob(ctx context.Context, id string) (io.ReadCloser, error)
}

// A Stream is the one under way. Its zero value holds none.
type Stream struct {
	mu  sync.Mutex
	now Opener
}

// Begin makes o the stream under way of s, until end is called. It is no method, as sources embed s.
func Begin(s *Stream, o Opener) (end func()) {
	s.set(o)
	return func() { s.set(nil) }
}

func (s *Stream) set(o Opener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = o
}

// OpenBlob opens bytes that a record of the stream under way points at.
func (s *Stream) OpenBlob(ctx context.Context, b *pb.Blob) (io.ReadCloser, error) {
	s.mu.Lock()
	o := s.now
	s.mu.Unlock()
	if o == nil {
		return nil, fmt.Errorf("%w: blob %s: its stream has ended", agentstate.ErrNotFound, b.GetId())
	}
	return o.OpenBlob(ctx, b.GetId())
}
