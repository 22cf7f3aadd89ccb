package format

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
	"unique"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/container"
	"github.com/exitramp/exitramp/format/internal/record"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A Writer writes an archive. It is an [agentstate.Sink], [agentstate.BlobSink] and
// [agentstate.Marker], for one goroutine. It holds a fixed number of shards and one run of the
// index, whatever the size of the archive. After an error nothing can be put any more.
//
// A key can be put once. The second time is agentstate.ErrConflict: at once within a stretch of
// 2^20 records (and between two commits of a file), by Verify beyond it, since an archive on
// its way through an io.Writer cannot be read back.
type Writer struct {
	opts    WriterOptions
	lim     Limits
	id      archiveID
	created time.Time

	zip  *container.Stream
	pipe *pipeline
	file *partFile // nil: an io.Writer

	comps   []*compartment
	types   map[string]protoreflect.MessageDescriptor // by kind, of those seen
	shards  map[shardKey]*openShard
	vectors map[vectorKey]*openVectors
	open    int // bytes in open shards and vector members
	scratch []byte
	run     run
	tally   agentstate.Tally
	next    counters

	blobs   []blobState // by number - 1
	measure record.Measure
	scan    *scanner

	led    ledger // written by the pipeline's writing goroutine; read after a barrier
	err    error  // of the caller's side
	closed bool
}

var (
	_ agentstate.Sink     = (*Writer)(nil)
	_ agentstate.BlobSink = (*Writer)(nil)
	_ agentstate.Marker   = (*Writer)(nil)
	_ io.Closer           = (*Writer)(nil)
)

// counters are the numbers that were given out last.
type counters struct {
	Shard, Vector, Index, Opaque, Blob, Members uint64
	List                                        uint64 // bytes of manifest-sha256.txt
}

// openBytes is how much raw data may be in open shards before the largest one is closed.
const openBytes = 24 << 20

// NewWriter writes an archive to w, which is never sought. It cannot be resumed: Mark does
// nothing, and Close without Commit leaves w with the beginning of an archive that no reader
// takes. NewWriter writes at once.
func NewWriter(w io.Writer, opts *WriterOptions) (*Writer, error) {
	nw, err := newWriter(opts)
	if err != nil {
		return nil, err
	}
	if err := nw.makeKeys(); err != nil {
		return nil, err
	}
	nw.start(w, 0)
	if err := nw.begin(); err != nil {
		return nil, errors.Join(err, nw.Close())
	}
	return nw, nil
}

func newWriter(opts *WriterOptions) (*Writer, error) {
	if opts == nil {
		opts = &WriterOptions{}
	}
	if err := opts.check(); err != nil {
		return nil, err
	}
	w := &Writer{
		opts: *opts, lim: opts.Limits.orDefault(), created: opts.Created.UTC(),
		types: map[string]protoreflect.MessageDescriptor{}, shards: map[shardKey]*openShard{}, vectors: map[vectorKey]*openVectors{},
	}
	if opts.Created.IsZero() {
		now := opts.Now
		if now == nil {
			now = time.Now
		}
		w.created = now().UTC().Truncate(time.Second)
	}
	if len(opts.Seed) > 0 {
		m := hmac.New(sha256.New, opts.Seed)
		m.Write(binary.BigEndian.AppendUint64([]byte("exitramp archive id\x00"), uint64(w.created.UnixNano())))
		copy(w.id[:], m.Sum(nil))
	} else {
		rand.Read(w.id[:])
	}
	w.scan, w.run = newScanner(w.lim.Depth), newRun()
	w.tally = agentstate.Tally{Records: map[string]uint64{}, Views: map[string]uint64{}}
	return w, nil
}

// start opens the container on out, of which at bytes with the ledger's members are there.
func (w *Writer) start(out io.Writer, at int64) {
	w.zip = container.NewStream(out, at)
	packers := make([]*packer, w.opts.workers())
	for i := range packers {
		packers[i] = newPacker(w)
	}
	w.pipe = newPipeline(len(packers), func(i int, j *job) error { return packers[i].pack(j) }, w.write)
}

// begin writes what comes before the records.
func (w *Writer) begin() error {
	if err := w.add(nameBagit, []byte(bagit)); err != nil {
		return err
	}
	set, digest := Schema()
	w.count1(schemaName(digest))
	return w.add(schemaName(digest), set)
}

// add writes a member as it is, from the caller's goroutine; nothing may be in the pipeline.
func (w *Writer) add(name string, body []byte) error {
	return w.write(&job{name: name, out: body, sum: sha256.Sum256(body), crc: crc32.ChecksumIEEE(body)})
}

// write is the pipeline's last stage.
func (w *Writer) write(j *job) error {
	if _, err := w.zip.Add(w.id.prefix()+j.name, j.out, j.crc); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	return w.led.note(j.name, row{
		sum: j.sum, root: j.root, first: j.fences[0], last: j.fences[1], raw: uint64(len(j.raw)), size: uint32(len(j.out)), crc: j.crc,
		ordinal: uint32(j.ordinal), count: uint32(j.count), kind: unique.Make(j.kind), holds: j.typ, comp: uint8(j.comp),
	})
}

// ready is the reason why nothing can be put, nil when something can.
func (w *Writer) ready(ctx context.Context) error {
	switch {
	case w.closed:
		return ErrClosed
	case w.err != nil:
		return w.err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return w.stopOn(w.pipe.failed())
}

// Put adds r, of which it keeps no reference.
func (w *Writer) Put(ctx context.Context, r agentstate.Record) error {
	if err := w.ready(ctx); err != nil {
		return err
	}
	key := r.GetMeta().GetKey()
	kind := agentstate.KindOfKey(key)
	if err := w.checkKind(kind, key, r); err != nil {
		return err
	}
	w.scratch = append(w.scratch[:0], key...)
	m := w.run.mark(w.scratch)
	if w.run.has(m) {
		return fmt.Errorf("format: %s was put before: %w", key, agentstate.ErrConflict)
	}
	comp := w.compartmentOf(r)
	s, err := w.place(shardKey{kind, comp}, r)
	if err != nil {
		return err
	}
	w.run.add(m, comp, s.ordinal, s.count-1)
	w.count(r)
	if s.count >= maxShardRecords || len(s.raw)+s.cut/8 >= w.target(s.ordinal) {
		w.closeShard(s)
	}
	if w.run.full() {
		w.flushIndex()
	}
	return w.trim()
}

// place puts r into the open shard that takes it. Most records are measured and checked in one go;
// where text is not as it should be, or unknown fields come out as more bytes than were measured,
// the scanner looks at the bytes.
func (w *Writer) place(k shardKey, r agentstate.Record) (*openShard, error) {
	size, quick := w.measure.Size(r)
	defer func() { clear(w.measure.Blobs) }() // no reference is kept
	if quick && w.lim.Depth >= record.Depth {
		s, err := w.placeSized(k, r, size, true)
		if !errors.Is(err, errChanged) {
			return s, err
		}
	}
	return w.placeSized(k, r, sizeOf(r), false)
}

func (w *Writer) placeSized(k shardKey, r agentstate.Record, size int, quick bool) (*openShard, error) {
	s, err := w.shardFor(k, size)
	if err != nil {
		return nil, w.stop(err)
	}
	if err := w.append(s, r, size, quick); err != nil {
		w.release(s)
		return nil, fmt.Errorf("format: %s: %w", printable(r.GetMeta().GetKey()), err)
	}
	return s, nil
}

// printable is key, quoted where a terminal could not show it.
func printable(key string) string {
	if utf8.ValidString(key) {
		return key
	}
	return strconv.Quote(key)
}

// stop remembers an error of which nothing can recover.
func (w *Writer) stop(err error) error {
	if w.err == nil {
		w.err = err
	}
	return err
}

func (w *Writer) stopOn(err error) error {
	if err != nil {
		return w.stop(err)
	}
	return nil
}

// checkKind refuses records that an archive cannot hold.
func (w *Writer) checkKind(kind, key string, r agentstate.Record) error {
	switch {
	case key == "":
		return errors.New("format: a record without a key")
	case !isKind(kind):
		return fmt.Errorf("format: key %q: kind is not a word of lower-case letters and digits", key)
	case kind == "mark":
		return errors.New("format: a Mark is not archived: call Mark")
	}
	want, ok := w.types[kind]
	if !ok {
		want = agentstate.New(kind).ProtoReflect().Descriptor()
		if len(w.types) < 256 {
			w.types[kind] = want
		}
	}
	if got := r.ProtoReflect().Descriptor(); got != want {
		return fmt.Errorf("format: %s is a %s: want %s", key, got.Name(), want.Name())
	}
	return nil
}

// append puts r into s, its vector into a vector member. quick: only its blobs are still to be
// checked, since measure saw the rest.
func (w *Writer) append(s *openShard, r agentstate.Record, size int, quick bool) error {
	if int64(size) > w.lim.Record {
		return fmt.Errorf("%w: %d bytes, a record has at most %d: move big values into blobs", ErrLimit, size, w.lim.Record)
	}
	at := len(s.raw)
	defer func() { w.open += len(s.raw) - at }()
	check := func(rec []byte) error {
		if quick {
			return w.checkBlobs(s)
		}
		return w.checkRecord(s, rec)
	}
	e, ok := r.(*pb.Embedding)
	if !ok {
		return s.append(r, size, check)
	}
	if len(e.VectorSha256) > 0 || e.VectorMember != 0 || e.VectorIndex != 0 {
		return errors.New("vector_sha256, vector_member and vector_index are set by the archive alone")
	}
	if n := len(e.Vector); e.Element != pb.Embedding_ELEMENT_FLOAT32 || n%4 != 0 || n < minVector || n > maxVector {
		return s.append(r, size, check)
	}
	return w.appendEmbedding(s, e, size, check)
}

// checkBlobs refuses a record that was measured if its blobs are not stored.
func (w *Writer) checkBlobs(s *openShard) error {
	for _, b := range w.measure.Blobs {
		if err := w.checkBlob(s.comp, blobRef{[]byte(b.Id), b.Sha256, b.Size}); err != nil {
			return err
		}
	}
	return nil
}

// checkRecord refuses what no reader would take.
func (w *Writer) checkRecord(s *openShard, rec []byte) error {
	if err := w.scan.record(s.kind, rec); err != nil {
		return err
	}
	for _, b := range w.scan.blobs {
		if err := w.checkBlob(s.comp, b); err != nil {
			return err
		}
	}
	return nil
}

// count notes r in the tally, without what the gap or statement says of persons and places.
func (w *Writer) count(r agentstate.Record) {
	kind := agentstate.KindOf(r)
	w.tally.Records[kind]++
	if len(r.GetMeta().GetViewOfKeys()) > 0 {
		w.tally.Views[kind]++
	}
	switch r := r.(type) {
	case *pb.Gap:
		w.tally.Gaps = append(w.tally.Gaps, &pb.Gap{Kind: r.Kind, Count: r.Count})
	case *pb.Completeness:
		w.tally.Statements = append(w.tally.Statements, factsOf(r))
	}
}

// factsOf is the part of a statement that coverage is computed from.
func factsOf(st *pb.Completeness) *pb.Completeness {
	return proto.Clone(&pb.Completeness{Kinds: st.Kinds}).(*pb.Completeness)
}
