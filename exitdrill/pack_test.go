package exitdrill_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/evidence/report"
)

// TestNulls: null in a statement says that nobody knows. A drill without losses, or one that ended before it had
// kinds and controls, has empty lists of them.
func TestNulls(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	all := p.run(p.plan())
	p = newPlace(t)
	delete(p.runtimes, "source")
	gone := p.run(p.plan())
	for name, tc := range map[string]struct {
		statement []byte
		empty     []string
	}{"judged": {all.Statement, []string{"losses"}}, "no source": {gone.Statement, []string{"losses", "kinds", "negativeControls"}}} {
		var st struct{ Predicate map[string]json.RawMessage }
		if err := json.Unmarshal(tc.statement, &st); err != nil {
			t.Fatal(err)
		}
		for key, v := range st.Predicate {
			if string(v) == "null" {
				t.Errorf("%s: %s is null", name, key)
			}
		}
		for _, key := range tc.empty {
			if got := string(st.Predicate[key]); got != "[]" {
				t.Errorf("%s: %s: want [], got %.100s", name, key, got)
			}
		}
	}
}

// TestPack: what a drill leaves beside its statement are the files that anyone makes of the statement anew.
func TestPack(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	pl := p.plan()
	out := p.run(pl)
	b, err := os.ReadFile(strings.TrimSuffix(pl.Statement(), ".statement.json") + ".evidence.zip")
	if err != nil {
		t.Fatal(err)
	}
	pack, err := report.OpenPack(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	st, err := evidence.ParseStatement(bytes.NewReader(out.Statement), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := pack.Check(st); err != nil {
		t.Error(err)
	}
	files, err := report.Artifacts(st)
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]string{}, map[string]string{}
	for _, f := range files {
		want[f.Name] = string(f.Data)
	}
	for _, f := range pack.Files {
		got[f.Name] = string(f.Data)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("anew and in the pack: %.2000s", d)
	}
}
