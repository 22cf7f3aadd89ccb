package promptfoo

import (
	"encoding/json"
	"regexp"
	"strings"
)

var placeholder = regexp.MustCompile(`\{\{-?\s*([A-Za-z_]\w*)\s*-?\}\}`)

const rawStart, rawEnd = "{% raw %}", "{% endraw %}"

// render fills the placeholders of a template, as nunjucks does it for {{ name }}. ok is false for
// whatever else a template may do: only promptfoo itself fills such a one.
func render(t string, vars map[string]any) (out string, ok bool) {
	if s, ok := unraw(t); ok {
		return s, true
	}
	ok = true
	out = placeholder.ReplaceAllStringFunc(t, func(m string) string {
		s, known := plainText(vars[placeholder.FindStringSubmatch(m)[1]])
		ok = ok && known
		return s
	})
	// What is left of a template language, outside of what the variables brought.
	if left := placeholder.ReplaceAllString(t, ""); strings.Contains(left, "{{") || strings.Contains(left, "{%") || strings.Contains(left, "{#") {
		return "", false
	}
	return out, ok
}

// plainText is the text of a variable, where that is plain: a template in a variable is filled too.
func plainText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		if s, ok := unraw(v); ok {
			return s, true
		}
		return v, !templated(v) && !strings.HasPrefix(v, "file://")
	case json.Number:
		return v.String(), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

func templated(s string) bool {
	return strings.Contains(s, "{{") || strings.Contains(s, "{%") || strings.Contains(s, "{#")
}

// unraw is the text of what is one raw block, which escape makes.
func unraw(t string) (string, bool) {
	s, a := strings.CutPrefix(t, rawStart)
	s, b := strings.CutSuffix(s, rawEnd)
	return s, a && b && !strings.Contains(s, "endraw")
}

// escape is s as a template that gives s; false: there is none.
func escape(s string) (string, bool) {
	if !templated(s) {
		return s, true
	}
	return rawStart + s + rawEnd, !strings.Contains(s, "endraw")
}

// renderAll fills the placeholders in every text of v.
func renderAll(v any, vars map[string]any) (any, bool) {
	switch v := v.(type) {
	case string:
		return render(v, vars)
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			y, ok := renderAll(x, vars)
			if !ok {
				return nil, false
			}
			out[i] = y
		}
		return out, true
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			y, ok := renderAll(x, vars)
			if !ok {
				return nil, false
			}
			out[k] = y
		}
		return out, true
	}
	return v, true
}
