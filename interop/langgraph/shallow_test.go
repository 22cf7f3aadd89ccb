package langgraph

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestShallow: what a ShallowPostgresSaver has goes on under PostgresSaver and SqliteSaver, and is said to be
// all there is. There is no way back.
func TestShallow(t *testing.T) {
	f := python(t)
	src := postgres(t, "")
	f.script(t, "shallow", "make", src.python)
	archive := filepath.Join(t.TempDir(), "shallow.ctxa")
	if r := exitramp(t, done, "preflight", src.exitramp); !strings.Contains(r.all(), "there is no history to carry") {
		t.Errorf("preflight does not say that there is no history:\n%s", r.all())
	}
	exitramp(t, done, "export", src.exitramp, archive)
	if r := exitramp(t, done, "inspect", archive); !strings.Contains(r.all(), "there is no history to carry") {
		t.Errorf("inspect does not say that there is no history:\n%s", r.all())
	}
	for name, to := range map[string]place{"pg": postgres(t, ""), "sqlite": sqlite(t, "target.sqlite")} {
		t.Run(name, func(t *testing.T) {
			journal := filepath.Join(t.TempDir(), "replay.journal")
			exitramp(t, done, "replay", archive, to.exitramp, "--accept-unsigned", "--journal", journal)
			exitramp(t, done, "readback", archive, to.exitramp, "--accept-unsigned", "--journal", journal)
			f.judge(t, "shallow", "judge", to.python)
		})
	}
	r := run(t, "", env.exitramp, "replay", archive, src.exitramp, "--accept-unsigned", "--journal", archive+".back")
	if r.code == 0 || !strings.Contains(r.all(), "open that with PostgresSaver") {
		t.Errorf("replay into it again: exit code %d\n%s", r.code, r.all())
	}
}
