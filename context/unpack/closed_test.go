package unpack

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestClosed: a folder that was closed or committed takes nothing more, and a second Close does not take away what
// another run writes by then.
func TestClosed(t *testing.T) {
	for _, form := range Forms() {
		for _, commit := range []bool{false, true} {
			dir := t.TempDir()
			path := filepath.Join(dir, "x")
			d, err := Create(path, form, nil)
			if err != nil {
				t.Fatal(err)
			}
			m := &pb.Memory{Meta: agentstate.Meta("memory", nil, "a")}
			if commit {
				err = errors.Join(d.Put(t.Context(), m), d.Commit(t.Context()))
			}
			if err := errors.Join(err, d.Close()); err != nil {
				t.Fatal(err)
			}
			for what, err := range map[string]error{
				"Put": d.Put(t.Context(), m), "Commit": d.Commit(t.Context()), "PutBlob": d.PutBlob(t.Context(), &pb.Blob{}, strings.NewReader("b")),
			} {
				if !errors.Is(err, os.ErrClosed) {
					t.Errorf("%s, committed %t: %s: %v", form, commit, what, err)
				}
			}
			if commit {
				path = filepath.Join(dir, "y")
			}
			other, err := Create(path, form, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(d.Close(), other.Put(t.Context(), m), other.Commit(t.Context())); err != nil {
				t.Errorf("%s: the other run: %v", form, err)
			}
		}
	}
}
