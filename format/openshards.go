package format

import (
	"fmt"
)

// shardFor is the open shard that takes a record of size bytes.
func (w *Writer) shardFor(k shardKey, size int) (*openShard, error) {
	s, ok := w.shards[k]
	if ok && !s.empty() && len(s.raw)+size > w.target(s.ordinal) {
		w.closeShard(s)
	}
	if !ok {
		s = &openShard{shardKey: k}
		w.shards[k] = s
	}
	if s.ordinal != 0 {
		return s, nil
	}
	w.next.Shard++
	s.ordinal = w.next.Shard
	s.salt = w.salt(s.ordinal)
	s.count, s.cut = 0, 0
	err := s.begin(w.id)
	w.open += len(s.raw)
	return s, err
}

// release gives the number of s back when it was opened for a record that did not fit in.
func (w *Writer) release(s *openShard) {
	if s.empty() && s.ordinal != 0 && s.ordinal == w.next.Shard {
		w.next.Shard--
		w.open -= len(s.raw)
		s.ordinal, s.raw = 0, s.raw[:0]
	}
}

// target is the raw size at which shard n is closed.
func (w *Writer) target(n uint64) int {
	size := w.opts.ShardSize
	if size == 0 {
		size = 1 << 20
	}
	for n > 16384 && size < 4<<20 {
		size, n = 2*size, n-16384
	}
	return size
}

// closeShard sends s on its way and leaves it ready for the next one.
func (w *Writer) closeShard(s *openShard) {
	if s.empty() {
		return
	}
	j := w.pipe.get(w.pipe.free)
	w.open -= len(s.raw)
	j.raw, s.raw = s.raw, j.raw[:0]
	j.typ, j.comp, j.kind, j.ordinal, j.count, j.salt = jobRecords, s.comp, s.kind, s.ordinal, uint64(s.count), s.salt
	j.name = w.dataName(recordsName(s.kind, s.ordinal))
	s.ordinal, s.count = 0, 0
	w.submit(j)
}

// dataName is name, or the next opaque name in an encrypted archive.
func (w *Writer) dataName(name string) string {
	if !w.encrypted() {
		return name
	}
	w.next.Opaque++
	return opaqueName(w.next.Opaque)
}

func (w *Writer) encrypted() bool { return len(w.opts.Recipients) > 0 }

func (w *Writer) submit(j *job) {
	w.count1(j.name)
	w.pipe.submit(j)
}

// count1 counts a data member.
func (w *Writer) count1(name string) {
	w.next.Members++
	w.next.List += uint64(len(name)) + 67
}

// tailMembers is room for what comes after the last member of records: index, roots, keys.
const tailMembers = 2048

// trim keeps the open shards and the number of members within bounds.
func (w *Writer) trim() error {
	tail := min(tailMembers, uint64(w.lim.Members)/4)
	if w.next.Members+tail > uint64(w.lim.Members) || w.next.List+100*tail > uint64(w.lim.Stored) {
		return w.stop(fmt.Errorf("%w: %d members: write a further archive", ErrLimit, w.next.Members))
	}
	for w.open > openBytes {
		w.closeLargest()
	}
	return nil
}

func (w *Writer) closeLargest() {
	var s *openShard
	for _, o := range w.shards {
		if !o.empty() && (s == nil || len(o.raw) > len(s.raw) || len(o.raw) == len(s.raw) && o.ordinal < s.ordinal) {
			s = o
		}
	}
	var v *openVectors
	for _, o := range w.vectors {
		if o.count > 0 && (v == nil || len(o.raw) > len(v.raw) || len(o.raw) == len(v.raw) && o.ordinal < v.ordinal) {
			v = o
		}
	}
	if v != nil && (s == nil || len(v.raw) > len(s.raw)) {
		w.closeVectors(v)
	} else if s != nil {
		w.closeShard(s)
	} else {
		w.open = 0
	}
}
