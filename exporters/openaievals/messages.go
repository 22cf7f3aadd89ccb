package openaievals

import (
	"bytes"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
)

// sentFor are the messages that a run sends for a row: its template with the row's values, or those that the row
// itself has. nil: it does not say.
func sentFor(input, item jsonvalue.Value) jsonvalue.Value {
	if path, ok := strings.CutPrefix(input.Get("item_reference").Text(), "item."); ok {
		for name := range strings.SplitSeq(path, ".") {
			item = item.Get(name)
		}
		return conversation(item)
	}
	return conversation(filled(input.Get("template"), item))
}

// conversation is raw, where it is a list of messages with a role, as models take them; else nil.
func conversation(raw jsonvalue.Value) jsonvalue.Value {
	var out [][]byte
	ok := raw.IsList()
	raw.Elements(func(m jsonvalue.Value) {
		ok = ok && m.Get("role").Text() != ""
		out = append(out, message(m))
	})
	if !ok || len(out) == 0 {
		return nil
	}
	return slices.Concat([]byte("["), bytes.Join(out, []byte(",")), []byte("]"))
}

// message is m as models take it: evals write a text as one part, with no list around it, and call each message one.
func message(m jsonvalue.Value) []byte {
	var out [][]byte
	m.Pairs(func(name, v jsonvalue.Value) {
		switch name.Text() {
		case "type":
			if v.Is("message") {
				return
			}
		case "content":
			if s, ok := plain(v); ok && !v.IsText() {
				v = harness.Encode(s)
			}
		}
		out = append(out, slices.Concat(name, []byte(":"), v))
	})
	return slices.Concat([]byte("{"), bytes.Join(out, []byte(",")), []byte("}"))
}

// plain is the text of a message's content: a text, a part that is one, or a list of those. false: it holds more.
func plain(content jsonvalue.Value) (string, bool) {
	switch {
	case content.IsText():
		return content.Text(), true
	case content.IsObject():
		kind := content.Get("type")
		text := content.Get("text")
		return text.Text(), text.IsText() && (kind.Is("input_text") || kind.Is("output_text") || kind.Is("text"))
	case !content.IsList():
		return "", false
	}
	var texts []string
	all := true
	content.Elements(func(v jsonvalue.Value) {
		s, ok := plain(v)
		all = all && ok && !v.IsList()
		texts = append(texts, s)
	})
	return strings.Join(texts, "\n"), all && len(texts) > 0
}
