package langgraph

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// sample copies a file of testdata to a folder of its own and returns its path.
func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// records are the records of m in their order.
func records(t testing.TB, m agentstate.Source) []agentstate.Record {
	t.Helper()
	var out []agentstate.Record
	for r, err := range m.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func resolver(m *memstate.State) agentstate.Resolver {
	return agentstate.Resolver{Get: m.Get, OpenBlob: m.OpenBlob}
}

// show is a cell with its class, for comparing rows.
func show(c cell) string {
	switch c.kind {
	case null:
		return "null"
	case blob:
		return "blob:" + hex.EncodeToString(c.b)
	case text:
		return "text:" + string(c.b)
	}
	return fmt.Sprintf("%d:%s", c.kind, c)
}

// tableRows reads every row of every runtime table of the store: table → set of rows as text.
func tableRows(t testing.TB, s *Store) map[string]map[string]int {
	t.Helper()
	eng, err := s.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer eng.close()
	ts, err := eng.tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]int{}
	for name, tab := range ts {
		out[name] = map[string]int{}
		err := eng.scan(t.Context(), tab, nil, nil, func(row []cell) (bool, error) {
			line := ""
			for i, c := range tab.cols {
				v := row[i]
				if v.big {
					b, err := eng.value(t.Context(), tab, tab.keyOf(row), c.name, 0, -1)
					if err != nil {
						return true, err
					}
					v.b = b
				}
				line += c.name + "=" + show(v) + "\x1f"
			}
			out[name][line]++
			return false, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// recordRows rebuilds every native row of the records in m, as tableRows does.
func recordRows(t testing.TB, m *memstate.State) map[string]map[string]int {
	t.Helper()
	res := resolver(m)
	out := map[string]map[string]int{}
	for _, r := range records(t, m) {
		for _, n := range r.GetMeta().GetNative() {
			line := ""
			for _, c := range n.GetRow().GetColumns() {
				v, err := res.Column(t.Context(), r, c)
				if err != nil {
					t.Fatalf("%s: column %s: %v", r.GetMeta().GetKey(), c.Name, err)
				}
				x, ok := cellOf(v)
				if !ok {
					t.Fatalf("%s: column %s: %T", r.GetMeta().GetKey(), c.Name, v)
				}
				if (c.Type == "vector" || c.Type == "halfvec") && x.kind == blob {
					x = textCell(formatVector(x.b, r.(*pb.Embedding).Element))
				}
				line += c.Name + "=" + show(x) + "\x1f"
			}
			if out[n.Type] == nil {
				out[n.Type] = map[string]int{}
			}
			out[n.Type][line]++
		}
	}
	return out
}
