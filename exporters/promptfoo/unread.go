package promptfoo

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/exitramp/exitramp/context/harness"
)

// A left place is one that a suite's cases do not have, and why.
type left struct{ place, why string }

const outside = "it is outside of the suite, or of a form that is not known: put it into the file"

const some = "promptfoo runs some of the tests alone; a case is made of each of them"

// unread notes the settings that change what a model is asked, or what is judged, and that no case holds.
func (b *builder) unread() {
	for _, part := range []string{"evaluateOptions", "commandLineOptions"} {
		m, _ := b.doc[part].(map[string]any)
		b.repeat(part, m)
		b.says(part, m, "filterRange", some)
		if part == "commandLineOptions" {
			b.says(part, m, "filterSample", some)
			b.says(part, m, "vars", outside)
		}
	}
	for _, part := range []string{"providers", "targets"} {
		each(part, b.doc[part], func(at string, m map[string]any) {
			if len(m) == 1 && m["id"] == nil { // the name is the only member, and what it is set to is behind it
				for name, v := range m {
					at += "." + harness.Short(name)
					m, _ = v.(map[string]any)
				}
			}
			b.says(at, m, "transform", "it changes answers before they are judged: have the runner do it")
			b.says(at, m, "prompts", "this provider gets some of the prompts alone; a case is made of each of them")
		})
	}
	each("prompts", b.doc["prompts"], func(at string, m map[string]any) {
		b.says(at, m, "config", "a case has no place for it: have the runner ask so")
	})
	if m, ok := b.doc["defaultTest"].(map[string]any); ok {
		b.unreadTest("defaultTest", m)
	}
	each("tests", b.doc["tests"], b.unreadTest)
	each("scenarios", b.doc["scenarios"], func(at string, m map[string]any) {
		each(at+".config", m["config"], b.unreadTest)
		each(at+".tests", m["tests"], b.unreadTest)
	})
	b.says("", b.doc, "redteam", "promptfoo makes its tests when it runs")
}

func (b *builder) unreadTest(at string, t map[string]any) {
	if _, ok := t["assert"].([]any); !ok {
		b.says(at, t, "assert", "it is no list, which promptfoo refuses: nothing is expected by it")
	}
	if _, ok := t["options"].(map[string]any); !ok {
		b.says(at, t, "options", "it is no mapping, and is not read")
	}
	b.says(at, t, "providerOutput", "the answer is given: the case is run all the same")
	options, _ := t["options"].(map[string]any)
	at += ".options"
	b.repeat(at, options)
	b.says(at, options, "storeOutputAs", "later tests use its answer, and each case stands alone")
	for _, k := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains(readOptions(), k) {
			b.says(at, options, k, "a case has no place for it: have the runner ask so")
		}
	}
}

// readOptions are the options of a test that are in its cases or in the questions for a judge, that change neither, or that are named by
// themselves. Whatever else stands there, promptfoo gives to the provider.
func readOptions() []string {
	return []string{"disableConversationVar", "disableDefaultAsserts", "disableVarExpansion", "factuality", "postprocess", "prefix", "provider",
		"repeat", "rubricPrompt", "runSerially", "storeOutputAs", "suffix", "transform", "transformVars"}
}

func (b *builder) repeat(at string, m map[string]any) {
	if n, ok := m["repeat"].(json.Number); ok && !harness.Equal([]byte(n), []byte("1")) {
		b.says(at, m, "repeat", fmt.Sprintf("run the cases with --runs %s", harness.Short(n.String())))
	}
}

// says notes a setting that is there.
func (b *builder) says(at string, m map[string]any, name, why string) {
	if m[name] == nil {
		return
	}
	if at != "" {
		at += "."
	}
	b.leaveFor(at+harness.Short(name), why)
}

// each calls fn for the mappings of a list.
func each(place string, v any, fn func(at string, m map[string]any)) {
	list, _ := v.([]any)
	for i, x := range list {
		if m, ok := x.(map[string]any); ok {
			fn(place+"["+strconv.Itoa(i)+"]", m)
		}
	}
}
