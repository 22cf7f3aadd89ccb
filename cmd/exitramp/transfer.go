package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/format"
)

// A transfer is a replay that is set up and not begun: what plan and replay have in common.
type transfer struct {
	a       *app
	archive *format.Reader
	runtime exporters.Runtime
	target  replay.Target     // the runtime, to write to
	source  agentstate.Source // the archive, or with vectors that are made anew
	vectors *embedding
	options *replay.Options
}

func (a *app) openTransfer(ctx context.Context, archive, target string, f *replayFlags) (_ *transfer, err error) {
	t := &transfer{a: a, vectors: &embedding{}}
	if err := stateKinds(f.kinds); err != nil {
		return nil, err
	}
	if t.archive, err = a.openTrusted(archive, &f.keys); err != nil {
		return nil, err
	}
	for _, k := range f.kinds {
		if t.archive.Info().Records[k] == 0 {
			fmt.Fprintf(a.stderr, "there is no %s in it\n", k)
		}
	}
	if t.runtime, t.target, err = a.target(ctx, target); err == nil {
		t.options, err = a.replayOptions(ctx, t.archive, archive, target, f)
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// Close closes what is open.
func (t *transfer) Close() {
	t.vectors.Close()
	if t.runtime != nil {
		t.runtime.Close()
	}
	t.archive.Close()
}

// embed sets the source, with the vectors that f asks for: see embedded. It refuses what would bring
// vectors of two models into one index: see [embed.Meet].
func (t *transfer) embed(ctx context.Context, f *embedderFlags, path string, plan bool) error {
	src, x, err := t.a.embedded(ctx, t.archive, f, path, plan)
	if err != nil {
		return err
	}
	t.source, t.vectors = src, x
	if t.archive.Info().Records["embedding"] == 0 && x.src == nil {
		return nil
	}
	unsaid, err := embed.Meet(ctx, src, t.runtime, t.target, t.options)
	if unsaid {
		t.a.sayUnsaid("the archive")
	}
	if errors.Is(err, embed.ErrMixed) {
		hint := "--embedder makes these anew with the target's model; --target-model NAME says which that is, where its store does not"
		return &exitError{code: exitRefused, err: err, hint: hint}
	}
	return err
}

// progress counts the receipts of what.
func (t *transfer) progress(what string) *progress {
	p := t.a.newProgress(what, "records")
	p.expect(archiveCounts(t.archive))
	t.options.OnReceipt = func(rc replay.Receipt) { p.add(agentstate.KindOfKey(rc.Key)) }
	return p
}

// target opens a runtime to write to.
func (a *app) target(ctx context.Context, rawURL string) (exporters.Runtime, replay.Target, error) {
	rt, err := a.runtime(ctx, rawURL)
	if err != nil {
		return nil, nil, err
	}
	t, err := exporters.Replayable(rt)
	if err != nil {
		rt.Close()
		return nil, nil, withHint(fmt.Errorf("%s: it can be read, and not replayed into", exporters.Redact(rawURL)), "name another target: exitramp drivers lists the schemes")
	}
	return rt, t, nil
}

func (a *app) replayOptions(ctx context.Context, r *format.Reader, archive, target string, f *replayFlags) (*replay.Options, error) {
	o := &replay.Options{Kinds: f.kinds, ArchiveSHA256: r.Info().ManifestSHA256, TargetURL: exporters.Redact(target), ArchivePath: archive, AcceptSlow: f.slow, TargetModel: f.target}
	var err error
	if o.Map, err = readMap(f.names); err != nil {
		return nil, err
	}
	if o.Holds, err = a.tombstones(ctx, f.holds, &f.keys); err != nil {
		return nil, err
	}
	if o.Tombstones, err = a.tombstones(ctx, f.tombstones, &f.keys); err != nil || f.approve == "" {
		return o, err
	}
	o.Approved, o.Approvals, err = a.readApprovals(f.approve)
	return o, err
}

// sayUnsaid says that nobody knows of vectors of from, and of those of the target, with which models they were made.
func (a *app) sayUnsaid(from string) {
	fmt.Fprintf(a.stderr, "! neither %s nor the target says with which model its vectors were made. Where it is not the same one, make them anew: --embedder\n", from)
}
