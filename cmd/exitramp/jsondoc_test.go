package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// jsonDoc is docs/json.md: what --json of each verb may print. The scripts check what they see against it.
type jsonDoc struct {
	verbs map[string][][]string // paths, in segments, by verb
}

// everyVerb and shared name the two tables that all verbs have.
const everyVerb, shared = "Every verb, when it fails", "Lists of gaps, coverage and secrets"

func readJSONDoc(t *testing.T) *jsonDoc {
	t.Helper()
	b, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	d := &jsonDoc{verbs: map[string][][]string{}}
	var now []string
	name := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "## "); ok {
			if now = []string{title}; strings.HasPrefix(title, "`") {
				now = now[:0]
				for _, m := range name.FindAllStringSubmatch(title, -1) {
					now = append(now, m[1])
				}
			}
			continue
		}
		if cells := strings.Split(line, "|"); len(cells) > 2 && len(now) > 0 {
			for _, m := range name.FindAllStringSubmatch(cells[1], -1) {
				for _, v := range now {
					d.verbs[v] = append(d.verbs[v], segments(m[1]))
				}
			}
		}
	}
	return d
}

func segments(path string) []string {
	return strings.Split(strings.TrimPrefix(strings.ReplaceAll(path, "[]", ".[]"), "."), ".")
}

// check looks at what a command line printed.
func (d *jsonDoc) check(args []string, out []byte) error {
	if len(args) == 0 || !slices.Contains(args, "--json") {
		return nil
	}
	tables := [...]string{everyVerb, args[0], shared}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var v any
		if err := dec.Decode(&v); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("%v is no JSON: %w", args, err)
		}
		if err := d.walk(tables, nil, v); err != nil {
			return err
		}
	}
}

func (d *jsonDoc) walk(tables [3]string, at []string, v any) error {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			break // what would be in it has a name as well
		}
		for k, x := range v {
			if err := d.walk(tables, append(slices.Clip(at), k), x); err != nil {
				return err
			}
		}
		return nil
	case []any:
		if len(v) == 0 {
			break
		}
		for _, x := range v {
			if err := d.walk(tables, append(slices.Clip(at), "[]"), x); err != nil {
				return err
			}
		}
		return nil
	}
	for _, t := range tables {
		for _, p := range d.verbs[t] {
			if ofForm(p, at) || empty(v) && len(at) < len(p) && ofForm(p[:len(at)], at) {
				return nil
			}
		}
	}
	return fmt.Errorf("exitramp %s --json prints %s, which docs/json.md does not have", tables[1], strings.Join(at, "."))
}

// empty tells whether v is a list or an object of nothing.
func empty(v any) bool {
	list, ok := v.([]any)
	object, also := v.(map[string]any)
	return ok && len(list) == 0 || also && len(object) == 0
}

// ofForm tells whether a path is of the form p.
func ofForm(p, path []string) bool {
	for i, s := range p {
		switch {
		case s == "*":
			return i < len(path) || i > 0
		case i >= len(path):
			return false
		case s != path[i] && (s == "[]" || path[i] == "[]" || s != strings.ToUpper(s)):
			return false
		}
	}
	return len(p) == len(path)
}

// TestJSONDoc: every verb that takes --json has its table, and a key that is in one is a word of this program.
func TestJSONDoc(t *testing.T) {
	d := readJSONDoc(t)
	words := programWords(t)
	for v, paths := range d.verbs {
		for _, p := range paths {
			for _, s := range p {
				if s != strings.ToUpper(s) && !words[s] { // no placeholder
					t.Errorf("%s: %s: nothing prints a key %s", v, strings.Join(p, "."), s)
				}
			}
		}
	}
	for _, c := range (&app{}).root().Commands() {
		if has := len(d.verbs[c.Name()]) > 0; has != (c.Flags().Lookup("json") != nil) {
			t.Errorf("exitramp %s: it takes --json or has a table in docs/json.md, and not both", c.Name())
		} else if has && !strings.Contains(c.Flags().Lookup("json").Usage, "docs/json.md") {
			t.Errorf("exitramp %s --help does not say where the keys of --json are", c.Name())
		}
	}
	if err := d.check([]string{"sign", "--json"}, []byte(`{"archive": "x", "secret": 1}`)); err == nil {
		t.Error("a key that is in no table is not found")
	}
	for _, bad := range []string{`{"kept": 3}`, `{"kept": {"memory": {"x": 1}}}`, `{"kept": ["x"]}`, `{"other": []}`, `{"other": {}}`, `{`} {
		if d.check([]string{"derive", "--json"}, []byte(bad)) == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	if err := d.check([]string{"derive", "--json"}, []byte(`{"kept": {"memory": 3}, "left_out": {}, "gaps": [], "error": "", "coverage": "GAPS"}`)); err != nil {
		t.Error(err)
	}
}

// programWords are the words in quotes, and the names of JSON members, in what the command is made of.
func programWords(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	word := regexp.MustCompile(`"([a-z0-9_]+)[",]`)
	for _, root := range []string{".", "../../context"} {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			b, err := os.ReadFile(path)
			for _, m := range word.FindAllSubmatch(b, -1) {
				out[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
