package embed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/internal/wordembedtest"
)

// TestMain lets this binary be the embedder, as a process of its own.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "wordembed" {
		if err := wordembedtest.Main(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func start(t *testing.T, args ...string) (*embed.Process, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := embed.Start(t.Context(), append([]string{exe, "wordembed"}, args...), io.Discard, 0)
	if err == nil {
		t.Cleanup(func() { p.Close() })
	}
	return p, err
}

func TestProcess(t *testing.T) {
	p, err := start(t, "words-1")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Model(), (embed.Model{Name: "words-1", Dimensions: 16}); got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
	for _, texts := range [][]string{{"a b", "b c", "unembeddable"}, {strings.Repeat("long ", 50000)}, manyTexts(200)} {
		got, err := p.Embed(t.Context(), texts)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range texts {
			want := embed.Answer{Vector: wordembedtest.Vector("words-1", text)}
			if text == "unembeddable" {
				want = embed.Answer{Why: "the embedder refuses it: 9000 tokens, at most 512"}
			}
			if d := cmp.Diff(want, got[i]); d != "" {
				t.Errorf("%.20s: %s", text, d)
			}
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func manyTexts(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("text number %d \"quoted\" ünï", i))
	}
	return out
}

func TestProcessFaults(t *testing.T) {
	if _, err := start(t, "words-1", "head"); !errors.Is(err, embed.ErrEmbedder) {
		t.Errorf("a first line that is no JSON: %v", err)
	}
	if _, err := embed.Start(t.Context(), []string{"/nosuch"}, nil, 0); !errors.Is(err, embed.ErrEmbedder) {
		t.Errorf("no program: %v", err)
	}
	for _, fault := range []string{"other", "die"} {
		p, err := start(t, "words-1", fault)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // broken stays broken
			if _, err = p.Embed(t.Context(), manyTexts(60)); !errors.Is(err, embed.ErrEmbedder) {
				t.Errorf("%s: %v", fault, err)
			}
		}
	}
	p, err := start(t, "words-1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Embed(ctx, []string{"a"}); err == nil {
		t.Error("a context that has ended: no error")
	}
}

// A program that says nothing any more is ended, and so is what it has started; the run that asks is not held up.
func TestProcessHangs(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := embed.Start(t.Context(), []string{exe, "wordembed", "words-1", "hang"}, io.Discard, 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err = p.Embed(t.Context(), manyTexts(60))
		if !errors.Is(err, embed.ErrEmbedder) || !strings.Contains(err.Error(), "it said nothing for 300ms, and was ended") {
			t.Error(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	late := filepath.Join(t.TempDir(), "late")
	for what, argv := range map[string][]string{
		"says no first line":            {sh, "-c", "exec sleep 20"},
		"is started by another program": {sh, "-c", "sleep 20 2>/dev/null & wait"},
		"goes on by itself":             {sh, "-c", "(sleep 1; touch " + late + ") & wait"},
	} {
		began := time.Now()
		if _, err := embed.Start(t.Context(), argv, io.Discard, 100*time.Millisecond); err == nil || !strings.Contains(err.Error(), "it said nothing for 100ms") {
			t.Errorf("%s: %v", what, err)
		}
		if d := time.Since(began); d > 15*time.Second {
			t.Errorf("%s: %s", what, d)
		}
	}
	time.Sleep(2 * time.Second)
	if _, err := os.Stat(late); err == nil {
		t.Error("what the program has started lives on")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := embed.Start(ctx, []string{sh, "-c", "sleep 20 2>/dev/null & wait"}, io.Discard, 0); err == nil || time.Since(began) > 15*time.Second {
		t.Errorf("a context that ends while it starts: %v", err)
	}
}

// A program that shows its progress on standard error is not silent, whoever takes that.
func TestProcessShowsProgress(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	const loads = `for i in 1 2 3 4 5 6 7 8; do sleep 0.2; echo "$i of 8" >&2; done; echo '{"model":"m","dimensions":1}'; cat >/dev/null`
	for name, to := range map[string]io.Writer{"taken": &bytes.Buffer{}, "not taken": nil} {
		p, err := embed.Start(t.Context(), []string{sh, "-c", loads}, to, time.Second)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if b, ok := to.(*bytes.Buffer); ok && !strings.HasSuffix(b.String(), "8 of 8\n") {
			t.Errorf("%q", b)
		}
	}
}

// full is a place that takes nothing more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

// A program that ended well ended well, also where one that it started holds standard error open, and where nobody can
// be shown what it says there.
func TestProcessEndsWell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	const head = `echo '{"model":"m","dimensions":1}'; `
	for what, c := range map[string]struct {
		script string
		to     io.Writer
	}{
		"leaves one behind":  {"sleep 60 & " + head + "cat >/dev/null", &bytes.Buffer{}},
		"is not to be shown": {head + "cat >/dev/null; echo a >&2; sleep 0.2; echo b >&2", full{}},
	} {
		p, err := embed.Start(t.Context(), []string{sh, "-c", c.script}, c.to, 0)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		began := time.Now()
		if err := p.Close(); err != nil || time.Since(began) > 20*time.Second {
			t.Errorf("%s: %v after %s", what, err, time.Since(began))
		}
	}
}

// TestCommand: no shell reads what stands behind exec:.
func TestCommand(t *testing.T) {
	for in, want := range map[string][]string{"a b  c": {"a", "b", "c"}, `["a","b c"]`: {"a", "b c"}, `a $(b)`: {"a", "$(b)"}, "": nil, " ": nil, "[]": nil, `["",1]`: nil} {
		got, err := embed.Command(in)
		if d := cmp.Diff(want, got); d != "" || (err == nil) != (want != nil) {
			t.Errorf("%q: %v %s", in, err, d)
		}
	}
}

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
			Model string
			Input []string
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.URL.Path != "/v1/embeddings" || r.Header.Get("Authorization") != "Bearer k3y" {
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
	for _, h := range []embed.HTTP{{URL: "http://example.org", Key: "k"}, {URL: "https://me:pw@example.org"}, {URL: "ftp://x"}, {URL: "http://"}} {
		h.Of = embed.Model{Name: "m", Dimensions: 1}
		if err := h.Check(); !errors.Is(err, embed.ErrEmbedder) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: %v", h.URL, err)
		}
	}
}

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
