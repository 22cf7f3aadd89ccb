package claudecode

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestSkillsPlugin: Claude Code loads a plugin that lies below skills unasked, and starts what it names. So it arrives
// when a person has approved it, and the secrets in its settings stay where they are, wherever these lie.
func TestSkillsPlugin(t *testing.T) {
	const in = "skills/bread/"
	src := home(t, map[string]string{
		in + ".claude-plugin/plugin.json": `{"name": "bread", "mcpServers": ["./cfg/more.JSON", {"a": {"command": "a", "env": {"A": "canary-zq-1"}}}], "hooks": "${CLAUDE_PLUGIN_ROOT}/cfg/hooks.json"}`,
		in + "cfg/more.json":              `{"c": {"command": "c", "env": {"A": "canary-zq-4"}}}`,
		in + "cfg/hooks.json":             `{"hooks": {"Stop": [{"hooks": [{"type": "http", "url": "x", "headers": {"X": "canary-zq-5"}}]}]}}`,
		in + "agents/baker.md":            "---\nmcpServers:\n  d: {command: d, env: {A: canary-zq-6}}\n---\nBake.\n",
		in + "settings.json":              `{"permissions": {"allow": ["Bash(bake)"]}}`,
		in + ".mcp.json":                  `{"mcpServers": {"b": {"command": "b", "args": ["--token", "canary-zq-2"]}}}`,
		in + "hooks/hooks.json":           `{"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "SHOP_TOKEN=canary-zq-3 bake"}]}]}}`,
		in + "README.md":                  "bakes\n",
	})
	mem, rep := drivertest.Export(t, src)
	if rep.Verdict.Coverage != agentstate.Reconciled || len(rep.Gaps) > 0 {
		t.Error(rep.Verdict, rep.Gaps)
	}
	var power, servers []string
	for r := range mem.Records(t.Context(), nil) {
		if strings.Contains(fmt.Sprint(r), "canary-zq") {
			t.Errorf("%s holds the secret", r.GetMeta().Key)
		}
		switch r := r.(type) {
		case *pb.Policy:
			power = append(power, r.Meta.Key)
		case *pb.ToolServer:
			for _, k := range r.CredentialKeys {
				if _, err := mem.Get(t.Context(), k); err != nil {
					t.Errorf("%s: %v", r.Meta.Key, err)
				}
			}
			servers = append(servers, fmt.Sprint(r.Meta.Key, r.Location, len(r.CredentialKeys), len(r.Meta.ViewOfKeys)))
		case *pb.ToolGrant:
			t.Errorf("the settings of a plugin permit nothing: %s", r.Pattern)
		case *pb.Artifact:
			if _, parts := agentstate.SplitKey(r.OwnerKey); !slices.Equal(parts, []string{in + ".claude-plugin/plugin.json"}) || r.Size != uint64(len(r.Data.GetInline())) {
				t.Errorf("%s, of %d bytes, belongs to %q", r.Meta.Key, r.Size, r.OwnerKey)
			}
		}
	}
	of := func(rel, name string) string {
		return agentstate.Key("toolserver", ".claude/"+in+rel, name) + name + "1 1"
	}
	if want := []string{of(".claude-plugin/plugin.json", "a"), of(".mcp.json", "b")}; !slices.Equal(servers, want) {
		t.Errorf("servers %q, want %q", servers, want)
	}
	dst := t.TempDir()
	if held, _ := drivertest.Apply(t, Open(dst), mem); len(power) != 4 || !slices.Contains(held.Held, power[0]) {
		t.Errorf("settings %v, held %v", power, held.Held)
	}
	if got := files(t, dst); len(got) > 0 {
		t.Errorf("without approval there is %v", sortedKeys(got))
	}
	drivertest.Apply(t, Open(dst), mem, power...)
	if got := files(t, dst); len(got) != 8 || !strings.Contains(got[".claude/"+in+"agents/baker.md"], "Bake.") {
		t.Errorf("approved: %v", sortedKeys(got))
	}
	if got := files(t, dst)[".claude/"+in+".mcp.json"]; got != `-{"mcpServers": {"b": {"command": "b", "args": ["--token", ""]}}}` {
		t.Errorf("approved: %s", got)
	}
}

// A skill whose file is not in capitals is one where the file system takes no notice of them: its files wait with it.
func TestSkillInSmallLetters(t *testing.T) {
	src := home(t, map[string]string{"skills/a/skill.md": "Do.\n", "skills/a/b/run.sh": "x\n"})
	mem, _ := drivertest.Export(t, src)
	s, err := mem.Get(t.Context(), "skill/skills%2Fa%2Fskill.md")
	if err != nil || s.(*pb.Skill).Name != "a" {
		t.Errorf("%v %v", s, err)
	}
	dst := t.TempDir()
	drivertest.Apply(t, Open(dst), mem)
	if got := files(t, dst); len(got) > 0 {
		t.Errorf("without approval there is %v", sortedKeys(got))
	}
	drivertest.Apply(t, Open(dst), mem, "skill/skills%2Fa%2Fskill.md")
	if got := files(t, dst); len(got) != 2 {
		t.Errorf("approved: %v", sortedKeys(got))
	}
}
