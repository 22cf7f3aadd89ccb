package derive_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/derive"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func view(kind, name, of string) *pb.Meta {
	return &pb.Meta{Key: agentstate.Key(kind, name), ViewOfKeys: []string{of}}
}

// of is what is kept of src, and what views among it are views of.
func of(t *testing.T, src agentstate.Source, opts derive.Options) (kept []string, views map[string]string) {
	t.Helper()
	p, err := derive.New(t.Context(), src, opts)
	if err != nil {
		t.Fatalf("%+v: %v", opts, err)
	}
	defer p.Close()
	views = map[string]string{}
	for r, err := range p.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if !agentstate.IsState(agentstate.KindOf(r)) {
			continue
		}
		kept = append(kept, r.GetMeta().Key)
		for _, base := range r.GetMeta().ViewOfKeys {
			views[r.GetMeta().Key] = base
		}
	}
	slices.Sort(kept)
	return kept, views
}

// A space and an agent that are known from the first record that names them, as of stores without such rows, do not go
// with it while others name them, and take nothing with them; when nothing is left of them they go, too.
func TestContainers(t *testing.T) {
	src := memstate.Whole("views",
		&pb.Principal{Meta: view("principal", "ann", "memory/1")},
		&pb.Principal{Meta: view("principal", "bot", "memory/1")},
		&pb.MemorySpace{Meta: view("memoryspace", "ann", "memory/1"), OwnerKey: "principal/ann"},
		&pb.MemorySpace{Meta: view("memoryspace", "bot", "memory/2"), OwnerKey: "principal/bot"},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/1"}, SpaceKey: "memoryspace/ann"},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/2"}, SpaceKey: "memoryspace/bot"},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/3", SubjectKeys: []string{"principal/ann"}}, SpaceKey: "memoryspace/bot"},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/4"}, SpaceKey: "memoryspace/bot"},
	)
	for name, c := range map[string]struct {
		opts  derive.Options
		kept  []string
		views map[string]string // of what is kept
	}{
		"a person": {derive.Options{Exclude: []string{"principal/ann"}},
			[]string{"memory/2", "memory/4", "memoryspace/bot", "principal/bot"}, map[string]string{"memoryspace/bot": "memory/2", "principal/bot": "memory/2"}},
		"the first of a space": {derive.Options{Exclude: []string{"memory/2"}},
			[]string{"memory/1", "memory/3", "memory/4", "memoryspace/ann", "memoryspace/bot", "principal/ann", "principal/bot"},
			map[string]string{"memoryspace/ann": "memory/1", "memoryspace/bot": "memory/3", "principal/ann": "memory/1", "principal/bot": "memory/1"}},
		"all of a space": {derive.Options{Exclude: []string{"memory/2", "memory/3", "memory/4"}},
			[]string{"memory/1", "memoryspace/ann", "principal/ann", "principal/bot"},
			map[string]string{"memoryspace/ann": "memory/1", "principal/ann": "memory/1", "principal/bot": "memory/1"}},
		"all": {derive.Options{Exclude: []string{"memory/1", "memory/2", "memory/3", "memory/4"}}, nil, map[string]string{}},
		"an agent": {derive.Options{Exclude: []string{"principal/bot"}},
			[]string{"memory/1", "memoryspace/ann", "principal/ann"}, map[string]string{"memoryspace/ann": "memory/1", "principal/ann": "memory/1"}},
		"what is of a person": {derive.Options{Only: []string{"principal/ann"}},
			[]string{"memory/1", "memory/3", "memoryspace/ann", "memoryspace/bot", "principal/ann"},
			map[string]string{"memoryspace/ann": "memory/1", "memoryspace/bot": "memory/3", "principal/ann": "memory/1"}},
	} {
		kept, views := of(t, src, c.opts)
		if d := cmp.Diff(c.kept, kept); d != "" {
			t.Errorf("%s: kept (-want +got)\n%s", name, d)
		}
		if d := cmp.Diff(c.views, views); d != "" {
			t.Errorf("%s: views (-want +got)\n%s", name, d)
		}
	}
}

// An agent in whose name a space of a person is kept, too, stays with the space; one of which nothing is left goes.
func TestAgentOfASpace(t *testing.T) {
	src := memstate.Whole("views",
		&pb.Principal{Meta: view("principal", "ann", "memory/1")},
		&pb.Principal{Meta: view("principal", "bot", "memory/1"), Form: pb.Principal_FORM_AGENT},
		&pb.Principal{Meta: view("principal", "old", "memory/3"), Form: pb.Principal_FORM_AGENT},
		&pb.MemorySpace{Meta: view("memoryspace", "ann.bot", "memory/1"), OwnerKey: "principal/ann"},
		&pb.MemorySpace{Meta: view("memoryspace", "ann.old", "memory/3"), OwnerKey: "principal/ann"},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/1"}, SpaceKey: "memoryspace/ann.bot"},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/2"}, SpaceKey: "memoryspace/ann.bot"},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/3"}, SpaceKey: "memoryspace/ann.old"},
	)
	kept, views := of(t, src, derive.Options{Exclude: []string{"memory/1", "memory/3"}})
	if d := cmp.Diff([]string{"memory/2", "memoryspace/ann.bot", "principal/ann", "principal/bot"}, kept); d != "" {
		t.Errorf("kept (-want +got)\n%s", d)
	}
	want := map[string]string{"memoryspace/ann.bot": "memory/2", "principal/ann": "memory/2", "principal/bot": "memory/2"}
	if d := cmp.Diff(want, views); d != "" {
		t.Errorf("views (-want +got)\n%s", d)
	}
}

// A strategy is a reading of its memory's document: left out, it does not stay in there, nor without it.
func TestSpaceOfASpace(t *testing.T) {
	src := memstate.Whole("views",
		&pb.MemorySpace{Meta: &pb.Meta{Key: "memoryspace/m"}},
		&pb.MemorySpace{Meta: view("memoryspace", "m-strategy", "memoryspace/m")},
		&pb.MemorySpace{Meta: view("memoryspace", "m-ann", "memory/1")},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/1"}, SpaceKey: "memoryspace/m-ann"},
	)
	for _, key := range []string{"memoryspace/m", "memoryspace/m-strategy"} {
		kept, _ := of(t, src, derive.Options{Exclude: []string{key}})
		if d := cmp.Diff([]string{"memory/1", "memoryspace/m-ann"}, kept); d != "" {
			t.Errorf("without %s (-want +got)\n%s", key, d)
		}
	}
}

// What is under a legal hold does not go because nothing is left that names it.
func TestHeldContainers(t *testing.T) {
	src := memstate.Whole("views",
		&pb.Principal{Meta: view("principal", "bot", "memory/1"), Form: pb.Principal_FORM_AGENT},
		&pb.MemorySpace{Meta: view("memoryspace", "ann", "memory/1")},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/1"}, SpaceKey: "memoryspace/ann"},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/2"}},
	)
	p, err := derive.New(t.Context(), src, derive.Options{Exclude: []string{"memory/1"}, Holds: []string{"principal/bot"}})
	if !errors.Is(err, derive.ErrHold) || !strings.Contains(err.Error(), "principal/bot") {
		t.Errorf("%v, want %v", err, derive.ErrHold)
	}
	if err == nil {
		p.Close()
	}
}
