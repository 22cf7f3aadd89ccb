package claudecode

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A rule is in a grant's pattern and in no key: a secret that nobody recognises stands in no plan, journal or
// report. Rules whose secrets were taken out stay as many as they were, here and in a copy; the same rule twice is one, and what is no text none.
func TestRules(t *testing.T) {
	const unknown = "Bash(bake -phunter3 *)"
	h := home(t, map[string]string{"settings.json": `{"permissions":{"allow":["Read","` + unknown + `","Bash(curl -u me:one https://h)","Read",5,{"a":1},null,"Bash(curl -u me:two https://h)"],"deny":["Bash(curl -u me:six https://h)"]}}`})
	mem, rep := drivertest.Export(t, h)
	if rep.Records["toolgrant"] != 5 {
		t.Errorf("%d grants", rep.Records["toolgrant"])
	}
	patterns := grants(t, mem)
	if n := strings.Count(strings.Join(patterns, "\n"), unknown); n != 1 || len(patterns) != 5 {
		t.Errorf("%q", patterns)
	}
	dst := Open(filepath.Join(t.TempDir(), "home"))
	path := filepath.Join(t.TempDir(), "journal")
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	o := &replay.Options{Journal: j, Approved: []string{"policy/settings.json"}}
	plan, err := replay.Plan(t.Context(), dst, mem, o)
	if err != nil {
		t.Fatal(err)
	}
	done, err := replay.Apply(t.Context(), dst, mem, o)
	if err != nil || done.Actions[replay.Created] == 0 {
		t.Fatal(done, err)
	}
	back, err := replay.ReadBack(t.Context(), mem, dst, j)
	if err != nil || back.MissingN+back.ExtraN+back.UnannouncedN != 0 {
		t.Errorf("%+v %v", back, err)
	}
	copied, _ := drivertest.Export(t, dst)
	if got := grants(t, copied); strings.Join(got, "\n") != strings.Join(patterns, "\n") {
		t.Errorf("%q, want %q", got, patterns)
	}
	lines, err := os.ReadFile(path)
	told, merr := json.Marshal([]any{plan, done, back, rep, string(lines)})
	if err != nil || merr != nil || strings.Contains(string(told), "hunter3") {
		t.Errorf("%v %v: the rule stands in what is told: %s", err, merr, told)
	}
}

// grants are the patterns of the grants of src, in the order of their keys, none of which says one.
func grants(t *testing.T, src *memstate.State) (patterns []string) {
	t.Helper()
	for r, err := range src.Records(t.Context(), &agentstate.ReadOptions{Kinds: []string{"toolgrant"}}) {
		if err != nil {
			t.Fatal(err)
		}
		g, ok := r.(*pb.ToolGrant)
		if !ok { // the origin
			continue
		}
		if patterns = append(patterns, g.Meta.Key+" "+g.Pattern); strings.Contains(g.Meta.Key, "hunter3") {
			t.Errorf("key %s", g.Meta.Key)
		}
	}
	return patterns
}
