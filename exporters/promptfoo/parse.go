package promptfoo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/exitramp/exitramp/internal/lazyre"
)

// Bounds of a document: aliases can claim any size.
const (
	maxNodes = 500_000
	maxDepth = 100
)

// A date is one that YAML has as such. promptfoo makes no text of it, but what its release makes of a Date.
type date string

// parse reads YAML as JSON values: map[string]any, []any, string, date, json.Number, bool, nil. Names
// that stand twice in a mapping are refused, as promptfoo does.
func parse(b []byte) (any, error) {
	if json.Valid(b) {
		b = asYAML(b)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	var n yaml.Node
	switch err := d.Decode(&n); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("it is empty")
	case err != nil:
		return nil, errors.New("it is not YAML" + lineOf(err))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one YAML document")
	}
	p := &parser{}
	return p.value(&n, 0)
}

var escapes = lazyre.New(`\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)`)

// asYAML is JSON as the YAML that promptfoo reads in it: tabs between values, halves of characters as escapes and \/ are
// errors to a stricter reader.
func asYAML(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("\t"), []byte(" ")) // none is in a string: there it is an escape
	return escapes().ReplaceAllFunc(b, func(e []byte) []byte {
		var s string
		if len(e) < 6 && e[1] != '/' || json.Unmarshal(slices.Concat([]byte(`"`), e, []byte(`"`)), &s) != nil {
			return e
		}
		return []byte(s)
	})
}

// lineOf is where a YAML error is: its text may quote the file.
func lineOf(err error) string {
	var n int
	if _, after, ok := strings.Cut(err.Error(), "line "); ok {
		if _, err := fmt.Sscanf(after, "%d", &n); err == nil {
			return fmt.Sprintf(", line %d", n)
		}
	}
	return ""
}

type parser struct{ nodes int }

func (p *parser) value(n *yaml.Node, depth int) (any, error) {
	if p.nodes++; p.nodes > maxNodes || depth > maxDepth {
		return nil, fmt.Errorf("line %d: more than %d values or %d levels, aliases followed", n.Line, maxNodes, maxDepth)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return p.value(n.Content[0], depth)
	case yaml.AliasNode:
		return p.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := p.value(c, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	case yaml.MappingNode:
		return p.mapping(n, depth)
	}
	return scalar(n), nil
}

func (p *parser) mapping(n *yaml.Node, depth int) (any, error) {
	out := map[string]any{}
	var merged []any
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		val, err := p.value(v, depth+1)
		if err != nil {
			return nil, err
		}
		if k.Tag == "!!merge" {
			if list, ok := val.([]any); ok {
				merged = append(merged, list...)
			} else {
				merged = append(merged, val)
			}
			continue
		}
		for k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: a name that is no text", k.Line)
		}
		if _, dup := out[k.Value]; dup {
			return nil, fmt.Errorf("line %d: a name that stands twice", k.Line)
		}
		out[k.Value] = val
	}
	for _, m := range merged {
		m, ok := m.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("line %d: << merges what is no mapping", n.Line)
		}
		for k, v := range m {
			if _, has := out[k]; !has {
				out[k] = v
			}
		}
	}
	return out, nil
}

// scalar is a value as JSON has it; what JSON has not is its text.
func scalar(n *yaml.Node) any {
	text := strings.ToValidUTF8(n.Value, "\ufffd")
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		var v bool
		if n.Decode(&v) == nil {
			return v
		}
	case "!!timestamp":
		return date(text)
	case "!!int", "!!float":
		if v, ok := number(text); ok {
			return v
		}
		switch strings.ToLower(text) { // JSON has no such numbers; JavaScript writes them so
		case ".nan":
			return "NaN"
		case ".inf", "+.inf":
			return "Infinity"
		case "-.inf":
			return "-Infinity"
		}
	}
	return text
}

// decimals are numbers of YAML 1.2: sign, whole part, fraction, exponent.
var decimals = lazyre.New(`^([-+]?)([0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?$`)

// number is what promptfoo reads as one, which is YAML 1.2: 010 is ten, -0x1F and 0b11 are texts.
func number(s string) (json.Number, bool) {
	for prefix, base := range map[string]int{"0o": 8, "0x": 16} {
		if digits, ok := strings.CutPrefix(s, prefix); ok {
			v, ok := new(big.Int).SetString(digits, base)
			if !ok || strings.ContainsAny(digits, "+-_") {
				return "", false
			}
			return json.Number(v.String()), true
		}
	}
	m := decimals().FindStringSubmatch(s)
	if m == nil || m[2] == "" && len(m[3]) < 2 {
		return "", false
	}
	whole, fraction := strings.TrimLeft(m[2], "0"), m[3]
	if whole == "" {
		whole = "0"
	}
	if fraction == "." {
		fraction = ""
	}
	v := json.Number(strings.TrimPrefix(m[1], "+") + whole + fraction + m[4])
	f, err := v.Float64()
	return v, err == nil && !math.IsInf(f, 0)
}
