package exitdrill_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exitdrill"
	"github.com/exitramp/exitramp/exporters"
)

// unmade is a target that is not there while nothing is in it.
type unmade struct{ *memstate.Runtime }

func (u unmade) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	if u.Len() > 0 {
		return u.Runtime.Records(ctx, o)
	}
	return func(yield func(agentstate.Record, error) bool) {
		yield(nil, fmt.Errorf("no folder: %w", fs.ErrNotExist))
	}
}

func (u unmade) Lend(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return u.Records(ctx, o)
}

// TestUnmade: a drill into a target that is not there, and takes nothing, ends and says so. One that was taken away
// after the replay is to be put back.
func TestUnmade(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string][]string{
		"alone":            {"contains: likes tea 0003", planted},
		"with searches":    {"next_review", "recall: {queries: 3}\nnext_review"},
		"taken out":        {"keep: true", "keep: false"},
		"taken out, holds": {"keep: true", "keep: false", "replay: {approve: DIR/approvals}", "replay: {approve: DIR/approvals, holds: [DIR/hold]}"},
	} {
		p := newPlace(t)
		p.write("hold", "principal/ada\n")
		none := memstate.NewRuntime(&memstate.RuntimeOptions{Refuse: func(agentstate.Record) string { return "no place" }})
		p.opts.Registry = exporters.NewRegistry(exporters.Driver{Scheme: "mem", URL: "mem:name", Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			if u.Opaque == "target" {
				return unmade{none}, nil
			}
			return p.runtimes[u.Opaque], nil
		}})
		out, err := exitdrill.Run(t.Context(), p.plan(edit...), &p.opts)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if arrived, due := out.Predicate.Survival(); arrived != 0 || due == 0 || out.Judgement.Verdict != evidence.VerdictFail || out.Predicate.Recall != nil {
			t.Errorf("%s: %d of %d, %v", name, arrived, due, out.Judgement)
		}
		if hints := strings.Join(out.Hints, " "); strings.Contains(hints, "stays in the target") {
			t.Errorf("%s: %s", name, hints)
		}
	}
	p := newPlace(t)
	opened := 0
	p.opts.Registry = exporters.NewRegistry(exporters.Driver{Scheme: "mem", URL: "mem:name", Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
		if u.Opaque == "target" {
			if opened++; opened == 3 { // by plan, by replay
				return unmade{memstate.NewRuntime(nil)}, nil
			}
		}
		return p.runtimes[u.Opaque], nil
	}})
	if _, err := exitdrill.Run(t.Context(), p.plan(), &p.opts); !errors.Is(err, drill.ErrBroken) {
		t.Errorf("taken away: %v", err)
	}
	if out := p.run(p.plan()); out.Judgement.Verdict != evidence.VerdictPass {
		t.Errorf("put back: %v", out.Judgement)
	}
}
