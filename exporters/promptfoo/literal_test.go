package promptfoo

import (
	"reflect"
	"testing"

	"github.com/exitramp/exitramp/context/harness"
)

// Of what a stranger expects nothing is filled from the environment of who runs the suite, and no file of theirs is read.
func TestLiteral(t *testing.T) {
	for value, want := range map[string]any{
		`{"a":"{{x}}"}`:                     map[string]any{"a": "{{x}}"},
		`["{{ env.HOME }}","file:///x",{}]`: []any{`{{ "{" }}{ env.HOME }}`, `{{ "" }}file:///x`, map[string]any{}},
		`{"a":["{{ env.HOME }}"]}`:          nil,
		`[["{{ env['HOME'] }}"]]`:           nil,
		`[{"a":"file:///x"}]`:               nil,
	} {
		got, ok := assertions(harness.Exact, harness.JSON, []byte(value))
		if ok != (want != nil) || ok && !reflect.DeepEqual(got[0].Value, want) {
			t.Errorf("%s: %v %v", value, got, ok)
		}
	}
	if got, ok := assertions(harness.JSONSchema, harness.Schema, []byte(`{"pattern":"{{env.HOME}}"}`)); ok {
		t.Error(got)
	}
}
