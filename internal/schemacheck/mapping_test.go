// Package schemacheck holds the schema against real stores.
package schemacheck

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
)

// Every `kind.field` that MAPPING.md names is a field of the schema.
func TestFields(t *testing.T) {
	doc, err := os.ReadFile("../../proto/MAPPING.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, m := range regexp.MustCompile("`([a-z]+)\\.([a-z_]+)`").FindAllStringSubmatch(string(doc), -1) {
		kind, field := m[1], m[2]
		known := false
		for _, k := range agentstate.Kinds() {
			known = known || k == kind
		}
		if !known {
			continue // a native name: channel.field of a runtime
		}
		if fd := agentstate.New(kind).ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(field)); fd == nil {
			t.Errorf("%s.%s is no field of the schema", kind, field)
		}
		n++
	}
	if n < 150 {
		t.Errorf("only %d fields found: is the table's spelling another?", n)
	}
	t.Logf("%d fields named", n)
}

// Every table of a real store is named in MAPPING.md.
func TestTables(t *testing.T) {
	doc, err := os.ReadFile("../../proto/MAPPING.md")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("testdata/tables.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for sc := bufio.NewScanner(f); sc.Scan(); n++ {
		store, table, ok := strings.Cut(sc.Text(), " ")
		if !ok {
			t.Fatalf("line %q: want store and table", sc.Text())
		}
		if !strings.Contains(string(doc), "`"+table) {
			t.Errorf("%s: table %s is not named", store, table)
		}
	}
	if n < 60 {
		t.Errorf("only %d tables in the inventory", n)
	}
}
