package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"testing"
)

// TestCI95: the interval is the published one (Newcombe, Statistics in Medicine 1998, method 3), to four digits.
func TestCI95(t *testing.T) {
	for _, c := range []struct {
		passed, total int
		lo, hi        float64
	}{{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}} {
		ci := (&Rate{c.passed, c.total}).CI95()
		if math.Abs(ci[0]-c.lo) > 5e-5 || math.Abs(ci[1]-c.hi) > 5e-5 {
			t.Errorf("%d of %d: %v, want %v to %v", c.passed, c.total, *ci, c.lo, c.hi)
		}
		if up := (&Rate{c.total - c.passed, c.total}).CI95(); math.Abs(up[0]-(1-ci[1])) > 1e-12 || math.Abs(up[1]-(1-ci[0])) > 1e-12 {
			t.Errorf("%d of %d: %v is no mirror of %v", c.total-c.passed, c.total, *up, *ci)
		}
	}
	if (&Rate{}).CI95() != nil || (*Rate)(nil).CI95() != nil {
		t.Error("nothing was run, and there is an interval")
	}
}

// said is a runner with one answer a run.
type said []*Answer

func (s said) Run(_ context.Context, r *Request) (*Answer, error) {
	if s[r.Run-1] == nil {
		return nil, fmt.Errorf("no answer")
	}
	a := *s[r.Run-1]
	return &a, nil
}

func (said) Close() error { return nil }

// TestAlike: a run is equal where calls, arguments and output are those of the source, however they are spelled.
func TestAlike(t *testing.T) {
	answer := func(output string, calls ...string) *Answer {
		a := &Answer{Output: json.RawMessage(output)}
		for _, c := range calls {
			a.ToolCalls = append(a.ToolCalls, ToolCall{"refund", json.RawMessage(c)})
		}
		return a
	}
	one := answer(`"done"`, `{"order":1,"why":"late"}`)
	for name, tc := range map[string]struct {
		source, target *Answer
		equal          int
	}{
		"the same":               {one, one, 1},
		"in another spelling":    {one, answer(`"do\u006ee"`, `{ "why":"late", "order":1.0}`), 1},
		"another argument":       {one, answer(`"done"`, `{"order":2,"why":"late"}`), 0},
		"one call more":          {one, answer(`"done"`, `{"order":1,"why":"late"}`, `{}`), 0},
		"calls in another order": {answer(`""`, `1`, `2`), answer(`""`, `2`, `1`), 0},
		"another output":         {one, answer(`"Done"`, `{"order":1,"why":"late"}`), 0},
		"no answer":              {one, nil, 0},
		"none on either side":    {nil, nil, 0},
		"both failed":            {&Answer{Error: "x"}, &Answer{Error: "x"}, 0},
	} {
		p := &Plan{Runs: 1, Tasks: []Task{text("testcase/s/1", "?", Expectation{Contains, PlainText, []byte("done")})}}
		for _, order := range [][]Side{
			{{Source, said{tc.source}, ""}, {Cold, said{one}, ""}, {Target, said{tc.target}, ""}},
			{{Target, said{tc.target}, ""}, {Source, said{tc.source}, ""}},
		} {
			p.Sides = order
			s, err := Run(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if want := (Rate{tc.equal, 1}); s.Equal == nil || *s.Equal != want {
				t.Errorf("%s: %v, want %v", name, s.Equal, &want)
			}
		}
	}
	p := &Plan{Runs: 2, Tasks: []Task{text("testcase/s/1", "?"), text("testcase/s/2", "?", Expectation{Contains, PlainText, []byte("done")})},
		Sides: []Side{{Source, said{one, one}, ""}, {Target, said{one, answer(`"other"`)}, ""}}}
	if s, err := Run(t.Context(), p); err != nil || *s.Equal != (Rate{1, 2}) {
		t.Errorf("of what is judged: %v, %v", s.Equal, err)
	}
	p.Sides = p.Sides[1:]
	if s, err := Run(t.Context(), p); err != nil || s.Equal != nil {
		t.Errorf("the source was not run: %v, %v", s.Equal, err)
	}
}
