package secrets

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Mode is what becomes of records with secrets in them.
type Mode int

// The modes.
const (
	Label  Mode = iota // the record gets a label with classes and counts, and is otherwise as it was
	Redact             // the secret becomes asterisks, in mapped fields, native bytes and blobs alike
	Refuse             // the reading ends with ErrFound, and nothing is passed on from the first finding on
)

// ParseMode is the mode with that name; false: there is none.
func ParseMode(name string) (Mode, bool) {
	i := slices.Index(modeNames, name)
	return Mode(i), i >= 0
}

var modeNames = []string{"label", "redact", "refuse"}

// String is "label", "redact" or "refuse".
func (m Mode) String() string {
	if m < 0 || int(m) >= len(modeNames) {
		return "unknown mode"
	}
	return modeNames[m]
}

// Options are the options of Scan. The zero value labels.
type Options struct {
	Mode    Mode
	MaxBlob int64 // bytes; a larger blob is not scanned, and that is said. 0: 16 MiB
}

// Scan is src with its records scanned. Records and blobs that are asked for by key are src's own, and
// not scanned.
//
// What is found is in each record's label, and as a whole in a label of the Completeness. A secret in a
// key cannot be taken out, since a key is what other records know the record by: Redact ends with
// ErrFound there.
func Scan(src agentstate.Source, s *Scanner, o Options) *Source {
	if o.MaxBlob == 0 {
		o.MaxBlob = 16 << 20
	}
	return &Source{src: src, scanner: s, opts: o, plans: plans{}}
}

// Source is a source whose records are scanned.
type Source struct {
	src     agentstate.Source
	scanner *Scanner
	opts    Options
	plans   plans

	sum   Summary
	named []Record
	stuck []Record          // of Redact: what cannot be taken out
	held  map[string][]byte // blobs of the present record, by id

	stated bool // one Completeness has the summary
	buf    []byte
	found  []Finding
	clean  [][]byte // native texts of the present record in which nothing was found
}

// Unwrap is the source itself.
func (s *Source) Unwrap() agentstate.Source { return s.src }

// Summary is what was found so far.
func (s *Source) Summary() *Summary { return &s.sum }

// Records are those of the source.
func (s *Source) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		s.stated, s.sum, s.named, s.stuck = false, Summary{Mode: s.opts.Mode.String(), Rules: s.scanner.Rules()}, nil, nil
		ro, err := s.resume(opts)
		if err != nil {
			yield(nil, err)
			return
		}
		for r, err := range s.src.Records(ctx, ro) {
			if err != nil {
				yield(nil, err)
				return
			}
			if m, ok := r.(*pb.Mark); ok {
				if !s.bad() && s.mark(m) && !yield(m, nil) {
					return
				}
				continue
			}
			if r == nil || !r.ProtoReflect().IsValid() { // Copy says so
				yield(r, nil)
				return
			}
			kind := agentstate.KindOf(r)
			if ro != nil && ro.Kinds != nil && agentstate.IsState(kind) && !slices.Contains(ro.Kinds, kind) {
				continue
			}
			if err := s.record(ctx, kind, r); err != nil {
				yield(nil, fmt.Errorf("secrets: %w", err))
				return
			}
			if st, ok := r.(*pb.Completeness); ok {
				s.state(st)
			}
			if !s.bad() && !yield(r, nil) {
				return
			}
		}
		if s.bad() && ctx.Err() == nil {
			yield(nil, s.refusal())
		}
	}
}

// bad tells that nothing more is passed on.
func (s *Source) bad() bool { return len(s.stuck) > 0 || s.opts.Mode == Refuse && len(s.named) > 0 }

func (s *Source) refusal() error {
	if s.opts.Mode == Refuse {
		return &FoundError{Why: "found", Summary: s.sum, Named: s.named}
	}
	e := &FoundError{Why: "in keys, where they cannot be taken out", Named: s.stuck}
	for _, r := range s.stuck {
		e.Summary.add(agentstate.KindOfKey(r.Key), r.Found)
	}
	return e
}

// resume takes the counts of a broken run out of its cursor.
func (s *Source) resume(opts *agentstate.ReadOptions) (*agentstate.ReadOptions, error) {
	if opts == nil || len(opts.Cursor) == 0 {
		return opts, nil
	}
	n, size := binary.Uvarint(opts.Cursor)
	if size <= 0 || n > uint64(len(opts.Cursor)-size) {
		return nil, agentstate.ErrCursor
	}
	was := Summary{}
	if err := json.Unmarshal(opts.Cursor[size:size+int(n)], &was); err != nil || was.Mode != s.sum.Mode || was.Rules != s.sum.Rules {
		return nil, agentstate.ErrCursor
	}
	s.sum = was
	return &agentstate.ReadOptions{Kinds: opts.Kinds, Cursor: opts.Cursor[size+int(n):]}, nil
}

// mark puts the counts in front of the source's cursor; false where both together are too long, and
// the sink has to do with an earlier one.
func (s *Source) mark(m *pb.Mark) bool {
	b, err := json.Marshal(&s.sum)
	if err != nil || len(m.Cursor)+len(b)+binary.MaxVarintLen64 > 64<<10 {
		return false
	}
	m.Cursor = append(append(binary.AppendUvarint(nil, uint64(len(b))), b...), m.Cursor...)
	return true
}

// state puts the summary into the first statement, and takes an older one out of the rest.
func (s *Source) state(st *pb.Completeness) {
	if st.Meta == nil {
		return
	}
	if agentstate.SetOwnLabel(st.Meta, agentstate.LabelScan, ""); s.stated {
		return
	}
	s.stated = true
	b, _ := json.Marshal(&s.sum) // of text and numbers
	agentstate.SetOwnLabel(st.Meta, agentstate.LabelScan, string(b))
}

// record scans r, and does what the mode says.
func (s *Source) record(ctx context.Context, kind string, r agentstate.Record) error {
	clear(s.held)
	s.clean = s.clean[:0]
	m := r.GetMeta()
	if m == nil {
		return nil
	}
	agentstate.SetOwnLabel(m, agentstate.LabelSecrets, "")
	had := earlier(m)
	var found Counts
	inKey := false
	note := func(key bool) {
		for _, f := range s.found {
			if found == nil {
				found = Counts{}
			}
			found[f.Class]++
		}
		inKey = inKey || key && len(s.found) > 0
	}
	s.plans.texts(r, s.opts.Mode != Label, func(p place) {
		text := p.text(&s.buf)
		s.sum.Bytes += uint64(len(text))
		if !p.native && s.seen(text) {
			return
		}
		s.found = s.scanner.Find(text, s.found[:0])
		if p.native && len(s.found) == 0 && len(s.clean) < maxClean {
			s.clean = append(s.clean, text)
		}
		note(p.key)
	})
	blobs, err := s.blobs(ctx, r, func() { note(false) })
	if err != nil {
		return err
	}
	s.sum.add(kind, found)
	if len(found) == 0 {
		return nil
	}
	if s.opts.Mode == Redact && !s.redact(r, blobs) {
		inKey = true
	}
	named := Record{Key: m.GetKey(), Found: found}
	if inKey {
		named.Key = kind
	}
	if len(s.named) < maxNamed {
		s.named = append(s.named, named)
	}
	switch {
	case s.opts.Mode == Redact && inKey:
		if len(s.stuck) < maxNamed {
			s.stuck = append(s.stuck, named)
		}
	case s.opts.Mode == Redact:
		for k, n := range had {
			found[k] += n
		}
		agentstate.SetOwnLabel(m, agentstate.LabelRedacted, found.label())
	case s.opts.Mode == Label:
		agentstate.SetOwnLabel(m, agentstate.LabelSecrets, found.label())
	}
	return nil
}

// maxClean is how many native texts of a record are kept in mind.
const maxClean = 4

// seen tells whether text stands, by itself or in quotes, in a native text of the record in which nothing
// was found: most mapped text does, and need not be looked at twice. No rule looks past a quote.
func (s *Source) seen(text []byte) bool {
	if len(text) < 64 {
		return false
	}
	for _, n := range s.clean {
		i := bytes.Index(n, text)
		end := i + len(text)
		if i >= 0 && (i == 0 || n[i-1] == '"') && (end == len(n) || n[end] == '"') {
			return true
		}
	}
	return false
}

// earlier is what was taken out of the record before.
func earlier(m *pb.Meta) Counts {
	for _, l := range m.GetLabels() {
		if l.GetName() == agentstate.LabelRedacted {
			c := Counts{}
			if json.Unmarshal([]byte(l.GetValue()), &c) == nil {
				return c
			}
		}
	}
	return nil
}

// blobs reads and scans the blobs of r; note is called with the findings of each. It returns those that
// were read.
func (s *Source) blobs(ctx context.Context, r agentstate.Record, note func()) (map[string][]byte, error) {
	var list []*pb.Blob
	agentstate.Blobs(r, func(b *pb.Blob) { list = append(list, b) })
	if len(list) == 0 {
		return nil, nil
	}
	if s.held == nil {
		s.held = map[string][]byte{}
	}
	left := s.opts.MaxBlob
	bs, ok := agentstate.As[agentstate.BlobSource](s.src)
	for _, b := range list {
		if !ok {
			return nil, fmt.Errorf("%s: %w: it names a blob and cannot open it", r.GetMeta().GetKey(), agentstate.ErrUnsupported)
		}
		if _, again := s.held[b.GetId()]; again {
			continue
		}
		if b.GetSize() > uint64(left) {
			s.unscanned(r)
			continue
		}
		rc, err := bs.OpenBlob(ctx, b)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(io.LimitReader(rc, left+1))
		rc.Close()
		if err != nil {
			return nil, err
		}
		if int64(len(body)) > left { // the sink reads it anew
			s.unscanned(r)
			continue
		}
		left -= int64(len(body))
		s.held[b.GetId()] = body
		s.sum.Bytes += uint64(len(body))
		s.found = s.scanner.Find(body, s.found[:0])
		note()
	}
	return s.held, nil
}

func (s *Source) unscanned(r agentstate.Record) {
	s.sum.BlobsNotScanned++
	if len(s.sum.NotScannedOf) < maxNamed {
		s.sum.NotScannedOf = append(s.sum.NotScannedOf, r.GetMeta().GetKey())
	}
}

// OpenBlob opens the bytes that were scanned, or else those of the source.
func (s *Source) OpenBlob(ctx context.Context, b *pb.Blob) (io.ReadCloser, error) {
	if body, ok := s.held[b.GetId()]; ok {
		return io.NopCloser(bytes.NewReader(body)), nil
	}
	bs, ok := agentstate.As[agentstate.BlobSource](s.src)
	if !ok {
		return nil, agentstate.ErrUnsupported
	}
	return bs.OpenBlob(ctx, b)
}

// maxValues is how many spellings of values of one record are looked for elsewhere in it, the longest first:
// a log may hold thousands, and each costs a pass over the record.
const maxValues = 500

// minValue is the length below which a value is not looked for elsewhere: it would be in any text.
const minValue = 6
