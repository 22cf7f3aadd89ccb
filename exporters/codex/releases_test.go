package codex

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Databases of other releases are known by the migrations that they went through, come back as they were,
// and give their threads the names that they have.
func TestReleases(t *testing.T) {
	for rel, counts := range loadtest.Of(map[string][]int{"state_5.sqlite": {1, 33, 64}, "thread_history_1.sqlite": {4, 9}, "goals_1.sqlite": {1}}, map[string][]int{
		// Of 0.107.0, 0.118.0, 0.125.0, one with goals, 0.134.0, 0.142.5, 0.149.1, 0.155.1, 0.160.1, 0.169.0, 0.171.0; the first.
		"state_5.sqlite":          {1, 18, 22, 26, 33, 34, 39, 50, 55, 58, 62, 64},
		"thread_history_1.sqlite": {4, 6, 7, 9},
		"goals_1.sqlite":          {1},
		"memories_1.sqlite":       {1},
		"queue_1.sqlite":          {1},
	}) {
		for _, n := range counts {
			src, err := madeOnce().at(t.Context(), rel, n)
			if err != nil {
				t.Fatal(rel, n, err)
			}
			root := t.TempDir()
			if err := os.CopyFS(root, os.DirFS("testdata/home")); err != nil {
				t.Fatal(err)
			}
			change(t, root, rel, slices.Concat([]string{"BEGIN"}, src.statements, []string{"COMMIT"})...)
			if src.table("threads") != nil {
				change(t, root, rel, `INSERT INTO threads (id, rollout_path, created_at, updated_at, source, model_provider, cwd, title, sandbox_policy, approval_mode)
					VALUES ('`+thread+`', '/home/u/.codex/sessions/2026/11/24/rollout-2026-11-24T02-51-41-`+thread+`.jsonl', 1, 2, 'cli', 'openai', '/w', 'rye bread', '{}', 'never')`)
			}
			if n == 33 { // memories and goals were in this one then
				change(t, root, rel, `INSERT INTO thread_goals (thread_id, goal_id, objective, status, created_at_ms, updated_at_ms) VALUES ('`+thread+`', 'g', 'bake', 'active', 1, 2)`,
					`INSERT INTO stage1_outputs (thread_id, source_updated_at, raw_memory, rollout_summary, generated_at) VALUES ('`+thread+`', 1, 'likes rye', 's', 2)`)
			}
			mem, rep := drivertest.Export(t, opened(root))
			if rep.Verdict.Coverage != agentstate.Reconciled || len(rep.Gaps) > 0 || n == 33 && (rep.Records["memory"] != 2 || rep.Records["state"] != 1) {
				t.Fatalf("%s %d: %v %v %v", rel, n, rep.Records, rep.Verdict, rep.Gaps)
			}
			fresh := opened(filepath.Join(t.TempDir(), "home"))
			got, _ := drivertest.Apply(t, fresh, mem)
			if len(got.Refused)+len(got.Conflicts) > 0 {
				t.Errorf("%s %d: %v %v", rel, n, got.Refused, got.Conflicts)
			}
			if d := cmp.Diff(relocate(dump(t, root, rel), fresh.root), dump(t, fresh.root, rel)); d != "" {
				t.Errorf("%s %d: %.2000s", rel, n, d)
			}
			for r, err := range mem.Records(t.Context(), nil) {
				if c, ok := r.(*pb.Conversation); err != nil || ok && rel == "state_5.sqlite" && strings.HasSuffix(c.Meta.Key, thread) && c.Title != "rye bread" {
					t.Errorf("%d: title %q %v", n, c.GetTitle(), err)
				}
			}
		}
	}
}

// The statements are those of the runtime to the byte: it compares the digest of each.
func TestSteps(t *testing.T) {
	for rel, want := range map[string]string{"state_5.sqlite": "64 a6862d0a", "thread_history_1.sqlite": "9 4def92ea", "goals_1.sqlite": "2 f3ff7de2", "memories_1.sqlite": "2 18f0a8dd", "queue_1.sqlite": "2 983a2b17"} {
		all, err := stepsOf(rel)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%d %.8s", len(all), all[len(all)-1].checksum); got != want {
			t.Errorf("%s: %s, want %s", rel, got, want)
		}
		var st stages
		s, err := st.at(t.Context(), rel, first(nameOf(rel)))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := st.at(t.Context(), rel, first(nameOf(rel))); err != nil || again != s {
			t.Errorf("%s: made twice (%v)", rel, err)
		}
		// As archives of databases of 0.169.0 have it.
		marks := map[string]string{"state_5.sqlite": "7e7e06847f1be2392b5e0f12ee4673ff", "thread_history_1.sqlite": "e790c6034b6884975e30f6601ce417cb", "goals_1.sqlite": "3936f6062c9ed965590b5619d6ed1f50",
			"memories_1.sqlite": "133658be38aa676e3b5e5e6b97406e43", "queue_1.sqlite": "299a20c13c6e6e3da10371c4562d1e77"}
		if s.mark() != marks[rel] {
			t.Errorf("%s: %s", rel, s.mark())
		}
	}
}
