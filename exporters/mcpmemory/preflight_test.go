package mcpmemory

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A preflight names the lines that an export cannot read, as the export does; of very many it names the first.
func TestPreflightNamesLines(t *testing.T) {
	const good = `{"type":"entity","name":"A","entityType":"p","observations":["x"]}` + "\n"
	path := filepath.Join(t.TempDir(), "memory.jsonl")
	put := func(s string) *Graph {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		return Open(path)
	}
	g := put(good + "\r\nno line\n" + `{"type":"relation","fr` + "\n" + strings.Replace(good, "A", "B", 1))
	_, rep := drivertest.Export(t, g)
	p, err := g.Preflight(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said := func(gaps []*pb.Gap) (out []string) {
		for _, g := range gaps {
			out = append(out, g.Kind+" "+g.Place+" "+g.Reason.String()+" "+g.Detail)
		}
		return out
	}
	if d := cmp.Diff(said(rep.Gaps), said(p.Gaps)); d != "" || len(p.Gaps) != 2 || p.Gaps[1].Kind != "relation" {
		t.Errorf("%v %s", p.Gaps, d)
	}
	p, err = put(good + strings.Repeat("no\n", 1000)).Preflight(t.Context())
	if err != nil || len(p.Gaps) != maxBroken+1 || p.Gaps[maxBroken].Count != 1000-maxBroken {
		t.Errorf("%v %d", err, len(p.Gaps))
	}
	p, err = put(good + strings.Repeat(`{"type":"relation"{"type":"entity"`+"\n", 1000)).Preflight(t.Context()) // two gaps each
	if err != nil || len(p.Gaps) != maxBroken+3 {
		t.Fatalf("%v %d", err, len(p.Gaps))
	}
	var got []string
	for _, g := range p.Gaps[maxBroken:] {
		got = append(got, fmt.Sprint(g.Kind, " ", g.Place, " ", g.Count))
	}
	if d := cmp.Diff([]string{"entity further lines 950", "relation further lines 950", "opaque layout 0"}, got); d != "" {
		t.Error(d)
	}
}

// What servers before 2025.11.25 wrote, and later ones do not read, is said by whatever carries it as it is: preflight, export,
// plan and replay.
func TestWhatIsNoTextIsNamed(t *testing.T) {
	const good = `{"type":"entity","name":"A","entityType":"p","observations":["x"],"more":1}` + "\n" + `{"type":"other","name":5}` + "\n"
	for add, lines := range map[string]string{
		"": "",
		`{"type":"entity","name":"obj","entityType":"t","observations":[{"a":1},5,null]}` + "\n" + `{"type":"entity","name":"noobs","entityType":"t"}`: "on 2 lines, the first of them line 3:",
		`{"type":"relation","from":"a","to":"b"}`: "on 1 lines, the first of them line 3:",
	} {
		path := filepath.Join(t.TempDir(), "memory.jsonl")
		if err := os.WriteFile(path, []byte(good+add), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Open(path).Preflight(t.Context())
		if err != nil || (len(p.Notes) > 0) != (lines != "") || lines != "" && !strings.Contains(p.Notes[0], lines) {
			t.Errorf("%s: %+v %v", add, p, err)
		}
		if d := cmp.Diff(p.Notes, drivertest.Notes(t, Open(path))); d != "" {
			t.Errorf("%s: export: %s", add, d)
		}
		mem, _ := drivertest.Export(t, Open(path))
		dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
		plan, err := replay.Plan(t.Context(), dst, mem, nil)
		if err != nil {
			t.Fatal(err)
		}
		rep, _ := drivertest.Apply(t, dst, mem)
		again, _ := drivertest.Apply(t, dst, mem) // all of it is there
		lines, _, _ = strings.Cut(lines, ",")
		for what, notes := range map[string][]string{"plan": plan.Notes, "replay": rep.Notes} {
			if (len(notes) > 0) != (lines != "") || lines != "" && !strings.Contains(notes[0], lines+": ") {
				t.Errorf("%s: %s says %q, want %q", add, what, notes, lines)
			}
		}
		if len(again.Notes) > 0 {
			t.Errorf("%s: what was there is told as new: %q", add, again.Notes)
		}
	}
}
