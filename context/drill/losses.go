package drill

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
)

// losses are the fields that are not exact, and the records that have no place.
func (r *run) losses() []evidence.Loss {
	out := []evidence.Loss{} // none is [], not null: nobody is in doubt
	if r.st.Report != nil {
		for kind, whys := range r.st.Report.NoPlace {
			for why, n := range whys {
				out = append(out, evidence.Loss{Kind: kind, Count: n, Of: r.facts.Records[kind], Grade: fidelity.Dropped.String(), Why: why})
			}
		}
		for kind, acts := range r.st.Report.Kinds {
			out = append(out, r.refusals(kind, acts[replay.Refused])...)
			for act, what := range map[replay.Action]string{replay.Conflict: "the target holds something else under this id", replay.Held: "waits for a person"} {
				if n := acts[act]; n > 0 {
					g := fidelity.Dropped
					if act == replay.Held {
						g = fidelity.Quarantined
					}
					out = append(out, evidence.Loss{Kind: kind, Count: n, Of: r.facts.Records[kind], Grade: g.String(), Why: what})
				}
			}
		}
	}
	if r.st.Back != nil && !r.neutral {
		for kind, n := range r.facts.Records {
			if n > 0 && agentstate.IsState(kind) && r.p.stays(kind) {
				out = append(out, evidence.Loss{Kind: kind, Count: n, Of: n, Grade: fidelity.Dropped.String(), Why: "the plan leaves them in the archive"})
			}
		}
	}
	if b := r.st.Back; b != nil {
		whys := map[string]string{} // of the first 1,000
		for _, l := range b.Fidelity.Losses {
			at := agentstate.KindOfKey(l.Key) + "." + l.Path + " " + l.Grade.String()
			if whys[at] == "" {
				whys[at] = l.Why
			}
		}
		for kind, paths := range b.Fidelity.FieldN {
			for path, grades := range paths {
				of := uint64(0)
				for _, n := range grades {
					of += n
				}
				for g, n := range grades {
					if g != fidelity.Exact && g != fidelity.Equivalent && n > 0 { // another form is no loss
						out = append(out, evidence.Loss{Kind: kind, Path: path, Count: n, Of: of, Grade: g.String(), Why: whys[kind+"."+path+" "+g.String()]})
					}
				}
			}
		}
		for kind, f := range b.Fidelity.Kinds {
			if f.Missing > 0 {
				out = append(out, evidence.Loss{Kind: kind, Count: f.Missing, Of: r.facts.Records[kind], Grade: fidelity.Dropped.String(), Why: "not found when the target was read back"})
			}
		}
	}
	for i := range out {
		r.accept(&out[i])
		out[i].Why = withoutKeys(out[i].Why) // drivers name records in some
	}
	slices.SortFunc(out, func(a, b evidence.Loss) int {
		for _, c := range []int{strings.Compare(a.Kind, b.Kind), strings.Compare(a.Path, b.Path), strings.Compare(a.Grade, b.Grade)} {
			if c != 0 {
				return c
			}
		}
		return strings.Compare(a.Why, b.Why)
	})
	return out
}

// maxReasons is how many reasons of a kind are told apart.
const maxReasons = 8

// refusals are the n records of a kind that the target refused, by its reasons; what the report of the
// replay has no reason for, or too many for, is told together.
func (r *run) refusals(kind string, n uint64) []evidence.Loss {
	whys := map[string]uint64{}
	rest := n
	for _, rc := range r.st.Report.Refused {
		if agentstate.KindOfKey(rc.Key) != kind || rest == 0 {
			continue
		}
		why := "refused by the target: " + withoutKeys(rc.Why)
		if _, known := whys[why]; known || len(whys) < maxReasons {
			whys[why]++
			rest--
		}
	}
	if rest > 0 {
		whys["refused by the target"] = rest
	}
	var out []evidence.Loss
	for why, n := range whys {
		out = append(out, evidence.Loss{Kind: kind, Count: n, Of: r.facts.Records[kind], Grade: fidelity.Dropped.String(), Why: why})
	}
	return out
}

// accept notes who accepted a loss, while that holds.
func (r *run) accept(l *evidence.Loss) {
	today := r.st.Started.Format(time.DateOnly)
	for _, a := range r.p.Accepted {
		if a.Kind == l.Kind && (a.Path == l.Path || a.Path == "*") && string(a.Until) >= today {
			l.AcceptedBy, l.Until = a.By, string(a.Until)
			return
		}
	}
}

func (r *run) obstacles() []evidence.Obstacle {
	var out []evidence.Obstacle
	articles := evidence.DefaultCatalog().Obstacles
	if r.facts != nil {
		for _, g := range r.facts.Gaps {
			what := strings.ToLower(strings.TrimPrefix(g.Reason.String(), "REASON_"))
			article := articles[what]
			if g.Permission != "" {
				what += ", needs " + g.Permission
			}
			out = append(out, evidence.Obstacle{Side: evidence.SideSource, What: what, Kind: g.Kind, Count: g.Count, Article: article})
		}
	}
	if n := r.st.Attempts; n > 1 {
		left := uint64(0) // by all before the last that replayed: what that one found of an earlier one is found by the next as well
		if r.st.Report != nil {
			left = r.st.Report.Resumed
		}
		out = append(out, evidence.Obstacle{At: r.st.Started, Side: evidence.SideDrill, What: fmt.Sprintf("the drill was broken off and went on: %d attempts, %d records are as an earlier one left them", n, left)})
	}
	if rep := r.st.Report; rep != nil {
		for kind, acts := range rep.Kinds {
			if n := acts[replay.Refused]; n > 0 {
				out = append(out, evidence.Obstacle{Side: evidence.SideTarget, What: "the target refused records", Kind: kind, Count: n})
			}
		}
	}
	slices.SortFunc(out, func(a, b evidence.Obstacle) int { return strings.Compare(a.Kind+a.What, b.Kind+b.What) })
	return out
}
