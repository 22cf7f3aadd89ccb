package replay_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func undo(t *testing.T, dst replay.Target, path string) (*replay.UndoReport, error) {
	t.Helper()
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	return replay.Undo(t.Context(), dst, j)
}

func TestUndo(t *testing.T) {
	for name, opts := range runtimes() {
		t.Run(name, func(t *testing.T) {
			sample, path := memstate.Sample(4), journal(t)
			dst := memstate.NewRuntime(&opts)
			before := []*pb.Memory{{Meta: meta("memory", "before"), Name: "was there"}, {Meta: meta("memory", "ada", "0001"), Name: "conflicts"}}
			for _, m := range before {
				dst.Set(m)
			}
			same, _ := sample.Get(t.Context(), "memory/ada/0002")
			if !opts.OwnIDs {
				dst.Set(same)
			}
			was := keys(t, dst)
			rep := mustRun(t, dst, sample, path, replay.Options{})

			// Somebody uses the target, and changes one record and adds another.
			var touched string
			for r, err := range dst.Records(t.Context(), nil) {
				if m, ok := r.(*pb.Message); ok && err == nil && m.NativeId == "0003" {
					touched = m.Meta.Key
					m.NativeId = "changed"
					dst.Set(m)
					break
				}
			}
			dst.Set(&pb.Memory{Meta: meta("memory", "after")})

			got, err := undo(t, dst, path)
			if err != nil {
				t.Fatal(err)
			}
			want := append(slices.Clone(was), touched, "memory/after")
			slices.Sort(want)
			if left := keys(t, dst); !slices.Equal(left, want) {
				t.Errorf("left %v, want %v", left, want)
			}
			if got.LeftN != 1 || len(got.Left) != 1 || got.Left[0].Target != touched || got.Left[0].Why == "" {
				t.Errorf("%+v", got)
			}
			if got.Removed != rep.Actions[replay.Created]-1 {
				t.Errorf("%d removed of %d", got.Removed, rep.Actions[replay.Created])
			}
			if m, _ := dst.Get(t.Context(), "memory/before"); !proto.Equal(m, before[0]) {
				t.Error("what was there before is changed")
			}
		})
	}
}

func TestUndoOfWhatCannot(t *testing.T) {
	path := journal(t)
	mustRun(t, memstate.NewRuntime(nil), memstate.Sample(3), path, replay.Options{})
	if _, err := undo(t, answers{}, path); !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), "cannot undo") {
		t.Error(err)
	}
	// A run that cannot be undone now can be later.
	broken := memstate.NewRuntime(&memstate.RuntimeOptions{Fail: func(s memstate.Step) error { return errGone }})
	if _, err := undo(t, broken, path); !errors.Is(err, errGone) {
		t.Error(err)
	}
	if _, err := undo(t, memstate.NewRuntime(nil), path); err != nil {
		t.Error(err)
	}
}
