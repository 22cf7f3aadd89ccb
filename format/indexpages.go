package format

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// flushIndex writes the run in memory, a sequence of pages for each compartment.
func (w *Writer) flushIndex() {
	es := w.run.take()
	for len(es) > 0 {
		comp := int(es[0].comp)
		n := 0
		for n < len(es) && int(es[n].comp) == comp {
			n++
		}
		w.writeRun(comp, es[:n])
		es = es[n:]
	}
}

// writeRun writes es, a page at a time in the room of one.
func (w *Writer) writeRun(comp int, es []entry) {
	n := min(len(es), pageEntries)
	p := &pb.IndexPage{
		ArchiveId: w.id[:], Compartment: uint32(comp),
		FingerprintDeltas: make([]uint64, n), Shards: make([]uint64, n), Positions: make([]uint32, n),
	}
	for page := 0; len(es) > 0; page++ {
		n = min(len(es), n)
		w.writePage(comp, page, p, es[:n])
		es = es[n:]
	}
}

// writePage writes a page of a run, the first of which has the number 0.
func (w *Writer) writePage(comp, page int, p *pb.IndexPage, es []entry) {
	w.next.Index++
	p.Number = w.next.Index
	p.FingerprintDeltas, p.Shards, p.Positions = p.FingerprintDeltas[:len(es)], p.Shards[:len(es)], p.Positions[:len(es)]
	before := uint64(0)
	for i, e := range es {
		fp := e.fingerprint()
		p.FingerprintDeltas[i], p.Shards[i], p.Positions[i] = fp-before, uint64(e.shard), uint32(e.pos)
		before = fp
	}
	j := w.pipe.get(w.pipe.free)
	j.typ, j.comp, j.name = jobIndex, comp, w.dataName(indexName(w.next.Index))
	j.ordinal, j.count, j.fences = uint64(page), uint64(len(es)), [2]uint64{es[0].fingerprint(), before}
	var err error
	if j.raw, err = (proto.MarshalOptions{Deterministic: true}).MarshalAppend(j.raw, p); err != nil {
		w.pipe.fail(fmt.Errorf("format: %s: %v", j.name, err))
	}
	w.submit(j)
}
