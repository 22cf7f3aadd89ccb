package exitdrill

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/langgraph"
	"github.com/exitramp/exitramp/exporters/mcpmemory"
	"github.com/exitramp/exitramp/exporters/promptfoo"
)

// A target in a folder that is not there is refused before anything is exported: the ledger keeps no failure for it. A folder
// that the drill itself makes is there.
func TestNoFolder(t *testing.T) {
	reg := exporters.NewRegistry(append(append(langgraph.Drivers(), mcpmemory.Drivers()...), promptfoo.Drivers()...)...)
	for target, refused := range map[string]bool{
		"langgraph+sqlite:none/x.db": true, "mcpmemory:none/x.jsonl": true, "promptfoo:none/x.yaml": true, "mcpmemory:file/x.jsonl": true,
		"langgraph+sqlite:out/x.db": false, "langgraph+sqlite:arch/x.db": false, "langgraph+sqlite:out/none/x.db": true, "mcpmemory:x.jsonl": false,
	} {
		t.Chdir(t.TempDir())
		if err := os.WriteFile("file", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := drill.ReadPlan(strings.NewReader("{name: q, exercise: true, scenario: s, output: out, ledger: l.jsonl, archive: arch/below/a.ctxa, mode: planned, level: L3, source: 'mcpmemory:gone.jsonl', target: '" + target + "'}"))
		if err != nil {
			t.Fatal(err)
		}
		checked := Check(context.Background(), p, &Options{Registry: reg})
		_, err = Run(context.Background(), p, &Options{Registry: reg})
		if got := errors.Is(err, drill.ErrPlan) && strings.Contains(err.Error(), "there is no folder "); got != refused {
			t.Errorf("%s: %v", target, err)
		}
		if got := errors.Is(checked, drill.ErrPlan) && strings.Contains(checked.Error(), "there is no folder "); got != refused {
			t.Errorf("%s: checked: %v", target, checked)
		}
		if _, err := os.Stat("l.jsonl"); (err == nil) == refused {
			t.Errorf("%s: a line in the ledger: %v", target, err)
		}
		if left, err := filepath.Glob("out/*"); refused && (err != nil || len(left) > 0) {
			t.Errorf("%s: it left %v, %v", target, left, err)
		}
	}
}

// TestJudgedNoFolder: a drill that was judged, and broken off before its report was written, goes on where the folder of
// its target is gone since.
func TestJudgedNoFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := errors.Join(os.WriteFile("graph.jsonl", []byte(`{"type":"entity","name":"ada","entityType":"person","observations":["likes tea"]}`+"\n"), 0o600), os.Mkdir("there", 0o700), os.MkdirAll("out/q.html/x", 0o700)); err != nil {
		t.Fatal(err)
	}
	p, err := drill.ReadPlan(strings.NewReader("{name: q, exercise: true, scenario: s, output: out, ledger: out/l.jsonl, archive: out/a.ctxa, mode: planned, level: L3, source: 'mcpmemory:graph.jsonl', target: 'mcpmemory:there/x.jsonl'}"))
	if err != nil {
		t.Fatal(err)
	}
	o := &Options{Registry: exporters.NewRegistry(mcpmemory.Drivers()...)}
	if out, err := Run(context.Background(), p, o); err == nil || !p.Judged() {
		t.Fatalf("its report is a folder: %+v, %v", out, err)
	}
	if err := errors.Join(os.RemoveAll("there"), os.RemoveAll("out/q.html")); err != nil {
		t.Fatal(err)
	}
	out, err := Run(context.Background(), p, o)
	if err != nil || out.Predicate.Drill.Attempts != 1 || p.Judged() {
		t.Errorf("%v: %+v", err, out)
	}
}

// TestOwnSource: a drill into the store that it exports from is refused before anything is done, under another name of the
// file as well. What starts from an archive may bring it back to where it came from.
func TestOwnSource(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Symlink("graph.jsonl", "other.jsonl"); err != nil {
		t.Skip("no links here: ", err)
	}
	abs, err := filepath.Abs("graph.jsonl")
	err = errors.Join(err, os.WriteFile("graph.jsonl", []byte(`{"type":"entity","name":"ada","entityType":"person","observations":["likes tea"]}`+"\n"), 0o600))
	if err := errors.Join(err, os.Mkdir("copy", 0o700), os.WriteFile("copy/graph.jsonl", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	o := &Options{Registry: exporters.NewRegistry(mcpmemory.Drivers()...), Lookup: func(string) (string, bool) { return "x", true }}
	for plan, refused := range map[string]bool{
		"mode: planned, source: 'mcpmemory:graph.jsonl', target: 'mcpmemory:graph.jsonl'":                                                                true,
		"mode: planned, source: 'mcpmemory:graph.jsonl', target: 'mcpmemory:./other.jsonl'":                                                              true,
		"mode: planned, source: 'mcpmemory:graph.jsonl', target: 'mcpmemory:" + abs + "'":                                                                true,
		"mode: planned, source: 'mcpmemory:" + abs + "', target: 'mcpmemory:graph.jsonl'":                                                                true,
		"mode: planned, source: 'mcpmemory:graph.jsonl', into: [{name: a, target: 'mcpmemory:new.jsonl'}, {name: b, target: 'mcpmemory:graph.jsonl'}]":   true,
		"mode: planned, source: 'mcpmemory:graph.jsonl', target: 'mcpmemory:new.jsonl'":                                                                  false,
		"mode: planned, source: 'langgraph+postgres://exit@localhost/a', target: 'langgraph+postgres://app:${HOME}@127.0.0.1:5432/a?search_path=public'": true,
		"mode: planned, source: 'langgraph+postgres://exit@localhost/a', target: 'langgraph+postgres://exit@localhost/a?search_path=copy'":               false,
		"mode: planned, source: 'mcpmemory:graph.jsonl', target: 'mcpmemory:copy/graph.jsonl'":                                                           false,
		"mode: stressed, source: 'mcpmemory:graph.jsonl', target: 'mcpmemory:graph.jsonl'":                                                               false,
	} {
		p, err := drill.ReadPlan(strings.NewReader("{name: q, exercise: true, scenario: s, output: out, ledger: out/l.jsonl, archive: out/a.ctxa, level: L3, " + plan + "}"))
		if err != nil {
			t.Fatal(err)
		}
		all := p.Each()
		p = all[len(all)-1]
		if err := Check(context.Background(), p, o); errors.Is(err, drill.ErrPlan) != refused || refused && !strings.Contains(err.Error(), "it is the source") {
			t.Errorf("%s: %v", plan, err)
		}
		if !refused {
			continue
		}
		if _, err := Run(context.Background(), p, o); !errors.Is(err, drill.ErrPlan) {
			t.Errorf("%s: run: %v", plan, err)
		}
		if _, err := os.Stat("out/l.jsonl"); err == nil {
			t.Errorf("%s: a line in the ledger", plan)
		}
	}
}
