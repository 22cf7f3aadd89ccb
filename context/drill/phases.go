package drill

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/context/unpack"
	"github.com/exitramp/exitramp/internal/diskfull"
	"github.com/exitramp/exitramp/internal/lazyfile"
)

func (r *run) export(ctx context.Context) error {
	if !r.p.Exports() || r.st.Sealed {
		return nil
	}
	n := uint64(0)
	err := r.phase(phaseExport, func() (uint64, int64, error) {
		src, err := r.e.Source(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer src.Close()
		see := r.see(phaseExport)
		err = r.e.Archives.Seal(ctx, r.p.Archive, src, func(rec agentstate.Record) {
			if agentstate.IsState(agentstate.KindOf(rec)) {
				n++
			}
			see(rec)
		})
		return n, sizeOf(r.p.Archive), err
	})
	var no *Refused // no second attempt goes better
	switch {
	case err == nil:
		r.st.Sealed = true
		return r.st.save()
	case goesOn(ctx, err) || n > 0 && !errors.As(err, &no):
		return broken(phaseExport, err)
	}
	r.stopped(phaseExport, err)
	return nil
}

// goesOn tells whether err is none of the exit's, and the same drill goes on: somebody broke it off, this machine has
// no room, or the archive was exchanged and is to be put back.
func goesOn(ctx context.Context, err error) bool {
	return ctx.Err() != nil || diskfull.Is(err) || errors.Is(err, ErrExchanged)
}

func sizeOf(path string) int64 {
	fi, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return fi.Size()
}

func (r *run) verify(ctx context.Context) error {
	began := r.now()
	err := r.phase(phaseVerify, func() (uint64, int64, error) {
		f, err := r.e.Archives.Check(ctx, r.p.Archive)
		if err != nil {
			return 0, sizeOf(r.p.Archive), err
		}
		r.facts = f
		return f.Archive.Records, f.Archive.Bytes, nil
	})
	if err != nil {
		if goesOn(ctx, err) {
			return broken(phaseVerify, err)
		}
		r.stopped(phaseVerify, err)
		return nil
	}
	r.digests = append(r.digests, r.facts.Archive.ManifestSHA256)
	if r.first != "" {
		r.digests = append(r.digests, r.first)
	}
	switch got := r.facts.Archive.ManifestSHA256; {
	case r.st.Exit.IsZero():
		r.st.Exit, r.st.Archive = began.UTC(), got
		return r.st.save()
	case r.st.Archive != "" && got != r.st.Archive: // what is known by now is of the other one
		return fmt.Errorf("%w: %s: want manifest sha256 %s, as when the drill began, got %s; put it back, or remove %s to begin anew", ErrExchanged, r.p.Archive, r.st.Archive, got, r.st.path)
	}
	return nil
}

// open opens the archive to act on it.
func (r *run) open(ctx context.Context) (Runtime, error) {
	return r.e.Archives.Open(ctx, r.p.Archive, r.facts.Archive.ManifestSHA256)
}

// look reads the records once, where no later phase does.
func (r *run) look(ctx context.Context) error {
	o := r.observer()
	err := r.phase(phaseRead, func() (uint64, int64, error) {
		src, err := r.open(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer src.Close()
		n := uint64(0)
		err = each(ctx, src, func(rec agentstate.Record) { n++; o.record(rec) })
		return n, 0, err
	})
	if err != nil {
		return broken(phaseRead, err)
	}
	r.st.recovered()
	r.st.saw(o, r.e.Models)
	return nil
}

// each looks at all records of src.
func each(ctx context.Context, src agentstate.Source, look func(agentstate.Record)) error {
	for rec, err := range src.Records(ctx, nil) {
		if err != nil {
			return err
		}
		look(rec)
	}
	return ctx.Err()
}

// observer looks at the archive, for what the plan asks of it.
func (r *run) observer() *observer {
	o := newObserver(r.p.Canaries)
	o.metadata, o.gone, o.words = r.p.Metadata, r.e.Gone, r.p.Provider.Register.File != ""
	o.seen.Metadata, o.unmet = make([]uint64, len(r.p.Metadata)), map[string]bool{}
	o.unheld = map[string]bool{}
	for _, key := range r.e.Replay.Holds {
		o.unheld[key] = true
	}
	for _, key := range r.e.Replay.Tombstones {
		o.unmet[key] = true
	}
	return o
}

// neutralStore writes the archive as JSON Lines, which need nobody's software, and compares. The
// folder holds everything in the clear and is gone when the phase ends.
func (r *run) neutralStore(ctx context.Context) error {
	r.neutral = true
	dir, err := os.MkdirTemp(r.p.Output, r.p.Name+neutralStore)
	if err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	defer os.RemoveAll(dir)
	o := r.observer()
	folder := filepath.Join(dir, "state")
	src, err := r.open(ctx)
	if err != nil {
		return broken(phaseNeutral, err)
	}
	defer src.Close()
	err = r.phase(phaseNeutral, func() (uint64, int64, error) {
		d, err := unpack.Create(folder, unpack.JSONL, nil)
		if err != nil {
			return 0, 0, err
		}
		defer d.Close()
		_, err = agentstate.Copy(ctx, d, &tap{Source: src, look: func(w agentstate.Wired) { o.record(w.Record) }}, &agentstate.CopyOptions{OnRecord: r.see(phaseNeutral)})
		return r.facts.Archive.Records, 0, err
	})
	if err != nil {
		return broken(phaseNeutral, err)
	}
	r.st.saw(o, r.e.Models)
	err = r.phase(phaseReadBack, func() (uint64, int64, error) {
		got, err := unpack.Open(folder)
		if err != nil {
			return 0, 0, err
		}
		defer got.Close()
		r.st.Back, err = ReadBack(ctx, src, got, nil, r.p)
		return r.facts.Archive.Records, 0, err
	})
	if err != nil {
		return broken(phaseReadBack, err)
	}
	r.st.recovered()
	return nil
}

// options are those of plan and replay.
func (r *run) options(phase string) *replay.Options {
	o := r.e.Replay
	o.Kinds = r.p.sends
	b, _ := hex.DecodeString(r.facts.Archive.ManifestSHA256)
	copy(o.ArchiveSHA256[:], b)
	o.OnReceipt = func(rc replay.Receipt) {
		if r.e.Progress != nil {
			r.e.Progress(phase, agentstate.New(agentstate.KindOfKey(rc.Key)))
		}
	}
	return &o
}

// planReplay asks the target what it would do. It is the first to read the archive's records, and so
// looks at them. After a replay has begun there is nothing to ask.
func (r *run) planReplay(ctx context.Context) error {
	if r.st.Planned {
		return nil
	}
	o := r.observer()
	err := r.phase(phasePlan, func() (uint64, int64, error) {
		src, err := r.open(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer src.Close()
		rt, dst, err := r.e.Target(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer rt.Close()
		if r.st.Echoes, err = r.echoes(ctx, rt); err != nil {
			return 0, 0, err
		}
		from := agentstate.Source(src)
		whole := r.e.Embedded == nil && len(r.p.sends) == 0 // the plan comes to see all of it as it is
		if !whole {
			if err := each(ctx, src, o.record); err != nil {
				return 0, 0, err
			}
		}
		if r.e.Embedded != nil {
			x, err := r.e.Embedded(ctx, src, true)
			if err != nil {
				return 0, 0, err
			}
			defer x.Close()
			from = x.Source
		}
		if r.e.Unmixed != nil { // which reads vectors alone
			unsaid, err := r.e.Unmixed(ctx, from, rt, dst, r.options(phasePlan))
			if err != nil {
				return 0, 0, err
			}
			r.st.Unnamed = unsaid
		}
		if whole {
			from = &tap{Source: src, look: func(w agentstate.Wired) { o.record(w.Record) }}
		}
		asking := r.options(phasePlan)
		r.st.Waiting, asking.OnWaiting = nil, r.st.asks
		rep, err := replay.Plan(ctx, dst, from, asking)
		if err != nil {
			return 0, 0, err
		}
		if rep.Infeasible() {
			return rep.Records, 0, fmt.Errorf("%w: %s: %s", replay.ErrInfeasible, rep.Time, rep.Formula)
		}
		r.st.Before = map[string]uint64{}
		for kind, acts := range rep.Kinds {
			r.st.Before[kind] = acts[replay.Same]
		}
		return rep.Records, 0, nil
	})
	if err != nil {
		if goesOn(ctx, err) || agentstate.IsUnanswered(err) {
			return broken(phasePlan, err)
		}
		r.stopped(phasePlan, err)
		return nil
	}
	r.st.saw(o, r.e.Models)
	r.st.Planned = true
	return r.st.save()
}

func (r *run) replay(ctx context.Context) error {
	if r.st.Back != nil {
		return nil
	}
	if r.stop = r.st.Stopped; r.stop != nil { // in an attempt that was broken off behind it
		return nil
	}
	begun := false // something may be in the target
	err := r.phase(phaseReplay, func() (uint64, int64, error) {
		src, err := r.open(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer src.Close()
		rt, dst, err := r.e.Target(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer rt.Close()
		j, err := replay.OpenJournal(r.journal())
		if err != nil {
			return 0, 0, err
		}
		defer j.Close()
		refused := lazyfile.New(r.file(refusedFile))
		defer refused.Close()
		o := r.options(phaseReplay)
		o.Journal, o.Refused = j, refused
		from := agentstate.Source(src)
		var x *Embedded
		if r.e.Embedded != nil {
			if x, err = r.e.Embedded(ctx, src, false); err != nil {
				begun = j.Run() != ""
				return 0, 0, err
			}
			defer x.Close()
			from = x.Source
		}
		rep, err := replay.Apply(ctx, dst, from, o)
		begun = j.Run() != ""
		if err != nil {
			return 0, 0, err
		}
		r.st.Report = rep
		if x != nil {
			s := &x.Source.Stats
			r.st.Embedded = &Made{Model: x.Model, Texts: s.Texts, Asked: s.Asked, Tokens: s.Tokens(), Dropped: s.Dropped}
		}
		return rep.Records, 0, refused.Close()
	})
	switch {
	case err == nil:
		return r.st.save()
	case r.st.Report != nil: // an attempt before had written all
		return r.failed(ctx, phaseReplay, err)
	case begun || goesOn(ctx, err) || agentstate.IsUnanswered(err):
		return broken(phaseReplay, err)
	}
	r.stopped(phaseReplay, err)
	return nil
}
