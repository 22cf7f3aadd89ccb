// Package harness runs the tasks that a company judges its agents by, and says what an agent's
// state is worth.
//
// A [Task] is a TestCase record made ready to run: an input and the properties that its outcome
// must have. A [Runner] gives a task to an agent: a program that speaks JSON lines ([Command]), or
// a model behind an OpenAI-compatible endpoint ([Endpoint]). [Run] gives every task to up to three
// sides, n times each: the source, the target with the replayed state, and the target without it,
// which is cold. [Scores] then says how many passed on each side, how much of the source's success
// the target has ([Scores.TCS]), and how much of what the state added was kept
// ([Scores.RetainedLift]).
//
// Nothing that runs is trusted: lines, answers and times are bounded, and a runner that dies is
// named with the task that it died at. No error holds an input or an output.
package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// The forms of an Expectation, and what its value holds.
const (
	// Exact: text/plain is the whole output; application/json is a value that the output, read as
	// JSON, equals.
	Exact = "exact"
	// Contains: text/plain stands in the output; application/json is a [Words].
	Contains = "contains"
	// JSONSchema: the output is JSON that the schema allows, of 2020-12 or else of Draft 7; formats count. With the
	// media type [SchemaWithin] it may stand in a text: one of the objects in it has to be allowed.
	JSONSchema = "json_schema"
	// ToolCalled: a [Tool].
	ToolCalled = "tool_called"
	// Judged: a judge command decides; the value says by what, in the suite's own words.
	Judged = "judge"
)

// Media types of values.
const (
	PlainText    = "text/plain"
	JSON         = "application/json"
	Schema       = "application/schema+json"
	SchemaWithin = "application/schema+json; within=text"
)

// Words is what an output contains: all of All, one of Any where there are any, and none of None.
type Words struct {
	All        []string `json:"all,omitempty"`
	Any        []string `json:"any,omitempty"`
	None       []string `json:"none,omitempty"`
	IgnoreCase bool     `json:"ignore_case,omitempty"`
}

// Tool is a call that must have been made. With Only, the tools that were called are exactly these.
type Tool struct {
	Name      string          `json:"name,omitempty"`
	Arguments json.RawMessage `json:"arguments,omitempty"` // equal by value; absent: any
	Only      []string        `json:"only,omitempty"`
}

// Expect makes an Expectation.
func Expect(form, mediaType string, value []byte) *pb.Expectation {
	return &pb.Expectation{Form: form, Value: agentstate.Inline(mediaType, value)}
}

// ExpectJSON makes an Expectation whose value is v as JSON. v is of this package, or decoded JSON.
func ExpectJSON(form string, v any) *pb.Expectation { return Expect(form, JSON, Encode(v)) }

// Encode is v as JSON, with < > & as they are. v is of this package, or decoded JSON.
func Encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("harness: " + err.Error()) // a value that is no JSON is a mistake of the program
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Input is what a task starts with, as the drivers of this module write it. Other JSON is handed
// to runners as it is.
type Input struct {
	Text     string          `json:"text,omitempty"`     // what a person says
	Messages json.RawMessage `json:"messages,omitempty"` // or a conversation: a list of objects with role and content
	Template string          `json:"template,omitempty"` // or a text with placeholders that only the suite's own tool fills
	Vars     json.RawMessage `json:"vars,omitempty"`     // the suite's variables, an object
	Tools    json.RawMessage `json:"tools,omitempty"`    // definitions of tools, as the Chat Completions API takes them
}

// An Expectation is one property, with its value at hand.
type Expectation struct {
	Form      string
	MediaType string
	Value     []byte
}

// A Task is a TestCase made ready to run.
type Task struct {
	Key    string // of the TestCase
	Suite  string // key of its TestSuite
	Name   string // for people; empty: none
	Input  json.RawMessage
	Expect []Expectation
}

// Bounds of a suite.
const (
	maxTasks = 100_000
	maxValue = 4 << 20 // bytes of an input, or of an expectation's value
)

// ErrSuite: the records are no suite that can be run.
var ErrSuite = errors.New("harness: not a suite that can be run")

// Tasks are the TestCases of src in their order. suite, where not empty, is the key of the one
// TestSuite that is wanted.
func Tasks(ctx context.Context, src agentstate.Source, suite string) ([]Task, error) {
	var out []Task
	res := agentstate.ResolverOf(src)
	res.Limit = maxValue
	for c, err := range agentstate.Of[*pb.TestCase](src.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"testcase"}})) {
		if err != nil {
			return nil, err
		}
		if suite != "" && c.SuiteKey != suite {
			continue
		}
		if len(out) == maxTasks {
			return nil, fmt.Errorf("%w: more than %d test cases", ErrSuite, maxTasks)
		}
		t, err := task(ctx, &res, c)
		if err != nil {
			return nil, fmt.Errorf("harness: %s: %w", c.GetMeta().GetKey(), err)
		}
		out = append(out, t)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: no test case; want records of the kind testcase", ErrSuite)
	}
	return out, nil
}

func task(ctx context.Context, res *agentstate.Resolver, c *pb.TestCase) (Task, error) {
	t := Task{Key: c.GetMeta().GetKey(), Suite: c.SuiteKey, Name: c.Name}
	in, err := res.Data(ctx, c.Input)
	if err != nil {
		return t, fmt.Errorf("input: %w", err)
	}
	switch {
	case c.Input == nil:
		t.Input = json.RawMessage("null")
	case json.Valid(in):
		t.Input = in
	default:
		t.Input = Encode(string(in))
	}
	for i, e := range c.Expectations {
		v, err := res.Data(ctx, e.Value)
		if err != nil {
			return t, fmt.Errorf("expectation %d: %w", i, err)
		}
		t.Expect = append(t.Expect, Expectation{e.Form, e.Value.GetMediaType(), v})
	}
	return t, nil
}
