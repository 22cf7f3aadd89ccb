package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/mapping"
)

func (rc Receipt) stored() *receipt {
	r := &receipt{}
	rc.store(r)
	return r
}

// store makes r what is stored of rc.
func (rc Receipt) store(r *receipt) {
	*r = receipt{Key: rc.Key, Action: rc.Action.String(), Target: rc.Target, Version: rc.Version, Why: rc.Why, NoLoss: rc.NoLoss, Approval: rc.Approval}
	for _, l := range rc.Losses {
		r.Losses = append(r.Losses, loss{l.Path, l.Grade.String(), l.Why})
	}
}

func (r *receipt) receipt() (Receipt, error) {
	rc := Receipt{Key: r.Key, Target: r.Target, Version: r.Version, Why: r.Why, NoLoss: r.NoLoss, Approval: r.Approval}
	for a := Created; a <= Held; a++ {
		if a.String() == r.Action {
			rc.Action = a
		}
	}
	if rc.Action == 0 {
		return rc, fmt.Errorf("replay: %s: action %q", r.Key, r.Action)
	}
	for _, l := range r.Losses {
		g := fidelity.ParseGrade(l.Grade)
		if g == 0 {
			return rc, fmt.Errorf("replay: %s: grade %q", r.Key, l.Grade)
		}
		rc.Losses = append(rc.Losses, fidelity.Loss{Key: r.Key, Path: l.Path, Grade: g, Why: l.Why})
	}
	return rc, nil
}

// rewrote counts those of the driver's losses that are of a name which the map gave.
func (r *Report) rewrote(driver, before []fidelity.Loss) {
	for _, d := range driver {
		if d.Grade == fidelity.Transformed && slices.ContainsFunc(before, func(l fidelity.Loss) bool {
			return l.Path == d.Path && strings.HasPrefix(l.Why, mapping.Prefix)
		}) {
			r.Rewritten++
		}
	}
}

// mostReasons is the number of reasons that a report tells apart for one kind: some name a record.
const mostReasons = 20

func (r *Report) noPlace(kind, why string) {
	whys := r.NoPlace[kind]
	if whys == nil {
		whys = map[string]uint64{}
		r.NoPlace[kind] = whys
	}
	if _, known := whys[why]; !known && len(whys) >= mostReasons {
		why = "other reasons"
	}
	whys[why]++
}

// most is the number of entries that lists in reports hold; the counts are of all.
const most = 1000

func newReport() *Report {
	return &Report{Actions: map[Action]uint64{}, Kinds: map[string]map[Action]uint64{}, LossCount: map[string]uint64{}, NoPlace: map[string]map[string]uint64{}}
}

// foretold takes what would be refused although it is approved.
func (r *Report) foretold(rc Receipt) {
	if r.ForetoldN++; len(r.Foretold) < most {
		r.Foretold = append(r.Foretold, rc)
	}
}

func (r *Report) add(kind string, rc Receipt) {
	r.Records++
	r.Actions[rc.Action]++
	if rc.Action == Held && strings.HasSuffix(rc.Why, whyApproval) {
		r.Waiting++
	}
	of := r.Kinds[kind]
	if of == nil {
		of = map[Action]uint64{}
		r.Kinds[kind] = of
	}
	of[rc.Action]++
	for _, l := range rc.Losses {
		l.Key = rc.Key
		if len(r.Losses) < most {
			r.Losses = append(r.Losses, l)
		}
		name := kind
		if l.Path != "" {
			name += "." + l.Path
		}
		r.LossCount[name]++
	}
	switch {
	case rc.Action == Skipped && (rc.Why == whyTombstone || rc.Why == whyDeletion):
		r.Erased++
	case rc.Action == Skipped && !rc.NoLoss:
		r.noPlace(kind, rc.Why)
	case rc.Action == Held && len(r.Held) < most:
		r.Held = append(r.Held, rc.Key)
	case rc.Action == Conflict && len(r.Conflicts) < most:
		r.Conflicts = append(r.Conflicts, rc)
	case rc.Action == Refused && len(r.Refused) < most:
		r.Refused = append(r.Refused, rc)
	}
}
