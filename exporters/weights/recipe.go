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
		var l struct {
			Object string `json:"object"`
			Data   []struct {
				Object string `json:"object"`
				Job    string `json:"fine_tuning_job_id"`
			} `json:"data"`
		}
		if y == x || path.Ext(y.rel) != ".json" || !y.json(&l) || l.Object != "list" || len(l.Data) == 0 {
			continue
		}
		switch l.Data[0].Object {
		case "fine_tuning.job.event":
			// An event does not name its job: a list beside one job is of it, and its name may say more.
			if !strings.Contains(y.rel, "ftjob-") || strings.Contains(y.rel, j.ID) {
				m.files = append(m.files, y)
				m.label("events", y.key)
			}
		case "fine_tuning.job.checkpoint":
			if l.Data[0].Job == j.ID {
				m.files = append(m.files, y)
				m.label("checkpoints", y.key)
			}
		}
	}
	return m
}
