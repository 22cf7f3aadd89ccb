package embed

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// textOf is the text of r whose vector a runtime keeps under field; ok: there is one.
func textOf(ctx context.Context, res *agentstate.Resolver, r agentstate.Record, field string) (text string, ok bool, err error) {
	switch r := r.(type) {
	case *pb.Memory:
		return textOfMemory(ctx, res, r, field)
	case *pb.Entity:
		text = r.Name
		if field == "summary" {
			text = r.Summary
		}
	case *pb.Relation:
		text = r.Fact
	case *pb.Message:
		var ps []string
		for _, p := range r.Parts {
			if t := p.GetText(); t != "" {
				ps = append(ps, t)
			}
		}
		text = strings.Join(ps, "\n")
	}
	return text, text != "", nil
}

func textOfMemory(ctx context.Context, res *agentstate.Resolver, m *pb.Memory, field string) (string, bool, error) {
	d, is := m.Content.(*pb.Memory_Data)
	if !is {
		return m.GetText(), m.GetText() != "", nil
	}
	b, err := res.Data(ctx, d.Data)
	if err != nil || !utf8.Valid(b) {
		return "", false, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var doc any
	if dec.Decode(&doc) != nil { // no JSON: the text itself
		return string(b), len(b) > 0, nil
	}
	text := atPath(doc, field)
	return text, text != "", nil
}

// atPath finds a text in a document by the path of LangGraph's store, which is the only one that
// keeps vectors of documents: "$" is all of it, "a.b[0]" a member, "a[*].2" the third that "a[*]" finds.
func atPath(doc any, path string) string {
	if path == "" || path == "$" {
		return plain(doc)
	}
	if i := strings.LastIndexByte(path, '.'); i > 0 {
		if n, err := strconv.Atoi(path[i+1:]); err == nil && n >= 0 {
			if all := find(doc, tokens(path[:i])); len(all) > 1 && n < len(all) {
				return all[n]
			}
		}
	}
	if all := find(doc, tokens(path)); len(all) > 0 {
		return all[0]
	}
	return ""
}

// tokens takes a path apart: "a.b[0]" is a, b, [0].
func tokens(path string) []string {
	var out []string
	for path != "" {
		switch i := strings.IndexAny(path, ".[{"); {
		case path[0] == '[' || path[0] == '{':
			end := strings.IndexByte(path, map[byte]byte{'[': ']', '{': '}'}[path[0]])
			if end < 0 {
				return append(out, path)
			}
			out, path = append(out, path[:end+1]), path[end+1:]
		case i < 0:
			return append(out, path)
		case i == 0:
			path = path[1:]
		default:
			out, path = append(out, path[:i]), path[i:]
		}
	}
	return out
}

// maxTexts is how many texts one path finds at most.
const maxTexts = 10000

func find(v any, path []string) (out []string) {
	if len(path) == 0 {
		if s := plain(v); v != nil {
			return []string{s}
		}
		return nil
	}
	each := func(vs []any) {
		for _, x := range vs {
			if len(out) < maxTexts {
				out = append(out, find(x, path[1:])...)
			}
		}
	}
	list, _ := v.([]any)
	obj, _ := v.(map[string]any)
	switch t := path[0]; {
	case t == "[*]" || t == "*" && list != nil:
		each(list)
	case t[0] == '[':
		n, err := strconv.Atoi(strings.Trim(t, "[]"))
		if n < 0 {
			n += len(list)
		}
		if err == nil && n >= 0 && n < len(list) {
			each(list[n : n+1])
		}
	case t == "*":
		for _, k := range sortedKeys(obj) {
			each([]any{obj[k]})
		}
	case t[0] == '{':
		for f := range strings.SplitSeq(strings.Trim(t, "{}"), ",") {
			if x := find(v, tokens(strings.TrimSpace(f))); len(x) > 0 {
				out = append(out, x[0])
			}
		}
	default:
		if x, ok := obj[t]; ok {
			each([]any{x})
		}
	}
	return out
}

func sortedKeys(m map[string]any) []string {
	var ks []string
	for k := range m {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}

// plain is v as LangGraph's Python store hands it to an embedder: a string as it is, anything else
// as Python prints its JSON, with sorted members.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "True"
		}
		return "False"
	}
	var b strings.Builder
	printJSON(&b, v)
	return b.String()
}

func printJSON(b *strings.Builder, v any) {
	switch v := v.(type) {
	case map[string]any:
		b.WriteByte('{')
		for i, k := range sortedKeys(v) {
			if i > 0 {
				b.WriteString(", ")
			}
			printJSON(b, k)
			b.WriteString(": ")
			printJSON(b, v[k])
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			printJSON(b, x)
		}
		b.WriteByte(']')
	default:
		var x bytes.Buffer
		e := json.NewEncoder(&x)
		e.SetEscapeHTML(false)
		_ = e.Encode(v) // came out of JSON
		s := strings.TrimSuffix(x.String(), "\n")
		b.WriteString(strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(s))
	}
}
