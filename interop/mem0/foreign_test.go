package mem0

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// into names an empty place for exitramp: which package is to read it, and for PostgreSQL how many
// numbers a vector has.
func (f flavour) into(p place) string {
	if f.postgres {
		return p.url() + "&flavor=" + f.name + "&collection=" + p.Collection + "&dims=8"
	}
	return p.url() + "?flavor=" + f.name
}

// bring takes what is at from through an archive into an empty place, without a loss that was not
// announced.
func (f flavour) bring(t *testing.T, from string) place {
	t.Helper()
	target, archive := f.newPlace(t, "target"), filepath.Join(t.TempDir(), "a.ctxa")
	exitramp(t, "export", from, archive)
	exitramp(t, "plan", archive, f.into(target), "--accept-unsigned")
	journal := filepath.Join(t.TempDir(), "journal")
	exitramp(t, "replay", archive, f.into(target), "--accept-unsigned", "--journal", journal)
	back := exitramp(t, "readback", archive, target.url(), "--accept-unsigned", "--journal", journal)
	if !strings.Contains(back, "missing 0") || strings.Contains(back, ": differs") || strings.Contains(back, "is not there") || strings.Contains(back, "was not given") {
		t.Errorf("readback: %s", back)
	}
	return target
}

// TestForeign: memories of other runtimes become memories that mem0 lists, finds and changes. A memory
// that comes without a vector is found when mem0 has made it one.
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
		url     string
		texts   []string
		user    string
		vectors bool
	}{
		"MCP memory": {"mcpmemory:" + graph, []string{"prefers °C", "lives in Zürich 🙂", "founded 1947"}, "mcp-memory", false},
		"LangGraph": {"langgraph+sqlite:../../cmd/exitramp/demo/support.sqlite",
			[]string{"Prefers answers in English, short and without jargon.", "Wears jackets in size M and boots in size 42."}, "customers/c-17/memories", true},
	} {
		for _, f := range flavours {
			t.Run(from+" to "+f.String(), func(t *testing.T) {
				target, url := f.bring(t, c.url), model(t)
				user := object{"user_id": c.user}
				key := `{"user_id": "` + c.user + `"}`
				look := call{"do": "show", "filters": []any{user}, "queries": []any{"Prefers Kelvin"}}
				before := f.answers(t, url, target.with(look))[0][0].(object)
				listed, ids := map[string]string{}, []string{}
				for _, m := range before["all"].(object)[key].([]any) {
					listed[m.(object)["memory"].(string)] = m.(object)["id"].(string)
					ids = append(ids, m.(object)["id"].(string))
				}
				for _, want := range c.texts {
					if listed[want] == "" {
						t.Fatalf("%q is not among %v", want, listed)
					}
				}
				if found := len(before["search"].(object)[key+"Prefers Kelvin"].([]any)); c.vectors && found != len(ids) {
					t.Errorf("a search finds %d of %d", found, len(ids))
				}
				id := listed[c.texts[0]]
				got := f.answers(t, url, target.with(call{"do": "update", "of": id, "text": "Prefers Kelvin"},
					call{"do": "add", "as": "new", "messages": "written by mem0", "user_id": c.user}, call{"do": "delete", "of": listed[c.texts[1]]}, look))[0]
				after := got[3].(object)
				if n := len(after["all"].(object)[key].([]any)); n != len(ids) {
					t.Errorf("one was added and one deleted: %d memories of %d", n, len(ids))
				}
				if m := after["get"].(object)[id].(object); m["memory"] != "Prefers Kelvin" || m["metadata"].(object)["name"] == nil {
					t.Errorf("the updated memory is %v", m)
				}
				best := after["search"].(object)[key+"Prefers Kelvin"].([]any)
				if len(best) == 0 || best[0].([]any)[1] != id {
					t.Errorf("the search does not find %s first: %v", id, best)
				}
				if h := after["history"].(object)[id].([]any); len(h) != 1 {
					t.Errorf("%d entries in the history of a memory that was changed once", len(h))
				}
			})
		}
	}
}

// TestOtherStore: the files of a package become its tables and the other way, and its API shows the same.
func TestOtherStore(t *testing.T) {
	for _, name := range []string{"js", "python"} {
		for _, postgres := range []bool{false, true} {
			f, to := flavour{name, postgres}, flavour{name, !postgres}
			t.Run(f.String()+" to "+to.String(), func(t *testing.T) {
				url := model(t)
				source, ids := f.madeOf(t, url, state(flavour{name, true})) // what JSONB takes
				target := to.bring(t, source.url())
				look := show(values(ids), queries()[:3]...)
				want, got := f.answers(t, url, source.with(look))[0][0].(object), to.answers(t, url, target.with(look))[0][0].(object)
				for _, part := range []string{"get", "history", "messages"} {
					for _, d := range differences(want[part], got[part], part) {
						if !strings.Contains(d, "want 1e+300, got 1000") { // JSONB writes it out
							t.Error(d)
						}
					}
				}
				for _, part := range []string{"all", "visible"} {
					for k, l := range want[part].(object) {
						if a, b := len(l.([]any)), len(got[part].(object)[k].([]any)); a != b {
							t.Errorf("%s: %s: %d memories of %d", part, k, b, a)
						}
					}
				}
				if a, b := len(want["entities"].([]any)), len(got["entities"].([]any)); a != b || a == 0 {
					t.Errorf("%d entities of %d", b, a)
				}
				found(t, want, got)
				held(t, got, ids)
			})
		}
	}
}

// found: searches give the same memories. In what order depends on the engine, and on how a package
// takes words apart.
func found(t *testing.T, want, got object) {
	t.Helper()
	for q, l := range want["search"].(object) {
		var sets [2][]string
		for i, x := range []any{l, got["search"].(object)[q]} {
			for _, m := range x.([]any) {
				sets[i] = append(sets[i], m.([]any)[1].(string))
			}
		}
		slices.Sort(sets[0])
		slices.Sort(sets[1])
		if !slices.Equal(sets[0], sets[1]) {
			t.Errorf("%.60s finds %d, and %d in the copy", q, len(sets[0]), len(sets[1]))
		}
	}
}

// TestOtherPackage: what one package made the other lists, finds and changes.
func TestOtherPackage(t *testing.T) {
	for _, pair := range [][2]flavour{{flavours[0], flavours[1]}, {flavours[1], flavours[0]}, {flavours[1], flavours[2]}} {
		f, to := pair[0], pair[1]
		t.Run(f.String()+" to "+to.String(), func(t *testing.T) {
			url := model(t)
			source, ids := f.madeOf(t, url, state(flavour{f.name, true}))
			target := to.bring(t, source.url())
			look := show(values(ids), queries()[:3]...)
			want, got := f.answers(t, url, source.with(look))[0][0].(object), to.answers(t, url, target.with(look))[0][0].(object)
			for id, m := range want["get"].(object) {
				if m == nil {
					if got["get"].(object)[id] != nil {
						t.Errorf("%s is back", id)
					}
					continue
				}
				there, _ := got["get"].(object)[id].(object)
				if there["memory"] != m.(object)["memory"] || spelled(there, "created_at", "createdAt") != spelled(m.(object), "created_at", "createdAt") {
					t.Errorf("%s is %v, want %v", id, there, m)
				}
				if a, b := len(want["history"].(object)[id].([]any)), len(got["history"].(object)[id].([]any)); a != b {
					t.Errorf("%s has %d entries in its history, want %d", id, b, a)
				}
			}
			if a, b := len(want["entities"].([]any)), len(got["entities"].([]any)); a != b || a == 0 {
				t.Errorf("%d entities of %d", b, a)
			}
			found(t, want, got)
			to.goOn(t, url, target, ids)
		})
	}
}

func spelled(m object, names ...string) any {
	for _, n := range names {
		if m[n] != nil {
			return m[n]
		}
	}
	return nil
}
