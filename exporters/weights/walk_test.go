package weights

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A preflight names the links that lead nowhere, or out of the folder, as the export does.
func TestPreflightNamesLinks(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "model.safetensors"), st(oneTensor, 1))
	for name, to := range map[string]string{"gone.safetensors": "nowhere", "out.json": t.TempDir()} {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Skip(err)
		}
	}
	f := Open(root, false)
	_, rep := export(t, f)
	p, err := f.Preflight(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said := func(gaps []*pb.Gap) (out []string) {
		for _, g := range gaps {
			out = append(out, g.Place+" "+g.Reason.String()+" "+g.Detail)
		}
		slices.Sort(out)
		return out
	}
	if d := cmp.Diff(said(rep.Gaps), said(p.Gaps)); d != "" || len(p.Gaps) != 2 {
		t.Errorf("%d gaps: %s", len(p.Gaps), d)
	}
	if d := cmp.Diff(p.Notes, drivertest.Notes(t, f)); d != "" || len(p.Notes) != 1 {
		t.Errorf("%d notes: %s", len(p.Notes), d)
	}
}

// What an export will not take for its first bytes is known before, whatever it is called: broken headers, pickles, pointers.
func TestPreflightOpens(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "cut.safetensors"), []byte("\xc8\x00\x00\x00\x00\x00\x00\x00{\"a\""))
	put(t, filepath.Join(root, "huge.safetensors"), []byte("\x00\x00\x00\x00\x00\x00\x00\x80{}"))
	put(t, filepath.Join(root, "cut.gguf"), []byte("GGUF\x03\x00\x00\x00"))
	put(t, filepath.Join(root, "state"), []byte("\x80\x02}q\x00."))
	put(t, filepath.Join(root, "model.pt"), []byte("PK\x03\x04"))
	put(t, filepath.Join(root, "lfs.safetensors"), []byte("version https://git-lfs.github.com/spec/v1\noid sha256:"+strings.Repeat("ab", 32)+"\nsize 17\n"))
	put(t, filepath.Join(root, "whole.safetensors"), st(oneTensor, 1))
	put(t, filepath.Join(root, "empty.safetensors"), nil)
	f := Open(root, false)
	_, rep := export(t, f)
	p, err := f.Preflight(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said := func(gaps []*pb.Gap) (out []string) {
		for _, g := range gaps {
			why, _, _ := strings.Cut(g.Detail, "; sha256 ") // which a look ahead does not take
			out = append(out, g.Place+" "+g.Reason.String()+" "+why)
		}
		slices.Sort(out)
		return out
	}
	if d := cmp.Diff(said(rep.Gaps), said(p.Gaps)); d != "" || len(p.Gaps) != 7 {
		t.Errorf("%d gaps: %s", len(p.Gaps), d)
	}
}

// Hugging Face's cache keeps data sets and spaces as it keeps models: what their snapshots link to is there once.
func TestDatasetOfACache(t *testing.T) {
	root := t.TempDir()
	for _, repo := range []string{"models--o--m", "datasets--o--d", "spaces--o--s"} {
		put(t, filepath.Join(root, repo, "blobs/b1"), []byte("# Words"))
		name := filepath.Join(root, repo, "snapshots/c1/README.md")
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("../../blobs/b1", name); err != nil {
			t.Skip(err)
		}
	}
	put(t, filepath.Join(root, "other--o/blobs/b1"), []byte("is read"))
	if _, rep := export(t, Open(root, false)); rep.Records["artifact"] != 4 || len(rep.Gaps) != 0 {
		t.Errorf("%v %v", rep.Records, rep.Gaps)
	}
}
