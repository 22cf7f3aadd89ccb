package embed_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/internal/wordembedtest"
)

// exhausted takes any text, and refuses all after some, as a service whose budget is used up.
type exhausted struct {
	model string
	left  int
}

func (x *exhausted) Embed(_ context.Context, texts []string) ([]embed.Answer, error) {
	var out []embed.Answer
	for _, text := range texts {
		if x.left--; x.left < 0 {
			out = append(out, embed.Answer{Why: "HTTP 400 budget_exceeded"})
		} else {
			out = append(out, embed.Answer{Vector: wordembedtest.Vector(x.model, text)})
		}
	}
	return out, nil
}

// TestEmbedderChanges: another model under the same name, and a service that takes nothing any more, break the run and
// are no vectors of other texts, nor losses of them.
func TestEmbedderChanges(t *testing.T) {
	src := words(200, "")
	m := embed.Model{Name: "words-1", Dimensions: wordembedtest.Dimensions}
	kept := open(t, filepath.Join(t.TempDir(), "v"), m)
	read := func(e embed.Embedder) (*embed.Source, error) {
		s, err := embed.NewSource(src, e, kept)
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range s.Records(t.Context(), nil) {
			if err != nil {
				return s, err
			}
		}
		return s, nil
	}
	for _, left := range []int{20, 64 + 1 + 64 + 10} { // in the middle of a batch: what the batch had is kept
		if s, err := read(&exhausted{"words-1", left}); !errors.Is(err, embed.ErrEmbedder) || errors.Is(err, embed.ErrMixed) || s.Stats.Dropped > 0 {
			t.Errorf("used up after %d: %v, %d dropped", left, err, s.Stats.Dropped)
		}
	}
	had := kept.Len()
	if s, err := read(&exhausted{"words-2", 1000}); !errors.Is(err, embed.ErrMixed) || kept.Len() != had {
		t.Errorf("another model: %v, %d vectors and then %d, %d dropped", err, had, kept.Len(), s.Stats.Dropped)
	}
	if s, err := read(&exhausted{"words-1", 1000}); err != nil || kept.Len() != 200 || s.Stats.Dropped != 0 {
		t.Errorf("the same again: %v, %d vectors, %d dropped", err, kept.Len(), s.Stats.Dropped)
	}
}

// TestServicesDiffer: services answer in ways of their own.
func TestServicesDiffer(t *testing.T) {
	vector := func(v ...float32) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	one := func(model, v string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { fmt.Fprintf(w, `{"model":%q,"data":[{"embedding":%s}]}`, model, v) }
	}
	asText := `"` + base64.StdEncoding.EncodeToString([]byte{0, 0, 128, 63, 0, 0, 0, 192}) + `"` // 1, -2
	h, _ := service(t, one("words-1-v2", asText), one("words-1-v2", vector(1, -2)), one("other", vector(3, 4)))
	for range 2 {
		if a, err := h.Embed(t.Context(), []string{"a"}); err != nil || len(a) != 1 || len(a[0].Vector) != 2 || a[0].Vector[1] != -2 {
			t.Fatal(a, err)
		}
	}
	if h.Said() != "words-1-v2" {
		t.Error(h.Said())
	}
	if a, err := h.Embed(t.Context(), []string{"a"}); !errors.Is(err, embed.ErrMixed) {
		t.Error("another model in the middle:", a, err)
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		want   string
		later  bool
	}{
		"base64 of no numbers": {one("m", `"AAAA"`), "not that of an embeddings service", false},
		"a page":               {func(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/html"); io.WriteString(w, "<html>") }, `got "text/html"`, false},
		"moved":                {status(308, "Location", "https://u:pw@new.example/v1/embeddings?key=pw"), "https://new.example/v1/embeddings,", false},
		"a key":                {status(401), "another key", false},
		"elsewhere":            {status(404), "/v1/embeddings", false},
		"an hour":              {status(429, "Retry-After", "3600"), "wait for 1h0m0s", true},
	} {
		h, _ := service(t, c.answer)
		_, err := h.Embed(t.Context(), []string{"a"})
		if !errors.Is(err, embed.ErrEmbedder) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "pw") || agentstate.IsUnanswered(err) != c.later {
			t.Errorf("%s: %v", name, err)
		}
	}
	h, _ = service(t, func(w http.ResponseWriter) {
		w.WriteHeader(413)
		io.WriteString(w, `{"error":"too long","error_type":"Validation"}`)
	})
	if a, err := h.Embed(t.Context(), []string{"a"}); err != nil || !strings.HasSuffix(a[0].Why, "HTTP 413 Validation") {
		t.Error(a, err)
	}
}
