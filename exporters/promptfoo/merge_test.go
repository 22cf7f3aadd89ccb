package promptfoo

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sent are the cases of a suite: what is sent, and what is expected in it.
func sent(t *testing.T, yaml string) []string {
	t.Helper()
	v, err := parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	s, err := understand(v)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range s.cases {
		line := []string{c.input.Text + ":"}
		for _, e := range c.expect {
			line = append(line, string(e.Value.GetInline()))
		}
		out = append(out, strings.Join(line, " "))
	}
	return out
}

// What promptfoo 0.121.20 sends and checks for these suites, with its provider echo.
func TestMerge(t *testing.T) {
	for name, c := range map[string]struct {
		yaml string
		want []string
	}{
		"default assertions are kept away": {`
prompts: ['A {{x}}']
defaultTest: {assert: [{type: contains, value: default}], options: {prefix: 'D '}}
tests:
  - {vars: {x: own}, options: {disableDefaultAsserts: true}}
  - {vars: {x: own2}, options: {disableDefaultAsserts: true}, assert: [{type: contains, value: A}]}
  - {vars: {x: both}, assert: [{type: contains, value: B}]}
scenarios:
  - config: [{vars: {x: s1}, assert: [{type: contains, value: config}], options: {prefix: 'C '}}]
    tests: [{options: {disableDefaultAsserts: true, prefix: ''}, assert: [{type: contains, value: test}]}, {assert: [{type: contains, value: test2}]}]
  - config: [{vars: {x: s2}, options: {disableDefaultAsserts: true}}]
    tests: [{vars: {y: 1}}]
`, []string{"D A own:", "D A own2: A", "D A both: default B", "D A s1: config test", "C A s1: default config test2", "D A s2:"}},
		"by the default itself": {`
prompts: ['{{x}}']
defaultTest: {assert: [{type: contains, value: default}], options: {disableDefaultAsserts: true}}
tests: [{vars: {x: plain}}]
scenarios: [{config: [{vars: {x: s1}}], tests: [{assert: [{type: contains, value: test}]}]}]
`, []string{"plain: default", "s1: test"}},
		"references": {`
prompts: ['A {{x}} B']
assertionTemplates: {t: {type: contains, value: A}, 'a/b c': {type: contains, value: slash}}
shared: {vars: {x: shared}, list: [{$ref: '#/assertionTemplates/t'}, {$ref: '#/assertionTemplates/a~1b%20c'}]}
tests:
  - {vars: {x: one}, assert: [{$ref: '#/assertionTemplates/t', value: beside}]}
  - {vars: {x: two}, assert: [{$ref: '#/assertionTemplates/t', weight: 0}]}
  - {vars: {$ref: '#/shared/vars'}, assert: {$ref: '#/shared/list'}}
  - {vars: {x: three}, assert: [{$ref: '#/tests/0/assert/0'}]}
`, []string{"A one B: beside", "A two B:", "A shared B: A slash", "A three B: beside"}},
		"a reference through another": {`
prompts: ['A {{x}} B']
b: {x: {type: contains, value: A}, list: [{type: contains, value: L}], vars: {x: v}}
a: {$ref: '#/b'}
a2: {$ref: '#/a'}
ext: {$ref: '#/b', x: {type: contains, value: ext}}
tests:
  - {vars: {x: one}, assert: [{$ref: '#/a/x'}]}
  - {vars: {x: two}, assert: [{$ref: '#/a2/list/0'}]}
  - {vars: {x: three}, assert: [{$ref: '#/ext/x'}, {$ref: '#/ext/list/0'}]}
  - {vars: {$ref: '#/a2/vars'}, assert: [{$ref: '#/a/x', value: beside}]}
`, []string{"A one B: A", "A two B: L", "A three B: ext L", "A v B: beside"}},
		"a label goes before the text": {`
prompts: [{raw: 'long {{x}}', label: l}, {raw: 'raw {{x}}', label: m}, 'plain {{x}}', {id: i, raw: 'with {{x}}'}]
tests:
  - {vars: {x: 1}, prompts: ['l*']}
  - {vars: {x: 2}, prompts: ['plain*']}
  - {vars: {x: 3}, prompts: ['i']}
  - {vars: {x: 4}, prompts: ['with*']}
  - {vars: {x: 5}, prompts: ['l*', m]}
  - {vars: {x: 6}, prompts: ['raw*']}
`, []string{"long 1:", "plain 2:", "with 3:", "with 4:", "long 5:", "raw 5:"}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, sent(t, c.yaml)); d != "" {
				t.Error(d)
			}
		})
	}
}

// Numbers as js-yaml 5 reads them and JavaScript writes them.
func TestNumbers(t *testing.T) {
	numbers := []string{"-010 -10", "+010 10", "-0 0", "-0.0 0", "0o17 15", "0x1F 31", "1e21 1e+21", "1e-7 1e-7", "-.5 -0.5", "+.5 0.5", "-5. -5", "1.e3 1000", "08 8", "-08 -8", "010.5 10.5", "0e5 0", "00 0", "1e+3 1000",
		".inf Infinity", "+.Inf Infinity", "-.INF -Infinity", ".NaN NaN"}
	texts := []string{"-0o17", "+0o17", "0b11", "-0b11", "0B11", "-0x1F", "+0x1F", "0X1f", "0o8", "1_0.5", "1_000", "0x1_F", "0o1_7", "0x", "1e400", "-1e400", "0_8", "1.2.3", "190:20:30"}
	var yaml strings.Builder
	yaml.WriteString("prompts: ['{{x}}']\ntests:\n")
	var want []string
	for _, s := range slices.Concat(numbers, texts) {
		in, out, ok := strings.Cut(s, " ")
		if !ok {
			out = in
		}
		yaml.WriteString("  - {vars: {x: " + in + "}}\n")
		want = append(want, out+":")
	}
	if d := cmp.Diff(want, sent(t, yaml.String())); d != "" {
		t.Error(d)
	}
}

// References that lead nowhere or round are named, and those that multiply are refused.
func TestReferences(t *testing.T) {
	_, rep := export(t, write(t, `prompts: ['{{x}}']
a: {$ref: '#/a'}
b: {$ref: '#/c'}
c: [{$ref: '#/b'}]
d: {$ref: '#/d/x'}
e: {$ref: '#/f/x'}
f: {$ref: '#/e/y'}
tests: [{vars: {x: 1}, assert: [{$ref: '#/none'}, {$ref: '#/tests/9'}]}]
providers:
  - {id: 'openai:a', config: {tools: [{function: {parameters: {$ref: '#/$defs/x'}}}], other: {parameters: {$ref: '#/$defs/y'}}}}
  - 'openai:gpt-4.1': {config: {functions: [{parameters: {properties: {a: {$ref: '#/$defs/x'}}}}]}}
`))
	got := map[string]bool{}
	for _, g := range rep.Gaps {
		got[g.Place] = g.Detail == nowhere
	}
	if !got["a.$ref"] || !got["tests[0].assert[0].$ref"] || !got["tests[0].assert[1].$ref"] || !got["b[0].$ref"] ||
		!got["providers[0].config.other.parameters.$ref"] || !got["d.$ref"] || !got["e.$ref"] || !got["f.$ref"] || len(got) != 9 { // what a tool takes is the model's
		t.Error(got)
	}
	var laughs strings.Builder
	laughs.WriteString("prompts: [a]\nl0: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n")
	for _, n := range []string{"1 0", "2 1", "3 2", "4 3", "5 4", "6 5", "7 6"} {
		one := "{$ref: '#/l" + n[2:] + "'}, "
		laughs.WriteString("l" + n[:1] + ": [" + strings.TrimSuffix(strings.Repeat(one, 10), ", ") + "]\n")
	}
	v, err := parse([]byte(laughs.String()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := understand(v); err == nil || !strings.Contains(err.Error(), "more than 500000 values") {
		t.Error(err)
	}
}
