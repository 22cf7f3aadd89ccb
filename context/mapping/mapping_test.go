package mapping

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const good = `# names at the new place
unmapped: {tools: keep, principals: refuse}
tools:
  lookup_order: orders.lookup
  refund: {name: orders.refund, arguments: {order: order_id}}
principals:
  ada: ada@example.org
  principal/agent/bot: principal/agent/robot
namespaces:
  users/*: people/*
  users/ada: people/the%2Fcountess
models:
  m-latest: {name: m-3, provider: other}
`

func TestParse(t *testing.T) {
	m, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	want := &Map{
		Unmapped:   Unmapped{Tools: Keep, Principals: Refuse, Namespaces: Hold, Models: Hold},
		Tools:      map[string]Tool{"lookup_order": {Name: "orders.lookup"}, "refund": {"orders.refund", map[string]string{"order": "order_id"}}},
		Principals: map[string]string{"ada": "ada@example.org", "principal/agent/bot": "principal/agent/robot"},
		Namespaces: map[string]string{"users/*": "people/*", "users/ada": "people/the%2Fcountess"},
		Models:     map[string]Model{"m-latest": {"m-3", "other"}},
	}
	if d := cmp.Diff(want, m); d != "" {
		t.Error(d)
	}
	again, err := ParseJSON(m.JSON())
	if err != nil || again.Digest() != m.Digest() {
		t.Errorf("%v", err)
	}
	if (*Map)(nil).Digest() != "" || m.Digest() == "" {
		t.Error("digests")
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, say string }{
		"nothing":            {"", "empty"},
		"only a comment":     {"# x\n", "empty"},
		"no names":           {"unmapped: keep\n", "names nothing"},
		"unknown field":      {"tool: {a: b}\n", "tool"},
		"unknown inside":     {"tools: {a: {name: b, args: {}}}\n", "args"},
		"unknown noun":       {"tools: {a: b}\nunmapped: {tool: keep}\n", "tool"},
		"unknown policy":     {"tools: {a: b}\nunmapped: drop\n", "drop"},
		"a name twice":       {"tools: {a: b, a: c}\n", "already defined"},
		"a noun twice":       {"tools: {a: b}\ntools: {c: d}\n", "already defined"},
		"two documents":      {"tools: {a: b}\n---\ntools: {a: b}\n", "after its end"},
		"an alias":           {"tools: {a: &x b, c: *x}\n", "aliases"},
		"a merge":            {"tools:\n  <<: {a: b}\n", "merges"},
		"an empty name":      {"tools: {a: \"\"}\n", "1 to"},
		"null":               {"tools: {a: }\n", "1 to"},
		"a control":          {"tools: {a: \"b\\x07\"}\n", "1 to"},
		"too long":           {"tools: {a: " + strings.Repeat("b", 1025) + "}\n", "1 to"},
		"a list":             {"tools: [a, b]\n", ""},
		"two become one":     {"principals: {a: x, b: x}\n", "both become"},
		"arguments, too":     {"tools: {t: {name: t, arguments: {a: x, b: x}}}\n", "both become"},
		"half a key":         {"principals: {principal/user/a: b}\n", "neither"},
		"star in the middle": {"namespaces: {a/*/b: c}\n", "end of both"},
		"star on one side":   {"namespaces: {a/*: c}\n", "end of both"},
		"too large":          {strings.Repeat("#", 1<<20+1), "bytes"},
		"not YAML":           {"\tx", ""},
	} {
		if _, err := Parse([]byte(c.text)); !errors.Is(err, ErrMap) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRename(t *testing.T) {
	names := map[string]string{"a": "x", "b": "c"}
	for in, want := range map[string]string{
		`{"a":1,"z":"\ud800"}`:                                  `{"x":1,"z":"\ud800"}`,
		"{ \"a\" : {\"a\":12345678901234567890} ,\n\"q\":[ ] }": "{ \"x\" : {\"a\":12345678901234567890} ,\n\"q\":[ ] }",
		`{"\u0061":1}`:                                          `{"x":1}`,
		`{"b":1,"c":2}`:                                         "", // taken
		`{"z":1}`:                                               "",
		`[{"a":1}]`:                                             "",
		`{"a":1`:                                                "",
		``:                                                      "",
	} {
		got, ok := renameMembers([]byte(in), names)
		if string(got) != want || ok != (want != "") {
			t.Errorf("%s: %q %v", in, got, ok)
		}
	}
	in := `{"type":"object","required":["a","z"],"properties":{"a":{"type":"string"},"z":{}}}`
	want := `{"type":"object","required":["x","z"],"properties":{"x":{"type":"string"},"z":{}}}`
	if got, ok := renameSchema([]byte(in), names); string(got) != want || !ok {
		t.Errorf("%q %v", got, ok)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("tools: {a: b}\nunmapped: refuse\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			if !errors.Is(err, ErrMap) {
				t.Fatal(err)
			}
			return
		}
		again, err := ParseJSON(m.JSON())
		if err != nil || again.Digest() != m.Digest() {
			t.Fatalf("%s: %v", m.JSON(), err)
		}
	})
}

func FuzzRenameMembers(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"a":[1e400]},"\u0061b":"\ud800"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := renameMembers(b, map[string]string{"a": "x"})
		if !ok {
			return
		}
		back, ok := renameMembers(got, map[string]string{"x": "a"})
		ms, _ := members(b)
		for _, m := range ms { // "\u0061" comes back as "a"
			if m.name == "a" && string(b[m.at:m.end]) != `"a"` {
				return
			}
		}
		if !ok || string(back) != string(b) {
			t.Fatalf("%q → %q → %q", b, got, back)
		}
	})
}
