package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/container"
	"github.com/exitramp/exitramp/format/internal/seal"
	"github.com/exitramp/exitramp/format/internal/tree"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// resume takes up a broken run: the part is cut back to what was durable, and everything that
// the writer knew then is restored. Members written from now on have age file keys of their
// own, so that none is used twice.
func (w *Writer) resume(run *brokenRun) error {
	p := w.file
	if len(run.begin.ArchiveID) != len(w.id) {
		return fmt.Errorf("%w: %s.part.journal is not readable; delete it and the .part beside it to begin anew", ErrResume, p.path)
	}
	own := w.id
	copy(w.id[:], run.begin.ArchiveID)
	if bad := w.changed(run.begin.Options); bad != "" || len(w.opts.Seed) > 0 && own != w.id {
		if bad == "" {
			bad = "Seed"
		}
		return fmt.Errorf("%w: %s is another than that of %s.part: give the same, or delete %[3]s.part and %[3]s.part.journal to begin anew", ErrResume, bad, p.path)
	}
	w.created = time.Unix(0, run.begin.Created).UTC()
	if err := w.takeKeys(run.begin.Compartments); err != nil {
		return err
	}
	var prior []container.Entry
	for i := range run.commits {
		var err error
		if prior, err = w.take(&run.commits[i], prior); err != nil {
			return fmt.Errorf("%w: %s.part.journal: %v; delete it and the .part beside it to begin anew", ErrResume, p.path, err)
		}
	}
	last := run.last()
	w.next, w.tally.Records, w.tally.Views = last.Next, last.Records, last.Views
	if w.tally.Records == nil {
		w.tally.Records, w.tally.Views = map[string]uint64{}, map[string]uint64{}
	}
	if err := reset(p.part, last.End); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	if err := reset(p.journal, run.end); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	p.resumed = append([]byte{}, last.Cursor...)
	p.tally = &agentstate.Tally{
		Records: maps.Clone(w.tally.Records), Views: maps.Clone(w.tally.Views),
		Gaps: slices.Clone(w.tally.Gaps), Statements: slices.Clone(w.tally.Statements),
	}
	p.members, p.at = w.next.Members, time.Now()
	p.done = journaled{len(prior), len(w.blobs), len(w.tally.Gaps), len(w.tally.Statements), nil}
	for _, t := range w.led.tables {
		p.done.tables = append(p.done.tables, journaledTable{len(t.shards), len(t.vectors), len(t.runs)})
	}
	w.start(p.part, last.End, prior)
	return nil
}

// take restores what one commit added.
func (w *Writer) take(c *journalCommit, prior []container.Entry) ([]container.Entry, error) {
	for _, m := range c.Members {
		e := container.Entry{Name: w.id.prefix() + m.Name, Size: m.Size, CRC: m.CRC}
		if len(prior) > 0 {
			before := prior[len(prior)-1]
			e.Offset = before.DataOffset() + before.Size
			if len(m.Sum) != sha256.Size {
				return nil, fmt.Errorf("%s has no digest", m.Name)
			}
			w.led.note(m.Name, m.Size, [32]byte(m.Sum))
		}
		prior = append(prior, e)
	}
	if n := len(prior); n == 0 || prior[n-1].DataOffset()+prior[n-1].Size != c.End {
		return nil, fmt.Errorf("members do not end at %d", c.End)
	}
	if len(c.Tables) != len(w.led.tables) {
		return nil, fmt.Errorf("%d compartments", len(c.Tables))
	}
	for i, jt := range c.Tables {
		if err := w.takeTable(&w.led.tables[i], &jt); err != nil {
			return nil, err
		}
	}
	for _, b := range c.Blobs {
		if len(b.Sum) != sha256.Size {
			return nil, fmt.Errorf("a blob has no digest")
		}
		w.blobs = append(w.blobs, blobState{b.Comp, b.Size, [32]byte(b.Sum), b.Chunks})
	}
	for _, g := range c.Gaps {
		w.tally.Gaps = append(w.tally.Gaps, &pb.Gap{Kind: g.Kind, Count: g.Count})
	}
	sts, err := unmarshalAll[pb.Completeness](c.Statements)
	w.tally.Statements = append(w.tally.Statements, sts...)
	return prior, err
}

func (w *Writer) takeTable(t *table, jt *journalTable) error {
	shards, err := unmarshalAll[pb.Shard](jt.Shards)
	if err != nil {
		return err
	}
	vectors, err := unmarshalAll[pb.VectorMember](jt.Vectors)
	if err != nil {
		return err
	}
	runs, err := unmarshalAll[pb.IndexRun](jt.Runs)
	if err != nil {
		return err
	}
	for _, s := range shards {
		if len(s.Root) != sha256.Size {
			return fmt.Errorf("shard %d has no root", s.Ordinal)
		}
		w.led.leaves = append(w.led.leaves, numbered{s.Ordinal, tree.ShardLeaf(s.Kind, s.Ordinal, s.Count, [32]byte(s.Root))})
	}
	t.shards, t.vectors, t.runs = append(t.shards, shards...), append(t.vectors, vectors...), append(t.runs, runs...)
	return nil
}

// takeKeys restores the compartments: what seals, not what opens.
func (w *Writer) takeKeys(keys []journalKey) error {
	if len(keys) != len(w.opts.Compartments)+1 {
		return fmt.Errorf("%w: %d compartments", ErrResume, len(keys))
	}
	for i, k := range keys {
		c := &compartment{weakest: k.Weakest, wraps: k.Wraps}
		if i > 0 {
			c.name, c.match = w.opts.Compartments[i-1].Name, w.opts.Compartments[i-1].Match
		}
		if k.Recipient != "" {
			var err error
			if c.key, err = seal.NewSealer(k.Recipient); err != nil {
				return fmt.Errorf("%w: %v", ErrResume, err)
			}
		}
		w.comps = append(w.comps, c)
	}
	w.led.tables = make([]table, len(w.comps))
	return nil
}

// changed names an option that is not what it was; empty: all are.
func (w *Writer) changed(before map[string]string) string {
	now := w.optionDigests(w.id)
	for _, k := range slices.Sorted(maps.Keys(now)) {
		if before[k] != now[k] {
			return k
		}
	}
	return ""
}

// optionDigests is what a resumed run has to have in common with the broken one. Digests, since
// names of compartments and the like are no one's business.
func (w *Writer) optionDigests(id archiveID) map[string]string {
	o := &w.opts
	created := ""
	if !o.Created.IsZero() {
		created = o.Created.UTC().Format(time.RFC3339Nano)
	}
	values := map[string]string{
		"Recipients": recipientTexts(o.Recipients), "Level": fmt.Sprint(o.Level), "ShardSize": fmt.Sprint(o.ShardSize),
		"Created": created, "Seed": fmt.Sprint(len(o.Seed) > 0), "Tool": o.Tool, "Lineage": o.Lineage,
		"Sequence": fmt.Sprint(o.Sequence), "Base": o.Base, "Source": o.Source, "Compartments": fmt.Sprint(len(o.Compartments)), "KeysBeside": fmt.Sprint(o.KeysBeside),
	}
	for i, c := range o.Compartments {
		values[fmt.Sprintf("Compartments[%d]", i)] = fmt.Sprintf("%q %s", c.Name, recipientTexts(c.Recipients))
	}
	out := map[string]string{}
	for k, v := range values {
		sum := sha256.Sum256(bytes.Join([][]byte{id[:], []byte(k), []byte(v)}, []byte{0}))
		out[k] = hex.EncodeToString(sum[:8])
	}
	return out
}

// recipientTexts is what can be compared of recipients. A passphrase cannot.
func recipientTexts(rs []age.Recipient) string {
	var out []string
	for _, r := range rs {
		if s, ok := r.(fmt.Stringer); ok {
			out = append(out, s.String())
		} else {
			out = append(out, fmt.Sprintf("%T", r))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}
