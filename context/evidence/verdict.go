package evidence

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strings"
)

// Verdict is the word that a drill ends with.
type Verdict string

// The verdicts.
const (
	VerdictPass         Verdict = "PASS"
	VerdictPassWithLoss Verdict = "PASS_WITH_LOSS" // every gate held, and something is known to be lost
	VerdictPartial      Verdict = "PARTIAL"        // no gate failed, and one was not tested
	VerdictFail         Verdict = "FAIL"
	VerdictInvalid      Verdict = "INVALID" // the drill itself was broken: it says nothing
)

// ErrVerdict: the verdict of a statement is not what its checks say.
var ErrVerdict = errors.New("evidence: the stored verdict is not what the checks say")

//go:embed gates.json
var gatesJSON []byte

// Gates are the checks that must hold at each level: a level's own and those of all below it.
type Gates struct {
	Version string `json:"version"`
	Date    string `json:"date"`
	Levels  []struct {
		Level Level    `json:"level"`
		Gates []string `json:"gates"`
	} `json:"levels"`
}

// DefaultGates are those of this release.
func DefaultGates() *Gates {
	g := &Gates{}
	if err := json.Unmarshal(gatesJSON, g); err != nil {
		panic("evidence: gates.json: " + err.Error()) // a test reads it
	}
	return g
}

// At lists the gates of a level. An unknown level has none.
func (g *Gates) At(l Level) []string {
	var out []string
	for _, at := range g.Levels {
		out = append(out, at.Gates...)
		if at.Level == l {
			return out
		}
	}
	return nil
}

// blockGate is the gate of L5 that is no statement: the provider was kept out from outside.
const blockGate = "BLOCK"

// Judgement is a verdict with its reasons.
type Judgement struct {
	Verdict Verdict
	Held    int      // gates that passed
	Gates   int      // gates at this level
	Reasons []string // why it is no better; empty for PASS

	beside []string // what failed and is no gate
}

// Beside is what a drill failed by of which all gates held; empty: it is none.
func (j *Judgement) Beside() string {
	if j.Held < j.Gates {
		return ""
	}
	return strings.Join(j.beside, ", ")
}

func (j *Judgement) word(l Level) string {
	if j.Verdict == VerdictPass {
		return fmt.Sprintf("PASS at %s, %d gates", l, j.Gates)
	}
	s := fmt.Sprintf("%s at %s: %d of %d gates", j.Verdict, l, j.Held, j.Gates)
	if by := j.Beside(); by != "" {
		s += ", failed by " + by
	}
	return s
}

// Word is the verdict as people read it: "PASS at L3, 18 gates".
func (p *Predicate) Word(g *Gates) string { return p.Judge(g).word(p.Drill.Level) }

// Judge computes the verdict. What is missing counts against it: a check that is not there was
// not tested, and a drill without negative controls is INVALID. Gates nil: those of this release.
func (p *Predicate) Judge(g *Gates) *Judgement {
	if g == nil {
		g = DefaultGates()
	}
	j := &Judgement{Verdict: VerdictPass}
	gates := g.At(p.Drill.Level)
	j.Gates = len(gates)
	if why := p.broken(); len(gates) == 0 || len(why) > 0 {
		if len(gates) == 0 {
			why = append(why, fmt.Sprintf("level %q is none of L1 to L5", p.Drill.Level))
		}
		j.Verdict, j.Reasons = VerdictInvalid, why
		return j
	}
	worse := func(v Verdict, why string) {
		order := []Verdict{VerdictPass, VerdictPassWithLoss, VerdictPartial, VerdictFail}
		if slices.Index(order, v) > slices.Index(order, j.Verdict) {
			j.Verdict = v
		}
		j.Reasons = append(j.Reasons, why)
	}
	fails := func(by, why string) {
		j.beside = append(j.beside, by)
		worse(VerdictFail, why)
	}
	if s := p.Drill.Stopped; s != nil {
		fails("its end in "+s.Phase, fmt.Sprintf("ended in %s: %s", s.Phase, s.Why))
	}
	for _, id := range gates {
		c := p.check(id)
		switch c.Result {
		case Pass:
			j.Held++
		case Warn:
			j.Held++
			worse(VerdictPassWithLoss, id+": "+c.Why)
		case Fail:
			worse(VerdictFail, id+": "+c.Why)
		default:
			worse(VerdictPartial, id+": not tested: "+c.Why)
		}
	}
	for _, c := range p.Checks { // what failed is no PASS, gate or not
		if c.Result == Fail && !slices.Contains(gates, c.ID) {
			worse(VerdictPassWithLoss, fmt.Sprintf("%s, no gate at %s: %s", c.ID, p.Drill.Level, c.Why))
		}
	}
	for i := range p.NegativeControls {
		if n := &p.NegativeControls[i]; !n.Refused() {
			fails("control "+n.What, fmt.Sprintf("control %s: want refused as %s, got %q", n.What, n.Expected, n.Observed))
		}
	}
	if sum(p.Authority.Widened, p.Authority.Raised, p.Safety.Revived, p.Safety.InjectionEffective) > 0 {
		fails("authority", "authority was widened, a role raised, an erasure revived or a planted instruction took effect")
	}
	for i := range p.Kinds {
		k := &p.Kinds[i]
		switch c := &k.Canaries; {
		case c.Lost():
			fails("known answers of "+k.Kind, fmt.Sprintf("%s: %d of %d known answers were found", k.Kind, *c.Recovered, c.Planted))
		case c.Recovered == nil && c.Planted > 0 && p.Drill.Stopped == nil:
			worse(VerdictPartial, fmt.Sprintf("%s: nobody looked for %d known answers", k.Kind, c.Planted))
		}
		if k.untold() || k.Class == "caller_ids" {
			worse(VerdictPassWithLoss, fmt.Sprintf("%s: coverage %s, class %s: nobody can say how many there are", k.Kind, k.Coverage, k.Class))
		}
	}
	return j
}

// check answers a gate; what is not there was not tested.
func (p *Predicate) check(id string) Check {
	if id == blockGate {
		c := Check{ID: id, Result: Fail, Why: "the provider was not kept out from outside of the process"}
		if p.Drill.Mode == Stressed && p.Drill.ProviderBlocked.Enforced {
			c.Result, c.Why = Pass, p.Drill.ProviderBlocked.Method
		}
		return c
	}
	for _, c := range p.Checks {
		if c.ID != id {
			continue
		}
		if known := c.Basis == Measured || c.Basis == Declared || c.Basis == Derived; !known && (c.Result == Pass || c.Result == Warn) {
			c.Result, c.Why = Untold, fmt.Sprintf("it says %s on no basis: %s", c.Result, c.Why)
		}
		return c
	}
	return Check{ID: id, Result: Untold, Why: "no such check in the statement"}
}

// broken says why the drill proves nothing.
func (p *Predicate) broken() []string {
	var why []string
	if !p.Drill.Exercise {
		why = append(why, "it does not say that it was an exercise")
	}
	if p.Drill.Mode != Planned && p.Drill.Mode != Stressed {
		why = append(why, fmt.Sprintf("mode %q is neither planned nor stressed", p.Drill.Mode))
	}
	if p.Drill.Stopped == nil { // who takes that out has a drill that says nothing
		if len(p.Archive.ManifestSHA256) != 64 {
			why = append(why, "no digest of an archive")
		}
		if len(p.NegativeControls) == 0 {
			why = append(why, "no negative control was run")
		}
		if len(p.Kinds) == 0 {
			why = append(why, "no kind of record is named")
		}
	}
	why = append(why, p.impossible()...)
	seen := map[string]bool{}
	for _, c := range p.Checks {
		if seen[c.ID] {
			why = append(why, c.ID+" is answered twice")
		}
		seen[c.ID] = true
	}
	kinds := map[string]bool{}
	for i := range p.Kinds {
		k := &p.Kinds[i]
		if kinds[k.Kind] {
			why = append(why, k.Kind+" is counted twice")
		}
		kinds[k.Kind] = true
		if written := sum(k.Imported, k.Quarantined, k.Refused, k.Conflicts, k.Skipped); p.Target.Product != "" && p.Drill.Stopped == nil && written != k.Archived {
			why = append(why, fmt.Sprintf("%s: %d archived, and %d accounted for", k.Kind, k.Archived, written))
		}
		if c := &k.Canaries; c.Recovered != nil && *c.Recovered > c.Planted {
			why = append(why, fmt.Sprintf("%s: %d known answers planted, and %d found", k.Kind, c.Planted, *c.Recovered))
		}
		if back := sum(k.Matched, k.Announced, k.Differ, k.Missing); back != k.Imported {
			why = append(why, fmt.Sprintf("%s: %d imported, and %d read back or missing", k.Kind, k.Imported, back))
		}
		for _, f := range k.Fields {
			if graded := sum(f.Exact, f.Equivalent, f.Transformed, f.Defaulted, f.Dropped, f.Redacted, f.Quarantined); graded != f.Present {
				why = append(why, fmt.Sprintf("%s.%s: %d present, and %d graded", k.Kind, f.Path, f.Present, graded))
			}
		}
	}
	return append(why, p.Identity.broken(p.Kinds)...)
}

// impossible says what no clock shows, and which answer the numbers beside it deny.
func (p *Predicate) impossible() []string {
	var why []string
	if p.Drill.EndedAt.Before(p.Drill.StartedAt) {
		why = append(why, "it ended before it began")
	}
	if p.Timing.RTOSeconds < 0 {
		why = append(why, fmt.Sprintf("a recovery time of %g s", p.Timing.RTOSeconds))
	}
	for _, ph := range p.Timing.Phases {
		if ph.Seconds < 0 {
			why = append(why, fmt.Sprintf("%s took %g s", ph.Name, ph.Seconds))
		}
	}
	if c := p.check("AC-42"); c.Result == Pass || c.Result == Warn {
		if rto, most := p.Timing.RTOSeconds, p.Targets.RTOSeconds; most > 0 && rto > float64(most) {
			why = append(why, fmt.Sprintf("AC-42 says %s, and recovery took %g s of %d s", c.Result, rto, most))
		}
		for _, kind := range slices.Sorted(maps.Keys(p.Timing.RPOSeconds)) {
			rpo := p.Timing.RPOSeconds[kind]
			most, ok := p.Targets.RPOSeconds[kind]
			if !ok {
				most, ok = p.Targets.RPOSeconds["*"]
			}
			if ok && rpo > most {
				why = append(why, fmt.Sprintf("AC-42 says %s, and the recovery point of %s is %d s of %d s", c.Result, kind, rpo, most))
			}
		}
	}
	return why
}

// sum adds up and stops at the largest number, so that no count can be made to fit by an overflow.
func sum(ns ...uint64) uint64 {
	var t uint64
	for _, n := range ns {
		var carry uint64
		if t, carry = bits.Add64(t, n, 0); carry > 0 {
			return math.MaxUint64
		}
	}
	return t
}
