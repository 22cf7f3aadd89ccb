package weights

import (
	"cmp"
	"encoding/json"
	"path"
	"slices"
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// adapter is what adapter_config.json says of its base.
type adapter struct {
	Base     string `json:"base_model_name_or_path"`
	Revision string `json:"revision"`
	Type     string `json:"peft_type"`
}

// UnmarshalJSON reads the words of PEFT, or of MLX where those are not there.
func (a *adapter) UnmarshalJSON(b []byte) error {
	type peft adapter
	var v struct {
		peft
		Model string `json:"model"`
		Kind  string `json:"fine_tune_type"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*a = adapter(v.peft)
	if a.Base == "" && v.Kind != "" {
		a.Base, a.Type = v.Model, cmp.Or(a.Type, strings.ToUpper(v.Kind))
	}
	return nil
}

// apart takes the adapter out of a model that has weights beside it: who merged the one into the other often left both in
// one folder. They are two models. Nothing is taken out where there are no weights beside.
func (m *model) apart() []*model {
	isConfig := func(x *file) bool { return path.Base(x.rel) == "adapter_config.json" }
	ofAdapter := func(x *file) bool {
		return isConfig(x) || x.hdr != nil && strings.Contains(path.Base(x.rel), "adapter")
	}
	rest := slices.DeleteFunc(slices.Clone(m.files), ofAdapter)
	if !slices.ContainsFunc(rest, func(x *file) bool { return x.hdr != nil }) {
		return nil
	}
	a := &model{id: path.Join(m.id, "adapter"), version: m.version, provider: m.provider, dir: m.dir, adapter: m.adapter,
		files: slices.DeleteFunc(slices.Clone(m.files), func(x *file) bool { return !ofAdapter(x) }), params: map[string]any{}}
	if v, ok := m.params["adapter_config"]; ok {
		a.params["adapter_config"] = v
	}
	delete(m.params, "adapter_config")
	m.files, m.adapter = rest, nil
	return []*model{a}
}

// bases are the models of this folder that an adapter names, by id or by path, and by revision where it says one.
func (r *reading) bases(a *adapter) []*model {
	bs := r.named[a.Base]
	if len(bs) == 0 && a.isPath() {
		bs = r.named[path.Base(slash(a.Base))]
	}
	return slices.DeleteFunc(slices.Clone(bs), func(b *model) bool { return !a.means(b) })
}

// isPath tells whether the base is a folder, and not a name.
func (a *adapter) isPath() bool { return path.IsAbs(slash(a.Base)) || strings.HasPrefix(a.Base, ".") }

// means tells whether a model that has the base's name is of the revision that is wanted.
func (a *adapter) means(m *model) bool {
	ref := func(l *pb.Label) bool { return l.Name == "ref" && l.Value == a.Revision }
	return a.Revision == "" || m.version == "" || m.version == a.Revision || slices.ContainsFunc(m.labels, ref)
}

// adaptersOf are the keys of the adapters' files, by the model that they are of, where that is known to be one.
func (r *reading) adaptersOf(ms []*model) map[*model][]string {
	for _, m := range ms {
		if m.adapter == nil {
			r.named[m.id] = append(r.named[m.id], m)
		}
	}
	out := map[*model][]string{}
	for _, m := range ms {
		if m.adapter == nil || m.adapter.Base == "" {
			continue
		}
		bs := r.bases(m.adapter)
		for _, x := range m.files {
			if x.hdr != nil && len(bs) == 1 {
				out[bs[0]] = append(out[bs[0]], x.key)
			}
		}
	}
	return out
}
