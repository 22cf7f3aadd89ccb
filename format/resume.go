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
	end := int64(0)
	for i := range run.commits {
		var err error
		if end, err = w.take(&run.commits[i], end); err != nil {
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
	p.done = journaled{w.led.len(), len(w.blobs), len(w.tally.Gaps), len(w.tally.Statements)}
	w.start(p.part, last.End)
	return nil
}

// take restores what one commit added behind end, which it returns anew.
func (w *Writer) take(c *journalCommit, end int64) (int64, error) {
	for i := range c.Rows {
		m := &c.Rows[i]
		if err := w.led.resume(m, len(w.comps)); err != nil {
			return 0, err
		}
		e := container.Entry{Name: w.id.prefix() + m.Name, Size: int64(m.Size), Offset: end}
		end = e.DataOffset() + e.Size
	}
	if end == 0 || end != c.End {
		return 0, fmt.Errorf("members do not end at %d", c.End)
	}
	for _, b := range c.Blobs {
		if len(b.Sum) != sha256.Size {
			return 0, fmt.Errorf("a blob has no digest")
		}
		w.blobs = append(w.blobs, blobState{b.Comp, b.Size, [32]byte(b.Sum), b.Chunks})
	}
	for _, g := range c.Gaps {
		w.tally.Gaps = append(w.tally.Gaps, &pb.Gap{Kind: g.Kind, Count: g.Count})
	}
	sts, err := unmarshalAll[pb.Completeness](c.Statements)
	w.tally.Statements = append(w.tally.Statements, sts...)
	return end, err
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
	return nil
}

// changed names an option that is not what it was; empty: all are.
func (w *Writer) changed(before map[string]string) string {
	now := w.optionDigests(w.id)
	for _, k := range slices.Sorted(maps.Keys(now)) {
		switch had, ok := before[k]; {
		case !ok: // it was no option then
			return "the version of the program"
		case had != now[k]:
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
		"Recipients": recipientTexts(o.Recipients), "Small": fmt.Sprint(o.Small), "ShardSize": fmt.Sprint(o.ShardSize),
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
