package replay

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIndexWhenAsked: a journal has its index when somebody asks for a key, and not before.
func TestIndexWhenAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	done := func(key, why string) line {
		return line{Done: &receipt{Key: key, Action: Created.String(), Target: key, Why: why}}
	}
	if err := j.bind(&head{Journal: journalFormat, Run: "run-1"}); err != nil {
		t.Fatal(err)
	}
	if err := j.write(line{Intent: "memory/a"}, line{Intent: "memory/b"}, line{Intent: "memory/c"}, done("memory/b", ""), done("memory/a", "so")); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = OpenJournal(path); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if j.index != nil || !j.told.has("memory/a") || j.told.has("memory/b") {
		t.Error("it has an index, or does not know what was told", j.told)
	}
	if e, err := j.get("memory/c"); err != nil || e == nil || e.done != nil {
		t.Error("an intent without an answer is not in doubt", e, err)
	}
	if err := j.write(done("memory/c", "")); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for x, err := range j.all() {
		if err != nil || x.entry.done == nil {
			t.Fatal(x, err)
		}
		keys = append(keys, x.key)
	}
	if want := []string{"memory/b", "memory/a", "memory/c"}; !slices.Equal(keys, want) {
		t.Errorf("got %v, want %v", keys, want)
	}
}

// TestEntry: what is put into the index comes back, in a few bytes where an answer says little.
func TestEntry(t *testing.T) {
	key := "memory/users.u-1.memories/7f"
	for _, c := range []struct {
		r     receipt
		short bool
	}{
		{receipt{Key: key, Action: "create", Target: key, Version: "0"}, true},
		{receipt{Key: key, Action: "same", Target: key}, true},
		{receipt{Key: key, Action: "hold", Target: key, Version: "a \"tag\""}, true},
		{receipt{Key: key, Action: "create", Target: "memory/other"}, false},
		{receipt{Key: key, Action: "create"}, false},
		{receipt{Key: key, Action: "skip", Target: key, Why: "so", NoLoss: true}, false},
		{receipt{Key: key, Action: "create", Target: key, Losses: []loss{{"name", "dropped", "ä"}}}, false},
		{receipt{Key: key, Action: "of a later release", Target: key}, false},
		{receipt{Key: key, Action: "create", Target: key, Approval: &Approval{Key: key, By: "A"}}, false},
	} {
		_, raw, err := appendLine(nil, line{Done: &c.r})
		if err != nil {
			t.Fatal(err)
		}
		b := encodeAnswer(nil, 7, &c.r, raw)
		if (len(b) < len(key)) != c.short {
			t.Errorf("%+v: %d bytes", c.r, len(b))
		}
		into := receipt{Why: "of another record"}
		for _, done := range []*receipt{nil, &into} {
			e, err := decodeEntry(key, b, done)
			if err != nil || e.at != 7 || done != nil && e.done != done {
				t.Fatal(e, err)
			}
			if d := cmp.Diff(&c.r, e.done); d != "" {
				t.Error(d)
			}
		}
	}
	if e, err := decodeEntry(key, encodeIntent(nil, 9, "memory/new"), nil); err != nil || e.at != 9 || e.as != "memory/new" || e.done != nil {
		t.Error(e, err)
	}
	for _, b := range []string{"", "12345678", "12345678\x01", "12345678\x01{"} {
		if _, err := decodeEntry(key, []byte(b), nil); err == nil {
			t.Errorf("%q is no entry", b)
		}
	}
}

// TestTold: no key that was added is forgotten, however many there are.
func TestTold(t *testing.T) {
	var s told
	if s.has("a") {
		t.Error("nothing was added")
	}
	s.add("a")
	if !s.has("a") || s.has("b") {
		t.Error("a alone was added")
	}
	for i := range mostTold + 1 {
		s.add(fmt.Sprint(i))
	}
	if !s.has("a") || !s.has("0") || !s.has("b") || s.of != nil {
		t.Error("too many: all may be in it")
	}
}

// TestAnswersTogether: an answer that waits for others is in the file at the next
// line that does not wait, and when the file is to be on the disk.
func TestAnswersTogether(t *testing.T) {
	j, err := OpenJournal(filepath.Join(t.TempDir(), "j"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.bind(&head{Journal: journalFormat, Run: "r"}); err != nil {
		t.Fatal(err)
	}
	key := func(i int) string { return fmt.Sprintf("memory/%d", i) }
	inFile := func() int64 {
		fi, err := j.file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return fi.Size()
	}
	waited := false
	for i := range 1000 {
		if err := j.answer(Receipt{Key: key(i), Action: Created, Target: key(i)}); err != nil {
			t.Fatal(err)
		}
		waited = waited || inFile() < j.size
	}
	if !waited {
		t.Error("each answer was written by itself")
	}
	if err := j.sync(); err != nil || inFile() != j.size {
		t.Fatal(inFile(), j.size, err)
	}
	b, err := os.ReadFile(j.path)
	if n := bytes.Count(b, []byte("\n")); err != nil || n != 1001 {
		t.Errorf("%d lines, %v", n, err)
	}
}

// TestJournalKinds: the kinds of a run are those of its attempts together, and all where one was to send all.
func TestJournalKinds(t *testing.T) {
	for _, tc := range []struct {
		attempts [][]string
		want     []string
	}{
		{[][]string{{"memory"}}, []string{"memory"}},
		{[][]string{{"memory", "message"}, {"artifact", "memory"}}, []string{"artifact", "memory", "message"}},
		{[][]string{{"memory"}, nil, {"memory"}}, nil},
		{[][]string{nil, {"memory"}}, nil},
	} {
		path := filepath.Join(t.TempDir(), "j")
		for _, kinds := range tc.attempts {
			j, err := OpenJournal(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(j.bind(&head{Journal: journalFormat, Run: "r", Kinds: kinds}), j.Close()); err != nil {
				t.Fatal(err)
			}
		}
		j, err := OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := j.Kinds(); !slices.Equal(got, tc.want) {
			t.Errorf("%q: %q, want %q", tc.attempts, got, tc.want)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
