package exitdrill_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/memstate"
)

// TestAdapter: each side says which program's driver read it, and which interface. What a source does not
// say is absent, with a reason. A drill from an older archive names the program that made that.
func TestAdapter(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	out := p.run(p.plan())
	says := func(out []string) bool {
		return slices.ContainsFunc(out, func(s string) bool { return strings.Contains(s, "source.apiVersion") })
	}
	src, dst := out.Predicate.Source, out.Predicate.Target
	if src.Adapter != "test" || src.AdapterVersion != "1" || src.APIVersion != "" || !says(out.Predicate.NotTested) {
		t.Errorf("source %+v, not tested %q", src, out.Predicate.NotTested)
	}
	if dst.Adapter != "test" || dst.AdapterVersion != "1" {
		t.Errorf("target %+v", dst)
	}
	p.runtimes["target"], p.opts.Tool.Version = memstate.NewRuntime(nil), "2"
	p.opts.Blocked = evidence.Block{Method: "none"}
	out = p.run(p.plan("name: q", "name: r", "mode: planned", "mode: stressed"))
	if src, dst := out.Predicate.Source, out.Predicate.Target; src.AdapterVersion != "1" || dst.AdapterVersion != "2" {
		t.Errorf("from an older archive: source %+v, target %+v", src, dst)
	}
}
