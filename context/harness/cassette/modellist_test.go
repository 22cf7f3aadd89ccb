package cassette

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// A program that looks for its model first finds it under the name that it asks for, and asking is no gap of a recording.
func TestModels(t *testing.T) {
	rec, proxy := behind(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"id":"x","object":"chat.completion","model":"m-2026","choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}]}`)
	})
	get := func(url string) string {
		t.Helper()
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.Status[:4] + string(b)
	}
	get(proxy + "/v1/models/org/m")
	resp, err := http.Post(proxy+"/v1/chat/completions", "application/json", strings.NewReader(`{"model":"org/m","messages":[{"role":"user","content":"q"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if n := rec.Missing(); len(n) > 0 {
		t.Error(n)
	}
	url, misses := played(t, rec)
	if got := get(url + "/v1/models"); !strings.Contains(got, `"id":"m-2026"`) || !strings.Contains(got, `"id":"org/m"`) {
		t.Error(got)
	}
	if got := get(url + "/v1/models/org/m"); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, `"id":"org/m"`) || len(*misses) > 0 {
		t.Error(got, *misses)
	}
	if got := get(url + "/v1/models/other"); !strings.HasPrefix(got, "404 ") || len(*misses) != 1 {
		t.Error(got, *misses)
	}
}
