package agentcorefake

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// modelJSON is what the provider's public Smithy model says of the operations that the fake knows:
// paths, members, lengths, ranges, patterns. Members that the SDK's snapshots have and the model of
// July 2026 has not are added.
//
//go:embed model.json
var modelJSON []byte

type operation struct {
	Method, URI, Plane string
	Code               int
	path               []string // of URI
}

type member struct {
	Target   string
	Required bool
	Label    bool   // in the path
	Query    string // name in the query
	limits
}

type limits struct {
	Min, Max  *int
	Low, High *float64
	Pattern   string
}

type shape struct {
	Type    string
	Enum    []string
	Members map[string]member
	limits
}

type model struct {
	Operations map[string]operation
	Shapes     map[string]shape

	patterns sync.Map // string → *regexp.Regexp: each is compiled once
}

var theModel = sync.OnceValues(func() (*model, error) {
	m := &model{}
	err := json.Unmarshal(modelJSON, m)
	for name, o := range m.Operations {
		o.path = strings.Split(strings.TrimSuffix(o.URI, "/"), "/")
		m.Operations[name] = o
	}
	return m, err
})

// route finds the operation of a request, and the labels in its path.
func (m *model) route(method, escaped string) (string, map[string]string) {
	best, bestLabels, literal := "", map[string]string(nil), -1
	have := strings.Split(strings.TrimSuffix(escaped, "/"), "/")
	for name, o := range m.Operations {
		want := o.path // its first part is no label
		if o.Method != method || len(want) != len(have) || want[1] != have[1] {
			continue
		}
		labels, lit, ok := map[string]string{}, 0, true
		for i := range want {
			if strings.HasPrefix(want[i], "{") {
				v, err := url.PathUnescape(have[i])
				ok = ok && err == nil && v != ""
				labels[strings.Trim(want[i], "{}")] = v
			} else {
				ok = ok && want[i] == have[i]
				lit++
			}
		}
		if ok && lit > literal {
			best, bestLabels, literal = name, labels, lit
		}
	}
	return best, bestLabels
}

// check says what in v is not as shape name wants it; empty: all is.
func (m *model) check(path, name string, v any, l limits, strict bool) string {
	if why := m.within(l, path, v); why != "" {
		return why
	}
	s, ok := m.Shapes[name]
	if !ok {
		return primitive(path, name, v)
	}
	if s.Type != "enum" {
		if why := m.within(s.limits, path, v); why != "" {
			return why
		}
	}
	switch s.Type {
	case "enum":
		t, ok := v.(string)
		if !ok || !slices.ContainsFunc(s.Enum, func(e string) bool { return strings.EqualFold(e, t) }) { // some values are written small
			return fmt.Sprintf("%s: want one of %s", path, s.Enum)
		}
	case "list":
		vs, ok := v.([]any)
		if !ok {
			return path + ": want a list"
		}
		e := s.Members["member"]
		for i, x := range vs {
			if why := m.check(fmt.Sprintf("%s[%d]", path, i), e.Target, x, e.limits, strict); why != "" {
				return why
			}
		}
	case "map":
		vs, ok := v.(map[string]any)
		if !ok {
			return path + ": want a map"
		}
		k, e := s.Members["key"], s.Members["value"]
		for n, x := range vs {
			if why := m.within(k.limits, path+" key", n); why != "" {
				return why
			}
			if why := m.check(path+"."+n, e.Target, x, e.limits, strict); why != "" {
				return why
			}
		}
	case "structure", "union":
		vs, ok := v.(map[string]any)
		if !ok {
			return path + ": want an object"
		}
		if s.Type == "union" && len(vs) != 1 {
			return fmt.Sprintf("%s: want exactly one member, got %d", path, len(vs))
		}
		for n, x := range vs {
			e, ok := s.Members[n]
			if !ok {
				if strict {
					return fmt.Sprintf("%s.%s: no such member in the model", path, n)
				}
				continue
			}
			if why := m.check(path+"."+n, e.Target, x, e.limits, strict); why != "" {
				return why
			}
		}
		for n, e := range s.Members {
			if _, ok := vs[n]; e.Required && !ok {
				return fmt.Sprintf("%s.%s: required", path, n)
			}
		}
	}
	return ""
}

func primitive(path, name string, v any) string {
	ok := true
	switch name {
	case "String", "SensitiveString", "NonEmptyString":
		_, ok = v.(string)
	case "Integer", "Long", "Double", "Float", "Timestamp":
		_, ok = v.(json.Number)
	case "Boolean":
		_, ok = v.(bool)
	}
	if !ok {
		return path + ": want a " + strings.ToLower(name)
	}
	return ""
}

// within says in what v is outside of l; empty: in nothing.
func (m *model) within(l limits, path string, v any) string {
	n := -1
	switch v := v.(type) {
	case string:
		n = utf8.RuneCountInString(v)
		if l.Pattern != "" && !m.pattern(l.Pattern).MatchString(v) {
			return fmt.Sprintf("%s: must satisfy regular expression pattern: %s", path, l.Pattern)
		}
	case []any:
		n = len(v)
	case map[string]any:
		n = len(v)
	case json.Number:
		f, err := v.Float64()
		if err != nil || l.Low != nil && f < *l.Low || l.High != nil && f > *l.High {
			return path + ": out of range"
		}
	}
	if n >= 0 && (l.Min != nil && n < *l.Min || l.Max != nil && n > *l.Max) {
		return fmt.Sprintf("%s: length %d out of bounds", path, n)
	}
	return ""
}

// longCount is a repetition of more than 999; compiled once.
var longCount = regexp.MustCompile(`\{(\d+),\d{4,}\}`)

func (m *model) pattern(p string) *regexp.Regexp {
	if r, ok := m.patterns.Load(p); ok {
		return r.(*regexp.Regexp)
	}
	r := regexp.MustCompile(longCount.ReplaceAllString(p, "{$1,}")) // Go counts to 1,000
	m.patterns.Store(p, r)
	return r
}
