package openaiagents

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestChance carries the state of programs that nobody wrote, a seed each: the real library shows the same of the copy, and says the same when it goes
// on in it. EXITRAMP_INTEROP_CHANCE is FROM:TO, of other seeds than the few that are always tried.
func TestChance(t *testing.T) {
	t.Setenv("CHANCE", cmp.Or(os.Getenv("EXITRAMP_INTEROP_CHANCE"), "4:6"))
	py, dir := python(t), t.TempDir()
	from, to, archive, journal := filepath.Join(dir, "from"), filepath.Join(dir, "to"), filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "journal")
	tell := func(command, place string) (told []map[string]any) {
		if err := json.Unmarshal([]byte(must(t, "python", py, "chance.py", command, place)), &told); err != nil {
			t.Fatal(err)
		}
		return told
	}
	twice := tell("make", from)
	want, again := twice[0], twice[1]
	exitramp(t, "export", "openaiagents:"+from, archive)
	exitramp(t, "verify", archive, "--integrity-only")
	plan := exitramp(t, "plan", archive, "openaiagents:"+to, "--accept-unsigned")
	wrote := exitramp(t, "replay", archive, "openaiagents:"+to, "--accept-unsigned", "--journal", journal, "--approve", approval(t, plan))
	if out := exitramp(t, "readback", archive, "openaiagents:"+to, "--accept-unsigned", "--journal", journal); !strings.Contains(out, "missing 0 · extra 0") {
		t.Errorf("%s\n%s", wrote, out)
	}
	got := tell("tell", to)[0]
	n := 0
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if text(want[k]) != text(again[k]) {
			t.Logf("%s: the library says two things of one store", k)
			continue
		}
		if n++; text(got[k]) != text(want[k]) {
			t.Errorf("%s: got  %s\nwant %s", k, text(got[k]), text(want[k]))
		}
	}
	if n == 0 || len(got) != len(want) {
		t.Errorf("%d sessions were compared, of %d and %d", n, len(got), len(want))
	}
	if must(t, "python", py, "chance.py", "rows", to) == "" {
		t.Error("nothing was there to be undone")
	}
	exitramp(t, "undo", journal, "openaiagents:"+to)
	if left := must(t, "python", py, "chance.py", "rows", to); left != "" {
		t.Errorf("undo left\n%s", left)
	}
}
