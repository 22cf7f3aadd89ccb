package mem0

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// model is what mem0 takes for its embedder and its model: equal texts get equal vectors of eight
// numbers that are not of length one, and every conversation is found to hold the same two facts.
func model(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Input      json.RawMessage `json:"input"`
			Dimensions int             `json:"dimensions"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var out any
		switch {
		case strings.HasSuffix(r.URL.Path, "/embeddings"):
			var texts []string
			if json.Unmarshal(in.Input, &texts) != nil {
				texts = make([]string, 1)
				if err := json.Unmarshal(in.Input, &texts[0]); err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
			}
			var data []any
			for i, text := range texts {
				data = append(data, object{"object": "embedding", "index": i, "embedding": vector(text, in.Dimensions)})
			}
			out = object{"object": "list", "model": "none", "data": data, "usage": object{"prompt_tokens": 1, "total_tokens": 1}}
		case strings.HasSuffix(r.URL.Path, "/chat/completions"):
			facts := `{"memory": [{"id": "0", "text": "Ada Müller works at Acme Corporation in Zürich", "attributed_to": "user"}, {"id": "1", "text": "Ada has two cats, \"Nox\" and \"Lux\"", "attributed_to": "user"}]}`
			out = object{"id": "c", "object": "chat.completion", "created": 1, "model": "none", "usage": object{"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
				"choices": []any{object{"index": 0, "finish_reason": "stop", "message": object{"role": "assistant", "content": facts}}}}
		default:
			http.Error(w, fmt.Sprintf("nothing at %s", r.URL.Path), http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/v1"
}

// vector has one number for each byte of the text's digest; all are positive, so that every search finds everything.
func vector(text string, dims int) []float64 {
	out := make([]float64, dims)
	sum := sha256.Sum256([]byte(text))
	for i := range out {
		out[i] = (float64(sum[i%len(sum)]) + 1) / 77
	}
	return out
}
