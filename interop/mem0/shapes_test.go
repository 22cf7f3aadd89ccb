package mem0

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestShapes: stores that are set up otherwise, or hold nothing yet, arrive as they are, and mem0 goes on
// in the copy.
func TestShapes(t *testing.T) {
	elsewhere := func(p *place) { p.History = filepath.Join(filepath.Dir(p.Dir), "of "+filepath.Base(p.Dir)+".db") }
	named := func(p *place) {
		if p.Collection = "Größe 2"; p.PG != "" { // which Qdrant refuses
			p.Collection += ` "x"`
		}
	}
	for name, c := range map[string]struct {
		shape func(p *place)
		calls []call
		only  string // the package
	}{
		"nothing yet":            {func(*place) {}, nil, ""},
		"all was deleted":        {func(*place) {}, []call{{"do": "add", "as": "a", "user_id": "u-1", "messages": "gone"}, {"do": "delete", "of": "a"}}, ""},
		"vectors of three":       {func(p *place) { p.Dims = 3 }, some("u-1", "one", "two"), ""},
		"vectors of many":        {func(p *place) { p.Dims = 1999 }, some("u-1", "one", "two"), ""},
		"the history elsewhere":  {elsewhere, some("u-1", "one", "two"), ""},
		"a name of its own":      {named, some("u-1", "one", "two"), "python"},
		"people of many scripts": {func(*place) {}, some("مستخدم/用户🙂%2F", "один", "二"), ""},
	} {
		for _, f := range flavours {
			if c.only != "" && c.only != f.name {
				continue
			}
			t.Run(name+" "+f.String(), func(t *testing.T) {
				url := model(t)
				source, copied := f.newPlace(t, "source"), f.newPlace(t, "copy")
				c.shape(&source)
				c.shape(&copied)
				users := []any{object{"user_id": "u-1"}, object{"user_id": "مستخدم/用户🙂%2F"}}
				look := call{"do": "show", "filters": users, "queries": []any{"one"}}
				f.answers(t, url, source.with(append(c.calls, look)...))
				archive := filepath.Join(t.TempDir(), "a.ctxa")
				if out := exitramp(t, "export", source.url(), archive); !strings.Contains(out, "RECONCILED") {
					t.Errorf("export: %s", out)
				}
				exitramp(t, "replay", archive, copied.url(), "--accept-unsigned")
				if out := exitramp(t, "readback", archive, copied.url(), "--accept-unsigned"); !strings.Contains(out, "missing 0 · extra 0") {
					t.Errorf("readback: %s", out)
				}
				got := f.answers(t, url, source.with(look), copied.with(look, call{"do": "add", "user_id": "u-1", "messages": "written in the copy"}, look))
				want := got[0][0].(object)
				for _, d := range differences(want, got[1][0], "") {
					t.Error(d)
				}
				after := got[1][2].(object)
				key := `{"user_id": "u-1"}`
				if a, b := len(want["all"].(object)[key].([]any)), len(after["all"].(object)[key].([]any)); b != a+1 {
					t.Errorf("%d memories, and after one more %d", a, b)
				}
			})
		}
	}
}
