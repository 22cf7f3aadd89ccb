// Package agentstate is the vocabulary of the project, as io and io/fs are of the standard
// library: records and their keys, Source, Sink and Copy, and Judge, which says how whole a
// reading was.
//
// A runtime is read through a [Source], an archive is written through a [Sink], and [Copy]
// moves state from one to the other. A runtime is never a Sink: it is written through package
// replay, which disarms what arrives. More ability is found with [As]: a Source may also be a
// [Getter] or a [BlobSource], a Sink a [BlobSink] or a [Marker].
package agentstate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A Record is any message of proto/exitramp/v1 whose field 1 is its Meta. Callers tell the
// kinds apart with a type switch: case *exitrampv1.Memory.
type Record interface {
	proto.Message
	GetMeta() *pb.Meta
}

// A Source is anything that agent state can be read from: a runtime, an archive, a test double.
type Source interface {
	// Records starts to read anew. Order: Origin first; what a record refers to by a hard
	// reference before the record; the children of one parent together; Completeness last.
	// A non-nil error is the last pair. What cannot be read is a Gap, not an error. Break and
	// cancel return at once. Records belong to the caller.
	Records(ctx context.Context, opts *ReadOptions) iter.Seq2[Record, error]
}

// ReadOptions narrows a reading. A nil pointer reads everything. A source may ignore Kinds;
// Copy then filters.
type ReadOptions struct {
	Kinds  []string // nil: all
	Cursor []byte   // of the last Mark made durable; nil: from the start. ErrCursor: cannot go on from there
}

// A Wirer is a Source that has the bytes of its records at hand. Wired is Records. As is not to look for
// it: the bytes of what a wrapper wraps are none of what it yields.
type Wirer interface {
	Wired(ctx context.Context, opts *ReadOptions) iter.Seq2[Wired, error]
}

// Wired is a record and its bytes, which it may share: who changes the one does not look at the other.
type Wired struct {
	Record Record
	Wire   []byte // as protobuf marshals it; nil: not at hand
}

// WiredOf are the records of src, with bytes where they are at hand.
func WiredOf(ctx context.Context, src Source, opts *ReadOptions) iter.Seq2[Wired, error] {
	if w, ok := src.(Wirer); ok {
		return w.Wired(ctx, opts)
	}
	return func(yield func(Wired, error) bool) {
		for r, err := range src.Records(ctx, opts) {
			if !yield(Wired{Record: r}, err) {
				return
			}
		}
	}
}

// A Lender is a Source that can lend the records that it keeps, in place of copies. Lend is Records, with
// bytes where they are at hand, but for this: whoever reads changes none of them, and hands them to nobody
// who might. As is not to look for it: what a wrapper wraps may be lent, and is not what the wrapper yields.
type Lender interface {
	Lend(ctx context.Context, opts *ReadOptions) iter.Seq2[Wired, error]
}

// Lent are the records of src, lent where it lends, and with bytes where they are at hand.
func Lent(ctx context.Context, src Source, opts *ReadOptions) iter.Seq2[Wired, error] {
	if l, ok := src.(Lender); ok {
		return l.Lend(ctx, opts)
	}
	return WiredOf(ctx, src, opts)
}

// A Getter is a Source with access by key. ErrNotFound when there is no such record.
type Getter interface {
	Get(ctx context.Context, key string) (Record, error)
}

// A BlobSource opens the bytes that a record's Blob stands for, while the stream that the
// record came from is read.
type BlobSource interface {
	OpenBlob(ctx context.Context, b *pb.Blob) (io.ReadCloser, error)
}

// A Sink takes records. It is all or nothing: what was put counts after Commit only. A Sink
// that holds anything is an io.Closer; Close before Commit abandons.
type Sink interface {
	Put(ctx context.Context, r Record) error // keeps no reference to r
	Commit(ctx context.Context) error
}

// A BlobSink stores blob bytes. It sets b.Id, b.Sha256 and b.Size. Copy calls it before Put of
// the record that holds b.
type BlobSink interface {
	PutBlob(ctx context.Context, b *pb.Blob, r io.Reader) error
}

// A RecordBlobSink is a BlobSink that has to know which record a blob belongs to, because it keeps
// records apart. Copy calls PutBlobOf in place of PutBlob.
type RecordBlobSink interface {
	PutBlobOf(ctx context.Context, of Record, b *pb.Blob, r io.Reader) error
}

// A Marker is a Sink that can be resumed. When Mark returns, all records put so far and the
// cursor are on stable storage, or the sink has chosen to remember an earlier cursor.
type Marker interface {
	Mark(ctx context.Context, cursor []byte) error
	Cursor() []byte // where a broken run left off; nil: a fresh start
	Tally() *Tally  // of the records that a broken run left; nil with a nil Cursor
}

// A Preflighter is a Source that can say, by reads alone and without storing anything, who
// reads, what can and cannot be read, and how long it would take.
type Preflighter interface {
	Preflight(ctx context.Context) (*Preflight, error)
}

// Preflight is what a source finds out before an export.
type Preflight struct {
	Origin   *pb.Origin
	Observer string           // principal that would read
	Counts   map[string]int64 // records by kind; -1: there are some, not counted
	Gaps     []*pb.Gap        // what would be missing, with the permission that would open it
	Never    []string         // what the runtime never gives: secrets, embeddings
	Notes    []string         // what a person should know: a missing WAL, a running writer
	Effort   *Effort          // of an export, where it is a matter of requests; nil: it is not, or nobody can tell
}

// Effort is what an export takes at least: what a preflight has not counted comes on top.
type Effort struct {
	Requests uint64
	Time     time.Duration
	Formula  string // how Time comes about: "4100 ListEvents ÷ 20/s"
}

// Errors that callers act on.
var (
	ErrNotFound    = errors.New("agentstate: not found")
	ErrConflict    = errors.New("agentstate: other content under the same key")
	ErrUnsupported = errors.New("agentstate: not supported")
	// ErrCursor: the source has changed since the cursor was made, or does not know it.
	ErrCursor = errors.New("agentstate: cannot resume from this cursor")
)

// Side says on which side a copy broke.
type Side int

// The sides.
const (
	FromSource Side = iota + 1
	ToSink
)

// String is "source" or "sink".
func (s Side) String() string {
	switch s {
	case FromSource:
		return "source"
	case ToSink:
		return "sink"
	}
	return "unknown side"
}

// CopyError is the error of Copy: the side, and the last record that was read whole.
type CopyError struct {
	Side Side
	Key  string // empty: before the first record
	Err  error
}

// Error names side, record and cause.
func (e *CopyError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("agentstate: %s: %v", e.Side, e.Err)
	}
	return fmt.Sprintf("agentstate: %s: at %s: %v", e.Side, e.Key, e.Err)
}

// Unwrap gives the cause.
func (e *CopyError) Unwrap() error { return e.Err }
