package mcpmemory

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// TestMended: all that a file says once its broken lines are mended, and did not say before, is of a kind that a gap
// names, or is read as: what reads those kinds again has what a whole reading has.
func TestMended(t *testing.T) {
	for name, c := range map[string][2]string{
		"torn":             {ada + "\n" + rel + "\n" + acme[:40], ada + "\n" + rel + "\n" + acme},
		"run into one":     {ada + "\n" + rel + acme, ada + "\n" + acme + "\n" + rel},
		"and one of none":  {ada + "\n" + rel + `{"a":1}`, ada + "\n" + rel + "\n" + `{"a":1}`},
		"null":             {ada + "\n null\r\n" + rel, ada + "\n" + rel},
		"no white space":   {ada + "\n\u0085\n" + rel, ada + "\n" + rel},
		"taken out":        {ada + "\nhello\n" + rel, ada + "\n" + rel},
		"the entity first": {ada + rel + "\n" + acme, ada + "\n" + acme + "\n" + rel},
	} {
		t.Run(name, func(t *testing.T) {
			records := func(text string) (map[string]string, []string) {
				mem, rep := drivertest.Export(t, write(t, text))
				out := map[string]string{}
				var again []string
				for r, err := range mem.Records(t.Context(), nil) {
					if err != nil {
						t.Fatal(err)
					}
					if agentstate.IsState(agentstate.KindOf(r)) {
						b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(r)
						out[r.GetMeta().GetKey()] = string(b)
					}
				}
				for _, g := range rep.Gaps {
					again = append(again, g.Kind)
				}
				if slices.Contains(again, "entity") {
					again = append(again, "memory")
				}
				return out, again
			}
			broken, again := records(c[0])
			whole, none := records(c[1])
			if len(again) == 0 || len(none) != 0 {
				t.Fatalf("gaps of %v, then of %v", again, none)
			}
			for _, from := range []map[string]string{broken, whole} {
				for key := range from {
					if broken[key] != whole[key] && !slices.Contains(again, agentstate.KindOfKey(key)) {
						t.Errorf("%s differs, and gaps are of %v", key, again)
					}
				}
			}
		})
	}
}
