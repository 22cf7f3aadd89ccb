package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/fidelity"
)

// printDrill says what became of a drill.
func (a *app) printDrill(out *drill.Outcome, word string, f *drillFlags) {
	p, j := out.Predicate, out.Judgement
	how := string(p.Drill.Mode)
	if b := p.Drill.ProviderBlocked; b.Method != "" {
		how += ": " + b.Method
		if b.Enforced {
			how += " (" + clean(b.Probe) + ")"
		}
	}
	name := ""
	if f.into != "" {
		name = " · into " + f.into
	}
	fmt.Fprintf(a.stdout, "EXERCISE ONLY · %s · %s%s\n", p.Drill.Level, how, name)
	var times []string
	for _, ph := range p.Timing.Phases {
		times = append(times, ph.Name+" "+clock(ph.Seconds))
	}
	fmt.Fprintln(a.stdout, strings.Join(times, " · "))
	fmt.Fprintln(a.stdout, rtoText(p))
	a.printRPO(p)
	a.printControls(p)
	a.printArrived(p)
	a.printWorth(p)
	fmt.Fprintf(a.stdout, "%s. %s\n", word, answeredText(p))
	for _, r := range j.Reasons {
		fmt.Fprintln(a.stdout, "  ", clean(r))
	}
	for _, h := range out.Hints {
		fmt.Fprintln(a.stdout, "!", clean(h))
	}
	fmt.Fprintln(a.stdout, strings.Join(out.Files, " · "))
}

// answeredText is how many statements have no plain answer: of those that warn a verdict may say nothing.
func answeredText(p *evidence.Predicate) string {
	n := map[evidence.Result]int{}
	for _, c := range p.Checks {
		n[c.Result]++
	}
	s := fmt.Sprintf("%d of %d statements not tested", n[evidence.Untold], len(p.Checks))
	if w := n[evidence.Warn]; w > 0 {
		s = plural(w, "warning", "warnings") + ", " + s
	}
	return s
}

// printControls says which altered archives were refused, and which were not.
func (a *app) printControls(p *evidence.Predicate) {
	var refused, not []string
	for i := range p.NegativeControls {
		if n := &p.NegativeControls[i]; n.Refused() {
			refused = append(refused, n.What)
		} else {
			not = append(not, fmt.Sprintf("%s: want %s, got %q", n.What, n.Expected, n.Observed))
		}
	}
	if len(refused) > 0 {
		fmt.Fprintf(a.stdout, "refused ✓: %s\n", strings.Join(refused, " · "))
	}
	for _, n := range not {
		fmt.Fprintln(a.stdout, "NOT refused ✗:", n)
	}
}

// printArrived says how many records arrived, and where the others are.
func (a *app) printArrived(p *evidence.Predicate) {
	came, due := p.Survival()
	var held, stays, away, lost, vectors uint64
	for _, l := range p.Losses { // as records; those that are due are among them
		if l.Path == "" && l.Grade == fidelity.Dropped.String() {
			lost += l.Count
			if l.Kind == "embedding" {
				vectors += l.Count
			}
		}
	}
	for i := range p.Kinds {
		k := &p.Kinds[i]
		held, stays = held+k.Quarantined, stays+k.Stays
		n := k.Refused + k.Conflicts + k.Stays + k.Missing
		if away += n; k.Kind == "embedding" {
			vectors -= min(vectors, n)
		}
	}
	if v := p.Vectors; v != nil {
		away += min(v.Dropped, vectors) // said with the vectors
	}
	if due > 0 || lost > away {
		s := fmt.Sprintf("%s of %s records arrived, as they were or as announced", number(came), number(due))
		if due == 0 {
			s = "nothing arrived"
		}
		if held > 0 {
			s += fmt.Sprintf(" · %s wait for a person", number(held))
		}
		if lost > away {
			s += fmt.Sprintf(" · no place in the target for %s", number(lost-away))
			if due > 0 {
				s += " more"
			}
		}
		if stays > 0 {
			s += fmt.Sprintf(" · %s of other kinds stay in the archive", number(stays))
		}
		fmt.Fprintln(a.stdout, s)
	}
}

// printWorth says what tasks made of the state, and what became of its vectors.
func (a *app) printWorth(p *evidence.Predicate) {
	if c := p.Continuity; c != nil {
		of := func(side string, n uint64) string {
			if slices.Contains(c.NotRun, side) {
				return "not run"
			}
			return number(n)
		}
		fmt.Fprintf(a.stdout, "tasks passed, of %s on each side: source %s · target %s · target without the state %s\n",
			number(c.Runs), of("source", c.Source), of("target", c.Target), of("cold", c.Cold))
		fmt.Fprintln(a.stdout, "what the state was worth: retained lift", clean(c.RetainedLift), "· TCS", clean(c.TCS))
	}
	if v := p.Vectors; v != nil {
		of := number(v.Texts)
		if v.Dropped > 0 {
			of = number(v.Texts-min(v.Texts, v.Dropped)) + " of " + of
		}
		fmt.Fprintf(a.stdout, "vectors of %s texts made anew with %s, some %s tokens (estimate: 4 bytes each)\n", of, clean(v.Model), number(v.Tokens))
	}
}

// rtoText is the recovery time, or why there is none.
func rtoText(p *evidence.Predicate) string {
	target := ""
	if t := p.Targets.RTOSeconds; t > 0 {
		target = " of " + clock(float64(t))
	}
	switch {
	case p.Timing.RTOSeconds > 0:
	case p.Drill.Stopped != nil:
		return fmt.Sprintf("RTO not reached%s: the exit ended in %s", target, p.Drill.Stopped.Phase)
	default:
		return fmt.Sprintf("RTO not measured: nothing is imported at %s", p.Drill.Level)
	}
	rto := fmt.Sprintf("RTO %s from verify to read-back%s", clock(p.Timing.RTOSeconds), target)
	if t := p.Targets.RTOSeconds; t > 0 {
		rto += " " + tick(p.Timing.RTOSeconds <= float64(t))
	}
	if export := p.Timing.ExportSeconds(p.Drill.Attempts, p.Drill.StartedAt); export > 0 {
		rto += fmt.Sprintf(" · %s with the export", clock(p.Timing.RTOSeconds+export))
	}
	return rto
}

// printRPO names the worst kind, and its target: of those that miss theirs, or else of all, the oldest.
func (a *app) printRPO(p *evidence.Predicate) {
	target := func(kind string) (uint64, bool) {
		t, ok := p.Targets.RPOSeconds[kind]
		if !ok {
			t, ok = p.Targets.RPOSeconds["*"]
		}
		return t, ok
	}
	worst, most, missed := "", uint64(0), false
	for _, k := range slices.Sorted(maps.Keys(p.Timing.RPOSeconds)) {
		n := p.Timing.RPOSeconds[k]
		t, ok := target(k)
		misses := ok && n > t
		if worst == "" || misses && !missed || misses == missed && n > most {
			worst, most, missed = k, n, misses
		}
	}
	if worst == "" {
		return
	}
	age := clock(float64(most))
	if most < 10 { // whole seconds, rounded up: no hundredths are known
		age = fmt.Sprintf("%d s", most)
	}
	s := fmt.Sprintf("RPO %s (%s, the worst kind)", age, worst)
	if t, ok := target(worst); ok {
		s += fmt.Sprintf(" of %s %s", clock(float64(t)), tick(most <= t))
	}
	fmt.Fprintln(a.stdout, s)
}

func tick(ok bool) string {
	if ok {
		return "✓"
	}
	return "✗"
}

// clock is a time as people read it: 0.31 s, 6:02, 3 h 10 min, 7 d.
func clock(s float64) string {
	switch d := time.Duration(s * float64(time.Second)); {
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", s)
	case d < time.Hour:
		return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour && d%time.Hour < time.Minute:
		return fmt.Sprintf("%d h", int(d.Hours()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	case d < 100*24*time.Hour:
		return fmt.Sprintf("%.3g d", d.Hours()/24)
	default:
		return number(uint64(d.Hours()/24)) + " d"
	}
}
