package claudecode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/interop/clihome"
)

// TestSkillsPlugin: the real CLI loads a plugin that lies below skills, and runs its hook, unasked. In a copy it does so
// after a person has approved it, and not before. So it is where the manifest names a document of hooks that lies elsewhere.
func TestSkillsPlugin(t *testing.T) {
	for hooks, manifest := range map[string]string{"hooks/hooks.json": `{"name": "bread"}`, "cfg/more.json": `{"name": "bread", "hooks": "./cfg/more.json"}`} {
		t.Run(hooks, func(t *testing.T) { skillsPlugin(t, hooks, manifest) })
	}
}

func skillsPlugin(t *testing.T, hooks, manifest string) {
	m := newModel(t)
	home, work := folders(t)
	ran := filepath.Join(work, "ran")
	in := filepath.Join(home, ".claude", "skills", "bread")
	clihome.Put(t, filepath.Join(in, ".claude-plugin", "plugin.json"), manifest)
	clihome.Put(t, filepath.Join(in, hooks), `{"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "touch `+ran+`"}]}]}}`)
	runs := func(home string) bool {
		os.Remove(ran)
		claude(t, m, home, work, "-p", "say something")
		_, err := os.Stat(ran)
		return err == nil
	}
	if !runs(home) {
		t.Fatal("the CLI does not load the plugin: the test shows nothing")
	}
	dir := t.TempDir()
	archive, closed, opened, approve := filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "closed"), filepath.Join(dir, "opened"), filepath.Join(dir, "approve")
	clihome.Exitramp(t, 0, "export", "claudecode:"+home, archive)
	powers := clihome.Powers(t, archive)
	if want := strings.Count("hooks/hooks.json", hooks) + 1; strings.Count(powers, "bread") != want { // the manifest, and what lies where it is known
		t.Errorf("what waits for a person: %s", powers)
	}
	clihome.Put(t, approve, powers)
	clihome.Exitramp(t, 0, "replay", archive, "claudecode:"+closed, "--accept-unsigned", "--journal", closed+".j")
	clihome.Exitramp(t, 0, "replay", archive, "claudecode:"+opened, "--accept-unsigned", "--approve", approve, "--journal", opened+".j")
	if runs(closed) || !runs(opened) {
		t.Error("a hook runs in a copy without approval, or does not with it")
	}
}
