package diskmap

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"sort"
)

// index tells where the entries of a hash are: recent ones in memory, older ones in sorted runs.
type index struct {
	dir    string
	recent []slot // by hash, at the first free place from there; a power of two
	taken  int
	most   int    // slots that recent may have
	runs   []*run // the oldest one first
}

const (
	firstSlots = 1 << 10
	mostSlots  = 1 << 17
	fanout     = 8 // as many runs of one level become one of the next
)

// set puts s at a place of recent that find told.
func (x *index) set(at int, s slot) error {
	if x.recent[at].off == 0 {
		x.taken++
	}
	x.recent[at] = s
	if x.taken <= len(x.recent)/4*3 {
		return nil
	}
	if len(x.recent) < x.most {
		old := x.recent
		x.recent = make([]slot, min(4*len(old), x.most))
		mask := len(x.recent) - 1
		for _, s := range old {
			if s.off == 0 {
				continue
			}
			at := int(s.hash) & mask
			for x.recent[at].off != 0 {
				at = (at + 1) & mask
			}
			x.recent[at] = s
		}
		return nil
	}
	return x.spill()
}

// spill makes a run of what is in memory.
func (x *index) spill() error {
	ss := slices.DeleteFunc(x.recent, func(s slot) bool { return s.off == 0 })
	slices.SortFunc(ss, slot.compare)
	w, err := newRun(x.dir, len(ss), 0)
	if err != nil {
		return err
	}
	for _, s := range ss {
		w.add(s)
	}
	if err := w.end(); err != nil {
		return errors.Join(err, w.run.file.close())
	}
	x.runs, x.taken = append(x.runs, w.run), 0
	clear(x.recent)
	for n := len(x.runs) - fanout; n >= 0 && x.runs[n].level == x.runs[len(x.runs)-1].level; n = len(x.runs) - fanout {
		if err := x.merge(n); err != nil {
			return err
		}
	}
	return nil
}

// compare orders by hash; of one hash the younger one is first.
func (s slot) compare(o slot) int {
	if c := cmp.Compare(s.hash, o.hash); c != 0 {
		return c
	}
	return cmp.Compare(o.off, s.off)
}

// merge makes one run of those from n on.
func (x *index) merge(n int) error {
	from := x.runs[n:]
	total := 0
	heads := make([]*head, len(from))
	for i, r := range from {
		total += r.n
		heads[i] = &head{in: bufio.NewReaderSize(io.NewSectionReader(r.file, 0, int64(r.n)*slotSize), 32<<10)}
		if err := heads[i].step(); err != nil {
			return err
		}
	}
	w, err := newRun(x.dir, total, from[0].level+1)
	if err != nil {
		return err
	}
	for range total {
		first := heads[0]
		for _, h := range heads[1:] {
			if !h.end && (first.end || h.slot.compare(first.slot) < 0) {
				first = h
			}
		}
		w.add(first.slot)
		if err := first.step(); err != nil {
			return errors.Join(err, w.run.file.close())
		}
	}
	if err := w.end(); err != nil {
		return errors.Join(err, w.run.file.close())
	}
	for _, r := range from {
		err = errors.Join(err, r.file.close())
	}
	x.runs = append(x.runs[:n:n], w.run)
	return err
}

func (x *index) close() error {
	var err error
	for _, r := range x.runs {
		err = errors.Join(err, r.file.close())
	}
	return err
}

// head is a run that is read from the beginning.
type head struct {
	in   *bufio.Reader
	slot slot
	end  bool
}

func (h *head) step() error {
	var b [slotSize]byte
	_, err := io.ReadFull(h.in, b[:])
	if h.end = err == io.EOF; h.end {
		return nil
	}
	if err != nil {
		return fmt.Errorf("diskmap: %w", err)
	}
	h.slot = slotOf(b[:])
	return nil
}

// run is slots in order, in a file. Where a hash is at most is known: so looking for one that is not
// there hardly ever reads, and for one that is there reads one page.
type run struct {
	file   *temp
	n      int
	level  int
	fences []uint64    // the first hash of each page
	bloom  [][8]uint64 // a hash has its bits in one of these
	page   []byte
	offs   []uint64
}

const pageSlots = 256

// lookup is the offs of the slots of hash, the younger one first.
func (r *run) lookup(hash uint64) ([]uint64, error) {
	if !r.may(hash) {
		return nil, nil
	}
	r.offs = r.offs[:0]
	p := sort.Search(len(r.fences), func(i int) bool { return r.fences[i] >= hash })
	for p = max(p-1, 0); p < len(r.fences) && r.fences[p] <= hash; p++ {
		n := min(pageSlots, r.n-p*pageSlots)
		b := r.page[:n*slotSize]
		if _, err := r.file.ReadAt(b, int64(p)*pageSlots*slotSize); err != nil {
			return nil, fmt.Errorf("diskmap: %w", err)
		}
		i := sort.Search(n, func(i int) bool { return slotOf(b[i*slotSize:]).hash >= hash })
		for ; i < n; i++ {
			s := slotOf(b[i*slotSize:])
			if s.hash != hash {
				break
			}
			r.offs = append(r.offs, s.off)
		}
	}
	return r.offs, nil
}

// bits is the block of hash, and what its six bits in there come from, nine bits each.
func (r *run) bits(hash uint64) (block *[8]uint64, rest uint64) {
	hi, _ := bits.Mul64(hash, uint64(len(r.bloom)))
	return &r.bloom[hi], hash * 0x9e3779b97f4a7c15
}

func (r *run) may(hash uint64) bool {
	block, rest := r.bits(hash)
	for range 6 {
		if block[rest>>61]>>(rest>>55&63)&1 == 0 {
			return false
		}
		rest <<= 9
	}
	return true
}

// runWriter makes a run of slots that come in order.
type runWriter struct {
	run *run
	out *bufio.Writer
	b   []byte
}

func newRun(dir string, n, level int) (*runWriter, error) {
	f, err := newTemp(dir)
	if err != nil {
		return nil, err
	}
	r := &run{file: f, level: level, bloom: make([][8]uint64, n*10/512+1), page: make([]byte, pageSlots*slotSize)}
	return &runWriter{run: r, out: bufio.NewWriterSize(f, 64<<10)}, nil
}

func (w *runWriter) add(s slot) {
	if w.run.n%pageSlots == 0 {
		w.run.fences = append(w.run.fences, s.hash)
	}
	w.run.n++
	block, rest := w.run.bits(s.hash)
	for range 6 {
		block[rest>>61] |= 1 << (rest >> 55 & 63)
		rest <<= 9
	}
	w.b = s.append(w.b[:0])
	w.out.Write(w.b) // its error comes again with Flush
}

func (w *runWriter) end() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("diskmap: %w", err)
	}
	return nil
}
