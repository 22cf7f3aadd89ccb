package mem0

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// some are the calls that make a few memories of one user.
func some(user string, texts ...string) []call {
	var out []call
	for _, text := range texts {
		out = append(out, call{"do": "add", "user_id": user, "messages": text, "metadata": object{"of": user}})
	}
	return out
}

// TestCollections: two collections share a place and a history.
func TestCollections(t *testing.T) {
	for _, f := range flavours {
		t.Run(f.String(), func(t *testing.T) {
			url := model(t)
			first := f.newPlace(t, "source")
			second := first
			second.Collection = "notes"
			f.answers(t, url, first.with(some("u-1", "in the first", "both")...), second.with(some("u-1", "in the second", "both")...))
			copied := f.carry(t, first)
			other := copied
			other.Collection = "notes"
			look := call{"do": "show", "filters": []any{object{"user_id": "u-1"}}, "queries": []any{"both"}}
			got := f.answers(t, url, first.with(look), second.with(look), copied.with(look), other.with(look))
			for i, c := range []string{"mem0", "notes"} {
				for _, d := range differences(got[i][0], got[i+2][0], c) {
					t.Error(d)
				}
			}
			if len(differences(got[0][0], got[1][0], "")) == 0 {
				t.Error("both collections show the same")
			}
		})
	}
}

// TestTargetInUse: a copy arrives beside memories of the target's own, and leaves again.
func TestTargetInUse(t *testing.T) {
	for _, f := range flavours {
		t.Run(f.String(), func(t *testing.T) {
			url := model(t)
			source, target := f.newPlace(t, "source"), f.newPlace(t, "target")
			f.answers(t, url, source.with(some("u-1", "one", "two", "three")...), target.with(some("mine", "stays")...))
			look := call{"do": "show", "filters": []any{object{"user_id": "mine"}, object{"user_id": "u-1"}}, "queries": []any{"one"}}
			before := f.answers(t, url, source.with(look), target.with(look))
			dir := t.TempDir()
			archive, journal := filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "j")
			exitramp(t, "export", source.url(), archive)
			exitramp(t, "replay", archive, target.url(), "--accept-unsigned", "--journal", journal)
			exitramp(t, "replay", archive, target.url(), "--accept-unsigned", "--journal", journal) // again: nothing is there twice
			after := f.answers(t, url, target.with(look))[0][0].(object)
			for from, user := range map[int]string{0: "u-1", 1: "mine"} {
				key := `{"user_id": "` + user + `"}`
				want := before[from][0].(object)["all"].(object)[key]
				if got := after["all"].(object)[key]; !reflect.DeepEqual(want, got) || len(want.([]any)) == 0 {
					t.Errorf("%s has %v, want %v", user, got, want)
				}
			}
			for id, h := range before[0][0].(object)["history"].(object) {
				if !reflect.DeepEqual(h, after["history"].(object)[id]) {
					t.Errorf("the history of %s is another", id)
				}
			}
			exitramp(t, "undo", journal, target.url())
			for _, d := range differences(before[1][0], f.answers(t, url, target.with(look))[0][0], "after undo") {
				t.Error(d)
			}
		})
	}
}

// TestForeign: memories of other runtimes become memories that mem0 lists. Their vectors are of
// another embedder or none, so nobody can search them, which the plan says.
func TestForeign(t *testing.T) {
	graph := filepath.Join(t.TempDir(), "memory.jsonl")
	lines := `{"type":"entity","name":"Ada Müller","entityType":"person","observations":["prefers °C","lives in Zürich 🙂"]}
{"type":"entity","name":"Acme","entityType":"company","observations":["founded 1947"]}
{"type":"relation","from":"Ada Müller","to":"Acme","relationType":"works_at"}
`
	if err := os.WriteFile(graph, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	for from, c := range map[string]struct {
		url  string
		want []string
	}{
		"MCP memory": {"mcpmemory:" + graph, []string{"prefers °C", "lives in Zürich 🙂", "founded 1947"}},
		"LangGraph":  {"langgraph+sqlite:../../cmd/exitramp/demo/support.sqlite", make([]string, 12)},
	} {
		for _, f := range flavours[:2] {
			t.Run(from+" to "+f.String(), func(t *testing.T) {
				target, archive := f.newPlace(t, "target"), filepath.Join(t.TempDir(), "a.ctxa")
				to := target.url() + "?flavor=" + f.name
				exitramp(t, "export", c.url, archive)
				plan := exitramp(t, "plan", archive, to, "--accept-unsigned")
				t.Log(plan)
				exitramp(t, "replay", archive, to, "--accept-unsigned")
				url := model(t)
				stored := f.answers(t, url, target.with(call{"do": "rows"}))[0][0].([]any)
				if len(stored) != len(c.want) {
					t.Fatalf("%d memories of %d", len(stored), len(c.want))
				}
				var ids []string
				filters, seen := []any{}, map[string]bool{}
				for _, r := range stored {
					ids = append(ids, r.([]any)[0].(string))
					for _, k := range []string{"user_id", "agent_id", "run_id"} {
						if v, ok := r.([]any)[1].(object)[k].(string); ok && !seen[k+v] {
							seen[k+v], filters = true, append(filters, object{k: v})
						}
					}
				}
				d := f.answers(t, url, target.with(call{"do": "show", "ids": ids, "filters": filters, "queries": []any{}}))[0][0].(object)
				listed, texts := map[string]bool{}, ""
				for _, l := range d["all"].(object) {
					for _, m := range l.([]any) {
						listed[m.(object)["id"].(string)] = true
						texts += m.(object)["memory"].(string) + "\n"
					}
				}
				if len(listed) != len(ids) {
					t.Errorf("mem0 lists %d of %d", len(listed), len(ids))
				}
				for _, w := range c.want {
					if !strings.Contains(texts, w) {
						t.Errorf("%q is not among %q", w, texts)
					}
				}
				// One of them gets a vector when mem0 changes it, and can then be found.
				f.answers(t, url, target.with(call{"do": "update", "of": ids[0], "text": "Prefers Kelvin"}))
			})
		}
	}
}
