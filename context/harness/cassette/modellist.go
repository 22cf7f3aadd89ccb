package cassette

import (
	"net/http"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// asksModels tells whether a request asks which models there are; id is the one that it asks for, empty: all.
func asksModels(r *http.Request) (id string, ok bool) {
	_, id, one := strings.Cut(r.URL.Path, "/models/")
	return id, r.Method == http.MethodGet && (one && id != "" || strings.HasSuffix(r.URL.Path, "/models"))
}

// addModel takes the names of a model: the one that a program asks for, and the one that answered.
func (p *Player) addModel(m *pb.Model) {
	for _, id := range []string{m.RequestedId, m.ServedId} {
		if id != "" {
			p.models = append(p.models, id)
		}
	}
}

// list answers with the models that were recorded; false: the one that is asked for was not.
func (p *Player) list(w http.ResponseWriter, id string) bool {
	model := func(id string) any {
		return map[string]any{"id": id, "object": "model", "created": 0, "owned_by": "recorded"}
	}
	var out any = model(id)
	switch {
	case id == "":
		data := []any{}
		for _, m := range p.models {
			data = append(data, model(m))
		}
		out = map[string]any{"object": "list", "data": data}
	case !slices.Contains(p.models, id):
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(harness.Encode(out))
	return true
}
