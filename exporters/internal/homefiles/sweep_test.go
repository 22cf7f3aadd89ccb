package homefiles_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestKilledAttempt: what an attempt that was killed has on its way goes with the next attempt of its run, and with no other run's.
func TestKilledAttempt(t *testing.T) {
	root := t.TempDir()
	put := func(run, rel string) *homefiles.Writer {
		w := &homefiles.Writer{Root: root, Run: &replay.Run{ID: run}}
		r := &pb.Memory{Meta: &pb.Meta{Key: "memory/a", Native: []*pb.Native{agentstate.Document("file", "text/plain", []byte("words"))}}}
		if rc, err := w.Put(t.Context(), r, rel, time.Time{}); err != nil || rc.Action != replay.Created {
			t.Fatalf("%+v %v", rc, err)
		}
		return w
	}
	names := func() (out []string) {
		all, err := os.ReadDir(filepath.Join(root, "d"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			out = append(out, e.Name())
		}
		return out
	}
	put("run-1", "d/a") // and is killed
	w := put("run-2", "d/b")
	if err := w.Commit(t.Context()); err != nil || len(names()) != 2 {
		t.Errorf("%v %v", names(), err)
	}
	w = put("run-1", "d/a")
	if err := w.Commit(t.Context()); err != nil || len(names()) != 2 || names()[0] != "a" {
		t.Errorf("%v %v", names(), err)
	}
}
