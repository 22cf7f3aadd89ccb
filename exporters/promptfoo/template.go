package promptfoo

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/internal/lazyre"
)

var (
	placeholder = lazyre.New(`\{\{-?\s*([A-Za-z_]\w*)\s*-?\}\}`)
	// escaped is how escape writes a brace, and nothing.
	escaped = lazyre.New(`\{\{ "(\{?)" \}\}`)
	texts   = lazyre.New(`"(\\.|[^"\\])*"`) // of JSON
	scheme  = lazyre.New(`^\s*[A-Za-z][A-Za-z+.-]*:`)
)

// render fills the placeholders of a template, as nunjucks does it for {{ name }}. ok is false for
// whatever else a template may do: only promptfoo itself fills such a one.
func render(t string, vars map[string]any) (string, bool) {
	var out strings.Builder
	at := 0
	for _, m := range append(escaped().FindAllStringSubmatchIndex(t, -1), []int{len(t), len(t), 0, 0}) {
		piece := t[at:m[0]]
		if templated(placeholder().ReplaceAllString(piece, "")) {
			return "", false
		}
		ok := true
		out.WriteString(placeholder().ReplaceAllStringFunc(piece, func(p string) string {
			s, known := plainText(vars[placeholder().FindStringSubmatch(p)[1]])
			ok = ok && known
			return s
		}))
		if !ok {
			return "", false
		}
		out.WriteString(t[m[2]:m[3]])
		at = m[1]
	}
	return out.String(), true
}

// plainText is the text of a variable, where that is plain: a template in a variable is filled too.
// promptfoo takes one newline off its end.
func plainText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		v = strings.TrimSuffix(v, "\n")
		if fetched(v) || templated(escaped().ReplaceAllString(v, "")) {
			return "", false
		}
		return escaped().ReplaceAllString(v, "$1"), true
	case json.Number:
		return spelled(v), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

// spelled is a number as JavaScript writes it: 1.50 is 1.5.
func spelled(n json.Number) string {
	if f, err := n.Float64(); err == nil {
		if f == 0 { // -0.0 too
			return "0"
		}
		if b, err := json.Marshal(f); err == nil {
			return string(b)
		}
	}
	return n.String()
}

func templated(s string) bool {
	return strings.Contains(s, "{{") || strings.Contains(s, "{%") || strings.Contains(s, "{#")
}

// escape is s as a template that gives s. Each brace that could begin something of a template is an
// expression of its own: a raw block would stay in the text where promptfoo sees a variable in it
// that is not there.
//
// A text that begins like a URL begins with nothing, so that promptfoo does not open file://… or
// package:… of a suite that is put together from records of a stranger.
func escape(s string) string {
	var out strings.Builder
	if scheme().MatchString(s) {
		out.WriteString(`{{ "" }}`)
	}
	for i := range len(s) {
		if s[i] == '{' && i+1 < len(s) && strings.IndexByte("{%#", s[i+1]) >= 0 {
			out.WriteString(`{{ "{" }}`)
		} else {
			out.WriteByte(s[i])
		}
	}
	if strings.HasSuffix(s, "\n") {
		out.WriteString(`{{ "" }}`)
	}
	return out.String()
}

// renderJSON fills the placeholders of a template that is JSON, and writes it as JavaScript does.
func renderJSON(t string, vars map[string]any) (string, bool) {
	ok := true
	filled := texts().ReplaceAllFunc([]byte(t), func(b []byte) []byte {
		var s string
		known := json.Unmarshal(b, &s) == nil
		if known {
			s, known = render(s, vars)
		}
		ok = ok && known
		return harness.Encode(s)
	})
	var out bytes.Buffer
	ok = json.Indent(&out, filled, "", "  ") == nil && ok
	return out.String(), ok
}

// rendered fills the placeholders in what an assertion expects, where promptfoo does: in a text and in the texts of a list.
func rendered(v any, vars map[string]any) (any, bool) {
	switch v := v.(type) {
	case string:
		return render(v, vars)
	case []any:
		return every(v, func(x any) (any, bool) {
			s, isText := x.(string)
			if !isText {
				return x, true
			}
			y, ok := render(s, vars)
			return y, ok && !fetched(s)
		})
	}
	return v, true
}

// every is what f makes of each of list; false: of one of them it makes nothing.
func every(list []any, f func(any) (any, bool)) (any, bool) {
	out := make([]any, len(list))
	for i, x := range list {
		var ok bool
		if out[i], ok = f(x); !ok {
			return nil, false
		}
	}
	return out, true
}

// renderAll fills the placeholders in every text of v.
func renderAll(v any, vars map[string]any) (any, bool) {
	switch v := v.(type) {
	case string:
		return render(v, vars)
	case []any:
		return every(v, func(x any) (any, bool) { return renderAll(x, vars) })
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
