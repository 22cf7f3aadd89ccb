package format

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"unique"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// What roots and the journal say of members is made of the ledger's rows, a message at a time.

// shards are those of a compartment, by ordinal, from the i-th member on.
func (l *ledger) shards(comp, i int) iter.Seq[*pb.Shard] {
	return func(yield func(*pb.Shard) bool) {
		for _, r := range l.table(jobRecords, comp, i) {
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

// vectors are the vector members of a compartment, by ordinal, from the i-th member on.
func (l *ledger) vectors(comp, i int) iter.Seq[*pb.VectorMember] {
	return func(yield func(*pb.VectorMember) bool) {
		for _, r := range l.table(jobVectors, comp, i) {
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

func (l *ledger) table(holds jobType, comp, i int) []*row {
	return l.sorted(i, func(r *row) bool { return r.holds == holds && int(r.comp) == comp }, byOrdinal)
}

// runs are those of the index of a compartment in the order of writing, from the i-th member on.
func (l *ledger) runs(comp, i int) iter.Seq[*pb.IndexRun] {
	return func(yield func(*pb.IndexRun) bool) {
		run := &pb.IndexRun{}
		for r := range l.from(i) {
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

// takeTables gives the members from the i-th on back what the journal has of them.
func (l *ledger) takeTables(ts []journalTable, i int) error {
	rows := map[string]*row{}
	for r := range l.from(i) {
		rows[l.name(r)] = r
	}
	for comp := range ts {
		if err := takeTable(&ts[comp], uint8(comp), rows); err != nil {
			return err
		}
	}
	return nil
}

func takeTable(t *journalTable, comp uint8, rows map[string]*row) error {
	shards, err := unmarshalAll[pb.Shard](t.Shards)
	if err != nil {
		return err
	}
	for _, s := range shards {
		r := rows[s.Member]
		if r == nil || len(s.Root) != sha256.Size {
			return fmt.Errorf("shard %d has no member or root", s.Ordinal)
		}
		r.holds, r.comp, r.kind, r.root = jobRecords, comp, unique.Make(s.Kind), [32]byte(s.Root)
		r.ordinal, r.raw, r.count = uint32(s.Ordinal), s.RawSize, uint32(s.Count)
	}
	vectors, err := unmarshalAll[pb.VectorMember](t.Vectors)
	if err != nil {
		return err
	}
	for _, v := range vectors {
		r := rows[v.Member]
		if r == nil || v.Count == 0 {
			return fmt.Errorf("vector member %d has no member or vector", v.Ordinal)
		}
		r.holds, r.comp, r.ordinal, r.raw, r.count = jobVectors, comp, uint32(v.Ordinal), v.RawSize, uint32(v.Count)
	}
	runs, err := unmarshalAll[pb.IndexRun](t.Runs)
	for _, run := range runs {
		for i, p := range run.Pages {
			r := rows[p.Member]
			if r == nil {
				return fmt.Errorf("index page %s has no member", p.Member)
			}
			r.holds, r.comp, r.ordinal, r.raw, r.count = jobIndex, comp, uint32(i), p.RawSize, uint32(p.Count)
			r.first, r.last = p.First, p.Last
		}
	}
	return err
}
