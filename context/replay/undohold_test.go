package replay_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestUnderHold: what an undo would take out and is under a legal hold is named, whatever ids the target gave;
// what was there before the run is not.
func TestUnderHold(t *testing.T) {
	before := &pb.Memory{Meta: meta("memory", "before")}
	before.Meta.SubjectKeys = []string{"principal/dead"}
	same := &pb.Memory{Meta: meta("memory", "alive")}
	for name, opts := range map[string]*memstate.RuntimeOptions{"keys are kept": nil, "ids of its own": {OwnIDs: true}} {
		dst, path := memstate.NewRuntime(opts), journal(t)
		dst.Set(before)
		if opts == nil {
			dst.Set(same)
		}
		mustRun(t, dst, memstate.Whole("x", about()...), path, replay.Options{})
		j, err := replay.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		for hold, want := range map[string]uint64{"principal/dead": 7, "conversation/c": 3, "message/d/1": 1, "memory/before": 0, "principal/other": 0} {
			rep, err := replay.UnderHold(t.Context(), dst, j, []string{hold})
			if err != nil || rep.N != want || uint64(len(rep.Keys)) != want || slices.Contains(rep.Keys, "memory/before") {
				t.Errorf("%s: %s holds %+v, %v, want %d", name, hold, rep, err, want)
			}
		}
		if rep, err := replay.UnderHold(t.Context(), dst, j, []string{"memory/alive"}); err != nil || (rep.N == 0) != (opts == nil) {
			t.Errorf("%s: what was there alike: %+v, %v", name, rep, err)
		}
	}
	none, err := replay.OpenJournal(journal(t))
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()
	if _, err := replay.UnderHold(t.Context(), memstate.Whole("x", []agentstate.Record{}...), none, nil); !errors.Is(err, replay.ErrJournal) {
		t.Error(err)
	}
}

// TestUnderHoldRenamed: a hold is put on what an archive calls it, or the target: after a map both are found.
func TestUnderHoldRenamed(t *testing.T) {
	for _, own := range []bool{false, true} {
		src, dst, path := memstate.Sample(6), memstate.NewRuntime(&memstate.RuntimeOptions{OwnIDs: own}), journal(t)
		mustRun(t, dst, src, path, replay.Options{Map: mapOf(t, names), Approved: held(t, src)})
		j, err := replay.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		there := func(key string) string {
			keys, err := j.KeysThere(t.Context(), dst, []string{key})
			if err != nil {
				t.Fatal(err)
			}
			return keys[1]
		}
		for hold, least := range map[string]uint64{
			"principal/ada": 6, there("principal/ada"): 6, "memoryspace/users/ada": 7, there("memoryspace/users/ada"): 7, "memory/ada/0001": 1, "memory/nobody": 0, "memoryspace/users/eve": 0,
		} {
			rep, err := replay.UnderHold(t.Context(), dst, j, []string{hold})
			if err != nil || rep.N < least || least == 0 && rep.N > 0 {
				t.Errorf("own ids %v: %s holds %+v, %v, want %d", own, hold, rep, err, least)
			}
		}
	}
}

// TestRenamedUntold: a map goes by the path of a space, and where the space itself was not written nothing but the
// target tells what it is called now. What it does not touch keeps its name; where nothing tells, nobody may take it
// for free.
func TestRenamedUntold(t *testing.T) {
	for name, tc := range map[string]struct {
		key  string // of the space
		path []string
		now  string
		told bool // by key
	}{
		"by its path":               {"memoryspace/m1", []string{"users", "ada"}, "memoryspace/people/ada", false},
		"by its path, key misleads": {"memoryspace/users/ada", []string{"users", "bob"}, "memoryspace/people/bob", false},
		"key misleads to a new one": {"memoryspace/people/ada", []string{"users", "bob"}, "memoryspace/people/bob", false},
		"as its key says":           {"memoryspace/users/ada", []string{"users", "ada"}, "memoryspace/people/ada", true},
		"untouched":                 {"memoryspace/m1", []string{"shop", "ada"}, "memoryspace/m1", true},
		"untouched, key misleads":   {"memoryspace/users/ada", []string{"shop", "ada"}, "memoryspace/users/ada", true},
	} {
		space := &pb.MemorySpace{Meta: &pb.Meta{Key: tc.key}, Path: tc.path}
		dst, path := memstate.NewRuntime(nil), journal(t)
		mustRun(t, dst, memstate.Whole("x", space, &pb.Memory{Meta: meta("memory", "a"), SpaceKey: tc.key}), path, replay.Options{Map: mapOf(t, names), Kinds: []string{"memory"}})
		if got := get[*pb.Memory](t, dst, "memory/a").SpaceKey; got != tc.now {
			t.Fatalf("%s: it lies in %s, want %s", name, got, tc.now)
		}
		j, err := replay.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		look := func(what, key string, told bool, do func(context.Context, agentstate.Source, *replay.Journal, []string) (*replay.AliveReport, error)) {
			t.Helper()
			rep, err := do(t.Context(), dst, j, []string{"memory/other", key})
			switch {
			case !told && (!errors.Is(err, replay.ErrRenamed) || !strings.Contains(err.Error(), key)):
				t.Errorf("%s: %s %s: %+v, %v, want ErrRenamed", name, what, key, rep, err)
			case told && (err != nil || rep.N != 1):
				t.Errorf("%s: %s %s: %+v, %v, want 1", name, what, key, rep, err)
			}
		}
		look("hold", tc.key, tc.told, replay.UnderHold)
		look("hold", tc.now, true, replay.UnderHold) // the key there in its place
		look("hold", "memoryspace/people/eve", false, replay.UnderHold)
		look("tombstone", tc.key, tc.told, replay.Alive)
		look("tombstone", tc.now, true, replay.Alive)

		if _, err := replay.Undo(t.Context(), dst, j); err != nil {
			t.Fatal(err)
		}
		if rep, err := replay.UnderHold(t.Context(), dst, j, []string{tc.key}); err != nil || rep.N > 0 {
			t.Errorf("%s: after the undo %+v, %v", name, rep, err)
		}
		if _, err := replay.Undo(t.Context(), dst, j); !errors.Is(err, replay.ErrUndone) {
			t.Errorf("%s: a second undo: %v", name, err)
		}
	}
}

// TestSpaceUntold: without a map, too: a target with ids of its own may call a space otherwise.
func TestSpaceUntold(t *testing.T) {
	rs := []agentstate.Record{&pb.MemorySpace{Meta: meta("memoryspace", "s")}, &pb.Memory{Meta: meta("memory", "a"), SpaceKey: "memoryspace/s"}}
	dst, path := memstate.NewRuntime(nil), journal(t)
	mustRun(t, dst, memstate.Whole("x", rs...), path, replay.Options{Kinds: []string{"memory"}})
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if rep, err := replay.UnderHold(t.Context(), dst, j, []string{"memoryspace/s"}); err != nil || rep.N != 1 {
		t.Errorf("by its key: %+v, %v", rep, err)
	}
	own := get[*pb.Memory](t, dst, "memory/a")
	own.SpaceKey = "memoryspace/ids/7"
	dst.Set(own)
	if rep, err := replay.UnderHold(t.Context(), dst, j, []string{"memoryspace/s"}); !errors.Is(err, replay.ErrRenamed) {
		t.Errorf("by an id: %+v, %v, want ErrRenamed", rep, err)
	}
	if rep, err := replay.UnderHold(t.Context(), dst, j, []string{"memoryspace/ids/7"}); err != nil || rep.N != 1 {
		t.Errorf("by its id: %+v, %v", rep, err)
	}
}
