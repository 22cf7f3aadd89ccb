package mem0

import (
	"path/filepath"
	"reflect"
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
				got := after["history"].(object)[id]
				if f.name == "js" { // its rows are numbered, and the target has rows of its own
					h, got = numberless(h), numberless(got)
				}
				if !reflect.DeepEqual(h, got) {
					t.Errorf("the history of %s is %v, want %v", id, got, h)
				}
			}
			exitramp(t, "undo", journal, target.url())
			for _, d := range differences(before[1][0], f.answers(t, url, target.with(look))[0][0], "after undo") {
				t.Error(d)
			}
		})
	}
}

// numberless is a history without the numbers of its rows.
func numberless(h any) any {
	var out []any
	for _, e := range h.([]any) {
		m := object{}
		for k, v := range e.(object) {
			if k != "id" {
				m[k] = v
			}
		}
		out = append(out, m)
	}
	return out
}
