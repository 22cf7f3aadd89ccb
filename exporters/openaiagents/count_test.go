package openaiagents

import "testing"

// TestCountElements: what the records of a document are counted against is counted as they are read.
func TestCountElements(t *testing.T) {
	for text, want := range map[string]uint64{
		`[]`: 0, ` [1, "a]", {"b": [2, 3]}, [], null] `: 5, "\ufeff[1,2]": 2,
		`{"items": [{"role": "user", "content": [1, 2]}, 2, 3], "more": [1]}`:                                                                3,
		`{"items": [{"role": "user", "content": "a"}], "items": [{"role": "user", "content": 1}, 2]}`:                                        2,
		"{\"role\": \"user\", \"content\": \"a\"}\n":                                                                                         1,
		"{\"role\": \"user\", \"content\": \"a\"}\n{\"role\": \"user\", \"content\": [{}]}\n":                                                2,
		"{\"role\": \"user\", \"content\": \"a\"}\n{\"role\": \"user\", \"content\": \"b\"} {\"role\": \"user\", \"content\": \"}{\\\"\"}\n": 3,
		"{\"role\": \"user\", \"content\": \"a\"}\n{\n  \"role\": \"user\",\n  \"content\": [{}]\n}\n[]\n5\nnull\"x\"\n-1.5e3 true\n":        8,
	} {
		member, list, err := listIn([]byte(text))
		if n := countElements([]byte(text), member); err != nil || n != want || n != uint64(len(list)) {
			t.Errorf("%s: %d, %d are read, want %d: %v", text, n, len(list), want, err)
		}
	}
}

// TestPreflightOfCutList: what has no end is no number of messages, which the export does not carry either.
func TestPreflightOfCutList(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "half.json", []byte(`[{"role":"user","content":"hi"},{"role":`))
	if p, err := Open(dir).Preflight(t.Context()); err != nil || p.Counts["message"] != 0 || p.Counts["conversation"] != 1 {
		t.Errorf("%+v %v", p, err)
	}
}
