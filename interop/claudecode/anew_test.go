package claudecode

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/interop/clihome"
)

// TestStoredAnew: the real CLI finds what follows a line under the uuid that it was sent as, and does not send what is only
// shown. The archive says the same of what the model sees.
func TestStoredAnew(t *testing.T) {
	const session = "0b5c7a52-6d0e-4d7e-9b57-0a4b8f0f1c11"
	uuid := func(n string) string { return "00000000-0000-4000-8000-0000000000" + n }
	for name, c := range map[string]struct {
		id   string // of the third line, which the fourth follows as 03
		more object
		want []string
	}{
		"as it is":    {"03", nil, []string{"said-01", "said-02", "said-03", "said-04"}},
		"stored anew": {"13", object{"sentAsUuid": uuid("03")}, []string{"said-01", "said-02", "said-13", "said-04"}},
		"shown alone": {"03", object{"isVirtual": true}, []string{"said-01", "said-02", "said-04"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(t)
			home, work := folders(t)
			var text strings.Builder
			line := func(role, id string, parent any, more object) {
				var content any = "said-" + id
				if role == "assistant" {
					content = []any{object{"type": "text", "text": content}}
				}
				o := object{"type": role, "uuid": uuid(id), "parentUuid": parent, "sessionId": session, "cwd": work, "version": "2.1.332", "isSidechain": false, "userType": "external",
					"timestamp": "2026-11-24T03:00:" + id + ".000Z", "message": object{"id": "msg_" + id, "type": "message", "role": role, "model": "test", "content": content}}
				maps.Copy(o, more)
				b, _ := json.Marshal(o)
				text.Write(append(b, '\n'))
			}
			line("user", "01", nil, nil)
			line("assistant", "02", uuid("01"), nil)
			line("user", c.id, uuid("02"), c.more)
			line("assistant", "04", uuid("03"), nil)
			project := regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(work, "-")
			clihome.Put(t, filepath.Join(home, ".claude", "projects", project, session+".jsonl"), text.String())
			archive := filepath.Join(t.TempDir(), "a.ctxa")
			clihome.Exitramp(t, 0, "export", "claudecode:"+home, archive)
			claude(t, m, home, work, "-p", "go on", "--resume", session)
			said := regexp.MustCompile(`said-\d+`)
			ours := said.FindAllString(clihome.Output(t, "show", archive, "conversation/"+project+"/"+session), -1)[1:] // behind the title
			if sent := said.FindAllString(m.last(), -1); !slices.Equal(sent, c.want) || !slices.Equal(ours, c.want) {
				t.Errorf("the CLI sends %v, the archive says %v, want %v", sent, ours, c.want)
			}
		})
	}
}
