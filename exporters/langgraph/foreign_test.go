package langgraph

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestForeignReadBack: what a foreign memory loses is said to the field. Read back, nothing differs
// that was not said; undone, nothing is left.
func TestForeignReadBack(t *testing.T) {
	space := &pb.MemorySpace{Meta: agentstate.Meta("memoryspace", nil, "main"), Path: []string{"users", "ada.l", ""}}
	full := &pb.Memory{Meta: agentstate.Meta("memory", nil, "main", "uuid-1"), SpaceKey: "memoryspace/main", Content: &pb.Memory_Text{Text: "prefers °C"},
		Form: pb.Memory_FORM_PREFERENCE, Tags: []string{"units"}, TtlMinutes: 30, ExpiresUnixNano: 1764000001000000000}
	full.Meta.CreatedUnixNano, full.Meta.UpdatedUnixNano = 1764000000123456789, 1764000000500000000
	full.Meta.Labels = []*pb.Label{{Name: "user_id", Value: "ada"}}
	object := &pb.Memory{Meta: agentstate.Meta("memory", nil, "main", "o"), SpaceKey: "memoryspace/main", Name: "o",
		Content: &pb.Memory_Data{Data: agentstate.Inline("application/json", []byte(`{"b":1,"a":2}`))}}
	loose := &pb.Memory{Meta: agentstate.Meta("memory", nil, "Ada", "likes tea"), Name: "Ada", Content: &pb.Memory_Text{Text: "likes tea"}}
	loose.Meta.ViewOfKeys = []string{"entity/Ada"}
	src := memstate.Whole("other", space, full, object, loose,
		&pb.Entity{Meta: agentstate.Meta("entity", nil, "Ada"), Name: "Ada", Observations: []string{"likes tea"}})
	want := map[string][]string{
		"memory/main/uuid-1": {"data transformed", "form dropped", "meta.created_unix_nano transformed", "meta.labels.name dropped", "meta.labels.value dropped",
			"name transformed", "space_key transformed", "tags dropped", "text transformed"},
		"memory/main/o": {"meta.created_unix_nano defaulted", "meta.updated_unix_nano defaulted", "space_key transformed"},
		"memory/Ada/likes%20tea": {"data transformed", "meta.created_unix_nano defaulted", "meta.updated_unix_nano defaulted", "meta.view_of_keys dropped",
			"name transformed", "space_key transformed", "text transformed"},
	}
	for _, at := range stores() {
		t.Run(at.name, func(t *testing.T) {
			dst := SQLite(filepath.Join(t.TempDir(), "new.sqlite"))
			if at.load(t).server != nil {
				dst = at.void(t)
			}
			path := filepath.Join(t.TempDir(), "journal")
			j, err := replay.OpenJournal(path)
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			rep, err := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string][]string{}
			for _, l := range rep.Losses {
				if l.Grade.String() != "equivalent" {
					got[l.Key] = append(got[l.Key], l.Path+" "+l.Grade.String())
				}
			}
			for _, l := range got {
				slices.Sort(l)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			back, err := replay.ReadBack(t.Context(), src, dst, j)
			if err != nil {
				t.Fatal(err)
			}
			if back.MissingN != 0 || back.Same+back.Announced != back.Records || back.Kinds["memory"].Records != 3 {
				t.Errorf("%+v", back)
				for _, l := range back.Losses {
					t.Log(l)
				}
			}
			j.Close()
			if j, err = replay.OpenJournal(path); err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			u, err := replay.Undo(t.Context(), dst, j)
			if err != nil || u.LeftN != 0 || u.Removed != 3 {
				t.Errorf("undo: %+v %v", u, err)
			}
		})
	}
}

// Two memories whose names would be one key in one namespace: each has an item of its own, as the plan says, and
// the same one when the state comes again.
func TestForeignSameName(t *testing.T) {
	var in []agentstate.Record
	for _, parts := range [][]string{{"Ada", "Ada"}, {"Ada", "2", "Ada"}, {"Ada", "3", "Ada"}, {"Ada/2", "Ada"}} {
		in = append(in, &pb.Memory{Meta: agentstate.Meta("memory", nil, parts...), Name: "Ada", Content: &pb.Memory_Text{Text: "Ada"}})
	}
	in = append(in, &pb.Memory{Meta: agentstate.Meta("memory", nil, "Ada", "2", "x"), Name: "Ada", Content: &pb.Memory_Text{Text: "Ada"}},
		&pb.Memory{Meta: agentstate.Meta("memory", nil, "Ada/2", "x"), Name: "Ada", Content: &pb.Memory_Text{Text: "Ada"}})
	src := memstate.Whole("other", in...)
	for _, at := range stores() {
		t.Run(at.name, func(t *testing.T) {
			dst := SQLite(filepath.Join(t.TempDir(), "new.sqlite"))
			if at.load(t).server != nil {
				dst = at.void(t)
			}
			plan := apply(t, dst, src, true)
			if n := actions(plan)["create"]; n != len(in) {
				t.Errorf("plan: %d of %d items", n, len(in))
			}
			done := apply(t, dst, src, false)
			if d := cmp.Diff(bare(plan), bare(done)); d != "" {
				t.Errorf("plan and run differ:\n%s", d)
			}
			targets := map[string]bool{}
			for _, rc := range done {
				targets[rc.Target] = true
			}
			there, _ := drivertest.Export(t, dst)
			n := 0
			for _, r := range records(t, there) {
				if m, ok := r.(*pb.Memory); ok && targets[m.Meta.Key] {
					n++
				}
			}
			if n != len(in) {
				t.Errorf("%d items in the target, want %d", n, len(in))
			}
			if n := actions(apply(t, dst, src, false))["same"]; n != len(in) {
				t.Errorf("again: %d of %d are there alike", n, len(in))
			}
		})
	}
}
