package promptfoo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// madeBy is the first line of a suite that is put together from records.
const madeBy = "# Put together by exitramp. Choose who answers with: promptfoo eval -r PROVIDER\n"

const noPlace = "a suite of promptfoo has no place for it"

// A made suite is one that is put together, in the order in which promptfoo's own have their parts.
type made struct {
	Description string     `yaml:"description,omitempty"`
	Prompts     []string   `yaml:"prompts"`
	Providers   []string   `yaml:"providers"`
	Tests       []madeTest `yaml:"tests"`
}

type madeTest struct {
	Description string            `yaml:"description,omitempty"`
	Vars        map[string]string `yaml:"vars"`
	Assert      []madeAssert      `yaml:"assert"`
}

type madeAssert struct {
	Type   string `yaml:"type"`
	Value  any    `yaml:"value,omitempty"`
	Config any    `yaml:"config,omitempty"`
}

// encode is the file. Every prompt is one variable: a text, or a conversation as JSON, which
// promptfoo's chat providers take.
func (m *made) encode() []byte {
	m.Prompts, m.Providers = []string{"{{prompt}}"}, []string{"openai:chat:any"}
	b := bytes.NewBufferString(madeBy)
	e := yaml.NewEncoder(b)
	e.SetIndent(2)
	if err := errorsOf(e.Encode(m), e.Close()); err != nil {
		panic("promptfoo: " + err.Error()) // strings, maps and lists always encode
	}
	return b.Bytes()
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// header is the mark of what a suite says beside its cases.
func header(description string) string { return digest([]byte(description)) }

func (w *writer) foreignSuite(r *pb.TestSuite) replay.Receipt {
	rc := replay.Receipt{Action: replay.Created, Target: suiteKey, Version: header(r.Name)}
	w.made.Description = r.Name
	rc.Losses = fidelity.Lost(r, noPlace, "name", "definition")
	if r.Definition != nil {
		rc.Losses = append(rc.Losses, fidelity.Loss{Path: "definition", Grade: fidelity.Transformed, Why: "it becomes a suite of promptfoo"})
	} else {
		rc.Losses = append(rc.Losses, fidelity.Loss{Path: "definition", Grade: fidelity.Defaulted, Why: "a suite of promptfoo is its own definition"})
	}
	if w.old != nil {
		if rc.Action = replay.Same; w.there.description != r.Name {
			rc.Action, rc.Why = replay.Conflict, "the file holds another suite; give another name"
		}
		return rc
	}
	w.new = true
	return rc
}

// foreignCase puts a case into the suite. A case that would lose all of its expectations is refused:
// without any it would pass whatever comes.
func (w *writer) foreignCase(ctx context.Context, c *pb.TestCase) (replay.Receipt, error) {
	if c.SuiteKey != w.of {
		return refused("it is of another suite than the file"), nil
	}
	t, dropped, why, err := w.test(ctx, c)
	if err != nil || why != "" {
		return refused(why), err
	}
	got, err := readAgain(t)
	if err != nil {
		return refused("it cannot be written so that promptfoo reads it"), nil
	}
	rc := replay.Receipt{Action: replay.Created, Target: got.Meta.Key, Losses: losses(c, got, dropped)}
	if w.old != nil {
		for i := range w.there.cases {
			if w.there.cases[i].record().Meta.Key == got.Meta.Key {
				rc.Action = replay.Same
				return rc, nil
			}
		}
		return replay.Receipt{Action: replay.Conflict, Target: got.Meta.Key, Why: "the file holds another suite; give another name"}, nil
	}
	if n := slices.IndexFunc(w.made.Tests, func(o madeTest) bool { return o.Description == t.Description && o.Vars["prompt"] == t.Vars["prompt"] }); n >= 0 {
		if g, err := readAgain(&w.made.Tests[n]); err == nil && g.Meta.Key == got.Meta.Key {
			return refused("a case that says the same is in the suite already"), nil
		}
	}
	w.made.Tests = append(w.made.Tests, *t)
	return rc, nil
}

// readAgain is a test as this package reads it.
func readAgain(t *madeTest) (*pb.TestCase, error) {
	doc, err := parse((&made{Tests: []madeTest{*t}}).encode())
	if err != nil {
		return nil, err
	}
	s, err := understand(doc)
	if err != nil {
		return nil, err
	}
	if len(s.cases) != 1 {
		return nil, fmt.Errorf("%d cases", len(s.cases))
	}
	return s.cases[0].record(), nil
}

// losses are the fields that read back otherwise than they were.
func losses(want, got *pb.TestCase, dropped int) []fidelity.Loss {
	out := fidelity.Lost(want, noPlace, "name", "input", "expectations", "suite_key", "meta.view_of_keys")
	say := func(path string, g fidelity.Grade, why string) {
		out = append(out, fidelity.Loss{Key: want.Meta.Key, Path: path, Grade: g, Why: why})
	}
	if want.Name != got.Name {
		say("name", fidelity.Transformed, "a template in it is written as text")
	}
	say("meta.view_of_keys", fidelity.Transformed, "a case is read out of its suite")
	if !proto.Equal(want.Input, got.Input) {
		g := fidelity.Transformed
		if want.Input == nil {
			g = fidelity.Defaulted
		}
		for _, path := range []string{"input", "input.media_type", "input.inline"} {
			say(path, g, "what is sent becomes the variable prompt")
		}
	}
	alike := func(a, b *pb.Expectation) bool { return proto.Equal(a, b) }
	switch {
	case dropped > 0:
		say("expectations", fidelity.Transformed, fmt.Sprintf("%d need a judge, and promptfoo would have to be told by what; they are left out", dropped))
	case !slices.EqualFunc(want.Expectations, got.Expectations, alike):
		say("expectations", fidelity.Transformed, "written as assertions of promptfoo")
	}
	return out
}

// test is c as promptfoo has it; why says why it cannot be.
func (w *writer) test(ctx context.Context, c *pb.TestCase) (t *madeTest, dropped int, why string, err error) {
	in, err := w.run.Source.Data(ctx, c.Input)
	if err != nil {
		return nil, 0, "", fmt.Errorf("promptfoo: %s: %w", c.Meta.Key, err)
	}
	prompt, ok := promptOf(in)
	if !ok {
		return nil, 0, "what is sent is not known: it has variables, which may hold what is expected, or a template that its own tool fills", nil
	}
	t = &madeTest{Description: c.Name, Vars: map[string]string{"prompt": escape(prompt)}}
	for _, e := range c.Expectations {
		v, err := w.run.Source.Data(ctx, e.Value)
		if err != nil {
			return nil, 0, "", fmt.Errorf("promptfoo: %s: %w", c.Meta.Key, err)
		}
		as, ok := assertions(e.Form, e.Value.GetMediaType(), v)
		if !ok {
			dropped++
		}
		t.Assert = append(t.Assert, as...)
	}
	if len(t.Assert) == 0 {
		return nil, 0, "none of its expectations can be written, and without any it would always pass", nil
	}
	return t, dropped, "", nil
}

// promptOf is what is sent, as one text; false: the input says nothing of it.
func promptOf(in []byte) (string, bool) {
	var i harness.Input
	if json.Unmarshal(in, &i) == nil {
		switch {
		case i.Messages != nil:
			return string(i.Messages), true
		case i.Text != "":
			return i.Text, true
		case i.Template != "" || i.Vars != nil:
			return "", false
		}
	}
	var s string
	if json.Unmarshal(in, &s) == nil {
		return s, true
	}
	return string(in), true
}

// assertions are an expectation in promptfoo's words; false: it has none for it.
func assertions(form, mediaType string, v []byte) ([]madeAssert, bool) {
	plain := mediaType == harness.PlainText
	text := func(typ, s string) ([]madeAssert, bool) {
		return []madeAssert{{Type: typ, Value: escape(s)}}, utf8.ValidString(s)
	}
	value, err := parse(v) // JSON is YAML
	if refers(value) {
		return nil, false
	}
	switch form {
	case harness.Exact:
		if plain {
			return text("equals", string(v))
		}
		switch value.(type) {
		case map[string]any, []any:
			v, ok := literal(value)
			return []madeAssert{{Type: "equals", Value: v}}, err == nil && ok
		}
	case harness.Contains:
		if plain {
			return text("contains", string(v))
		}
		return contains(v)
	case harness.JSONSchema:
		typ := "is-json"
		if mediaType == harness.SchemaWithin {
			typ = "contains-json"
		}
		if string(v) == "true" {
			return []madeAssert{{Type: typ}}, true
		}
		m, isMap := value.(map[string]any)
		v, ok := literal(m)
		return []madeAssert{{Type: typ, Value: v}}, err == nil && isMap && ok
	case harness.ToolCalled:
		if m, ok := value.(map[string]any); ok && err == nil && toolOf(m) != nil {
			return []madeAssert{{Type: "javascript", Value: toolScript, Config: numbers(m)}}, true
		}
	}
	return nil, false
}

// literal is a value that promptfoo takes as it is. It fills a text, and the texts of a list; of what is deeper
// it fills what names the environment, and so no such text is written there.
func literal(v any) (any, bool) {
	list, isList := v.([]any)
	if !isList {
		return numbers(v), !moves(v)
	}
	out := make([]any, len(list))
	for i, x := range list {
		if s, isText := x.(string); isText {
			out[i] = escape(s)
			continue
		}
		if moves(x) {
			return nil, false
		}
		out[i] = numbers(x)
	}
	return out, true
}

// moves tells whether a text in v is more than itself to promptfoo, or could be.
func moves(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, "{{") && strings.Contains(v, "env") || fetched(v)
	case []any:
		return slices.ContainsFunc(v, moves)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), moves)
	}
	return false
}

// refers tells whether a value has a member $ref: promptfoo follows those of a whole suite, into files
// and to addresses.
func refers(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, refers)
	case map[string]any:
		for k, x := range v {
			if k == "$ref" || refers(x) {
				return true
			}
		}
	}
	return false
}

func contains(v []byte) ([]madeAssert, bool) {
	var w harness.Words
	if json.Unmarshal(v, &w) != nil {
		return nil, false
	}
	word := "contains"
	if w.IgnoreCase {
		word = "icontains"
	}
	var out []madeAssert
	for _, part := range []struct {
		typ  string
		list []string
	}{{word + "-all", w.All}, {word + "-any", w.Any}, {"not-" + word + "-any", w.None}} {
		var escaped []any
		for _, s := range part.list {
			escaped = append(escaped, escape(s))
		}
		switch {
		case part.typ == word+"-all" && len(escaped) == 1:
			out = append(out, madeAssert{Type: word, Value: escaped[0]})
		case len(escaped) > 0:
			out = append(out, madeAssert{Type: part.typ, Value: escaped})
		}
	}
	return out, len(out) > 0
}

// numbers is v with its numbers as YAML nodes.
func numbers(v any) any { return leaves(v, numeral) }

// leaves is v with f of every value in it that is no list and no object.
func leaves(v any, f func(any) any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = leaves(x, f)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = leaves(x, f)
		}
		return out
	}
	return f(v)
}

// numeral is v, as a YAML node where it is a number: it is written as it is spelled.
func numeral(v any) any {
	n, ok := v.(json.Number)
	if !ok {
		return v
	}
	tag := "!!int"
	if strings.ContainsAny(n.String(), ".eE") {
		tag = "!!float"
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: n.String()}
}
