package hometest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/callid/calltest"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// Gone: an undo counts what was not there any more apart from what it took out and from what stays. own is a state of the
// runtime's own with the file rel; a session of another runtime is brought, too.
func Gone(t *testing.T, open func(root string) replay.Target, own *memstate.State, rel string) {
	type counts struct{ removed, gone, left uint64 }
	undone := func(src *memstate.State, change func(root string)) counts {
		t.Helper()
		root := filepath.Join(t.TempDir(), "home")
		dst := open(root)
		_, j := drivertest.Apply(t, dst, src)
		change(root)
		u, err := replay.Undo(t.Context(), dst, j)
		if err != nil {
			t.Fatal(err)
		}
		return counts{u.Removed, u.Gone, u.LeftN}
	}
	foreign := calltest.Session("user call:a result:a user")
	session := func(root string) (path string) { // the only file
		t.Helper()
		err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				path = p
			}
			return err
		})
		if err != nil || path == "" {
			t.Fatal("no session", err)
		}
		return path
	}
	edit := func(f func(lines []string) []string) func(root string) {
		return func(root string) {
			p := session(root)
			b, err := os.ReadFile(p)
			if err == nil {
				err = os.WriteFile(p, []byte(strings.Join(f(slices.Collect(strings.Lines(string(b)))), "")), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(p string) {
		t.Helper()
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		change func(root string)
		want   counts
	}{
		"as it was": {func(string) {}, counts{5, 0, 0}},
		"the file":  {func(root string) { remove(session(root)) }, counts{0, 5, 0}},
		"the last result": {edit(func(l []string) []string {
			return slices.DeleteFunc(l, func(s string) bool { return strings.Contains(s, "call_output") || strings.Contains(s, "tool_result") })
		}), counts{4, 1, 0}},
		"it went on": {edit(func(l []string) []string { return append(l, "{\"type\":\"x\"}\n") }), counts{0, 0, 5}},
	} {
		if got := undone(foreign, c.change); got != c.want {
			t.Errorf("%s: removed, gone, left: %v, want %v", name, got, c.want)
		}
	}
	all := undone(own, func(string) {})
	if got := undone(own, func(root string) { remove(filepath.Join(root, rel)) }); got != (counts{all.removed - 1, 1, all.left}) {
		t.Errorf("%s: removed, gone, left: %v, of %v", rel, got, all)
	}
}
