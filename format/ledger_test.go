package format

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A row gives the name back that it was noted with, and those of data sort as their names do, also where
// a number has more digits than it is padded to.
func TestRowNames(t *testing.T) {
	names := append(fixedNames(), schemaName(strings.Repeat("0a", 32)), keyName(0, 1), keyName(3, 12), attestationName(1))
	for _, n := range []uint64{1, 9, 10, 4711, 1e6 - 1, 1e6, 1e8 - 1, 1e8, 1e9} {
		names = append(names, recordsName("memory", n), recordsName("memoryspace", n), recordsName("message", n), vectorsName(n), indexName(n), opaqueName(n))
		names = append(names, chunkName(7, n, true), chunkName(n, 7, true), rootName(int(n%60000), true))
	}
	g := rand.New(rand.NewPCG(5, 5))
	g.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	l := &ledger{}
	for _, n := range names {
		if err := l.note(n, row{}); err != nil {
			t.Fatal(err)
		}
	}
	var noted, sorted []string
	for r := range l.from(0) {
		noted = append(noted, l.name(r))
	}
	for _, r := range l.dataByName() {
		sorted = append(sorted, l.name(r))
	}
	if d := cmp.Diff(names, noted); d != "" {
		t.Error(d)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, "data/") })
	slices.Sort(names)
	if d := cmp.Diff(names, sorted); d != "" {
		t.Error(d)
	}
	if err := l.note("data/r/Memory/1", row{}); err == nil {
		t.Error("a name outside of the grammar was taken")
	}
}

// Members of several kinds lie mixed in an archive. Putting them in order makes no name for a comparison: of a million
// members that took seconds.
func TestDataByNameMakesNoNames(t *testing.T) {
	l := &ledger{}
	for i := range uint64(10_000) {
		for _, n := range []string{recordsName("memory", i+1), recordsName("message", i+1), chunkName(i+1, 1, false), indexName(i + 1)} {
			if err := l.note(n, row{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := testing.AllocsPerRun(1, func() { l.dataByName() }); n > 1000 {
		t.Errorf("%.0f allocations for %d members", n, l.len())
	}
}

// A journal whose rows are not there, as in those of a release that named them otherwise, is refused
// and says what to do: nothing is sealed without them.
func TestJournalWithoutRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ctxa")
	o := &WriterOptions{CommitShards: 1, CommitInterval: time.Nanosecond}
	w, err := Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range state(100) {
		if err := w.Put(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Mark(context.Background(), []byte("x")), w.Close()); err != nil {
		t.Fatal(err)
	}
	journal := path + ".part.journal"
	b, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	run := readJournal(bytes.NewReader(b))
	run.last().Rows = nil
	b, err = appendFrame(nil, run.begin)
	if err == nil {
		b, err = appendFrame(b, run.last())
	}
	if err := errors.Join(err, os.WriteFile(journal, b, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path, o); !errors.Is(err, ErrResume) || !strings.Contains(err.Error(), "delete it") {
		t.Error(err)
	}
}
