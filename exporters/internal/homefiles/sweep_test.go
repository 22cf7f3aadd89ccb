package homefiles_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
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

// TestSweep: below a root nothing goes but what the run has on its way, and folders that it leaves empty.
func TestSweep(t *testing.T) {
	root := t.TempDir()
	at := func(rel string) string { return filepath.Join(root, filepath.FromSlash(rel)) }
	for _, d := range []string{"home/a/b", "home/empty", "outside", "home/shut"} {
		if err := os.MkdirAll(at(d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	temp := func(dir, run string) string {
		f, err := homefiles.Temp(at(dir), run)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		return f.Name()
	}
	gone := []string{temp("home/a/b", "run-1"), at("home/a")}
	stay := []string{temp("home", "run-2"), temp("outside", "run-1"), at("home/empty")}
	if err := errors.Join(os.Symlink(at("outside"), at("home/link")), os.Symlink(at("home"), at("root"))); err != nil {
		t.Fatal(err)
	}
	if err := homefiles.Sweep(at("root"), ".", "run-1"); err != nil {
		t.Fatal(err)
	}
	for _, p := range gone {
		if _, err := os.Lstat(p); err == nil {
			t.Errorf("%s is still there", p)
		}
	}
	for _, p := range stay {
		if _, err := os.Lstat(p); err != nil {
			t.Error(err)
		}
	}
	kept := temp("home/shut", "run-1")
	if os.Getuid() == 0 { // whom no mode stops
		drivertest.AsNobody(t, "^TestSweep$")
		return
	}
	for _, mode := range []os.FileMode{0o500, 0} {
		if err := os.Chmod(at("home/shut"), mode); err != nil {
			t.Fatal(err)
		}
		if err := homefiles.Sweep(at("root"), ".", "run-1"); errors.Is(err, fs.ErrPermission) != (mode != 0) {
			t.Errorf("%o: %v, and %s stays", mode, err, kept)
		}
	}
	if err := os.Chmod(at("home/shut"), 0o700); err != nil {
		t.Fatal(err)
	}
}
