// Package memstate is agent state in memory: the reference for drivers, and the double that other
// packages test with.
//
// [State] is a plain Source and Sink. [Runtime] can be replayed into, and can be told to make its
// own ids, to refuse, and to break off at any step. [Server] is a small paged service that can lie
// in the ways in which real ones do, and [Client] is a driver that reads it page by page with the
// rules that a driver needs: so the rules are tested on something that can break them.
package memstate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// State holds records in the order in which they came. It is a Sink, all or nothing, and a Source
// of what was committed. All methods may be called from several goroutines. The zero value is empty.
type State struct {
	// MarkEvery, where above 0, has Records yield a Mark after as many records.
	MarkEvery int

	mu     sync.RWMutex
	recs   []agentstate.Record
	keys   map[string]int // of recs
	blobs  map[string][]byte
	staged []agentstate.Record
	fresh  map[string]int // keys of staged
	mark   *mark
}

// mark is the place that a broken run left off at.
type mark struct {
	cursor []byte
	staged int // records that were there
}

var (
	_ agentstate.Source     = (*State)(nil)
	_ agentstate.Sink       = (*State)(nil)
	_ agentstate.Getter     = (*State)(nil)
	_ agentstate.Lender     = (*State)(nil)
	_ agentstate.BlobSource = (*State)(nil)
	_ agentstate.BlobSink   = (*State)(nil)
	_ agentstate.Marker     = (*State)(nil)
	_ io.Closer             = (*State)(nil)
)

// New is a State that holds recs, in this order and with nothing added.
func New(recs ...agentstate.Record) *State {
	s := &State{}
	for _, r := range recs {
		s.add(clone(r))
	}
	return s
}

// clone is a copy of r that shares nothing with it.
func clone(r agentstate.Record) agentstate.Record {
	if v, ok := r.(interface{ CloneMessageVT() proto.Message }); ok { // a third of the time
		return v.CloneMessageVT().(agentstate.Record)
	}
	return proto.Clone(r).(agentstate.Record)
}

func (s *State) add(r agentstate.Record) {
	if s.keys == nil {
		s.keys = map[string]int{}
	}
	s.keys[r.GetMeta().GetKey()] = len(s.recs)
	s.recs = append(s.recs, r)
}

// Len is the number of records that are committed.
func (s *State) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.recs)
}

// Records yields clones of what was committed when it started. Control records always come.
func (s *State) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return s.read(ctx, opts, clone)
}

func itself(r agentstate.Record) agentstate.Record { return r }

// read yields records as give makes them.
func (s *State) read(ctx context.Context, opts *agentstate.ReadOptions, give func(agentstate.Record) agentstate.Record) iter.Seq2[agentstate.Record, error] {
	if opts == nil {
		opts = &agentstate.ReadOptions{}
	}
	return func(yield func(agentstate.Record, error) bool) {
		s.mu.RLock()
		recs := slices.Clone(s.recs)
		s.mu.RUnlock()
		from, err := place(opts.Cursor, recs)
		if err != nil {
			yield(nil, err)
			return
		}
		for i, r := range recs {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if _, origin := r.(*pb.Origin); i < from && (i > 0 || !origin) {
				continue // a stream that goes on starts with its origin all the same
			}
			if wants(opts, r) && !yield(give(r), nil) {
				return
			}
			if n := i + 1; s.MarkEvery > 0 && n%s.MarkEvery == 0 && n < len(recs) && n > from {
				if !yield(&pb.Mark{Meta: agentstate.Meta("mark", nil), Cursor: cursorAt(n, recs)}, nil) {
					return
				}
			}
		}
	}
}

func wants(opts *agentstate.ReadOptions, r agentstate.Record) bool {
	k := agentstate.KindOf(r)
	return opts.Kinds == nil || !agentstate.IsState(k) || slices.Contains(opts.Kinds, k)
}

// cursorAt is the place after n records. It holds a digest of their keys, so that another state
// does not take it for its own.
func cursorAt(n int, recs []agentstate.Record) []byte {
	h := sha256.New()
	for _, r := range recs[:n] {
		fmt.Fprintf(h, "%q\n", r.GetMeta().GetKey())
	}
	return h.Sum(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func place(cursor []byte, recs []agentstate.Record) (int, error) {
	if len(cursor) == 0 {
		return 0, nil
	}
	if len(cursor) != 8+sha256.Size {
		return 0, agentstate.ErrCursor
	}
	n := binary.BigEndian.Uint64(cursor)
	if n > uint64(len(recs)) || !bytes.Equal(cursor, cursorAt(int(n), recs)) {
		return 0, agentstate.ErrCursor
	}
	return int(n), nil
}

// Get finds a committed record.
func (s *State) Get(_ context.Context, key string) (agentstate.Record, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, ok := s.keys[key]
	if !ok {
		return nil, fmt.Errorf("%w: %s", agentstate.ErrNotFound, key)
	}
	return clone(s.recs[i]), nil
}

// Put stages a record. The same again is kept once; another under the same key is ErrConflict.
func (s *State) Put(_ context.Context, r agentstate.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := r.GetMeta().GetKey()
	old := s.find(k)
	switch {
	case old == nil:
	case proto.Equal(old, r):
		return nil
	default:
		return fmt.Errorf("%w: %s", agentstate.ErrConflict, k)
	}
	if s.fresh == nil {
		s.fresh = map[string]int{}
	}
	s.fresh[k] = len(s.staged)
	s.staged = append(s.staged, clone(r))
	return nil
}

func (s *State) find(key string) agentstate.Record {
	if i, ok := s.fresh[key]; ok {
		return s.staged[i]
	}
	if i, ok := s.keys[key]; ok {
		return s.recs[i]
	}
	return nil
}

// Commit makes what was put count.
func (s *State) Commit(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.staged {
		s.add(r)
	}
	s.staged, s.fresh, s.mark = nil, nil, nil
	return nil
}

// Close before Commit abandons what was put, but for what the last Mark made durable: the next run
// goes on from there.
func (s *State) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	if s.mark != nil {
		n = s.mark.staged
	}
	for _, r := range s.staged[n:] {
		delete(s.fresh, r.GetMeta().GetKey())
	}
	s.staged = s.staged[:n]
	return nil
}

// Mark remembers the place after what was put so far.
func (s *State) Mark(_ context.Context, cursor []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark = &mark{bytes.Clone(cursor), len(s.staged)}
	return nil
}

// Cursor is where a broken run left off; nil: there is none.
func (s *State) Cursor() []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.mark == nil {
		return nil
	}
	return bytes.Clone(s.mark.cursor)
}

// Tally is of what a broken run left.
func (s *State) Tally() *agentstate.Tally {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.mark == nil {
		return nil
	}
	t := &agentstate.Tally{}
	for _, r := range s.staged[:s.mark.staged] {
		t.Add(clone(r))
	}
	return t
}

// PutBlob keeps the bytes of r under their SHA-256.
func (s *State) PutBlob(_ context.Context, b *pb.Blob, r io.Reader) error {
	v, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(v)
	b.Id, b.Sha256, b.Size = hex.EncodeToString(sum[:]), sum[:], uint64(len(v))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blobs == nil {
		s.blobs = map[string][]byte{}
	}
	s.blobs[b.Id] = v
	return nil
}

// OpenBlob opens what PutBlob kept.
func (s *State) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, ok := s.blobs[b.GetId()]
	if !ok {
		return nil, fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, b.GetId())
	}
	return io.NopCloser(bytes.NewReader(v)), nil
}
