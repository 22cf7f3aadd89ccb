package format

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"
)

// A ledger refuses what is older than the newest that it has, what takes its place, and what
// follows another; it says what it found, and never goes back.
func TestLedger(t *testing.T) {
	line := func(seq uint64, base, lineage string) (*Verification, []byte) {
		b := sealed(t, &WriterOptions{Lineage: lineage, Sequence: seq, Base: base, Created: time.Unix(1, 0)}, state(1)...)
		return verify(t, b, nil), b
	}
	hexOf := func(v *Verification) string { return hex.EncodeToString(v.ManifestSHA256[:]) }
	const name = "a line\nof \"two\" ünï"
	one, oneB := line(1, "", name)
	two, twoB := line(2, hexOf(one), name)
	_, sideB := line(2, hexOf(one), name)
	_, foreignB := line(3, strings.Repeat("ab", 32), name)
	three, threeB := line(3, hexOf(two), name)
	_, farB := line(9, "", name)
	_, otherB := line(1, "", "other")

	l := &Ledger{}
	for _, step := range []struct {
		what string
		b    []byte
		fact string // empty: refused
		add  *Verification
	}{
		{"the first", oneB, "first of lineage", one},
		{"the same again", oneB, "the newest in the ledger", one},
		{"the next", twoB, "follows the newest", two},
		{"the first, now too old", oneB, "", one}, // Add of an older one changes nothing
		{"another second", sideB, "", nil},
		{"a third that follows something else", foreignB, "", nil},
		{"the third", threeB, "follows the newest", three},
		{"the ninth", farB, "newer than 3", nil},
		{"another line", otherB, "first of lineage", nil},
	} {
		again, err := ParseLedger(strings.NewReader(l.String()))
		if err != nil || again.String() != l.String() {
			t.Fatalf("%s: ledger %q: %v", step.what, l, err)
		}
		v, err := Verify(t.Context(), bytes.NewReader(step.b), int64(len(step.b)), &VerifyOptions{ReaderOptions: ReaderOptions{Policy: IntegrityOnly(), Ledger: again}})
		switch {
		case step.fact == "":
			if !errors.Is(err, ErrStale) || Class(err) != "stale" {
				t.Errorf("%s: %v", step.what, err)
			}
		case err != nil:
			t.Errorf("%s: %v", step.what, err)
		case !strings.HasPrefix(v.Freshness, "checked: ") || !strings.Contains(v.Freshness, step.fact):
			t.Errorf("%s: freshness %q", step.what, v.Freshness)
		}
		if step.add != nil {
			l.Add(step.add)
		}
	}
	for _, bad := range []string{"x", "1 2 3", "1 " + strings.Repeat("ab", 32) + " unquoted", "-1 " + strings.Repeat("ab", 32) + ` "a"`, l.String() + l.String(), "\xff"} {
		if _, err := ParseLedger(strings.NewReader(bad)); err == nil {
			t.Errorf("%.40q is a ledger", bad)
		}
	}
}
