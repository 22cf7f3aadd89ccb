package harness

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shapes are suites, each of which makes its cases in a way of its own. What answers repeats the prompt.
var shapes = map[string]string{
	"lists, assertions": `prompts: [{raw: 'A {{x}} {{y}}', label: a}, {raw: 'Say 1.5 {{x}}', label: say}]
tests:
  - {prompts: [a], vars: {x: [a, 2, true], y: [b, c]}}
  - {prompts: [], vars: {x: k, y: [1, 2]}, options: {disableVarExpansion: true}}
  - {prompts: [a], vars: {x: 1.50, y: 12345678901234567890}}
  - {prompts: [a], vars: {x: 010, y: 1_000}}
  - {prompts: [a], vars: {x: 0x10, y: 1e3}}
  - {prompts: [say], vars: {x: Hello}, assert: [{type: contains, value: 1.50}, {type: icontains, value: hello}, {type: equals, value: 'Say 1.5 Hello'}]}
  - {prompts: [say], vars: {x: no}, assert: [{type: contains, value: nothing}]}
  - {prompts: [say], vars: {x: zero}, assert: [{type: contains, value: nothing, weight: 0}, {type: contains-any, value: 'q, zero'}]}
  - {prompts: [say], vars: {x: all}, assert: [{type: contains-all, value: [Say, all, other]}]}
  - {prompts: [say], vars: {x: '{"a": 1}'}, assert: [{type: contains-json, value: {required: [a]}}]}
`,
	"what is expected": `prompts: ['{{x}}']
tests:
  - {vars: {x: '{"a": "z"} 1', y: z}, assert: [{type: equals, value: {a: '{{y}}'}}]}
  - {vars: {x: '2', y: 2}, assert: [{type: equals, value: ['{{y}}']}]}
  - {vars: {x: any}, assert: [{type: contains-any, value: 'y,'}]}
  - {vars: {x: mail nobody}, assert: [{type: is-json, value: {format: email}}]}
  - {vars: {x: 'two {"b": 1} and {"a": 1}'}, assert: [{type: contains-json, value: {required: [a]}}]}
  - {vars: {x: 'list [1]'}, assert: [{type: contains-json, value: {type: array}}]}
  - {vars: {x: 'in order [5]'}, assert: [{type: is-json, value: {items: [{type: string}]}}]}
  - {vars: {x: Sorry}, assert: [{type: not-contains, value: sorry}, {type: not-contains-any, value: 'x, y'}]}
  - {vars: {x: Sorry I}, assert: [{type: not-icontains, value: sorry}]}
  - {vars: {x: Sorry You}, assert: [{type: not-icontains-any, value: [no, you]}]}
`,
	"JSON": `prompts: ['{"a": "{{x}}", "b": [{{n}}]}', '{"a": "{{x}}"}']
tests: [{vars: {x: 'say "hi"', n: 1}, assert: [{type: is-json}]}]
`,
	"chosen": `prompts: ['A {{x}}', {raw: 'B {{x}}', label: 'group:one'}, {raw: 'C {{x}}', label: 'group:two'}]
tests: [{vars: {x: 1}, prompts: ['group:*']}, {vars: {x: 2}, prompts: [group]}, {vars: {x: 3}, prompts: ['A {{x}}']}, {vars: {x: 4}}]
`,
	"defaults": `prompts: ['A {{x}} {{z}}']
defaultTest: {vars: {z: d}, options: {prefix: 'P ', suffix: ' S'}, assert: [{type: contains, value: '{{z}}'}]}
tests: [{vars: {x: 1}}, {vars: {x: 2, z: e}, options: {prefix: ''}}, {vars: {x: 3}, options: {prefix: 'Q ', disableDefaultAsserts: true}, assert: [{type: equals, value: 'Q A 3 d S'}]}]
`,
	"references": `prompts: ['A {{x}} B {{y}}']
assertionTemplates: {t: {type: contains, value: A}, 'a/b c': {type: icontains, value: b}}
shared: {vars: {x: shared, y: .inf}, list: [{$ref: '#/assertionTemplates/t'}, {$ref: '#/assertionTemplates/a~1b%20c'}]}
tests:
  - {vars: {x: one, y: .nan}, assert: [{$ref: '#/assertionTemplates/t', value: beside}]}
  - {vars: {x: two, y: -.inf}, assert: [{$ref: '#/assertionTemplates/t', weight: 0, value: beside}, {type: contains, value: two}]}
  - {vars: {$ref: '#/shared/vars'}, assert: {$ref: '#/shared/list'}}
  - {vars: {x: three, y: 1}, assert: [{$ref: '#/tests/0/assert/0'}]}
`,
	"scenarios": `prompts: ['A {{x}} {{y}}']
tests: [{vars: {x: t, y: t}}]
scenarios:
  - config: [{vars: {x: one}}, {vars: {x: [two, three]}}]
    tests: [{vars: {y: a}}, {vars: {y: [b, c]}, assert: [{type: contains, value: '{{x}}'}]}]
  - config: [{vars: {x: alone, y: here}}]
`,
}

// exitramp makes the cases of a suite that promptfoo makes of it, asks the same, and judges alike.
func TestSuitesAgree(t *testing.T) {
	for name, suite := range shapes {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "suite.yaml")
			if err := os.WriteFile(path, []byte(suite+"providers: [echo]\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			args, out := promptfoo(t, path)
			run(t, dir, nil, args[0], args[1:]...)
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			var in struct {
				Results struct {
					Results []struct {
						Success bool
						Prompt  struct{ Raw string }
					}
				}
			}
			if err := json.Unmarshal(b, &in); err != nil {
				t.Fatal(err)
			}
			theirs := map[string][]bool{}
			for _, r := range in.Results.Results {
				theirs[r.Prompt.Raw] = append(theirs[r.Prompt.Raw], r.Success)
			}
			if d := cmp.Diff(theirs, ours(t, dir, path)); d != "" {
				t.Error(d)
			}
		})
	}
}

// ours are the cases that exitramp makes, by what is asked, and whether each passes.
func ours(t *testing.T, dir, suite string) map[string][]bool {
	t.Helper()
	archive := filepath.Join(dir, "s.ctxa")
	if r := must(t, dir, nil, exitramp(), "export", "promptfoo:"+suite, archive); !strings.Contains(r.out, "testcase") || strings.Contains(r.out, "GAPS") {
		t.Errorf("%s", r.out)
	}
	r := run(t, "", nil, exitramp(), "test", archive, "--accept-unsigned", "--runner", python(t)+" python/echo.py", "--json")
	var got struct {
		Scores struct {
			Tasks []struct {
				Key    string
				Target struct{ Passed int }
			}
		}
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("%v: %s%s", err, r.out, r.err)
	}
	passed := map[string]bool{}
	for _, k := range got.Scores.Tasks {
		passed[k.Key] = k.Target.Passed == 1
	}
	out := map[string][]bool{}
	for _, line := range strings.Split(strings.TrimSpace(must(t, "", nil, exitramp(), "cat", archive, "testcase").out), "\n") {
		var c struct {
			Meta         struct{ Key string }
			Input        struct{ Inline string }
			Expectations []any
		}
		var in struct{ Text string }
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		b, err := base64.StdEncoding.DecodeString(c.Input.Inline)
		if err != nil || json.Unmarshal(b, &in) != nil {
			t.Fatal(err, line)
		}
		var prompt bytes.Buffer // promptfoo tells JSON without spaces
		if json.Compact(&prompt, []byte(in.Text)) == nil {
			in.Text = prompt.String()
		}
		out[in.Text] = append(out[in.Text], passed[c.Meta.Key] || len(c.Expectations) == 0)
	}
	return out
}
