package weights

import (
	"fmt"
	"net/url"
	"path"
	"strings"
)

// splits notes the parts of a GGUF file that was split, where its name does not say that it was.
func (r *reading) splits(m *model) {
	for _, x := range m.files {
		n, _ := x.hdr.Metadata["split.count"].(uint32)
		if n > 1 && !shard().MatchString(strings.TrimSuffix(x.rel, path.Ext(x.rel))) {
			r.lacks(x.rel+": the other parts", fmt.Sprintf("it says that it is one of %d parts of a model, and its name does not say which the others are", n))
		}
	}
}

// adapterIn is what a GGUF file says of its base where it is an adapter; nil: it is none.
func adapterIn(h *header) *adapter {
	text := func(name string) string {
		s, _ := h.Metadata[name].(string)
		return s
	}
	if text("general.type") != "adapter" {
		return nil
	}
	a := &adapter{Type: strings.ToUpper(text("adapter.type")), Base: text("general.base_model.0.name")}
	if u, err := url.Parse(text("general.base_model.0.repo_url")); err == nil && strings.Count(strings.Trim(u.Path, "/"), "/") == 1 {
		a.Base = strings.Trim(u.Path, "/") // as its name is where it was published
	}
	return a
}
