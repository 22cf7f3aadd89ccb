package claudecode

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
)

// Claude Code loads a plugin that lies below skills unasked, with all that it starts: its commands, agents, hooks, servers.

// isSettings tells whether rel is a document of settings: of the program, or of such a plugin.
func isSettings(rel string) bool { return isProgramSettings(rel) || isPluginSettings(rel) }

func isProgramSettings(rel string) bool {
	return isOne(rel, "settings.json", "settings.local.json", "cowork_settings.json")
}

func isPluginSettings(rel string) bool {
	return isOne(rel, "skills/*/.claude-plugin/*.json", "skills/*/.mcp.json", "skills/*/.lsp.json", "skills/*/settings.json", "skills/*/hooks/*.json", "skills/*/monitors/*.json")
}

// isOne tells whether rel has one of these forms. File systems may take no notice of upper case.
func isOne(rel string, forms ...string) bool {
	rel = homefiles.Fold(rel)
	return slices.ContainsFunc(forms, func(form string) bool {
		ok, _ := path.Match(".claude/"+form, rel)
		return ok
	})
}

// A plugin is what its manifest says.
type plugin struct {
	key   string          // of the manifest
	named map[string]bool // documents of settings that lie elsewhere, folded
}

// pluginOf is the plugin below skills that rel is a file of; nil: of none.
func (r *reading) pluginOf(rel string) *plugin {
	if parts := strings.SplitN(rel, "/", 4); len(parts) == 4 {
		return r.plugins[path.Join(parts[:3]...)]
	}
	return nil
}

// foundPlugin takes note of f where it is the manifest of a plugin.
func (r *reading) foundPlugin(f *homefiles.File) {
	if isOne(f.Rel, "skills/*/.claude-plugin/plugin.json") {
		r.plugins[path.Dir(path.Dir(f.Rel))] = &plugin{agentstate.Key(f.Kind, keyParts(f)...), map[string]bool{}}
	}
}

// name takes note of the documents of settings that the manifest in folder names.
func (p *plugin) name(folder string, manifest []byte) {
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if at := homefiles.Fold(path.Join(folder, strings.TrimPrefix(v, "${CLAUDE_PLUGIN_ROOT}/"))); path.Ext(at) == ".json" {
				p.named[at] = true
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	var doc any
	json.Unmarshal(homefiles.JSON(manifest), &doc) // what is no JSON names nothing
	walk(doc)
}
