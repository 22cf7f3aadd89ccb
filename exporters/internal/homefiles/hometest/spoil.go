package hometest

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/internal/heappeak"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Files are the files below root that carried takes, by their paths, as text says: of each its mode
// and its bytes.
func Files(t testing.TB, root string, carried func(rel string) bool, text func(mode fs.FileMode, b []byte) string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, _ := filepath.Rel(root, p) // it is below root
		if rel = filepath.ToSlash(rel); !carried(rel) {
			return nil
		}
		b, err := os.ReadFile(p)
		st, serr := d.Info()
		if err = errors.Join(err, serr); err == nil {
			out[rel] = text(st.Mode(), b)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}

// A Spoil spoils a home in one way. It has no name of its own, so that tables need not name its fields.
type Spoil = struct {
	Do       func(t testing.TB, root string)
	Gaps     []string
	Messages int // of the conversation that is looked at; -1: does not matter
}

// A Spoiled says what is looked at in a home that was spoiled.
type Spoiled struct {
	Approve []string                       // keys that a person approves
	Of      func(conversation string) bool // whose messages are counted
	Files   func(t testing.TB, root string) map[string]string
	Differ  func(name string, want, got map[string]string) // takes out what is not to the byte
}

// Spoiled spoils the home testdata/home in each way. What is missing is named, and nothing else is
// lost: every other file arrives, to the byte.
func (h Home) Spoiled(t *testing.T, how Spoiled, ways map[string]Spoil) {
	for name, c := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for the disk
			root, copied := t.TempDir(), filepath.Join(t.TempDir(), "home")
			if err := os.CopyFS(root, os.DirFS("testdata/home")); err != nil {
				t.Fatal(err)
			}
			c.Do(t, root)
			mem, rep := drivertest.Export(t, h.Open(root))
			if d := cmp.Diff(c.Gaps, drivertest.Gaps(rep)); d != "" {
				t.Error(d)
			}
			if want := map[bool]agentstate.Coverage{true: agentstate.Gaps, false: agentstate.Reconciled}[len(c.Gaps) > 0]; rep.Verdict.Coverage != want {
				t.Errorf("%v, want %v", rep.Verdict, want)
			}
			n := 0
			for r := range mem.Records(t.Context(), nil) {
				if m, ok := r.(*pb.Message); ok && how.Of(m.ConversationKey) {
					n++
				}
				if strings.Contains(r.GetMeta().GetKey(), "outside") {
					t.Errorf("%s came from outside", r.GetMeta().GetKey())
				}
			}
			if c.Messages >= 0 && n != c.Messages {
				t.Errorf("%d messages, want %d", n, c.Messages)
			}
			drivertest.Apply(t, h.Open(copied).(replay.Target), mem, how.Approve...)
			want, got := how.Files(t, root), how.Files(t, copied)
			how.Differ(name, want, got)
			maps.DeleteFunc(want, func(_, text string) bool { return len(text) <= 1 && name == "empty" })
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// A Long is a session in which a line of 100 MB stands.
type Long struct {
	Before, After string // one message each
	Head, Tail    string // of the line
	Gap           string // its name
}

// LongLine: a line of 100 MB costs no memory of its size, and what stands around it is read.
func (h Home) LongLine(t *testing.T, l Long) {
	if testing.Short() {
		t.Skip("100 MB")
	}
	root := Write(t, map[string]string{h.Session: l.Before})
	if err := long(filepath.Join(root, h.Session), l.Head, l.Tail+l.After); err != nil {
		t.Fatal(err)
	}
	var ta agentstate.Tally // a State would hold the file
	most := heappeak.Growth(func() {
		for r, err := range h.Open(root).Records(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			ta.Add(r)
		}
	})
	t.Logf("%d MiB of heap", most>>20)
	if most > 100<<20 {
		t.Errorf("%d MiB of heap", most>>20)
	}
	if rep := (&agentstate.Report{Tally: ta}); rep.Records["message"] != 2 || !slices.Equal(drivertest.Gaps(rep), []string{l.Gap}) || rep.Records["conversation"] != 1 {
		t.Errorf("%v %v", rep.Records, rep.Gaps)
	}
}

// long puts 100 MB between head and tail behind a file.
func long(p, head, tail string) error {
	f, err := os.OpenFile(p, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(head)
	for range 100 {
		_, more := f.WriteString(strings.Repeat("0123456789abcdef", 1<<16))
		err = errors.Join(err, more)
	}
	_, more := f.WriteString(tail)
	return errors.Join(err, more, f.Close())
}
