package openaiagents

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A sandboxState is what a run state says of the place in which an agent has its files, in the names of both languages.
type sandboxState struct {
	Type     string `json:"type"`      // Python
	Backend  string `json:"backendId"` // JavaScript
	Session  string `json:"session_id"`
	Snapshot struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	} `json:"snapshot"`
}

func (s sandboxState) String() string {
	where := cmp.Or(s.Type, s.Backend, "of a kind that is not said")
	if s.Snapshot.ID == "" || s.Snapshot.Type == "noop" {
		return where + ", no snapshot"
	}
	return fmt.Sprintf("%s, %s snapshot %s", where, s.Snapshot.Type, s.Snapshot.ID)
}

// sandboxes are the sandboxes that a run goes on in, each once: agents may share one.
func sandboxes(raw json.RawMessage) (out []sandboxState) {
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
	all, seen := []entry{box.entry}, map[sandboxState]bool{}
	for _, by := range []map[string]entry{box.Python, box.JS} {
		for _, agent := range sorted(by) {
			all = append(all, by[agent])
		}
	}
	for _, e := range all {
		if s := cmp.Or(e.Python, e.JS); s != nil && !seen[*s] {
			seen[*s] = true
			out = append(out, *s)
		}
	}
	return out
}

// workspaces names the sandboxes whose files runs go on with. A run state names them by a snapshot; where that is not found, Python
// goes on in an empty one and says nothing, and JavaScript refuses.
func workspaces(rel string, docs []*runDoc) []*pb.Gap {
	var names []string
	seen := map[sandboxState]bool{}
	for _, d := range docs {
		for _, s := range d.sandboxes {
			if !seen[s] {
				seen[s] = true
				names = append(names, s.String())
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

// inClear are the environment variables of a run state's sandboxes whose values stand in it as they are, in JavaScript.
func inClear(raw json.RawMessage) []string {
	type entry struct {
		State struct {
			Manifest struct {
				Environment map[string]json.RawMessage `json:"environment"`
			} `json:"manifest"`
		} `json:"sessionState"`
	}
	var box struct {
		entry
		By map[string]entry `json:"sessionsByAgent"`
	}
	json.Unmarshal(raw, &box)
	names := map[string]bool{}
	for _, e := range append(slices.Collect(maps.Values(box.By)), box.entry) {
		for name := range e.State.Manifest.Environment {
			names[name] = true
		}
	}
	return sorted(names)
}

// exposed says what of sandboxes is carried as it is, and may be secret.
func exposed(rel string, docs []*runDoc) (notes []string) {
	for _, d := range docs {
		if len(d.exposed) > 0 {
			notes = append(notes, fmt.Sprintf("%s: the values of environment variables of its sandbox (%.200s) stand in the run state as they are, and go with it", valid(rel), valid(strings.Join(d.exposed, ", "))))
		}
	}
	return notes
}
