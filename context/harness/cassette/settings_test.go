package cassette

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
)

const base = `"model":"m","temperature":0.20,"tools":[{"type":"function","function":{"name":"f","description":"d"}},{"type":"function","function":{"name":"g"}}],"response_format":{"type":"text"}`

// What is asked for beside the messages is compared: by default it is told, and refused where that is wanted.
func TestSettings(t *testing.T) {
	rec, proxy := fixed(t, oddAnswer("chat", odd["a refusal"].said))
	ask := func(settings string) string {
		return `{"messages":[{"role":"user","content":"Hi"}],` + settings + `}`
	}
	see(t, proxy+paths["chat"], ask(base))
	mem := &memstate.State{}
	if _, err := agentstate.Copy(t.Context(), mem, rec, nil); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		settings string
		want     string // of each difference, how it begins
	}{
		"none":              {base, ""},
		"spelled otherwise": {strings.Replace(base, "0.20", "2e-1", 1), ""},
		"order of tools":    {strings.Replace(base, `{"type":"function","function":{"name":"f","description":"d"}},{"type":"function","function":{"name":"g"}}`, `{"type":"function","function":{"name":"g"}},{"type":"function","function":{"name":"f","description":"d"}}`, 1), ""},
		"who asks":          {base + `,"user":"u","metadata":{"a":"b"},"store":true,"seed":null,"stream":true`, ""},
		"temperature":       {strings.Replace(base, "0.20", "0.9", 1), "temperature: want "},
		"model":             {strings.Replace(base, `"m"`, `"secret"`, 1), "model: want "},
		"a tool more":       {strings.Replace(base, `"g"}}`, `"g"}},{"type":"web_search"}`, 1), "tools.web_search: not expected"},
		"a tool less":       {strings.Replace(base, `,{"type":"function","function":{"name":"g"}}`, "", 1), "tools.g: missing"},
		"a tool's words":    {strings.Replace(base, `"d"`, `"secret"`, 1), "tools.f.function.description: want "},
		"format":            {strings.Replace(base, `"text"`, `"json_object"`, 1), "response_format.type: want "},
		"a seed":            {base + `,"seed":1`, "seed: not expected"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, strict := range []bool{false, true} {
				var others, misses []Miss
				p, err := NewPlayer(t.Context(), mem, &PlayerOptions{SameSettings: strict, OnMiss: func(m Miss) { misses = append(misses, m) }, OnOther: func(m Miss) { others = append(others, m) }})
				if err != nil {
					t.Fatal(err)
				}
				srv := httptest.NewServer(p)
				defer srv.Close()
				got := see(t, srv.URL+paths["chat"], ask(c.settings))
				refused := strict && c.want != ""
				told := others
				if strict {
					told = misses
				}
				if (got.Status != http.StatusOK) != refused || len(told) != min(len(c.want), 1) || len(others)+len(misses) != len(told) {
					t.Fatalf("strict %v: %+v, others %v, misses %v", strict, got, others, misses)
				}
				for _, m := range told {
					if s := m.String(); !strings.HasPrefix(s, "recorded for other settings: "+c.want) || strings.Contains(s, "secret") {
						t.Error(s)
					}
				}
			}
		})
	}
}

// The same messages for two settings are two questions: each gets its own answer, however often.
func TestSettingsChoose(t *testing.T) {
	rec, proxy := behind(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		text := "small"
		if strings.Contains(string(b), "large") {
			text = "large"
		}
		io.WriteString(w, oddAnswer("chat", fmt.Sprintf(`[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":"stop"}]`, text)))
	})
	talk := func(base string, models ...string) (out []string) {
		for _, m := range models {
			got := see(t, base+paths["chat"], `{"model":"`+m+`","messages":[{"role":"user","content":"Hi"}]}`)
			out = append(out, m+" "+got.Body[strings.Index(got.Body, `"content":"`)+11:][:5])
		}
		return out
	}
	talk(proxy, "small", "large")
	url, _ := played(t, rec)
	want := []string{"large large", "large large", "small small", "large large", "small small", "small small"}
	if d := cmp.Diff(want, talk(url, "large", "large", "small", "large", "small", "small")); d != "" {
		t.Error(d)
	}
}
