package openaiagents

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A sandboxState is what a run state says of the place in which an agent has its files, in the names of both languages.
type sandboxState struct {
	Type     string `json:"type"`      // Python
	Backend  string `json:"backendId"` // JavaScript
	Snapshot struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	} `json:"snapshot"`
}

func (s sandboxState) String() string {
	where := cmp.Or(s.Type, s.Backend)
	if s.Snapshot.ID == "" || s.Snapshot.Type == "noop" {
		return where + ", no snapshot"
	}
	return fmt.Sprintf("%s, %s snapshot %s", where, s.Snapshot.Type, s.Snapshot.ID)
}

// sandboxes are the sandboxes that a run goes on in, each once: agents may share one.
func sandboxes(raw json.RawMessage) (out []string) {
	type entry struct {
		Python *sandboxState `json:"session_state"`
		JS     *sandboxState `json:"sessionState"`
	}
	var box struct {
		entry
		Python map[string]entry `json:"sessions_by_agent"`
		JS     map[string]entry `json:"sessionsByAgent"`
	}
	json.Unmarshal(raw, &box)
	all := []entry{box.entry}
	for _, by := range []map[string]entry{box.Python, box.JS} {
		for _, agent := range sorted(by) {
			all = append(all, by[agent])
		}
	}
	for _, e := range all {
		if s := cmp.Or(e.Python, e.JS); s != nil && !slices.Contains(out, s.String()) {
			out = append(out, s.String())
		}
	}
	return out
}

// workspaces names the sandboxes whose files runs go on with. A run state names them by a snapshot; where that is not found, Python
// goes on in an empty one and says nothing, and JavaScript refuses.
func workspaces(rel string, docs []*runDoc) []*pb.Gap {
	var names []string
	for _, d := range docs {
		for _, name := range d.sandboxes {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	g := gap("artifact", rel, uint64(len(names)), fmt.Errorf("the files of the sandbox that the run goes on in (%.200s) are not in the run state and not carried: without them it goes on in an empty one, or not at all; to leave, copy the snapshot to the place that the run state names", strings.Join(names, "; ")))
	g.Reason = pb.Gap_REASON_GONE
	return []*pb.Gap{g}
}
