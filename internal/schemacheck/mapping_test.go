// Package schemacheck holds the schema against real stores.
package schemacheck

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
)

var (
	span  = regexp.MustCompile("`([^`]+)`")
	dots  = regexp.MustCompile(`^([a-z]+)\.([a-z0-9_]+)$`)
	words = regexp.MustCompile(`[\w$]+`)
	cover = regexp.MustCompile(`^(opaque|derived|whole|left out|not read|in the file alone)\b`)
)

// isField tells whether s is `kind.field` of the schema's kinds; the field may not be one.
func isField(s string) (kind, field string, ok bool) {
	m := dots.FindStringSubmatch(s)
	if m == nil || !slices.Contains(agentstate.Kinds(), m[1]) {
		return "", "", false
	}
	return m[1], m[2], true
}

// unknownFields are the `kind.field` of doc that the schema does not have, and how many doc names.
func unknownFields(doc string) (unknown []string, n int) {
	for _, m := range span.FindAllStringSubmatch(doc, -1) {
		kind, field, ok := isField(m[1])
		if !ok {
			continue // a native name
		}
		n++
		if agentstate.New(kind).ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(field)) == nil {
			unknown = append(unknown, m[1])
		}
	}
	return unknown, n
}

// names are the native names in the code spans of s.
func names(s string, into map[string]bool) map[string]bool {
	for _, m := range span.FindAllStringSubmatch(s, -1) {
		if _, _, ok := isField(m[1]); ok {
			continue
		}
		for _, w := range words.FindAllString(m[1], -1) {
			into[w] = true
		}
	}
	return into
}

// A section is what MAPPING.md says of one runtime.
type section struct {
	common map[string]bool  // names of all its tables, in lines that begin with "In all"
	rows   map[string]entry // by name in the first column
}

type entry struct {
	mapped, only string // second and third column
}

func parse(doc string) map[string]section {
	out := map[string]section{}
	var s section
	for l := range strings.Lines(doc) {
		l = strings.TrimRight(l, "\n")
		if h, ok := strings.CutPrefix(l, "## "); ok {
			title, _, _ := strings.Cut(h, " (")
			s = section{common: map[string]bool{}, rows: map[string]entry{}}
			out[title] = s
		}
		if strings.HasPrefix(l, "In all ") && s.common != nil {
			names(l, s.common)
		}
		cells := strings.Split(l, "|")
		if len(cells) != 5 || s.rows == nil {
			continue
		}
		for _, m := range span.FindAllStringSubmatch(cells[1], -1) {
			s.rows[m[1]] = entry{strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])}
		}
	}
	return out
}

// check holds doc against a list of stores: "## runtime", then a line a table, "table: column column".
func check(doc, list string) (bad []string, tables, fields int) {
	sections := parse(doc)
	title := ""
	has := map[string]map[string]bool{} // of each row of the section, the columns of all its tables
	flush := func() {
		for r, cols := range has {
			for n := range names(r, map[string]bool{}) {
				if !cols[n] {
					bad = append(bad, fmt.Sprintf("%s: %s is said to be native only, and no table of its row has it", title, n))
				}
			}
		}
		clear(has)
	}
	for l := range strings.Lines(list) {
		l = strings.TrimSpace(l)
		if h, ok := strings.CutPrefix(l, "## "); ok {
			flush()
			title = h
			if _, ok := sections[title]; !ok {
				bad = append(bad, title+": has no section")
			}
			continue
		}
		table, columns, ok := strings.Cut(l, ": ")
		if !ok || strings.HasPrefix(l, "#") {
			continue
		}
		tables++
		s := sections[title]
		r, ok := s.rows[table]
		if !ok {
			bad = append(bad, fmt.Sprintf("%s: %s has no row", title, table))
			continue
		}
		said := names(r.mapped+r.only, map[string]bool{})
		if has[r.only] == nil {
			has[r.only] = map[string]bool{}
		}
		for c := range strings.FieldsSeq(columns) {
			fields++
			has[r.only][c] = true
			if !said[c] && !s.common[c] && !cover.MatchString(r.mapped) {
				bad = append(bad, fmt.Sprintf("%s: %s of %s is not named", title, c, table))
			}
		}
	}
	flush()
	slices.Sort(bad)
	return bad, tables, fields
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const mapping = "../../proto/MAPPING.md"

// Every `kind.field` that MAPPING.md names is a field of the schema.
func TestFields(t *testing.T) {
	unknown, n := unknownFields(read(t, mapping))
	for _, f := range unknown {
		t.Errorf("%s is no field of the schema", f)
	}
	if n < 500 {
		t.Errorf("only %d fields found: is the spelling another?", n)
	}
	t.Logf("%d fields named", n)
}

// Every table and column of real stores, and every object and field of the services, is named in
// its runtime's section: in a record field's row, or as native only.
func TestNative(t *testing.T) {
	doc := read(t, mapping)
	for _, l := range []struct {
		file           string
		tables, fields int // at least
	}{{"testdata/stores.txt", 200, 2000}, {"testdata/clouds.txt", 150, 1300}} {
		bad, tables, fields := check(doc, read(t, l.file))
		for _, b := range bad {
			t.Error(b)
		}
		if tables < l.tables || fields < l.fields {
			t.Errorf("%s: only %d tables with %d fields", l.file, tables, fields)
		}
		t.Logf("%s: %d tables, %d fields", l.file, tables, fields)
	}
}

// The checks find what they are for.
func TestChecksFail(t *testing.T) {
	const good = "## Shop (built)\n\nIn all tables: `id` → key.\n\n| native | record field | native only |\n|---|---|---|\n" +
		"| `notes` | `body` → `memory.text` | `colour` |\n| `log` | opaque | |\n"
	const list = "# comment\n## Shop\nnotes: id body colour\nlog: anything\n"
	for _, c := range []struct{ name, old, new, want string }{
		{"all said", "", "", ""},
		{"column gone", "`colour`", "", "Shop: colour of notes is not named"},
		{"table gone", "`log`", "`logs`", "Shop: log has no row"},
		{"section gone", "## Shop ", "## Store ", "Shop: has no section"},
		{"common gone", "In all", "In some", "Shop: id of notes is not named"},
		{"no such column", "`colour`", "`colour size`", "Shop: size is said to be native only, and no table of its row has it"},
		{"a field is no column", "`body` → `memory.text`", "`memory.body`", "Shop: body of notes is not named"},
		{"opaque no more", "| opaque |", "| state |", "Shop: anything of log is not named"},
	} {
		bad, _, _ := check(strings.Replace(good, c.old, c.new, 1), list)
		if c.want == "" && len(bad) > 0 || c.want != "" && !slices.Contains(bad, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, bad, c.want)
		}
	}
	if unknown, n := unknownFields("`memory.text` `memory.colour` `channel.colour`"); n != 2 || !slices.Equal(unknown, []string{"memory.colour"}) {
		t.Errorf("unknown fields: %q of %d", unknown, n)
	}
}
