package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A Judge decides what [Judged] expectations leave to a program or a person.
type Judge interface {
	// Judge says whether the answer has the property. why is short, and shown to people.
	Judge(ctx context.Context, t *Task, e *Expectation, a *Answer) (passed bool, why string, err error)
}

// Check tells whether a has every property that t expects; why names the first one that it has
// not, without its value. A task that expects nothing is not passed. An error is of j, or of an
// expectation that cannot be read: then nothing was judged.
func Check(ctx context.Context, t *Task, a *Answer, j Judge) (passed bool, why string, err error) {
	if len(t.Expect) == 0 {
		return false, "nothing is expected", nil
	}
	for i := range t.Expect {
		e := &t.Expect[i]
		switch ok, why, err := check(ctx, t, e, a, j); {
		case err != nil:
			return false, "", fmt.Errorf("harness: %s: expectation %d: %w", t.Key, i, err)
		case !ok:
			return false, fmt.Sprintf("expectation %d: %s", i, why), nil
		}
	}
	return true, "", nil
}

// NeedsJudge tells whether a judge command has to decide about t.
func (t *Task) NeedsJudge() bool {
	return slices.ContainsFunc(t.Expect, func(e Expectation) bool {
		return !slices.Contains([]string{Exact, Contains, JSONSchema, ToolCalled}, e.Form)
	})
}

func check(ctx context.Context, t *Task, e *Expectation, a *Answer, j Judge) (bool, string, error) {
	plain := e.MediaType == PlainText
	switch e.Form {
	case Exact:
		if plain && a.Text() != string(e.Value) || !plain && !Equal(e.Value, a.value()) {
			return false, "exact: want " + digestOf(plain, e.Value) + ", got " + digestOf(plain, a.value()), nil
		}
		return true, "", nil
	case Contains:
		return contains(plain, e.Value, a.Text())
	case JSONSchema:
		return allows(e, a)
	case ToolCalled:
		return called(e.Value, a.ToolCalls)
	}
	if j == nil {
		return false, "", fmt.Errorf("%w: it needs a judge command", ErrJudge)
	}
	return j.Judge(ctx, t, e, a)
}

// ErrJudge: nothing was judged, because the judge is missing or broken, or what it judges by is.
var ErrJudge = errors.New("harness: cannot judge")

func digestOf(plain bool, b []byte) string {
	if plain {
		b = Encode(string(b))
	}
	return Digest(b)
}

func contains(plain bool, value []byte, text string) (bool, string, error) {
	w := Words{All: []string{string(value)}}
	if !plain {
		w = Words{}
		if err := json.Unmarshal(value, &w); err != nil || len(w.All)+len(w.Any)+len(w.None) == 0 {
			return false, "", fmt.Errorf("%w: contains: want words in all, any or none", ErrJudge)
		}
	}
	has := func(s string) bool { return strings.Contains(text, s) }
	if w.IgnoreCase {
		low := strings.ToLower(text)
		has = func(s string) bool { return strings.Contains(low, strings.ToLower(s)) }
	}
	for i, s := range w.All {
		if !has(s) {
			return false, fmt.Sprintf("contains: word %d of %d is not there", i+1, len(w.All)), nil
		}
	}
	if len(w.Any) > 0 && !slices.ContainsFunc(w.Any, has) {
		return false, fmt.Sprintf("contains: none of %d words is there", len(w.Any)), nil
	}
	for i, s := range w.None {
		if has(s) {
			return false, fmt.Sprintf("contains: word %d of %d that may not be there is", i+1, len(w.None)), nil
		}
	}
	return true, "", nil
}

// maxSchemaValue is the size, in bytes, of an output that is looked at by a schema: uniqueItems
// and the like cost more than a pass.
const maxSchemaValue = 1 << 20

func allows(e *Expectation, a *Answer) (bool, string, error) {
	s, err := schema(e.Value)
	if err != nil {
		return false, "", err
	}
	if len(a.Output) > maxSchemaValue {
		return false, fmt.Sprintf("json_schema: the output has %d bytes, at most %d", len(a.Output), maxSchemaValue), nil
	}
	v, err := decode(a.Output)
	if _, text := v.(string); text || err != nil {
		v, err = decode([]byte(a.Text()))
	}
	values := []any{v}
	if e.MediaType == SchemaWithin {
		values, err = within(a.Text())
	}
	if err != nil {
		return false, "json_schema: the output holds no JSON", nil
	}
	var bad *jsonschema.ValidationError
	for _, v := range values {
		switch err := s.Validate(v); {
		case err == nil:
			return true, "", nil
		case !errors.As(err, &bad):
			return false, "", fmt.Errorf("%w: json_schema: %v", ErrJudge, err)
		}
	}
	return false, "json_schema: " + where(bad), nil
}

// schema compiles a schema that refers to nothing outside of itself: it is of a stranger.
func schema(b []byte) (*jsonschema.Schema, error) {
	doc, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("%w: json_schema: the schema is %w", ErrJudge, err)
	}
	// Most suites say no $schema, and many are of before 2020, when items could be a list.
	for _, draft := range []*jsonschema.Draft{jsonschema.Draft2020, jsonschema.Draft7} {
		c := jsonschema.NewCompiler()
		c.UseLoader(noLoader{})
		c.DefaultDraft(draft)
		c.AssertFormat()
		const at = "mem:///schema.json"
		if err := c.AddResource(at, doc); err != nil {
			return nil, fmt.Errorf("%w: json_schema: the schema cannot be used", ErrJudge)
		}
		if s, err := c.Compile(at); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%w: json_schema: the schema cannot be compiled; it may refer to nothing outside of itself", ErrJudge)
}

type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errors.New("not loaded") }

// where is the deepest place that a schema refuses, and by which keyword.
func where(e *jsonschema.ValidationError) string {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	at := "the whole"
	if len(e.InstanceLocation) > 0 {
		at = Short(strings.Join(e.InstanceLocation, "."))
	}
	return at + " fails " + Short(strings.Join(e.ErrorKind.KeywordPath(), "/"))
}

// within are the objects in text that are JSON. Each brace is tried once, and what was read is not
// tried again: the cost stays linear for text without JSON, and is bounded for the rest.
func within(text string) ([]any, error) {
	var out []any
	for tries, i := 0, 0; i < len(text) && tries < 1000; tries++ {
		n := strings.IndexByte(text[i:], '{')
		if n < 0 {
			break
		}
		i += n
		d := json.NewDecoder(strings.NewReader(text[i:]))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err == nil {
			out = append(out, v)
			i += int(d.InputOffset()) - 1
		}
		i++
	}
	if out == nil {
		return nil, errors.New("no JSON")
	}
	return out, nil
}

func called(value []byte, calls []ToolCall) (bool, string, error) {
	var want Tool
	if err := json.Unmarshal(value, &want); err != nil || (want.Name == "") == (want.Only == nil) {
		return false, "", fmt.Errorf("%w: tool_called: want a name, or only with the names of all tools", ErrJudge)
	}
	if want.Only != nil {
		return only(want.Only, calls)
	}
	var near []string
	for _, c := range calls {
		if c.Name != want.Name {
			continue
		}
		if want.Arguments == nil || Equal(want.Arguments, c.Arguments) {
			return true, "", nil
		}
		near = Differ(want.Arguments, c.Arguments)
	}
	if near != nil {
		return false, fmt.Sprintf("tool_called: %s was called otherwise: %s", Short(want.Name), strings.Join(near, "; ")), nil
	}
	return false, fmt.Sprintf("tool_called: %s was not called; %s", Short(want.Name), names(calls)), nil
}

func only(want []string, calls []ToolCall) (bool, string, error) {
	for _, w := range want {
		if !slices.ContainsFunc(calls, func(c ToolCall) bool { return c.Name == w }) {
			return false, fmt.Sprintf("tool_called: %s was not called; %s", Short(w), names(calls)), nil
		}
	}
	for _, c := range calls {
		if !slices.Contains(want, c.Name) {
			return false, fmt.Sprintf("tool_called: %s was called, and not expected", Short(c.Name)), nil
		}
	}
	return true, "", nil
}

func names(calls []ToolCall) string {
	var out []string
	for _, c := range calls {
		if n := Short(c.Name); !slices.Contains(out, n) && len(out) < 8 {
			out = append(out, n)
		}
	}
	if out == nil {
		return "no tool was"
	}
	return "called were " + strings.Join(out, ", ")
}

// value is the output as JSON: a text that is JSON is that JSON.
func (a *Answer) value() []byte {
	if t := bytes.TrimSpace([]byte(a.Text())); json.Valid(t) {
		return t
	}
	return a.Output
}
