//go:build unix

package weights

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/exportertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A folder below that may not be read is a gap of its name, and the rest is read all the same.
func TestShutFolder(t *testing.T) {
	if os.Getuid() == 0 {
		exportertest.AsNobody(t, "^"+t.Name()+"$")
		return
	}
	root := t.TempDir()
	put(t, filepath.Join(root, "a/model.safetensors"), st(oneTensor, 1))
	put(t, filepath.Join(root, "b/checkpoint/model.safetensors"), st(oneTensor, 1))
	put(t, filepath.Join(root, "c/config.json"), []byte(`{"model_type":"x"}`))
	shut := filepath.Join(root, "b/checkpoint")
	if err := os.Chmod(shut, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(shut, 0o700) })
	f := Open(root, false)
	_, rep := export(t, f)
	p, err := f.Preflight(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for what, gaps := range map[string][]*pb.Gap{"export": rep.Gaps, "preflight": p.Gaps} {
		if len(gaps) != 1 || gaps[0].Place != "b/checkpoint" || gaps[0].Reason != pb.Gap_REASON_FORBIDDEN {
			t.Errorf("%s: %v", what, gaps)
		}
	}
	if rep.Records["artifact"] != 2 || rep.Verdict.Coverage != agentstate.Gaps {
		t.Errorf("%v %v", rep.Records, rep.Verdict)
	}
}
