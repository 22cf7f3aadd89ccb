package promptfoo

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/internal/lazyre"
)

// maxRefs is how many references one leads through at most.
const maxRefs = 20

// ofTool is the place of what a provider's tool takes: promptfoo leaves the references in such a schema to the model.
var ofTool = lazyre.New(`^providers\[\d+\](\..+)?\.config\.(functions\[\d+\]|tools\[\d+\]\.function)\.parameters$`)

const nowhere = "it points at nothing in the file, or at itself"

var errNowhere = errors.New(nowhere)

// refs puts what references point at in their places, as promptfoo does for a whole suite: {$ref: "#/shared/x"}. What
// stands beside a reference goes before what it points at.
type refs struct {
	doc   any
	nodes int
	lost  []string // places of references that lead nowhere
}

func (r *refs) value(v any, place string, open []string) (any, error) {
	if r.nodes++; r.nodes > maxNodes {
		return nil, fmt.Errorf("%s: more than %d values, references followed", place, maxNodes)
	}
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			var err error
			if out[i], err = r.value(x, place+"["+strconv.Itoa(i)+"]", open); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		return r.mapping(v, place, open)
	}
	return v, nil
}

func (r *refs) mapping(v map[string]any, place string, open []string) (any, error) {
	out := map[string]any{}
	ref, _ := v["$ref"].(string)
	follow := strings.HasPrefix(ref, "#/")
	if follow {
		to, ok := r.pointed(ref, open)
		if !ok || slices.Contains(open, ref) || len(open) == maxRefs {
			r.lost, follow = append(r.lost, strings.TrimPrefix(place+".$ref", ".")), false
		} else {
			to, err := r.value(to, place, append(slices.Clip(open), ref))
			m, isMap := to.(map[string]any)
			if err != nil || !isMap || len(v) == 1 {
				return to, err
			}
			out = m
		}
	}
	for _, k := range slices.Sorted(maps.Keys(v)) {
		if follow && k == "$ref" {
			continue
		}
		at := strings.TrimPrefix(place+"."+harness.Short(k), ".")
		if k == "parameters" && len(open) == 0 && ofTool().MatchString(at) {
			out[k] = v[k]
			continue
		}
		x, err := r.value(v[k], at, open)
		if err != nil {
			return nil, err
		}
		out[k] = x
	}
	return out, nil
}

// pointed is what a JSON pointer in a fragment leads to, also through other references; open are those on the way.
func (r *refs) pointed(ref string, open []string) (any, bool) {
	if r.nodes++; slices.Contains(open, ref) || len(open) == maxRefs || r.nodes > maxNodes {
		return nil, false
	}
	open = append(slices.Clip(open), ref)
	v := r.doc
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		part, err := url.PathUnescape(part)
		if err != nil {
			return nil, false
		}
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		if v, err = r.through(v, open); err != nil {
			return nil, false
		}
		switch at := v.(type) {
		case map[string]any:
			x, ok := at[part]
			if !ok {
				return nil, false
			}
			v = x
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// through is v, or what it refers to, with what stands beside the reference before that.
func (r *refs) through(v any, open []string) (any, error) {
	m, _ := v.(map[string]any)
	ref, _ := m["$ref"].(string)
	if !strings.HasPrefix(ref, "#/") {
		return v, nil
	}
	to, ok := r.pointed(ref, open)
	if !ok {
		return nil, errNowhere
	}
	to, err := r.through(to, append(slices.Clip(open), ref))
	of, isMap := to.(map[string]any)
	if err != nil || !isMap || len(m) == 1 {
		return to, err
	}
	out := maps.Clone(of)
	for k, x := range m {
		if k != "$ref" {
			out[k] = x
		}
	}
	return out, nil
}
