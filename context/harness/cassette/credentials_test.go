package cassette

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
)

// An upstream that says the key of a request again is not kept, wherever it says it.
func TestRepeatedKey(t *testing.T) {
	const key = "sk-canary+0123/456789abcdef"
	const cut = 10
	deltas, args := "", ""
	for _, s := range []string{key[:cut], key[cut:]} {
		deltas += fmt.Sprintf(`data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":%q}}]}`, s) + "\n\n"
		args += fmt.Sprintf(`data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c","function":{"name":"","arguments":%q}}]}}]}`, s) + "\n\n"
	}
	const ends = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
	says := func(s string) string { return `{"error":{"message":"Incorrect API key provided: ` + s + `"}}` }
	answer := oddAnswer("chat", `[{"index":0,"message":{"role":"assistant","content":"`+key+`"},"finish_reason":"stop"}]`)
	for name, c := range map[string]struct {
		header, value string
		status        int
		body, retry   string
		lost          bool
	}{
		"400":                 {"Authorization", "Bearer " + key, 400, says(key), "", true},
		"500":                 {"Authorization", "Bearer " + key, 500, says("Bearer " + key), "", true},
		"200 with an error":   {"X-Api-Key", key, 200, says(key), "", true},
		"another header":      {"Api-Key", key, 400, says(key), "", true},
		"spelled as JSON may": {"Api-Key", key, 400, says(strings.NewReplacer("+", `\u002B`, "/", `\/`).Replace(key)), "", true},
		"a password":          {"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+key)), 400, says(key), "", true},
		"a kept header":       {"X-Goog-Api-Key", key, 429, says(""), key, true},
		"an address":          {"", "", 400, says(key), "", true},
		"an answer":           {"Authorization", "Bearer " + key, 200, answer, "", true},
		"a streamed answer":   {"Authorization", "Bearer " + key, 200, deltas + ends, "", true},
		"a call, streamed":    {"Authorization", "Bearer " + key, 200, args + ends, "", true},
		"a failed stream":     {"Authorization", "Bearer " + key, 200, deltas + `data: {"error":{"message":"overloaded"}}` + "\n\n", "", true},
		"one that broke off":  {"Authorization", "Bearer " + key, 200, deltas[:len(deltas)-7], "", true},
		"behind its text":     {"Authorization", "Bearer " + key, 200, deltas[:len(deltas)-4], "", true},
		"a part of it":        {"Authorization", "Bearer " + key, 400, says("sk-…cdef"), "", false},
		"no key at all":       {"Authorization", "Bearer none", 400, says("none"), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			rec, url := behind(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", c.retry)
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			url += paths["chat"]
			if c.header == "" {
				url += "?key=" + strings.ReplaceAll(key, "+", "%2B")
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(fmt.Sprintf(asksFor, strings.HasPrefix(c.body, "data"))))
			if err != nil {
				t.Fatal(err)
			}
			if c.header != "" {
				req.Header.Set(c.header, c.value)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if b, err := io.ReadAll(resp.Body); err != nil || string(b) != c.body {
				t.Fatalf("the program got %q, %v", b, err)
			}
			if (rec.Missing()[repeated] == 1) != c.lost || len(rec.Failures())+rec.Exchanges() == 1 == c.lost {
				t.Errorf("lost %v, failures %v, %d answers", rec.Missing(), rec.Failures(), rec.Exchanges())
			}
			mem := &memstate.State{}
			rep, err := agentstate.Copy(t.Context(), mem, rec, nil)
			if err != nil || (rep.Verdict.Coverage == agentstate.Reconciled) == c.lost {
				t.Error(err, rep.Verdict)
			}
			for r := range mem.Records(t.Context(), nil) {
				if s := fmt.Sprint(r); strings.Contains(s, key) || strings.Contains(s, "0123/456789") || strings.Contains(s, `\u002B0123`) {
					t.Errorf("the key is in %s", r.GetMeta().GetKey())
				}
			}
		})
	}
}
