package main

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters"
)

// A plan that cannot end in time says INFEASIBLE, and replay does not begin unless a person accepts it.
func TestSlow(t *testing.T) {
	dir := t.TempDir()
	store, archive := filepath.Join(dir, "support.sqlite"), filepath.Join(dir, "a.ctxa")
	if err := os.WriteFile(store, supportStore, 0o644); err != nil {
		t.Fatal(err)
	}
	rt := memstate.NewRuntime(&memstate.RuntimeOptions{Rate: 1e-5})
	say := func(want int, args ...string) string {
		t.Helper()
		var out, msgs bytes.Buffer
		a := newApp(&out, &msgs)
		a.drivers = a.drivers.With(exporters.Driver{Scheme: "memory", Open: func(context.Context, *url.URL) (exporters.Runtime, error) { return rt, nil }})
		if got := a.run(context.Background(), args); got != want {
			t.Errorf("%v: exit code %d, want %d\n%s%s", args, got, want, &out, &msgs)
		}
		return out.String() + msgs.String()
	}
	say(0, "export", "langgraph+sqlite:"+store, archive)
	for _, json := range [][]string{nil, {"--json"}} {
		if s := say(exitCheck, append([]string{"preflight", "langgraph+sqlite:" + store, "--to", "memory:x"}, json...)...); !strings.Contains(s, "records ÷ 1e-05/s") || rt.Len() > 0 {
			t.Errorf("%s; the target holds %d", s, rt.Len())
		}
	}
	plan := filepath.Join(dir, "p.plan")
	if s := say(exitCheck, "plan", archive, "memory:x", "--accept-unsigned", "-o", plan); !strings.Contains(s, "INFEASIBLE: ") || !strings.Contains(s, "records ÷ 1e-05/s") {
		t.Error(s)
	}
	for _, args := range [][]string{{"replay", archive, "memory:x"}, {"replay", plan}} {
		s := say(exitCheck, append(args, "--accept-unsigned")...)
		if !strings.Contains(s, "INFEASIBLE: ") || !strings.Contains(s, "--accept-slow") || rt.Len() > 0 {
			t.Errorf("%s; the target holds %d", s, rt.Len())
		}
	}
	if say(0, "replay", plan, "--accept-unsigned", "--accept-slow"); rt.Len() == 0 {
		t.Error("nothing was written")
	}
}
