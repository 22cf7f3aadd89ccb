package promptfoo

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// expectations are the assertions of a test. Where the test weighs them against a threshold, or
// changes the output before it looks, only promptfoo's own words say what is meant: then all of
// them together are one question for a judge.
func (b *builder) expectations(t, vars, options map[string]any) []*pb.Expectation {
	list, _ := t["assert"].([]any)
	if len(list) == 0 {
		return nil
	}
	if t["threshold"] != nil || options["transform"] != nil || options["postprocess"] != nil || options["transformVars"] != nil || t["assertScoringFunction"] != nil {
		whole := map[string]any{"type": "assert-set", "assert": list}
		for _, k := range []string{"threshold", "assertScoringFunction"} {
			if t[k] != nil {
				whole[k] = t[k]
			}
		}
		for _, k := range []string{"transform", "postprocess", "transformVars"} {
			if options[k] != nil {
				whole[k] = options[k]
			}
		}
		return []*pb.Expectation{b.judge(whole, "assert-set", options)}
	}
	var out []*pb.Expectation
	for _, a := range list {
		out = append(out, b.expectation(a, vars, options)...)
	}
	return out
}

// judge is an assertion as a question for a judge, with what the test says of who judges and by what words.
func (b *builder) judge(a any, typ string, options map[string]any) *pb.Expectation {
	b.out.judged[harness.Short(typ)]++
	if m, ok := a.(map[string]any); ok && graded(typ) {
		m = maps.Clone(m)
		for _, k := range []string{"rubricPrompt", "provider", "factuality"} {
			if m[k] == nil && options[k] != nil {
				m[k] = options[k]
			}
		}
		a = m
	}
	return harness.ExpectJSON(harness.Judged, a)
}

// graded tells whether a model decides on an assertion, or a set of them.
func graded(typ string) bool {
	typ = strings.TrimPrefix(typ, "not-")
	for _, prefix := range []string{"model-graded-", "context-", "llm-", "search-", "select-", "assert-set"} {
		if strings.HasPrefix(typ, prefix) {
			return true
		}
	}
	return slices.Contains([]string{"answer-relevance", "classifier", "conversation-relevance", "factuality", "g-eval", "moderation", "pi", "similar", "trajectory"}, typ)
}

// expectation is one assertion in this module's forms, or as a question for a judge. An assertion
// of weight 0 decides nothing.
func (b *builder) expectation(a any, vars, options map[string]any) []*pb.Expectation {
	m, _ := a.(map[string]any)
	typ, _ := m["type"].(string)
	if typ == "" {
		typ = "without a type"
	}
	if n, ok := m["weight"].(json.Number); ok && harness.Equal([]byte(n), []byte("0")) {
		return nil
	}
	if typ == "javascript" && m["value"] == toolScript {
		if e := toolOf(m["config"]); e != nil {
			return []*pb.Expectation{e}
		}
	}
	value, ok := rendered(m["value"], vars)
	if s, text := value.(string); !ok || m["transform"] != nil || m["threshold"] != nil && typ != "tool-call-f1" || text && fetched(s) {
		return []*pb.Expectation{b.judge(a, typ, options)}
	}
	if e := known(typ, value, m); e != nil {
		return []*pb.Expectation{e}
	}
	return []*pb.Expectation{b.judge(a, typ, options)}
}

// known is an assertion that this module judges as promptfoo does; nil: it does not.
func known(typ string, value any, m map[string]any) *pb.Expectation {
	text, isText := plainText(value)
	if s, ok := value.(string); ok { // rendered: what looks like a template now is text
		text, isText = s, true
	}
	if _, truth := value.(bool); (truth || value == "") && strings.HasSuffix(typ, "contains") {
		return nil // promptfoo fails on it
	}
	typ, not := strings.CutPrefix(typ, "not-")
	low := strings.HasPrefix(typ, "i")
	if not {
		return without(strings.TrimPrefix(typ, "i"), text, isText, value, low)
	}
	switch typ {
	case "equals":
		switch value.(type) {
		case map[string]any, []any:
			return harness.ExpectJSON(harness.Exact, value)
		}
		if isText {
			return harness.Expect(harness.Exact, harness.PlainText, []byte(text))
		}
	case "contains":
		if isText {
			return harness.Expect(harness.Contains, harness.PlainText, []byte(text))
		}
	case "icontains":
		if isText {
			return harness.ExpectJSON(harness.Contains, harness.Words{All: []string{text}, IgnoreCase: true})
		}
	case "contains-all", "icontains-all":
		if w := words(value); w != nil {
			return harness.ExpectJSON(harness.Contains, harness.Words{All: w, IgnoreCase: low})
		}
	case "contains-any", "icontains-any":
		if w := words(value); w != nil {
			return harness.ExpectJSON(harness.Contains, harness.Words{Any: w, IgnoreCase: low})
		}
	case "is-json", "contains-json":
		media := harness.Schema
		if typ == "contains-json" {
			media = harness.SchemaWithin
		}
		switch v := value.(type) {
		case nil:
			return harness.Expect(harness.JSONSchema, media, []byte("true"))
		case string:
			if doc, err := parse([]byte(v)); err == nil {
				if _, ok := doc.(map[string]any); ok {
					return harness.Expect(harness.JSONSchema, media, harness.Encode(doc))
				}
			}
		case map[string]any:
			return harness.Expect(harness.JSONSchema, media, harness.Encode(v))
		}
	case "tool-call-f1":
		if n, ok := m["threshold"].(json.Number); m["threshold"] != nil && (!ok || !harness.Equal([]byte(n), []byte("1"))) {
			return nil // a share of the tools is enough
		}
		if w := words(value); w != nil {
			return harness.ExpectJSON(harness.ToolCalled, harness.Tool{Only: w})
		}
	}
	return nil
}

// without is an assertion that words are not there; nil: it is none.
func without(typ, text string, isText bool, value any, ignoreCase bool) *pb.Expectation {
	var none []string
	switch {
	case typ == "contains" && isText:
		none = []string{text}
	case typ == "contains-any":
		none = words(value)
	}
	if len(none) == 0 {
		return nil
	}
	return harness.ExpectJSON(harness.Contains, harness.Words{None: none, IgnoreCase: ignoreCase})
}

// words are the texts of a list, or of a text with commas; nil: they are none.
func words(v any) []string {
	var out []string
	switch v := v.(type) {
	case string:
		if strings.ContainsRune(v, '"') {
			return nil // quoted as in CSV
		}
		for w := range strings.SplitSeq(v, ",") {
			if w = strings.TrimSpace(w); w != "" { // else every output would have it
				out = append(out, w)
			}
		}
	case []any:
		for _, x := range v {
			s, isText := x.(string)
			if !isText {
				if s, isText = plainText(x); !isText {
					return nil
				}
			}
			out = append(out, s)
		}
	}
	return out
}

// toolScript is how a call of a tool is asserted in a suite that this package writes: promptfoo has
// no assertion of its own that looks at one answer's tool calls and their arguments.
const toolScript = `const want = context.config;
let calls = output;
if (typeof calls === 'string') { try { calls = JSON.parse(calls); } catch { calls = []; } }
calls = Array.isArray(calls) ? calls : (calls && calls.tool_calls) || [];
calls = calls.map((c) => {
  const f = c.function || c;
  let args = f.arguments ?? {};
  if (typeof args === 'string') { try { args = JSON.parse(args || '{}'); } catch {} }
  return { name: f.name, args };
});
const same = (a, b) => {
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((n) => n in b && same(a[n], b[n]));
};
if (want.only) {
  return want.only.every((n) => calls.some((c) => c.name === n)) && calls.every((c) => want.only.includes(c.name));
}
return calls.some((c) => c.name === want.name && (want.arguments === undefined || same(want.arguments, c.args)));
`

// toolOf reads the config of a toolScript back.
func toolOf(config any) *pb.Expectation {
	m, ok := config.(map[string]any)
	if !ok {
		return nil
	}
	var t harness.Tool
	if json.Unmarshal(harness.Encode(m), &t) != nil || (t.Name == "") == (t.Only == nil) {
		return nil
	}
	return harness.ExpectJSON(harness.ToolCalled, t)
}
