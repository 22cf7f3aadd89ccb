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

func (w *Writer) writeRun(comp int, es []entry) {
	run := &pb.IndexRun{}
	for len(es) > 0 {
		n := min(len(es), pageEntries)
		w.writePage(comp, run, es[:n], n == len(es))
		es = es[n:]
	}
}

func (w *Writer) writePage(comp int, run *pb.IndexRun, es []entry, last bool) {
	w.next.Index++
	p := &pb.IndexPage{
		ArchiveId: w.id[:], Compartment: uint32(comp), Number: w.next.Index,
		FingerprintDeltas: make([]uint64, len(es)), Shards: make([]uint64, len(es)), Positions: make([]uint32, len(es)),
	}
	before := uint64(0)
	for i, e := range es {
		fp := e.fingerprint()
		p.FingerprintDeltas[i], p.Shards[i], p.Positions[i] = fp-before, uint64(e.shard), uint32(e.pos)
		before = fp
	}
	fence := &pb.IndexFence{
		First: es[0].fingerprint(), Last: before, Count: uint64(len(es)),
		Member: w.dataName(indexName(w.next.Index)),
	}
	j := w.pipe.get(w.pipe.free)
	j.typ, j.comp, j.name = jobMessage, comp, fence.Member
	var err error
	if j.raw, err = (proto.MarshalOptions{Deterministic: true}).MarshalAppend(j.raw, p); err != nil {
		w.pipe.fail(fmt.Errorf("format: %s: %v", j.name, err))
	}
	j.written = func(j *job) {
		fence.RawSize, fence.StoredSize = uint64(len(j.raw)), uint64(len(j.out))
		run.Pages = append(run.Pages, fence)
		if last {
			t := &w.led.tables[comp]
			t.runs = append(t.runs, run)
		}
	}
	w.submit(j)
}
