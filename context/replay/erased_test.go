package replay_test

import (
	"slices"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// about is a state of ten records, of which seven, of five kinds, are about principal/dead.
func about() []agentstate.Record {
	of := func(m *pb.Meta) *pb.Meta { m.SubjectKeys = []string{"principal/dead"}; return m }
	return []agentstate.Record{
		&pb.Principal{Meta: meta("principal", "dead")},
		&pb.MemorySpace{Meta: of(meta("memoryspace", "s"))},
		&pb.Memory{Meta: meta("memory", "in space"), SpaceKey: "memoryspace/s"},
		&pb.Memory{Meta: of(meta("memory", "of"))},
		&pb.Memory{Meta: meta("memory", "alive")},
		&pb.Conversation{Meta: of(meta("conversation", "c"))},
		&pb.Conversation{Meta: meta("conversation", "d")},
		&pb.Message{Meta: meta("message", "c", "1"), ConversationKey: "conversation/c"},
		&pb.Message{Meta: meta("message", "d", "1"), ConversationKey: "conversation/d"},
		&pb.Checkpoint{Meta: meta("checkpoint", "c"), ConversationKey: "conversation/c"},
	}
}

// TestReadBackErased: what was asked to be erased after the replay must not be there any more, and what is
// gone for that is not missing.
func TestReadBackErased(t *testing.T) {
	dead := []string{"principal/dead"}
	for name, path := range map[string]string{"by the journal": journal(t), "key by key": ""} {
		src, dst := memstate.Whole("x", about()...), memstate.NewRuntime(nil)
		used := path
		if used == "" {
			used = journal(t)
		}
		mustRun(t, dst, src, used, replay.Options{})
		read := func() (forbidden, missing, same uint64) {
			t.Helper()
			var j *replay.Journal
			if path != "" {
				var err error
				if j, err = replay.OpenJournal(path); err != nil {
					t.Fatal(err)
				}
				defer j.Close()
			}
			rep, err := replay.ReadBackWith(t.Context(), src, dst, j, &replay.ReadBackOptions{Tombstones: dead})
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range rep.Kinds {
				forbidden += k.Forbidden
			}
			return forbidden, rep.MissingN, rep.Same
		}
		if f, m, s := read(); f != 7 || m != 0 || s != 3 {
			t.Errorf("%s: still there: %d that must not be, %d missing, %d alike; want 7, 0, 3", name, f, m, s)
		}
		clean := memstate.NewRuntime(nil)
		for _, r := range about() {
			if k := r.GetMeta().Key; slices.Contains([]string{"memory/alive", "conversation/d", "message/d/1"}, k) {
				clean.Set(r)
			}
		}
		dst = clean
		if f, m, s := read(); f != 0 || m != 0 || s != 3 {
			t.Errorf("%s: erased: %d that must not be, %d missing, %d alike; want 0, 0, 3", name, f, m, s)
		}
	}
}

// TestAlive: what is about a subject is found in a target by the target's own ids, whoever wrote it there.
func TestAlive(t *testing.T) {
	dst := memstate.NewRuntime(nil)
	path := journal(t)
	mustRun(t, dst, memstate.Whole("x", about()...), path, replay.Options{})
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	look := func(tombstones ...string) []string {
		t.Helper()
		rep, err := replay.Alive(t.Context(), dst, j, tombstones)
		if err != nil {
			t.Fatal(err)
		}
		if int(rep.N) != len(rep.Keys) {
			t.Errorf("%d, and %d keys", rep.N, len(rep.Keys))
		}
		return rep.Keys
	}
	if got := look("principal/dead"); len(got) != 7 {
		t.Errorf("before the undo: %v", got)
	}
	if got := look("principal/nobody"); len(got) != 0 {
		t.Errorf("nobody: %v", got)
	}
	edited := &pb.Memory{Meta: meta("memory", "of"), Name: "edited"}
	edited.Meta.SubjectKeys = []string{"principal/dead"}
	dst.Set(edited)
	own := &pb.Memory{Meta: meta("memory", "the target's own")}
	own.Meta.SubjectKeys = []string{"principal/dead"}
	dst.Set(own)
	if _, err := replay.Undo(t.Context(), dst, j); err != nil {
		t.Fatal(err)
	}
	if got := look("principal/dead"); len(got) != 2 || !slices.Contains(got, "memory/of") {
		t.Errorf("after the undo: %v", got)
	}
}

// TestErasedViews: a memory that is read out of what was erased stays away with it, from other runtimes too; another view,
// which may be read out of something else, is not missed.
func TestErasedViews(t *testing.T) {
	memory := &pb.Memory{Meta: meta("memory", "m")}
	memory.Meta.ViewOfKeys = []string{"entity/dead"}
	message := &pb.Message{Meta: meta("message", "c", "1"), ConversationKey: "conversation/c"}
	message.Meta.ViewOfKeys = []string{"entity/dead"}
	for _, exact := range []bool{false, true} {
		src, dst, path := memstate.Whole("x", &pb.Entity{Meta: meta("entity", "dead")}, &pb.Conversation{Meta: meta("conversation", "c")}, memory, message), memstate.NewRuntime(&memstate.RuntimeOptions{Exact: exact}), journal(t)
		dead := []string{"entity/dead"}
		rep := mustRun(t, dst, src, path, replay.Options{Tombstones: dead})
		if n := rep.Kinds["memory"][replay.Created]; n != 0 {
			t.Errorf("exact %v: a memory of what was erased: %v", exact, rep.Kinds)
		}
		back, err := readBackErased(t, src, dst, path, dead)
		if err != nil || !back.Match() {
			t.Errorf("exact %v: %+v, %v", exact, back, err)
		}
	}
}

// TestErasedBase: what a view is a reading of goes with it, whichever is read first, and so does what is read out of that, or
// names it. Of a target in which somebody erased the view alone, the rest is not looked at.
func TestErasedBase(t *testing.T) {
	view := func(parts ...string) *pb.Meta {
		m := meta("memory", parts...)
		m.ViewOfKeys = []string{"entity/ada"}
		return m
	}
	recs := []agentstate.Record{
		&pb.Memory{Meta: view("1")}, &pb.Entity{Meta: meta("entity", "ada")}, &pb.Memory{Meta: view("2")}, &pb.Entity{Meta: meta("entity", "shop")},
		&pb.Relation{Meta: meta("relation", "ada", "shop"), FromKey: "entity/ada", ToKey: "entity/shop"},
	}
	for _, dead := range [][]string{{"memory/1"}, {"memory/2"}} {
		for _, exact := range []bool{false, true} {
			src, dst, path := memstate.Whole("x", recs...), memstate.NewRuntime(&memstate.RuntimeOptions{Exact: exact}), journal(t)
			mustRun(t, dst, src, path, replay.Options{Tombstones: dead})
			if got := keys(t, dst); !slices.Equal(got, []string{"entity/shop"}) {
				t.Errorf("%v, exact %v: the target holds %v", dead, exact, got)
			}
			back, err := readBackErased(t, src, dst, path, dead)
			if err != nil || !back.Match() {
				t.Errorf("%v, exact %v: %+v, %v", dead, exact, back, err)
			}
		}
		dst, path := memstate.NewRuntime(nil), journal(t)
		mustRun(t, dst, memstate.Whole("x", recs...), path, replay.Options{})
		j, err := replay.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		for _, j := range []*replay.Journal{nil, j} {
			back, err := replay.ReadBackWith(t.Context(), memstate.Whole("x", recs...), dst, j, &replay.ReadBackOptions{Tombstones: dead})
			if err != nil || back.MissingN != 0 || len(back.Extra) != 1 || back.Extra[0] != dead[0] {
				t.Errorf("%v, erased afterwards: %+v, %v", dead, back, err)
			}
		}
	}
}

func readBackErased(t *testing.T, src, dst agentstate.Source, path string, tombstones []string) (*fidelity.Report, error) {
	t.Helper()
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	return replay.ReadBackWith(t.Context(), src, dst, j, &replay.ReadBackOptions{Tombstones: tombstones})
}
