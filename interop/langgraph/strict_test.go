package langgraph

import (
	"strings"
	"testing"
)

// TestStrict carries state of a program that lets the runtime load no class but those that it knows and those that a graph's state
// names: what crosses between the databases is written anew, and must be of no other class.
// Shapes with classes of their own below a list or a dict are not here: in this mode the runtime gives them back as dicts, at the source too.
func TestStrict(t *testing.T) {
	f := python(t)
	f.alone = true // the mode is read while the library is imported
	t.Setenv("LANGGRAPH_STRICT_MSGPACK", "true")
	const on = "from langgraph.checkpoint.serde import _msgpack as m; raise SystemExit(not m.STRICT_MSGPACK_ENABLED)"
	if r := run(t, "", env.python, "-c", on); r.code != 0 {
		t.Fatalf("the runtime does not know the mode:\n%s", tail(r.all()))
	}
	for _, shape := range []string{"trip", "deep"} {
		for _, from := range []string{"sqlite", "pg"} {
			t.Run(strings.Join([]string{shape, from}, "/"), func(t *testing.T) {
				s := produce(t, f, shape, from)
				for _, to := range []string{"sqlite", "pg"} {
					t.Run(to, func(t *testing.T) { s.carry(t, to, s.empty(t, to)) })
				}
			})
		}
	}
}
