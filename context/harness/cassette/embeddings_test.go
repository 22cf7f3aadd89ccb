package cassette

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
)

// embedder is a model that gives texts and tokens a vector each: their length, and how often it was asked.
func embedder(t *testing.T) *httptest.Server {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		var in struct {
			Input    any
			Encoding string `json:"encoding_format"`
			Model    string
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		list, ok := in.Input.([]any)
		if !ok {
			list = []any{in.Input}
		}
		if _, tokens := list[0].(float64); tokens {
			list = []any{in.Input}
		}
		var data []any
		for i, x := range list {
			if x == "busy" && asked < 3 {
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			v := []float64{float64(len(fmt.Sprint(x))), 0.1, -1e-9, float64(asked)}
			var vector any = v
			if in.Encoding == "base64" {
				vector = pack(v)
			}
			data = append([]any{map[string]any{"object": "embedding", "index": i, "embedding": vector}}, data...) // in no order
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"object": "list", "model": in.Model + "-2026", "data": data, "usage": map[string]any{"prompt_tokens": 3, "total_tokens": 3}})
	}))
	t.Cleanup(s.Close)
	return s
}

func pack(v []float64) string {
	var b []byte
	for _, n := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(n)))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// embed asks for vectors; nil: it was refused.
func embed(t *testing.T, base string, body map[string]any) []any {
	t.Helper()
	code, b := post(t, base+"/v1/embeddings", body)
	var out struct {
		Object, Model string
		Data          []struct {
			Object    string
			Index     int
			Embedding any
		}
	}
	if code != http.StatusOK {
		return nil
	}
	if err := json.Unmarshal(b, &out); err != nil || out.Object != "list" || out.Model != "e-2026" {
		t.Fatalf("%v: %s", err, b)
	}
	vectors := make([]any, len(out.Data))
	for _, d := range out.Data {
		if d.Object != "embedding" {
			t.Errorf("%s", b)
		}
		vectors[d.Index] = d.Embedding
	}
	return vectors
}

// recording is a recorder before an embedder, and the server that it is.
func recording(t *testing.T) (*Recorder, *httptest.Server) {
	t.Helper()
	rec, err := NewRecorder(RecorderOptions{Upstream: embedder(t).URL + "/v1", Name: "q4"})
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(rec)
	t.Cleanup(func() {
		proxy.Close()
		rec.Close()
	})
	return rec, proxy
}

// Vectors are recorded and played: for a request as it was, for its inputs in another order or alone, and in the other form.
func TestEmbeddings(t *testing.T) {
	rec, proxy := recording(t)
	asks := []map[string]any{
		{"model": "e", "input": "one"},
		{"model": "e", "input": []any{"two", "three"}, "encoding_format": "base64"},
		{"model": "e", "input": []any{1, 2, 3}, "user": "ann"},
		{"model": "e", "input": []any{[]any{4, 5}, []any{6}}, "dimensions": 4},
	}
	var want [][]any
	for _, a := range asks {
		want = append(want, embed(t, proxy.URL, a))
	}
	rec.NextRun()
	embed(t, proxy.URL, asks[0]) // the same again
	url, misses := played(t, rec)
	for i, a := range asks {
		if d := cmp.Diff(want[i], embed(t, url, a)); d != "" || want[i] == nil {
			t.Errorf("%v: %s %v", a, d, *misses)
		}
	}
	if got := embed(t, url, map[string]any{"model": "e", "input": []any{"three", "one"}, "encoding_format": "base64", "user": "bob"}); !cmp.Equal(got, []any{want[1][1], pack(numbers(want[0][0]))}) {
		t.Errorf("%v", got)
	}
	if got := embed(t, url, map[string]any{"model": "e", "input": "two", "encoding_format": "float"}); len(got) != 1 || !cmp.Equal(got[0], []any{3.0, 0.1, -1e-9, 2.0}) {
		t.Errorf("%v", got)
	}
	if len(*misses) > 0 {
		t.Error(*misses)
	}
	other := map[string]any{"model": "e", "input": "one", "encoding_format": "base64"}
	first := embed(t, proxy.URL, other) // recorded by now in either form
	url, misses = played(t, rec)
	if d := cmp.Diff(want[0], embed(t, url, asks[0])); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(first, embed(t, url, other)); d != "" {
		t.Error(d)
	}
	for what, a := range map[string]map[string]any{
		"input 2 (": {"model": "e", "input": []any{"one", "never"}},
		"input 1 was embedded with other settings: model: want ":    {"model": "f", "input": "one"},
		"input 1 was embedded with other settings: dimensions: not": {"model": "e", "input": "one", "dimensions": 2},
		"cassette: request: its encoding_format is ":                {"model": "e", "input": "one", "encoding_format": "ubinary"},
	} {
		*misses = nil
		if got := embed(t, url, a); got != nil || len(*misses) != 1 || !strings.Contains((*misses)[0].String(), what) || strings.Contains((*misses)[0].String(), "never") {
			t.Errorf("%s: %v %v", what, got, *misses)
		}
	}
}

func numbers(v any) []float64 {
	var out []float64
	for _, n := range v.([]any) {
		out = append(out, n.(float64))
	}
	return out
}

// Requests for embeddings are runs of the archive; one that failed and was made good is none, one that stayed without is a gap.
func TestEmbeddingsKept(t *testing.T) {
	rec, proxy := recording(t)
	long := strings.Repeat("x", agentstate.SpillSize)
	embed(t, proxy.URL, map[string]any{"model": "e", "input": "busy"})
	embed(t, proxy.URL, map[string]any{"model": "e", "input": []any{"busy", "busy"}})
	embed(t, proxy.URL, map[string]any{"model": "e", "input": "busy"})
	embed(t, proxy.URL, map[string]any{"model": "e", "input": long})
	mem := &memstate.State{}
	rep, err := agentstate.Copy(t.Context(), mem, rec, nil)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Records["run"] != 2 || rep.Records["model"] != 1 || rep.Records["conversation"]+rep.Records["testrun"]+rep.Records["message"] != 0 || rec.Exchanges() != 2 {
		t.Errorf("%v, %d", rep.Records, rec.Exchanges())
	}
	if len(rep.Gaps) != 1 || rep.Gaps[0].Place != "embeddings: requests that the model answered with status 429" || rep.Gaps[0].Count != 1 {
		t.Errorf("%v", rep.Gaps)
	}
	p, err := NewPlayer(t.Context(), mem, nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(p)
	defer srv.Close()
	if got := embed(t, srv.URL, map[string]any{"model": "e", "input": []any{long, "busy"}}); len(got) != 2 || p.Answers() != 2 {
		t.Errorf("%d vectors, %d answers", len(got), p.Answers())
	}
}

// What is no answer to a request for n vectors is none.
func TestEmbeddingsAnswer(t *testing.T) {
	for _, bad := range []string{
		``, `{}`, `{"data":[]}`, `{"data":[{"index":0,"embedding":[1]}]}`, `{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}`,
		`{"data":[{"index":0,"embedding":[1]},{"index":2,"embedding":[1]}]}`, `{"data":[{"index":0,"embedding":[1]},{"index":-1,"embedding":[1]}]}`,
		`{"data":[{"embedding":[1]},{"embedding":[]}]}`, `{"data":[{"embedding":[1]},{"embedding":null}]}`, `{"data":[{"embedding":[1]},{"embedding":"AAA"}]}`,
		`{"data":[{"embedding":[1]},{"embedding":["x"]}]}`, `{"data":[{"embedding":[1]},{"embedding":"AAAA"}]}`,
	} {
		if a, err := embeddingsAnswer([]byte(bad), 2); err == nil {
			t.Errorf("%s: %v", bad, a)
		}
	}
	nan := json.RawMessage(`"` + pack([]float64{math.NaN()}) + `"`)
	if _, ok := inForm(nan, false); ok {
		t.Error("JSON has no NaN")
	}
	if got, ok := inForm(nan, true); !ok || string(got) != string(nan) {
		t.Error(string(got))
	}
}
