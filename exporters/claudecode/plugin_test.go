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
// when a person has approved it, and the secrets in its settings stay where they are.
func TestSkillsPlugin(t *testing.T) {
	const in = "skills/bread/"
	src := home(t, map[string]string{
		in + ".claude-plugin/plugin.json": `{"name": "bread", "mcpServers": {"a": {"command": "a", "env": {"A": "canary-zq-1"}}}}`,
		in + ".mcp.json":                  `{"mcpServers": {"b": {"command": "b", "args": ["--token", "canary-zq-2"]}}}`,
		in + "hooks/hooks.json":           `{"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "SHOP_TOKEN=canary-zq-3 bake"}]}]}}`,
		in + "README.md":                  "bakes\n",
	})
	mem, rep := drivertest.Export(t, src)
	if rep.Verdict.Coverage != agentstate.Reconciled || len(rep.Gaps) > 0 {
		t.Error(rep.Verdict, rep.Gaps)
	}
	var power []string
	for r := range mem.Records(t.Context(), nil) {
		if strings.Contains(fmt.Sprint(r), "canary-zq") {
			t.Errorf("%s holds the secret", r.GetMeta().Key)
		}
		if _, ok := r.(*pb.Policy); ok {
			power = append(power, r.GetMeta().Key)
		}
	}
	dst := t.TempDir()
	if held, _ := drivertest.Apply(t, Open(dst), mem); len(power) != 3 || !slices.Contains(held.Held, power[0]) {
		t.Errorf("settings %v, held %v", power, held.Held)
	}
	if got := files(t, dst); len(got) != 1 || got[".claude/"+in+"README.md"] == "" {
		t.Errorf("without approval there is %v", sortedKeys(got))
	}
	drivertest.Apply(t, Open(dst), mem, power...)
	if got := files(t, dst)[".claude/"+in+".mcp.json"]; got != `-{"mcpServers": {"b": {"command": "b", "args": ["--token", ""]}}}` {
		t.Errorf("approved: %s", got)
	}
}
