//go:build unix

package mcpmemory

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
)

// FuzzRead: whatever the file holds, the reading ends without a panic, and what it carries goes back.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"memory.jsonl", "memory.0.6.2.jsonl"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(ada + "\n\n" + acme + "\r\n" + rel + "\n{\"type\":\"x\"}\n[1]\n"))
	f.Add([]byte("\ufeff" + `{"type":"entity","name":"\ud800"` + "\x00\xff}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		src := write(t, string(b))
		mem := &memstate.State{}
		rep, err := agentstate.Copy(t.Context(), mem, src, nil)
		if errors.Is(err, ErrSchema) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if rep.Verdict.Coverage > agentstate.Gaps && len(rep.Gaps) == 0 {
			t.Fatalf("%v", rep.Verdict)
		}
		if len(rep.Gaps) > 0 {
			return
		}
		dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
		apply(t, dst, mem)
		got, err := os.ReadFile(dst.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) || !bytes.Equal(b, got) {
			t.Fatalf("%q became %q", b, got)
		}
	})
}
