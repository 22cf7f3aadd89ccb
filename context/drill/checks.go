package drill

import (
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
)

// statements is how many a drill answers.
const statements = 46

// answers are the checks of one drill. What nobody answers was not tested.
type answers struct {
	r    *run
	p    *evidence.Predicate
	list [statements]evidence.Check
}

func (a *answers) set(n int, res evidence.Result, basis evidence.Basis, f string, args ...any) {
	c := &a.list[n-1]
	c.Result, c.Basis, c.Why = res, basis, fmt.Sprintf(f, args...)
	if basis == evidence.Declared {
		c.By = a.r.p.Parties.Operator.Name
	}
}

func (a *answers) untold(n int, f string, args ...any) { a.set(n, evidence.Untold, "", f, args...) }

// declared passes what a plan says in full, and names what it does not say.
func (a *answers) declared(n int, what string, values map[string]string) bool {
	var missing []string
	for name, v := range values {
		if v == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		a.untold(n, "the plan does not say: %s", strings.Join(missing, ", "))
		return false
	}
	a.set(n, evidence.Pass, evidence.Declared, "%s", what)
	return true
}

// checks answers all statements.
func (r *run) checks(p *evidence.Predicate, l *Ledger, damaged error) []evidence.Check {
	a := &answers{r: r, p: p}
	for i := range a.list {
		a.list[i] = evidence.Check{ID: fmt.Sprintf("AC-%d", i+1), Result: evidence.Untold, Why: "the drill ended before it"}
	}
	a.standing()
	a.unasked()
	a.ledger(l, damaged)
	a.tool()
	if r.facts == nil {
		if r.stop != nil {
			a.set(22, evidence.Fail, evidence.Measured, "%s: %s", r.stop.Phase, r.stop.Why)
		}
		a.limits()
		return a.list[:]
	}
	a.completeness()
	a.archive()
	a.probes()
	a.exit()
	if r.st.Back != nil {
		a.fidelity()
		a.facets()
	} else if !r.p.reaches(evidence.L2) {
		for _, n := range []int{13, 29, 32, 33, 34, 35, 36, 37, 38} {
			a.untold(n, "level L1 imports nothing")
		}
	}
	a.limits()
	return a.list[:]
}

// unasked is what a drill looks at where its plan asks for it.
func (a *answers) unasked() {
	a.untold(15, "the plan does not say which records are logs, and how long they are kept (logs)")
	a.untold(16, "the plan does not say which metadata the provider makes (metadata)")
	a.untold(18, "the plan names no register of formats (provider.register)")
	a.untold(20, "the plan names no second implementation (second_reader)")
	a.untold(21, "facets of ISO/IEC 19941 need a state that was read back")
	a.untold(39, "no queries were run before and after")
	a.untold(40, "no tasks were run")
	a.untold(41, "no tasks were run, and none on a target without the state")
	a.untold(45, "the way to erasure was not exercised, and nothing was asked to be deleted")
	if costs := a.r.p.Costs; len(costs) > 0 {
		a.set(44, evidence.Pass, evidence.Declared, "%d costs declared", len(costs))
	} else {
		a.untold(44, "no costs were declared")
	}
}

func (a *answers) ledger(l *Ledger, damaged error) {
	switch {
	case a.r.p.Ledger == "":
		a.untold(25, "the plan names no ledger")
	case damaged != nil:
		a.set(25, evidence.Fail, evidence.Measured, "%v", damaged)
	case l.torn > 0:
		a.set(25, evidence.Warn, evidence.Measured, "entry %d of the ledger; line %d stopped in its middle, as it was written or cut, and this entry takes its place", a.p.Drill.LedgerIndex, l.torn)
	default:
		a.set(25, evidence.Pass, evidence.Measured, "entry %d of the ledger; each of the entries before it holds the digest of the one before", a.p.Drill.LedgerIndex)
	}
}

func (a *answers) tool() {
	t := &a.p.Tool
	if t.Name == "" || t.Version == "" || t.Modules.SHA256 == "" {
		a.untold(27, "the program does not know its version and modules")
		return
	}
	a.set(27, evidence.Pass, evidence.Measured, "%s %s, modules sha256 %.16s…, plan sha256 %.16s…, plan and judging data sha256 %.16s…", t.Name, t.Version, t.Modules.SHA256, a.r.p.Digest(), t.ConfigDigest.SHA256)
}

// completeness is 8 to 16.
func (a *answers) completeness() {
	r := a.r
	a.promised()
	unknown, unclassed := []string{}, []string{}
	agree, none, differ, more := 0, 0, []string{}, []string{}
	for i := range a.p.Kinds {
		k := &a.p.Kinds[i]
		if k.Class == "unknown" && k.Archived > 0 {
			unclassed = append(unclassed, k.Kind)
		}
		other := uint64(0) // the largest count beside that of the archive
		if k.Class == "enumerated" {
			other = k.Source
		}
		if k.Reference != nil && k.Class != "excluded" {
			other = max(other, *k.Reference)
		}
		switch { // a count that disagrees leaves a kind at UNKNOWN, and is worse than none
		case other > k.Archived+k.Gaps:
			differ = append(differ, fmt.Sprintf("%s: %d of %d", k.Kind, k.Archived, other))
		case k.Reference != nil && *k.Reference < k.Archived:
			more = append(more, fmt.Sprintf("%s: %d, and the other count says %d", k.Kind, k.Archived, *k.Reference))
		case k.Coverage == agentstate.Unknown.String() && k.Archived > 0:
			unknown = append(unknown, k.Kind)
		case k.Reference != nil && k.Coverage == agentstate.Reconciled.String():
			agree++
		default:
			none++
		}
	}
	if len(unclassed) > 0 {
		a.set(9, evidence.Warn, evidence.Measured, "%d kinds; nobody says how records were found of %s; coverage %s", len(a.p.Kinds), strings.Join(unclassed, ", "), r.facts.Archive.Coverage)
	} else {
		a.set(9, evidence.Pass, evidence.Measured, "%d kinds, each with its class; coverage %s", len(a.p.Kinds), r.facts.Archive.Coverage)
	}
	say := fmt.Sprintf("%d kinds agree with a count by another route, %d have none", agree, none)
	if len(more) > 0 {
		say += "; the archive has more of " + strings.Join(more, ", ")
	}
	if len(unknown) > 0 {
		say += "; nobody can say whether these are all: " + strings.Join(unknown, ", ")
	}
	switch {
	case len(differ) > 0:
		a.set(10, evidence.Fail, evidence.Measured, "another count says more: %s", strings.Join(differ, ", "))
	case len(more)+len(unknown) > 0:
		a.set(10, evidence.Warn, evidence.Measured, "%s", say)
	case r.facts.Archive.Coverage == agentstate.Gaps.String():
		a.set(10, evidence.Warn, evidence.Measured, "%s; %d gaps are named", say, len(r.facts.Gaps))
	default:
		a.set(10, evidence.Pass, evidence.Measured, "%s (no reference)", say)
	}
	a.canaries()
	a.excluded()
	snapshot, changed := true, uint64(0)
	for _, st := range r.facts.Statements {
		snapshot, changed = snapshot && st.Consistent, changed+st.Changed
	}
	src := &a.p.Source
	from, to := src.From.Format("2006-01-02 15:04:05"), src.To.Format("15:04:05")
	switch {
	case src.From.IsZero():
		a.untold(14, "the source does not say when it was read")
	case snapshot:
		a.set(14, evidence.Pass, evidence.Measured, "one snapshot, read from %s to %s UTC", from, to)
	default:
		a.set(14, evidence.Pass, evidence.Measured, "read from %s to %s UTC, not one snapshot: %d records changed meanwhile and were read again", from, to, changed)
	}
}

// promised is 8.
func (a *answers) promised() {
	want := a.r.p.Arranged.PromisedKinds
	if len(want) == 0 {
		a.untold(8, "the plan does not name the kinds that the contract promises")
		return
	}
	var missing, partly []string
	exported, empty, left := 0, 0, 0
	for _, name := range want {
		i := slices.IndexFunc(a.p.Kinds, func(k evidence.Kind) bool { return k.Kind == name })
		spoken := slices.ContainsFunc(a.r.facts.Statements, func(st statement) bool {
			return slices.ContainsFunc(st.Kinds, func(k kindFacts) bool { return k.Kind == name })
		})
		switch {
		case i >= 0 && a.p.Kinds[i].Gaps > 0:
			partly = append(partly, fmt.Sprintf("%s (%d not read)", name, a.p.Kinds[i].Gaps))
		case i >= 0 && a.p.Kinds[i].Archived > 0:
			exported++
		case slices.ContainsFunc(a.r.p.Arranged.Exclusions, func(x evidence.Exclusion) bool { return x.Kind == name }):
			left++
		case i >= 0 && a.p.Kinds[i].Coverage != agentstate.Unknown.String(), i < 0 && spoken:
			empty++
		default:
			missing = append(missing, name)
		}
	}
	say := fmt.Sprintf("of %d kinds promised, %d exported, %d empty, %d excluded", len(want), exported, empty, left)
	switch {
	case len(missing) > 0:
		a.set(8, evidence.Fail, evidence.Measured, "%s, missing: %s", say, strings.Join(missing, ", "))
	case len(partly) > 0:
		a.set(8, evidence.Warn, evidence.Measured, "%s, in part: %s", say, strings.Join(partly, ", "))
	default:
		a.set(8, evidence.Pass, evidence.Measured, "%s", say)
	}
}

// canaries is 11.
func (a *answers) canaries() {
	found, lost := uint64(0), []string{}
	for _, k := range a.p.Kinds {
		if k.Canaries.Recovered != nil {
			found += *k.Canaries.Recovered
		}
		if k.Canaries.Lost() {
			lost = append(lost, fmt.Sprintf("%s %d of %d", k.Kind, *k.Canaries.Recovered, k.Canaries.Planted))
		}
	}
	n, never := uint64(len(a.r.p.Canaries)), 0
	s := a.r.st.Seen
	if s != nil && len(s.Canaries) == len(a.r.p.Canaries) {
		for _, times := range s.Canaries {
			if times == 0 {
				never++
			}
		}
	}
	away := "" // so that nobody looks for it in the target
	if never > 0 && a.r.p.reaches(evidence.L2) {
		away = fmt.Sprintf("; %d of them are not in the archive: the source has them no more, or the plan does not say them as the source does", never)
	}
	where := "in the target, read back"
	if a.r.st.Back == nil {
		where = "in the archive: nothing was imported"
	}
	switch {
	case n == 0:
		a.untold(11, "the plan names no known answer")
	case a.r.last() == nil && s == nil:
		a.untold(11, "the drill ended before anybody looked for the %d known answers", n)
	case a.r.last() == nil && never == 0:
		a.untold(11, "the drill ended before anybody looked for the %d known answers in the target; the archive has them", n)
	case a.r.last() == nil:
		a.set(11, evidence.Fail, evidence.Measured, "the drill ended before anybody looked for the %d known answers in the target%s", n, away)
	case len(lost) > 0 || found < n:
		a.set(11, evidence.Fail, evidence.Measured, "%d of %d known answers found %s; found of %s%s", found, n, where, strings.Join(lost, ", "), away)
	default:
		a.set(11, evidence.Pass, evidence.Measured, "%d of %d known answers found %s", found, n, where)
	}
}

// excluded is 12.
func (a *answers) excluded() {
	var said, unsaid []string
	for _, k := range a.p.Kinds {
		if k.Class != "excluded" {
			continue
		}
		i := slices.IndexFunc(a.r.p.Arranged.Exclusions, func(x evidence.Exclusion) bool { return x.Kind == k.Kind })
		if i < 0 {
			unsaid = append(unsaid, k.Kind)
		} else {
			said = append(said, k.Kind+" ("+a.r.p.Arranged.Exclusions[i].Ground+")")
		}
	}
	switch {
	case len(unsaid) > 0:
		a.set(12, evidence.Fail, evidence.Measured, "left out without a ground: %s", strings.Join(unsaid, ", "))
	case len(said) > 0:
		a.set(12, evidence.Pass, evidence.Declared, "left out: %s", strings.Join(said, ", "))
	default:
		a.set(12, evidence.Pass, evidence.Measured, "no kind was left out")
	}
}
