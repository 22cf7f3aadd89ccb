package cassette

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/exitramp/exitramp/context/harness"
)

// unsaid are settings that do not change what a model says, and that clients set anew for each request:
// who asks, what is billed and what is stored.
func unsaid() []string {
	return []string{"background", "metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "store", "user"}
}

// A setup is what a request asks for beside its messages, as it is compared.
type setup struct {
	api  string
	json []byte // tools by their name; nil: it is not known
}

func newSetup(api string, settings map[string]any) setup {
	out := map[string]any{}
	for k, v := range settings {
		if v != nil && !slices.Contains(unsaid(), k) {
			out[k] = v
		}
	}
	if list, ok := out["tools"].([]any); ok {
		out["tools"] = byName(list)
	}
	return setup{api, harness.Encode(out)}
}

// byName are tools by what they are called: their order says nothing, and a changed one is named.
func byName(tools []any) map[string]any {
	out := map[string]any{}
	for i, x := range tools {
		m, _ := x.(map[string]any)
		name, _ := m["name"].(string)
		if f, ok := m["function"].(map[string]any); ok {
			name, _ = f["name"].(string)
		}
		if name == "" {
			name, _ = m["type"].(string)
		}
		if name = harness.Short(name); name == "" || out[name] != nil {
			name += "#" + strconv.Itoa(i+1)
		}
		out[name] = x
	}
	return out
}

// readSetup is a setup that was kept.
func readSetup(api string, b []byte) setup {
	m := decodeSettings(b)
	if m == nil {
		return setup{}
	}
	return newSetup(api, m)
}

// decodeSettings are settings that were kept; nil: they are none.
func decodeSettings(b []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var m map[string]any
	if d.Decode(&m) != nil {
		return nil
	}
	return m
}

// is tells whether two setups are known to be the same.
func (s setup) is(got setup) bool {
	return s.json != nil && s.api == got.api && bytes.Equal(s.json, got.json)
}

// differs names what is asked for otherwise. Where a recording says nothing of it, or another API says it in
// its own words, nothing is.
func (s setup) differs(got setup) []string {
	if s.json == nil || got.json == nil || s.api != got.api || s.is(got) {
		return nil
	}
	return harness.Differ(s.json, got.json)
}
