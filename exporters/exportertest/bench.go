package exportertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
)

// bench is a target and what a rule does with it.
type bench struct {
	h   Harness
	src *memstate.State // the harness's state, with access by key as archives have it
	dir string          // for journals
	n   int

	keys  []string // that wait for a person
	asked bool     // a plan was made, which says so
}

// prepared calls f with the state of the harness in a State, as an archive would hold it.
func prepared(ctx context.Context, h Harness, f func(b *bench) error) error {
	if h.Target == nil {
		return errSkip
	}
	dir, err := os.MkdirTemp("", "exportertest-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{h: h, src: memstate.New(), dir: dir}
	err = with(ctx, h, func(src agentstate.Source) error {
		_, err := agentstate.Copy(ctx, b.src, src, nil)
		return err
	})
	if err != nil {
		return err
	}
	b.src.Sort(nil)
	return f(b)
}

// target calls f with a fresh target.
func (b *bench) target(ctx context.Context, f func(t replay.Target) error) error {
	t, err := b.h.Target(ctx)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	return errors.Join(f(t), shut(t))
}

// journal is the path of a new journal.
func (b *bench) journal() string {
	b.n++
	return filepath.Join(b.dir, fmt.Sprintf("%d.journal", b.n))
}

// read is what the target holds, as another process reads it.
func (b *bench) read(ctx context.Context, t replay.Target, f func(agentstate.Source) error) error {
	if b.h.Read != nil {
		src, err := b.h.Read(ctx, t)
		if err != nil {
			return err
		}
		return errors.Join(f(src), shut(src))
	}
	src, ok := t.(agentstate.Source)
	if !ok {
		return errors.New("the target is no Source, and the harness has no Read")
	}
	return f(src)
}

// held is what the target holds, by key: its bytes. A target that cannot be read yet holds nothing.
func (b *bench) held(ctx context.Context, t replay.Target) map[string]string {
	out := map[string]string{}
	_ = b.read(ctx, t, func(src agentstate.Source) error {
		r, err := read(ctx, src, nil)
		if err != nil {
			return err
		}
		for _, rec := range r.recs {
			if agentstate.IsState(agentstate.KindOf(rec)) {
				out[rec.GetMeta().GetKey()] = string(wire(rec))
			}
		}
		return nil
	})
	return out
}

// approved are all keys that wait for a person, as the plan into an empty target says.
func (b *bench) approved(ctx context.Context) ([]string, error) {
	if b.asked {
		return b.keys, nil
	}
	var keys []string
	err := b.target(ctx, func(t replay.Target) error {
		_, err := replay.Plan(ctx, t, b.src, &replay.Options{OnReceipt: func(rc replay.Receipt) {
			if rc.Action == replay.Held {
				keys = append(keys, rc.Key)
			}
		}})
		return err
	})
	b.keys, b.asked = keys, err == nil
	return keys, err
}

// apply is a replay of src with everything approved.
func (b *bench) apply(ctx context.Context, t replay.Target, src agentstate.Source, journal string) (*replay.Report, error) {
	keys, err := b.approved(ctx)
	if err != nil {
		return nil, err
	}
	return b.applyWith(ctx, t, src, journal, &replay.Options{Approved: keys})
}

func (b *bench) applyWith(ctx context.Context, t replay.Target, src agentstate.Source, journal string, o *replay.Options) (*replay.Report, error) {
	j, err := replay.OpenJournal(journal)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	o.Journal = j
	return replay.Apply(ctx, t, src, o)
}

// back reads the target back.
func (b *bench) back(ctx context.Context, t replay.Target, journal string) (*fidelity.Report, error) {
	j, err := replay.OpenJournal(journal)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	var rep *fidelity.Report
	err = b.read(ctx, t, func(got agentstate.Source) (err error) {
		rep, err = replay.ReadBack(ctx, b.src, got, j)
		return err
	})
	return rep, err
}

func differ(before, after map[string]string) string {
	for _, k := range sorted(after) {
		switch v, ok := before[k]; {
		case !ok:
			return k + " is there"
		case v != after[k]:
			return k + " is changed"
		}
	}
	for _, k := range sorted(before) {
		if _, ok := after[k]; !ok {
			return k + " is gone"
		}
	}
	return ""
}

func sorted(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
