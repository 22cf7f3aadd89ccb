package embed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/internal/wordembedtest"
)

// service is an embeddings service that does what each of faults says, one a request, and then works.
func service(t *testing.T, faults ...func(w http.ResponseWriter)) (*embed.HTTP, *[]time.Duration) {
	var waits []time.Duration
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(faults) > 0 {
			f := faults[0]
			faults = faults[1:]
			f(w)
			return
		}
		var q struct {
			Model  string
			Input  []string
			Format any `json:"encoding_format"` // "float" is refused by some services
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Format != nil || r.URL.Path != "/v1/embeddings" || r.Header.Get("Authorization") != "Bearer k3y" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		type item struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		}
		var out []item
		for i, text := range q.Input {
			if strings.Contains(text, "unembeddable") {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprintf(w, `{"error":{"message":"your text is %s","code":"context_length_exceeded"}}`, text)
				return
			}
			out = append([]item{{i, wordembedtest.Vector(q.Model, text)}}, out...) // out of order
		}
		json.NewEncoder(w).Encode(map[string]any{"data": out})
	}))
	t.Cleanup(s.Close)
	return &embed.HTTP{URL: s.URL, Of: embed.Model{Name: "words-1", Dimensions: 16}, Key: "k3y", Wait: func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}}, &waits
}

func status(code int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func TestHTTP(t *testing.T) {
	h, waits := service(t, status(429, "Retry-After", "7"), status(503), status(429, "Retry-After", "0"))
	texts := append(manyTexts(9), "this is unembeddable", "after")
	got, err := h.Embed(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		want := embed.Answer{Vector: wordembedtest.Vector("words-1", text)}
		if strings.Contains(text, "unembeddable") {
			want = embed.Answer{Why: "the embedder refuses it: HTTP 400 context_length_exceeded"}
		}
		if d := cmp.Diff(want, got[i]); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
	if d := cmp.Diff([]time.Duration{7 * time.Second, time.Second, 2 * time.Second}, *waits); d != "" {
		t.Error(d)
	}
}

func TestHTTPFaults(t *testing.T) {
	answer := func(s string) func(http.ResponseWriter) { return func(w http.ResponseWriter) { io.WriteString(w, s) } }
	for name, f := range map[string]func(http.ResponseWriter){
		"unauthorized": status(401), "a redirect": status(307, "Location", "http://127.0.0.1:1/"), "waits an hour": status(429, "Retry-After", "3600"),
		"no JSON": answer("hi"), "too few": answer(`{"data":[]}`), "twice the same": answer(`{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}`),
		"beyond": answer(`{"data":[{"index":0,"embedding":[1]},{"index":9,"embedding":[1]}]}`), "none": answer(`{"data":[{"index":0},{"index":1}]}`),
		"no number": answer(`{"data":[{"index":0,"embedding":[1,null]},{"index":1,"embedding":[1,2]}]}`),
		"endless":   func(w http.ResponseWriter) { io.Copy(w, io.LimitReader(zeros{}, 4<<20)) },
	} {
		h, _ := service(t, f)
		_, err := h.Embed(t.Context(), []string{"a secret", "b"})
		if !errors.Is(err, embed.ErrEmbedder) || strings.Contains(err.Error(), "k3y") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	var always []func(http.ResponseWriter)
	for range 20 {
		always = append(always, status(500))
	}
	h, waits := service(t, always...)
	if _, err := h.Embed(t.Context(), []string{"a"}); !errors.Is(err, embed.ErrEmbedder) || len(*waits) != 7 {
		t.Errorf("always down: %v after %d waits", err, len(*waits))
	}
	// Nobody there: who started the run still looks. One that has answered is waited for.
	for name, tt := range map[string]struct {
		first []func(http.ResponseWriter)
		waits int
	}{"never there": {nil, 2}, "gone since": {[]func(http.ResponseWriter){status(401)}, 7}} {
		var asked int
		h, waits := service(t, tt.first...)
		do := http.DefaultTransport
		h.Client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if asked++; asked > len(tt.first) {
				return nil, syscall.ECONNREFUSED
			}
			return do.RoundTrip(r)
		})}
		for range tt.first {
			_, _ = h.Embed(t.Context(), []string{"a"}) // what it answers is not the question
		}
		if _, err := h.Embed(t.Context(), []string{"a"}); !errors.Is(err, embed.ErrEmbedder) || !errors.Is(err, syscall.ECONNREFUSED) || len(*waits) != tt.waits {
			t.Errorf("%s: %v after %d waits, want %d", name, err, len(*waits), tt.waits)
		}
	}
	for _, h := range []*embed.HTTP{{URL: "http://example.org", Key: "k"}, {URL: "https://me:pw@example.org"}, {URL: "ftp://x"}, {URL: "http://"}} {
		h.Of = embed.Model{Name: "m", Dimensions: 1}
		if err := h.Check(); !errors.Is(err, embed.ErrEmbedder) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: %v", h.URL, err)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestVectors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v")
	m := embed.Model{Name: "words-1", Dimensions: 16}
	v := open(t, path, m)
	for _, text := range manyTexts(5) {
		if err := v.Put(text, wordembedtest.Vector("words-1", text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Put("x", make([]float32, 16)); !errors.Is(err, embed.ErrEmbedder) {
		t.Errorf("zeros: %v", err)
	}
	v.Close()
	if _, err := embed.OpenVectors(path, embed.Model{Name: "words-2", Dimensions: 16}); !errors.Is(err, embed.ErrVectors) {
		t.Errorf("another model of the same dimensions: %v", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b[:len(b)-3], 0o600); err != nil { // torn by a crash
		t.Fatal(err)
	}
	v = open(t, path, embed.Model{})
	if v.Model() != m || v.Len() != 4 {
		t.Fatalf("%v with %d texts, want %v with 4", v.Model(), v.Len(), m)
	}
	got, err := v.Get(manyTexts(5)[3])
	if d := cmp.Diff(wordembedtest.Vector("words-1", manyTexts(5)[3]), got); d != "" || err != nil {
		t.Error(err, d)
	}
	if got, err := v.Get(manyTexts(5)[4]); got != nil || err != nil {
		t.Errorf("the torn one: %v %v", got, err)
	}
	v.Close()
	b[80] ^= 1 // not in the tail
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := embed.OpenVectors(path, m); !errors.Is(err, embed.ErrVectors) {
		t.Errorf("a flipped bit: %v", err)
	}
}

func open(t *testing.T, path string, m embed.Model) *embed.Vectors {
	t.Helper()
	v, err := embed.OpenVectors(path, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

// FuzzVectors: whatever the file holds, it opens or is refused, and what it gives is a vector.
func FuzzVectors(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed")
	v, err := embed.OpenVectors(path, embed.Model{Name: "words-1", Dimensions: 16})
	if err != nil {
		f.Fatal(err)
	}
	if err := errors.Join(v.Put("a", wordembedtest.Vector("words-1", "a")), v.Put("b", wordembedtest.Vector("words-1", "b")), v.Close()); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || len(b) < 100 {
		f.Fatal("no seed", err)
	}
	f.Add(b)
	f.Add(b[:len(b)-1])
	f.Add([]byte("{\"vectors\":\"exitramp-vectors/1\",\"model\":\"m\",\"dimensions\":99999999999}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "v")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := embed.OpenVectors(path, embed.Model{})
		if err != nil {
			return
		}
		defer v.Close()
		if got, err := v.Get("a"); err == nil && got != nil && len(got) != v.Model().Dimensions {
			t.Errorf("%d numbers, want %d", len(got), v.Model().Dimensions)
		}
	})
}
