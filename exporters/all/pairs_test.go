package all

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
)

var update = flag.Bool("update", false, "write the lists of losses in testdata")

// TestPairs carries real state of each runtime into every other one: what is not carried is in the
// plan to the field, and reading back finds nothing else. The list is kept in a file, so that a
// change in what is lost shows.
func TestPairs(t *testing.T) {
	type source struct{ name, url string } // no url: the service
	sources := []source{
		{"langgraph", "langgraph+sqlite:../../cmd/exitramp/demo/support.sqlite"},
		{"claudecode", "claudecode:../claudecode/testdata/home"},
		{"codex", "codex:../codex/testdata/home"},
		{"openaiagents", "openaiagents:../openaiagents/testdata/sdk"},
		{"mcpmemory", "mcpmemory:../mcpmemory/testdata/memory.jsonl"},
		{"mem0 js", "mem0:../mem0/testdata/js"},
		{"mem0 python", "mem0:../mem0/testdata/python"},
	}
	var out strings.Builder
	for _, s := range append(sources, source{name: "agentcore"}) {
		var src agentstate.Source = talked(t)
		if s.url != "" {
			var err error
			if src, err = Registry().Open(t.Context(), s.url); err != nil {
				t.Fatal(err)
			}
		}
		mem := read(t, src)
		for _, target := range []string{"langgraph+sqlite", "claudecode", "codex", "openaiagents", "mcpmemory", "mem0 js", "mem0 python"} {
			if strings.HasPrefix(target, s.name) {
				continue
			}
			t.Run(s.name+" to "+target, func(t *testing.T) {
				fmt.Fprintf(&out, "%s → %s\n", s.name, strings.TrimSuffix(target, "+sqlite"))
				scheme, flavor, _ := strings.Cut(target, " ")
				url := scheme + ":" + filepath.Join(t.TempDir(), "target")
				if flavor != "" {
					url += "?flavor=" + flavor
				}
				dst, err := Registry().Open(t.Context(), url)
				if err != nil {
					t.Fatal(err)
				}
				pair(t, &out, mem, dst)
			})
		}
	}
	golden(t, "testdata/pairs.golden", out.String())
}

// golden compares a list of losses with the file that keeps it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("what is lost between runtimes changed; go test ./exporters/all -update writes it anew\n%s", d)
	}
}

func pair(t *testing.T, out *strings.Builder, mem *memstate.State, dst exporters.Runtime) {
	target := dst.(replay.Target)
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	plan, err := replay.Plan(t.Context(), target, mem, nil)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := replay.Apply(t.Context(), target, mem, &replay.Options{Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(plan.NoPlace, rep.NoPlace); d != "" {
		t.Errorf("the plan says other records without a place than the run: %s", d)
	}
	if d := cmp.Diff(plan.LossCount, rep.LossCount); d != "" {
		t.Errorf("the plan says other losses than the run: %s", d)
	}
	if n := len(rep.Refused) + len(rep.Conflicts); n > 0 {
		t.Errorf("%v %v", rep.Refused, rep.Conflicts)
	}
	counts := func(a replay.Action) (s string) {
		for _, k := range agentstate.Kinds() {
			if n := rep.Kinds[k][a]; n > 0 {
				s += fmt.Sprintf(" %s %d", k, n)
			}
		}
		return s
	}
	fmt.Fprintf(out, "  create:%s\n", counts(replay.Created))
	if s := counts(replay.Held); s != "" {
		fmt.Fprintf(out, "  until approved:%s\n", s)
	}
	fmt.Fprintf(out, "  not carried:%s\n", counts(replay.Skipped))
	lost := map[string]bool{}
	for kind, whys := range rep.NoPlace {
		for why, n := range whys {
			lost[fmt.Sprintf("  lost: %s %d: %s", kind, n, why)] = true
		}
	}
	for _, l := range rep.Losses {
		if g := l.Grade.String(); g != "equivalent" && g != "quarantined" {
			lost[fmt.Sprintf("  %s: %s.%s: %s", g, agentstate.KindOfKey(l.Key), l.Path, l.Why)] = true
		}
	}
	lines := []string{}
	for l := range lost {
		lines = append(lines, l)
	}
	slices.Sort(lines)
	out.WriteString(strings.Join(lines, "\n"))
	out.WriteString("\n\n")
	if rep.Actions[replay.Created] == 0 {
		return // there is nothing to read
	}
	back, err := replay.ReadBack(context.Background(), mem, dst, j)
	if err != nil {
		t.Fatal(err)
	}
	if len(back.Raised) > 0 {
		t.Errorf("speaks with more authority: %v", back.Raised)
	}
	if back.MissingN != 0 || back.Same+back.Announced != back.Records {
		t.Errorf("read back: %d missing, %d of %d alike or as announced", back.MissingN, back.Same+back.Announced, back.Records)
		for _, l := range back.Losses {
			if strings.Contains(l.Why, "differs") || strings.Contains(l.Why, "was not given") || strings.Contains(l.Why, "is not there") {
				t.Log(l)
			}
		}
	}
}
