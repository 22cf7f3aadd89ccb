package format

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/tree"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Commit seals the archive. A file gets its name only when all of it is on stable storage.
func (w *Writer) Commit(ctx context.Context) error {
	if err := w.ready(ctx); err != nil {
		return err
	}
	if err := w.commit(); err != nil {
		return w.stop(err)
	}
	w.closed = true
	if w.file != nil && w.opts.KeysBeside {
		if err := w.sealKeys(); err != nil {
			return errors.Join(err, w.file.close())
		}
	}
	if w.file != nil {
		return w.file.seal()
	}
	return nil
}

func (w *Writer) commit() error {
	if err := w.flush(); err != nil {
		return err
	}
	w.run = run{} // the largest thing that is not needed any more
	verdict := agentstate.Judge(&w.tally, nil)
	for i := range w.comps {
		if err := w.submitRoot(i, &verdict); err != nil {
			return err
		}
		// The next root is made of the ledger, to which the pipeline adds this one.
		if err := w.pipe.barrier(); err != nil {
			return err
		}
	}
	if err := w.pipe.stop(); err != nil {
		return err
	}
	for i, c := range w.comps {
		if w.opts.KeysBeside {
			break
		}
		for n, f := range c.wraps {
			if err := w.add(keyName(i, n+1), f); err != nil {
				return err
			}
		}
	}
	list := w.led.list(w.next.List)
	m := w.manifest(list, verdict.Coverage)
	b, err := m.marshal()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		body []byte
	}{{nameReadme, readme(m)}, {nameList, list}, {nameManifest, b}} {
		if err := w.add(f.name, f.body); err != nil {
			return err
		}
	}
	if err := w.zip.Close(w.led.entries(w.id.prefix())); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	return nil
}

func (w *Writer) submitRoot(comp int, verdict *agentstate.Verdict) error {
	j := w.pipe.get(w.pipe.free)
	j.typ, j.comp, j.name = jobRoot, comp, rootName(comp, w.encrypted())
	var err error
	w.root(comp, verdict, func(part *pb.Root) {
		if err == nil {
			j.raw, err = proto.MarshalOptions{Deterministic: true}.MarshalAppend(j.raw, part)
		}
	})
	if err != nil {
		return fmt.Errorf("format: %s: %v", j.name, err)
	}
	w.submit(j)
	return nil
}

// root puts a root's fields one after another, as the bytes of a message are those of its parts: its
// tables are not all in memory as messages.
func (w *Writer) root(comp int, verdict *agentstate.Verdict, put func(*pb.Root)) {
	put(&pb.Root{ArchiveId: w.id[:], Compartment: uint32(comp)})
	for s := range w.led.shards(comp) {
		put(&pb.Root{Shards: []*pb.Shard{s}})
	}
	for v := range w.led.vectors(comp) {
		put(&pb.Root{Vectors: []*pb.VectorMember{v}})
	}
	for i, b := range w.blobs {
		if b.comp == comp {
			put(&pb.Root{Blobs: []*pb.BlobEntry{{Number: uint64(i + 1), Size: b.size, Sha256: b.sum[:], Chunks: b.chunks}}})
		}
	}
	for run := range w.led.runs(comp) {
		put(&pb.Root{Index: []*pb.IndexRun{run}})
	}
	last := &pb.Root{}
	if len(w.comps) > 1 {
		for leaf := range w.led.leaves() {
			last.ShardLeaves = append(last.ShardLeaves, leaf[:]...)
		}
	}
	if comp == 0 {
		last.Summary = w.summary(verdict)
	}
	put(last)
}

func (w *Writer) summary(verdict *agentstate.Verdict) *pb.Summary {
	s := &pb.Summary{
		KnownKinds: agentstate.StateKinds(), Kinds: summarize(&w.tally, verdict), Statements: w.tally.Statements,
	}
	for i, c := range w.comps {
		s.Compartments = append(s.Compartments, &pb.Compartment{N: uint32(i), Name: c.name})
	}
	return s
}

// summarize is the counts of t and the verdict, kind by kind, by name.
func summarize(t *agentstate.Tally, verdict *agentstate.Verdict) []*pb.KindSummary {
	by := map[string]*pb.KindSummary{}
	at := func(kind string) *pb.KindSummary {
		k, ok := by[kind]
		if !ok {
			k = &pb.KindSummary{Kind: kind}
			by[kind] = k
		}
		return k
	}
	for kind, n := range t.Records {
		k := at(kind)
		k.Records, k.Views = n, t.Views[kind]
	}
	for _, g := range t.Gaps {
		k := at(g.Kind)
		k.Gaps++
		k.Missing += g.Count
		if g.Count == 0 {
			k.Uncounted++
		}
	}
	for kind, v := range verdict.Kinds {
		at(kind).Coverage = v.Coverage.String()
	}
	return slices.SortedFunc(maps.Values(by), func(a, b *pb.KindSummary) int { return cmp.Compare(a.Kind, b.Kind) })
}

func (w *Writer) manifest(list []byte, cov agentstate.Coverage) *manifest {
	m := &manifest{
		Format: formatName, Requires: []string{}, ArchiveID: w.id.String(),
		Lineage: w.opts.Lineage, Sequence: max(w.opts.Sequence, 1),
		CreatedAt: w.created.Format(time.RFC3339Nano), Tool: w.opts.Tool,
		Encryption: encryptionNone, Compartments: []manifestCompartment{},
		SchemaSHA256: ownDigest, Coverage: cov.String(), Ext: map[string]any{},
		id: w.id, created: w.created,
	}
	if m.Lineage == "" {
		m.Lineage = m.ArchiveID
	}
	if m.Tool == "" {
		m.Tool = "exitramp"
	}
	if w.opts.Base != "" {
		m.Base = &w.opts.Base
	}
	if w.opts.KeysBeside {
		m.Ext[extShreddable] = true
	}
	if w.encrypted() {
		m.Encryption = encryptionAge
		for i, c := range w.comps {
			sum := c.key.RecipientSHA256()
			m.Compartments = append(m.Compartments, manifestCompartment{i, hex.EncodeToString(sum[:]), c.weakest})
		}
	}
	sum := sha256.Sum256(list)
	members, bytes := w.led.data()
	m.Payload = manifestPayload{hex.EncodeToString(sum[:]), members, bytes}
	var t tree.Tree
	for leaf := range w.led.leaves() {
		t.Append(leaf)
	}
	root := t.Root()
	m.Records = manifestRecords{hex.EncodeToString(root[:]), t.Len()}
	return m
}
