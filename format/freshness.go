package format

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Ledger remembers the newest archive of each line that was verified: a later check refuses one
// that is older, one that takes its place, and one that follows another. What it remembers is
// worth what the signatures were worth. The zero value is empty. It is for one goroutine.
type Ledger struct{ lines map[string]ledgerLine }

// ledgerLine is the newest archive of a line.
type ledgerLine struct {
	sequence uint64
	manifest [32]byte
}

const maxLedger = 16 << 20

// ParseLedger reads what Ledger.String wrote: a line "<sequence> <SHA-256 of manifest.json>
// <lineage>" for each line of archives; lines that start with # are comments.
func ParseLedger(r io.Reader) (*Ledger, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxLedger+1))
	if err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	if len(b) > maxLedger || !utf8.Valid(b) {
		return nil, fmt.Errorf("format: no ledger: not text, or more than %d bytes", maxLedger)
	}
	l := &Ledger{lines: map[string]ledgerLine{}}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		if line = strings.TrimSuffix(line, "\n"); line == "" || line[0] == '#' {
			continue
		}
		if err := l.line(line); err != nil {
			return nil, fmt.Errorf("format: ledger, line %d: %w", n, err)
		}
	}
	return l, nil
}

func (l *Ledger) line(s string) error {
	seq, rest, _ := strings.Cut(s, " ")
	sum, quoted, ok := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(seq, 10, 64)
	lineage, err2 := strconv.Unquote(quoted)
	if !ok || err != nil || err2 != nil || !isHex(sum, 64) {
		return errors.New("want a sequence, the SHA-256 of a manifest.json and a lineage in quotes")
	}
	if _, has := l.lines[lineage]; has {
		return fmt.Errorf("lineage %q twice", lineage)
	}
	e := ledgerLine{sequence: n}
	hex.Decode(e.manifest[:], []byte(sum)) // checked by isHex
	l.lines[lineage] = e
	return nil
}

// String is the text that ParseLedger reads.
func (l *Ledger) String() string {
	var b strings.Builder
	b.WriteString("# newest archive of each line that was verified: sequence, SHA-256 of manifest.json, lineage\n")
	for _, k := range slices.Sorted(maps.Keys(l.lines)) {
		fmt.Fprintf(&b, "%d %x %q\n", l.lines[k].sequence, l.lines[k].manifest, k)
	}
	return b.String()
}

// Add notes an archive that was verified. It never goes back to an older one.
func (l *Ledger) Add(v *Verification) {
	if old, ok := l.lines[v.Lineage]; ok && old.sequence >= v.Sequence {
		return
	}
	if l.lines == nil {
		l.lines = map[string]ledgerLine{}
	}
	l.lines[v.Lineage] = ledgerLine{v.Sequence, v.ManifestSHA256}
}

// check holds a manifest against the ledger, and says what it found.
func (l *Ledger) check(m *manifest, sum [32]byte) (string, error) {
	old, ok := l.lines[m.Lineage]
	was := hex.EncodeToString(old.manifest[:])
	switch {
	case !ok:
		return fmt.Sprintf("first of lineage %q in the ledger", m.Lineage), nil
	case m.Sequence < old.sequence:
		return "", mismatch(ErrStale, nameManifest, "sequence, by the ledger", fmt.Sprintf("at least %d", old.sequence), fmt.Sprint(m.Sequence))
	case m.Sequence == old.sequence && sum != old.manifest:
		return "", mismatch(ErrStale, nameManifest, fmt.Sprintf("another archive of sequence %d than the ledger has: sha256 of manifest.json", m.Sequence), was, hex.EncodeToString(sum[:]))
	case m.Sequence == old.sequence:
		return fmt.Sprintf("sequence %d, the newest in the ledger", m.Sequence), nil
	case m.Sequence == old.sequence+1 && m.Base != nil && *m.Base != was:
		return "", mismatch(ErrStale, nameManifest, "base, which by the ledger is sequence "+fmt.Sprint(old.sequence), was, *m.Base)
	case m.Sequence == old.sequence+1 && m.Base != nil:
		return fmt.Sprintf("sequence %d, follows the newest in the ledger", m.Sequence), nil
	}
	return fmt.Sprintf("sequence %d, newer than %d in the ledger", m.Sequence, old.sequence), nil
}

// freshness holds the manifest against what the caller knows of the line.
func (a *archive) freshness(opts *ReaderOptions) error {
	if opts.Lineage != "" {
		if a.man.Lineage != opts.Lineage {
			return mismatch(ErrStale, nameManifest, "lineage", fmt.Sprintf("%q", opts.Lineage), fmt.Sprintf("%q", a.man.Lineage))
		}
		a.facts = append(a.facts, fmt.Sprintf("of lineage %q", a.man.Lineage))
	}
	if a.man.Sequence < opts.MinSequence {
		return mismatch(ErrStale, nameManifest, "sequence", fmt.Sprintf("at least %d", opts.MinSequence), fmt.Sprint(a.man.Sequence))
	}
	if opts.MinSequence > 0 {
		a.facts = append(a.facts, fmt.Sprintf("sequence %d, at least %d", a.man.Sequence, opts.MinSequence))
	}
	if opts.Ledger != nil {
		fact, err := opts.Ledger.check(a.man, a.manSum)
		if err != nil {
			return err
		}
		a.facts = append(a.facts, fact)
	}
	return nil
}

// fresh says what was checked of it.
func (a *archive) fresh() string {
	if a.facts == nil {
		return "not checked"
	}
	return "checked: " + strings.Join(a.facts, "; ")
}
