// Package mapping renames what another runtime calls otherwise: tools, people, memory spaces, models.
//
// A Map is what a person wrote: old names and new ones. A Mapper is a Map at work on one state. It
// reads that state once beforehand, so that all is known before anything is written: what the map
// does not name, what it names in vain, and where two of the old would become one of the new.
//
// What is renamed are names in fields of the schema. Names inside of free text, of documents of
// the runtime and of native bytes stay: a record that a map changes loses its native form, and a grant
// or a policy whose text names a tool that is renamed waits for a person.
package mapping

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/exitramp/exitramp/internal/plainyaml"
)

// ErrMap: a map cannot be read, or not be used on this state or for this target.
var ErrMap = errors.New("mapping: map")

// A Map is old names and new ones. A noun that is nil is not mapped at all.
type Map struct {
	// Unmapped says what becomes of names that a noun's map does not have.
	Unmapped Unmapped `json:"unmapped" yaml:"unmapped"`
	// Tools by name, as calls and definitions have it.
	Tools map[string]Tool `json:"tools,omitempty" yaml:"tools"`
	// Principals by the last part of their keys, or by whole key, "principal/user/ada".
	Principals map[string]string `json:"principals,omitempty" yaml:"principals"`
	// Namespaces are paths of memory spaces: labels joined by slashes, a slash inside of one written
	// %2F. "users/*" is all below, where nothing longer says otherwise.
	Namespaces map[string]string `json:"namespaces,omitempty" yaml:"namespaces"`
	// Models by the id that agents ask for. What answered a message stays as it was.
	Models map[string]Model `json:"models,omitempty" yaml:"models"`
}

// Tool is the new name of a tool, and new names of its arguments.
type Tool struct {
	Name      string            `json:"name" yaml:"name"`
	Arguments map[string]string `json:"arguments,omitempty" yaml:"arguments"`
}

// Model is the new id of a model; an empty provider stays as it was.
type Model struct {
	Name     string `json:"name" yaml:"name"`
	Provider string `json:"provider,omitempty" yaml:"provider"`
}

// Policy says what becomes of what has no new name.
type Policy string

// The policies. The zero value is Hold.
const (
	Hold   Policy = "hold"   // what is of it waits; past calls of a tool stay readable
	Refuse Policy = "refuse" // nothing is written before the map is whole
	Keep   Policy = "keep"   // it keeps its name
)

// Unmapped is a Policy for each noun.
type Unmapped struct {
	Tools      Policy `json:"tools,omitempty" yaml:"tools"`
	Principals Policy `json:"principals,omitempty" yaml:"principals"`
	Namespaces Policy `json:"namespaces,omitempty" yaml:"namespaces"`
	Models     Policy `json:"models,omitempty" yaml:"models"`
}

// Bounds of a map file.
const (
	maxFile = 1 << 20 // bytes
	maxName = 1024    // bytes of one name
)

// UnmarshalYAML takes one word for all nouns, or one a noun.
func (u *Unmapped) UnmarshalYAML(n *yaml.Node) error {
	type plain Unmapped
	if n.Kind != yaml.ScalarNode {
		return plainyaml.Fields(n, (*plain)(u), "tools", "principals", "namespaces", "models")
	}
	p := Policy(n.Value)
	*u = Unmapped{p, p, p, p}
	return nil
}

// UnmarshalYAML takes a name, or a name and arguments.
func (t *Tool) UnmarshalYAML(n *yaml.Node) error {
	type plain Tool
	if n.Kind != yaml.ScalarNode {
		return plainyaml.Fields(n, (*plain)(t), "name", "arguments")
	}
	return n.Decode(&t.Name)
}

// UnmarshalYAML takes a name, or a name and a provider.
func (m *Model) UnmarshalYAML(n *yaml.Node) error {
	type plain Model
	if n.Kind != yaml.ScalarNode {
		return plainyaml.Fields(n, (*plain)(m), "name", "provider")
	}
	return n.Decode(&m.Name)
}

// Parse reads a map file: YAML without anchors, in which nothing stands twice and nothing is unknown.
func Parse(b []byte) (*Map, error) {
	m := &Map{}
	if err := plainyaml.Decode(b, maxFile, m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMap, err)
	}
	return m, m.check()
}

// ParseJSON reads what MarshalJSON of a Map gives, as plans and journals hold it.
func ParseJSON(b []byte) (*Map, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	m := &Map{}
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMap, err)
	}
	return m, m.check()
}

// JSON is m as plans and journals hold it: one form for one map.
func (m *Map) JSON() []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings alone
	}
	return b
}

// Digest is the SHA-256 of m's JSON, in hex; empty for nil.
func (m *Map) Digest() string {
	if m == nil {
		return ""
	}
	sum := sha256.Sum256(m.JSON())
	return hex.EncodeToString(sum[:])
}

func (m *Map) check() error {
	for noun, p := range map[string]*Policy{"tools": &m.Unmapped.Tools, "principals": &m.Unmapped.Principals, "namespaces": &m.Unmapped.Namespaces, "models": &m.Unmapped.Models} {
		switch *p {
		case "":
			*p = Hold
		case Hold, Refuse, Keep:
		default:
			return fmt.Errorf("%w: unmapped %s: want hold, refuse or keep, got %.40q", ErrMap, noun, string(*p))
		}
	}
	if len(m.Tools)+len(m.Principals)+len(m.Namespaces)+len(m.Models) == 0 {
		return fmt.Errorf("%w: it names nothing: want tools, principals, namespaces or models", ErrMap)
	}
	for _, old := range slices.Sorted(maps.Keys(m.Tools)) {
		t := m.Tools[old]
		if err := pair("tools", old, t.Name); err != nil {
			return err
		}
		if err := oneToOne("arguments of "+old, t.Arguments); err != nil {
			return err
		}
	}
	for _, old := range slices.Sorted(maps.Keys(m.Models)) {
		if err := pair("models", old, m.Models[old].Name); err != nil {
			return err
		}
	}
	if err := oneToOne("principals", m.Principals); err != nil {
		return err
	}
	for old, to := range m.Principals {
		if isKey := strings.HasPrefix(to, "principal/"); isKey != strings.HasPrefix(old, "principal/") {
			return fmt.Errorf("%w: principals: %q and %q: write both as keys, or neither", ErrMap, old, to)
		}
	}
	for old, to := range m.Namespaces {
		if err := pair("namespaces", old, to); err != nil {
			return err
		}
		a, wild := strings.CutSuffix(old, "/*")
		b, also := strings.CutSuffix(to, "/*")
		if wild != also || strings.Contains(a+b, "*") {
			return fmt.Errorf("%w: namespaces: %q and %q: a * stands at the end of both, after a slash, or in neither", ErrMap, old, to)
		}
	}
	return nil
}

// oneToOne refuses two of the old that become one of the new.
func oneToOne(noun string, names map[string]string) error {
	from := map[string]string{}
	for _, old := range slices.Sorted(maps.Keys(names)) {
		to := names[old]
		if err := pair(noun, old, to); err != nil {
			return err
		}
		if other, dup := from[to]; dup {
			return fmt.Errorf("%w: %s: %q and %q would both become %q", ErrMap, noun, other, old, to)
		}
		from[to] = old
	}
	return nil
}

func pair(noun, old, to string) error {
	for _, s := range []string{old, to} {
		bad := strings.IndexFunc(s, unicode.IsControl) >= 0
		if s == "" || len(s) > maxName || !utf8.ValidString(s) || bad {
			return fmt.Errorf("%w: %s: %.40q → %.40q: a name is 1 to %d bytes of text", ErrMap, noun, old, to, maxName)
		}
	}
	return nil
}
