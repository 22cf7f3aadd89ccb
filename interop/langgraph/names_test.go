package langgraph

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestNames: a thread that passed a node with a backslash in its name stays away from PostgreSQL, where the library would fail at
// each listing that meets it. Other names arrive.
func TestNames(t *testing.T) {
	f := python(t)
	src, to := sqlite(t, "source.sqlite"), postgres(t, "")
	f.script(t, "names", "make", src.python)
	archive := filepath.Join(t.TempDir(), "names.ctxa")
	exitramp(t, done, "export", src.exitramp, archive)
	for _, command := range []string{"plan", "replay"} {
		if r := exitramp(t, []int{0, 3}, command, archive, to.exitramp, "--accept-unsigned"); !strings.Contains(r.all(), "has a backslash in its name") {
			t.Errorf("%s does not say why the thread stays away:\n%s", command, r.all())
		}
	}
	exitramp(t, done, "readback", archive, to.exitramp, "--accept-unsigned")
	f.judge(t, "names", "judge", to.python)
}
