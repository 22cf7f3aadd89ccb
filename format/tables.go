package format

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"unique"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// What roots and the journal say of members is made of the ledger's rows, a message at a time.

// shards are those of a compartment, by ordinal.
func (l *ledger) shards(comp int) iter.Seq[*pb.Shard] {
	return func(yield func(*pb.Shard) bool) {
		for _, r := range l.table(jobRecords, comp) {
			s := &pb.Shard{
				Member: l.name(r), Kind: r.kind.Value(), Ordinal: uint64(r.ordinal), RawSize: r.raw, StoredSize: uint64(r.size),
				Count: uint64(r.count), Root: r.root[:], Encoding: pb.Encoding_ENCODING_PROTO,
			}
			if !yield(s) {
				return
			}
		}
	}
}

// vectors are the vector members of a compartment, by ordinal.
func (l *ledger) vectors(comp int) iter.Seq[*pb.VectorMember] {
	return func(yield func(*pb.VectorMember) bool) {
		for _, r := range l.table(jobVectors, comp) {
			v := &pb.VectorMember{
				Member: l.name(r), Ordinal: uint64(r.ordinal), RawSize: r.raw, StoredSize: uint64(r.size),
				Count: uint64(r.count), VectorSize: r.raw / uint64(r.count), Encoding: pb.Encoding_ENCODING_PLANES,
			}
			if !yield(v) {
				return
			}
		}
	}
}

func (l *ledger) table(holds jobType, comp int) []*row {
	return l.sorted(func(r *row) bool { return r.holds == holds && int(r.comp) == comp }, byOrdinal)
}

// runs are those of the index of a compartment in the order of writing.
func (l *ledger) runs(comp int) iter.Seq[*pb.IndexRun] {
	return func(yield func(*pb.IndexRun) bool) {
		run := &pb.IndexRun{}
		for r := range l.from(0) {
			if r.holds != jobIndex || int(r.comp) != comp {
				continue
			}
			if r.ordinal == 0 && len(run.Pages) > 0 {
				if !yield(run) {
					return
				}
				run = &pb.IndexRun{}
			}
			run.Pages = append(run.Pages, &pb.IndexFence{
				First: r.first, Last: r.last, Count: uint64(r.count), Member: l.name(r), RawSize: r.raw, StoredSize: uint64(r.size),
			})
		}
		if len(run.Pages) > 0 {
			yield(run)
		}
	}
}

// journal is what the journal has of r.
func (l *ledger) journal(r *row) journalRow {
	j := journalRow{
		Name: l.name(r), Size: r.size, CRC: r.crc, Sum: r.sum[:], Root: r.root[:], Raw: r.raw,
		Ordinal: r.ordinal, Count: r.count, Holds: r.holds, Comp: r.comp, First: r.first, Last: r.last,
	}
	if r.holds == jobRecords {
		j.Kind = r.kind.Value()
	}
	return j
}

// resume is the inverse of journal, in an archive of so many compartments.
func (l *ledger) resume(j *journalRow, comps int) error {
	if len(j.Sum) != sha256.Size || len(j.Root) != sha256.Size || int(j.Comp) >= comps || j.Holds == jobVectors && j.Count == 0 {
		return fmt.Errorf("%.200q: digest, root, compartment or count is not valid", j.Name)
	}
	return l.note(j.Name, row{
		size: j.Size, crc: j.CRC, sum: [32]byte(j.Sum), root: [32]byte(j.Root), raw: j.Raw,
		ordinal: j.Ordinal, count: j.Count, kind: unique.Make(j.Kind), holds: j.Holds, comp: j.Comp, first: j.First, last: j.Last,
	})
}
