// Package plainyaml reads small YAML files that people write, and takes nothing that looks like one
// thing and is another: unknown fields, names that stand twice, anchors, aliases and merges, a second
// document.
package plainyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Decode reads b, of at most max bytes, into v.
func Decode(b []byte, max int, v any) error {
	if len(b) > max {
		return fmt.Errorf("%d bytes, at most %d", len(b), max)
	}
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return errors.New("it is empty")
	} else if err != nil {
		return Words(err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("it goes on after its end")
	}
	if err := simple(&doc); err != nil {
		return err
	}
	d = yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil {
		return Words(err)
	}
	return nil
}

// simple refuses what makes a small file large, or one thing look like another.
func simple(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" || n.Tag == "!!merge" {
		return fmt.Errorf("line %d: anchors, aliases and merges are not taken", n.Line)
	}
	for _, c := range n.Content {
		if err := simple(c); err != nil {
			return err
		}
	}
	return nil
}

// Fields decodes a mapping that has no other fields than those named: for UnmarshalYAML, which does
// not know that unknown ones are refused.
func Fields(n *yaml.Node, v any, names ...string) error {
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if k := n.Content[i]; !slices.Contains(names, k.Value) {
			return fmt.Errorf("line %d: field %.40q is not one of %s", k.Line, k.Value, strings.Join(names, ", "))
		}
	}
	return n.Decode(v)
}
