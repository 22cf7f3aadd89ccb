package exportertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
)

// faultTime is how long a reading of the small state of a harness may take, with a fault.
const faultTime = time.Minute

func faultRules() []Rule {
	var out []Rule
	for _, f := range memstate.LosingFaults() {
		out = append(out, Rule{"fault: " + string(f), "what a service hides must not end RECONCILED, and must end", func(ctx context.Context, h Harness) error {
			return losing(ctx, h, f)
		}})
	}
	for _, f := range memstate.PassingFaults() {
		out = append(out, Rule{"fault: " + string(f), "a service that is busy for a moment loses nothing: wait as it asks, and try again", func(ctx context.Context, h Harness) error {
			return passing(ctx, h, f)
		}})
	}
	return append(out, Rule{"fault: " + string(memstate.Hanging), "a request that is never answered must not keep a cancelled export alive", hanging})
}

func open(ctx context.Context, h Harness, f memstate.Fault) (agentstate.Source, error) {
	if h.Fault == nil {
		return nil, errSkip
	}
	src, err := h.Fault(ctx, f)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, errSkip
	}
	return src, err
}

func losing(ctx context.Context, h Harness, f memstate.Fault) error {
	src, err := open(ctx, h, f)
	if err != nil {
		return err
	}
	defer shut(src)
	ctx, cancel := context.WithTimeout(ctx, faultTime)
	defer cancel()
	r, err := read(ctx, src, nil)
	if ctx.Err() != nil {
		return fmt.Errorf("does not end: %d records after %v", len(r.recs), faultTime)
	}
	if err != nil {
		return nil // an export that fails promises nothing
	}
	clean, err := whole(ctx, h)
	if err != nil {
		return err
	}
	was, is := agentstate.Judge(clean.tally(), nil), agentstate.Judge(r.tally(), nil)
	if is.Coverage == agentstate.Reconciled {
		return errors.New("ends RECONCILED")
	}
	vouched := false
	for k, v := range was.Kinds {
		if v.Coverage > agentstate.Listed {
			continue
		}
		vouched = true
		if now, ok := is.Kinds[k]; !ok || now.Coverage > v.Coverage {
			return nil
		}
	}
	if !vouched {
		return errSkip // the driver vouches for nothing, with or without the fault
	}
	return errors.New("every kind ends as without the fault")
}

func passing(ctx context.Context, h Harness, f memstate.Fault) error {
	src, err := open(ctx, h, f)
	if err != nil {
		return err
	}
	defer shut(src)
	ctx, cancel := context.WithTimeout(ctx, faultTime)
	defer cancel()
	got, err := read(ctx, src, nil)
	if err != nil {
		return err
	}
	a, b, err := twice(ctx, h)
	if err != nil || !slices.Equal(a.keys(), b.keys()) {
		return err
	}
	if n := len(got.tally().Gaps) - len(a.tally().Gaps); n > 0 {
		return fmt.Errorf("%d gaps", n)
	}
	if d := first(a.keys(), got.keys()); d != "" {
		return fmt.Errorf("differs from the reading without it %s", d)
	}
	return nil
}

func hanging(ctx context.Context, h Harness) error {
	src, err := open(ctx, h, memstate.Hanging)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience/10)
	defer cancel()
	return timely("cancel", func() error {
		_, err := read(ctx, src, nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("ends with %v, not with the error of the context", err)
		}
		return shut(src)
	})
}
