// Package hometest is what the tests of drivers of home folders share.
package hometest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Write makes a folder with files, by their paths in it, and returns where it is.
func Write(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for rel, text := range files {
		Put(rel, text)(t, root)
	}
	return root
}

// Put makes a function that puts a file into a home.
func Put(rel, text string) func(t testing.TB, root string) {
	return func(t testing.TB, root string) {
		p := filepath.Join(root, rel)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o700), os.WriteFile(p, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// Link makes a function that puts a symbolic link into a home.
func Link(to, rel string) func(t testing.TB, root string) {
	return func(t testing.TB, root string) {
		p := filepath.Join(root, rel)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o700), os.Symlink(to, p)); err != nil {
			t.Fatal(err)
		}
	}
}

// A Home says what a driver's home consists of. Files are paths in it.
type Home struct {
	Errors string // what errors begin with: the name of the package
	Open   func(root string) Source

	Session  string    // file of a conversation
	Line     string    // that may stand in it any number of times, with its end
	Settings string    // file that is a policy
	Texts    [2]string // it may hold
	Note     string    // file that is a memory
}

// Source is what a driver opens.
type Source interface {
	agentstate.Source
	agentstate.BlobSource
}

// Changing: a session that goes on is carried as it was; a file that is replaced is read as it is
// now, or the reading ends and says so.
func (h Home) Changing(t *testing.T) {
	big := strings.Repeat(h.Line, agentstate.SpillSize/len(h.Line)+1)
	for name, c := range map[string]struct {
		change func(p string) error
		is     error
	}{
		"goes on":  {func(p string) error { return add(p, h.Line) }, nil},
		"cut":      {func(p string) error { return os.Truncate(p, 100) }, homefiles.ErrChanged},
		"replaced": {func(p string) error { return replace(p, big) }, homefiles.ErrChanged},
		"gone":     {os.Remove, fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			root := Write(t, map[string]string{h.Note: "x", h.Session: big})
			src := h.Open(root)
			var last error
			for r, err := range src.Records(t.Context(), nil) {
				if last = err; err != nil {
					break
				}
				conv, ok := r.(*pb.Conversation)
				if !ok {
					continue
				}
				if err := c.change(filepath.Join(root, h.Session)); err != nil {
					t.Fatal(err)
				}
				n, err := size(t, src, conv.Meta.Native[0].GetData().GetBlob())
				if !errors.Is(err, c.is) || err == nil && n != int64(len(big)) {
					t.Errorf("the blob: %d bytes, want %d: %v", n, len(big), err)
				}
			}
			if !errors.Is(last, c.is) || last != nil && !strings.HasPrefix(last.Error(), h.Errors+": ") {
				t.Error(last)
			}
		})
	}
	t.Run("between the walk and the reading", h.between)
}

// between is about settings that an editor replaces, and a note that goes.
func (h Home) between(t *testing.T) {
	root := Write(t, map[string]string{h.Settings: h.Texts[0], h.Note: "x"})
	var policies, gaps int
	for r, err := range h.Open(root).Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		switch r := r.(type) {
		case *pb.Origin:
			if err := errors.Join(replace(filepath.Join(root, h.Settings), h.Texts[1]), os.Remove(filepath.Join(root, h.Note))); err != nil {
				t.Fatal(err)
			}
		case *pb.Policy:
			if policies++; string(r.Text.GetInline()) != h.Texts[1] {
				t.Errorf("%s", r.Text.GetInline())
			}
		case *pb.Gap:
			if gaps++; r.Reason != pb.Gap_REASON_GONE || r.Kind != "memory" {
				t.Error(r)
			}
		case *pb.Memory:
			t.Error("a file that is gone was read")
		}
	}
	if policies != 1 || gaps != 1 {
		t.Errorf("%d policies, %d gaps, want one of each", policies, gaps)
	}
}

func size(t *testing.T, src agentstate.BlobSource, b *pb.Blob) (int64, error) {
	body, err := src.OpenBlob(t.Context(), b)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	return io.Copy(io.Discard, body)
}

func add(p, text string) error {
	f, err := os.OpenFile(p, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// replace does it as editors do: by another file under the name.
func replace(p, text string) error {
	return errors.Join(os.WriteFile(p+".x", []byte(text), 0o600), os.Rename(p+".x", p))
}
