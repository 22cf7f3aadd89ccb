package weights

import (
	"encoding/json"
	"path"
	"strings"
)

// job is the Model of a dumped fine-tuning job of OpenAI's API; nil: x is none. The files that it names
// are found beside it by their ids, and lists of its events and checkpoints by what they say they are.
func (r *reading) job(x *file, beside []*file) *model {
	var j struct {
		Object     string          `json:"object"`
		ID         string          `json:"id"`
		Base       string          `json:"model"`
		Tuned      string          `json:"fine_tuned_model"`
		Status     string          `json:"status"`
		Seed       json.Number     `json:"seed"`
		Training   string          `json:"training_file"`
		Validation string          `json:"validation_file"`
		Results    []string        `json:"result_files"`
		Method     json.RawMessage `json:"method"`
		Hyper      json.RawMessage `json:"hyperparameters"`
		Tokens     json.Number     `json:"trained_tokens"`
	}
	if path.Ext(x.rel) != ".json" || !x.json(&j) || j.Object != "fine_tuning.job" || j.ID == "" {
		return nil
	}
	m := &model{provider: "openai", id: j.Tuned, dir: path.Dir(x.rel), files: []*file{x}, params: map[string]any{}}
	if m.id == "" {
		m.id = j.ID
	}
	for name, v := range map[string]json.RawMessage{"method": j.Method, "hyperparameters": j.Hyper} {
		if len(v) > 0 && string(v) != "null" {
			m.params[name] = v
		}
	}
	m.label("job", j.ID)
	m.label("status", j.Status)
	m.label("base_model", j.Base)
	m.label("seed", j.Seed.String())
	m.label("trained_tokens", j.Tokens.String())
	m.label("weights", "kept by the provider")
	find := func(role, id string) {
		if id == "" {
			return
		}
		for _, y := range beside {
			if base := path.Base(y.rel); base == id || strings.HasPrefix(base, id+".") {
				m.files = append(m.files, y)
				m.label(role, y.key)
				return
			}
		}
		m.label(role, id+": not in this folder")
	}
	find("training_file", j.Training)
	find("validation_file", j.Validation)
	for _, id := range j.Results {
		find("result_file", id)
	}
	for _, y := range beside {
		if y == x || path.Ext(y.rel) != ".json" {
			continue
		}
		switch l := r.list(y); l.Object {
		case "fine_tuning.job.event":
			// An event does not name its job: a list beside one job is of it, and its name may say more.
			if !strings.Contains(y.rel, "ftjob-") || strings.Contains(y.rel, j.ID) {
				m.files = append(m.files, y)
				m.label("events", y.key)
			}
		case "fine_tuning.job.checkpoint":
			if l.Job == j.ID {
				m.files = append(m.files, y)
				m.label("checkpoints", y.key)
			}
		}
	}
	return m
}

// listed is what the first element of a list is, and of which job.
type listed struct {
	Object string `json:"object"`
	Job    string `json:"fine_tuning_job_id"`
}

// list is what y is a list of; empty: it is none. It is read once, though there may be many jobs beside it.
func (r *reading) list(y *file) listed {
	if l, ok := r.lists[y]; ok {
		return l
	}
	var l struct {
		Object string   `json:"object"`
		Data   []listed `json:"data"`
	}
	var out listed
	if y.json(&l) && l.Object == "list" && len(l.Data) > 0 {
		out = l.Data[0]
	}
	r.lists[y] = out
	return out
}
