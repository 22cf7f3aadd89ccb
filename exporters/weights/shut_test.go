//go:build unix

package weights

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A folder below that may not be read is a gap of its name, what leads into it and what it alone names are such gaps, too, and
// the rest is read all the same.
func TestShutFolder(t *testing.T) {
	if os.Getuid() == 0 {
		drivertest.AsNobody(t, "^"+t.Name()+"$")
		return
	}
	root := t.TempDir()
	put(t, filepath.Join(root, "a/model.safetensors"), st(oneTensor, 1))
	put(t, filepath.Join(root, "b/checkpoint/model.safetensors"), st(oneTensor, 1))
	put(t, filepath.Join(root, "c/config.json"), []byte(`{"model_type":"x"}`))
	shut := filepath.Join(root, "b/checkpoint")
	names := filepath.Join(root, "d") // whose names alone may be read
	put(t, filepath.Join(names, "model.safetensors"), st(oneTensor, 1))
	if err := os.Symlink(filepath.Join(shut, "model.safetensors"), filepath.Join(root, "c/model.safetensors")); err != nil {
		t.Fatal(err)
	}
	for dir, mode := range map[string]os.FileMode{shut: 0, names: 0o400} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	}
	f := Open(root, false)
	_, rep := export(t, f)
	p, err := f.Preflight(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for what, gaps := range map[string][]*pb.Gap{"export": rep.Gaps, "preflight": p.Gaps} {
		var got []string
		for _, g := range gaps {
			got = append(got, g.Place+" "+g.Reason.String())
		}
		slices.Sort(got)
		if d := cmp.Diff([]string{"b/checkpoint REASON_FORBIDDEN", "c/model.safetensors REASON_FORBIDDEN", "d/model.safetensors REASON_FORBIDDEN"}, got); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	if rep.Records["artifact"] != 2 || rep.Verdict.Coverage != agentstate.Gaps {
		t.Errorf("%v %v", rep.Records, rep.Verdict)
	}
}
