package exitdrill_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/evidence/report"
	"github.com/exitramp/exitramp/context/memstate"
)

// shown is the digest of what shows a check under a name; empty: that does not show it.
func shown(out *drill.Outcome, n int, name string) string {
	for _, e := range check(out, n).Evidence {
		if e.Name == name {
			return e.Digest.SHA256
		}
	}
	return ""
}

// artefact is a file that is made of the statement.
func artefact(t *testing.T, out *drill.Outcome, name string) string {
	t.Helper()
	files, err := report.Artifacts(&evidence.Statement{Predicate: out.Predicate})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	t.Fatalf("there is no %s", name)
	return ""
}

// TestArtefacts: a check names what shows it, and the digest is that of the file that the drill left. What was
// not tested is shown by nothing.
func TestArtefacts(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.runtimes["target"] = memstate.NewRuntime(&memstate.RuntimeOptions{Refuse: func(r agentstate.Record) string {
		if r.GetMeta().GetKey() == "message/t1/0003" {
			return "too long"
		}
		return ""
	}})
	pl := p.plan("next_review", fmt.Sprintf("second_reader: [%q, reader, well]\nnext_review", os.Args[0]))
	out := p.run(pl)
	sum := func(name string) string {
		return fmt.Sprintf("%x", sha256.Sum256([]byte(p.read(filepath.Join("out", name)))))
	}
	if hints := strings.Join(out.Hints, "\n"); !strings.Contains(hints, "why the target did not take a record stands, with its key, in "+filepath.Join(p.dir, "out", "q.refused.ndjson")) {
		t.Errorf("nobody says where the reasons are: %q", hints)
	}
	pr := out.Predicate
	for _, tc := range []struct {
		n          int
		name, want string
	}{
		{1, "plan", pl.Digest()}, {3, "contract", strings.Repeat("0", 64)}, {9, "manifest.json", pr.Archive.ManifestSHA256}, {13, "destination-state", pr.Target.StateDigest.SHA256},
		{33, "q.journal", sum("q.journal")}, {33, "q.refused.ndjson", sum("q.refused.ndjson")}, {43, "q.refused.ndjson", sum("q.refused.ndjson")},
		{20, "q.second-reader.json", sum("q.second-reader.json")}, {17, pr.Archive.Schemas[0].File, pr.Archive.Schemas[0].Digest.SHA256},
	} {
		if got := shown(out, tc.n, tc.name); got != tc.want || len(got) != 64 {
			t.Errorf("AC-%d by %s: %q, want %q", tc.n, tc.name, got, tc.want)
		}
	}
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if got := shown(out, 20, filepath.Base(os.Args[0])); got != fmt.Sprintf("%x", sha256.Sum256(self)) {
		t.Errorf("the program of the second reader is %q", got)
	}
	seen := map[string]bool{}
	for _, x := range pr.Replay {
		if seen[x.Feature] {
			t.Errorf("%s stands for two things", x.Feature)
		}
		seen[x.Feature] = true
	}
	if got := pr.Tool.ConfigDigest; got != evidence.Config(pr.Drill.PlanDigest) || !strings.Contains(check(out, 27).Why, got.SHA256[:16]) {
		t.Errorf("judged by %+v, %s", got, check(out, 27).Why)
	}
	for _, c := range pr.Checks {
		if c.Result == evidence.Untold && len(c.Evidence) > 0 {
			t.Errorf("%s was not tested, and is shown by %v", c.ID, c.Evidence)
		}
	}
	if text := p.read("out/q.second-reader.json"); !strings.Contains(text, "a second program") || !slices.Contains(out.Files, filepath.Join(p.dir, "out", "q.second-reader.json")) {
		t.Errorf("%q of %v", text, out.Files)
	}

	// At L1 there is no journal and nothing read back; a second drill is shown by the entry before it.
	out = p.run(p.plan("name: q", "name: r", "mode: planned", "mode: stressed", "level: L3", "level: L1"))
	if got := shown(out, 25, "ledger entry 0"); got == "" || got != out.Predicate.Drill.PrevDigest.SHA256 {
		t.Errorf("the entry before is %q", got)
	}
	for _, c := range out.Predicate.Checks {
		for _, e := range c.Evidence {
			if strings.HasSuffix(e.Name, ".journal") || e.Name == evidence.SubjectState {
				t.Errorf("%s is shown by %s", c.ID, e.Name)
			}
		}
	}
}
