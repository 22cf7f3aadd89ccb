package exitdrill_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/exitdrill"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/internal/loadtest"
)

// TestFull: a machine that has no room left is no finding about an exit, in no phase: with room, the drill goes on.
func TestFull(t *testing.T) {
	t.Parallel()
	for _, opened := range loadtest.Of([]int{1, 3}, []int{0, 1, 2, 3}) { // of the target: by plan, replay, read-back and tear-down
		p := newPlace(t)
		n, failed := 0, false
		p.opts.Registry = exporters.NewRegistry(exporters.Driver{Scheme: "mem", URL: "mem:name", Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			if u.Opaque == "target" {
				if n++; n == opened+1 && !failed {
					failed = true
					return nil, fmt.Errorf("mem: %w", syscall.ENOSPC)
				}
			}
			return p.runtimes[u.Opaque], nil
		}})
		pl := p.plan("keep: true", "keep: false")
		if _, err := exitdrill.Run(t.Context(), pl, &p.opts); !errors.Is(err, drill.ErrBroken) {
			t.Errorf("opening %d: %v", opened, err)
			continue
		}
		if out := p.run(pl); out.Judgement.Verdict != evidence.VerdictPass || p.runtimes["target"].Len() > 0 {
			t.Errorf("opening %d: %v, %d records left", opened, out.Judgement, p.runtimes["target"].Len())
		}
	}
	// The source, of which nothing was read yet.
	p := newPlace(t)
	failed := false
	p.opts.Registry = exporters.NewRegistry(exporters.Driver{Scheme: "mem", URL: "mem:name", Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
		if !failed {
			failed = true
			return nil, fmt.Errorf("mem: %w", syscall.ENOSPC)
		}
		return p.runtimes[u.Opaque], nil
	}})
	if _, err := exitdrill.Run(t.Context(), p.plan(), &p.opts); !errors.Is(err, drill.ErrBroken) {
		t.Errorf("source: %v", err)
	} else if out := p.run(p.plan()); out.Judgement.Verdict != evidence.VerdictPass {
		t.Errorf("source: %v", out.Judgement)
	}
}

// TestKilledAtTheEnd: killed behind its statement, a drill leaves nothing of what it knew once it is asked for again; nor
// does it leave a store in the clear, whatever its folder is called.
func TestKilledAtTheEnd(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	neutral := filepath.Join(p.dir, "[a]", "q.neutral.1")
	if err := os.MkdirAll(neutral, 0o700); err != nil {
		t.Fatal(err)
	}
	pl := p.plan("output: DIR/out", `output: "DIR/[a]"`, "ledger: DIR/out/drills.jsonl", "")
	half := []string{".q.drill.json.17", ".q.html.5", ".q.evidence.zip.0", ".q.statement.json.9"}                                                   // that it was writing
	others := []string{".q.x.drill.json.17", ".q.drill.json.x.html.5", "q.neutral.x.statement.json", "q.neutral.2.journal", "q.drill.json.journal"} // of drills with names like that
	for _, name := range slices.Concat(half, others) {
		p.write("[a]/"+name, "{}")
	}
	if _, err := exitdrill.Run(t.Context(), pl, &p.opts); err != nil {
		t.Fatal(err)
	}
	p.write("[a]/q.drill.json", "{}")
	p.write("[a]/.q.drill.json.18", "{}")
	half = append(half, ".q.drill.json.18")
	if _, err := exitdrill.Run(t.Context(), pl, &p.opts); !errors.Is(err, drill.ErrEnded) {
		t.Errorf("%v", err)
	}
	for _, name := range append(half, "q.neutral.1", "q.drill.json") {
		path := filepath.Join(p.dir, "[a]", name)
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %v", path, err)
		}
	}
	for _, name := range others {
		if _, err := os.Stat(filepath.Join(p.dir, "[a]", name)); err != nil {
			t.Error(err)
		}
	}
}
