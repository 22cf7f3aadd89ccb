package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
)

func actions(rep *replay.Report) map[string]uint64 {
	out := map[string]uint64{}
	for act, n := range rep.Actions {
		out[act.String()] = n
	}
	return out
}

func byKind(rep *replay.Report) map[string]map[string]uint64 {
	out := map[string]map[string]uint64{}
	for k, as := range rep.Kinds {
		out[k] = map[string]uint64{}
		for act, n := range as {
			out[k][act.String()] = n
		}
	}
	return out
}

func receipts(rs []replay.Receipt) []map[string]string {
	out := []map[string]string{}
	for _, r := range rs {
		out = append(out, map[string]string{"key": r.Key, "action": r.Action.String(), "why": r.Why})
	}
	return out
}

func lossList(ls []fidelity.Loss) []map[string]string {
	out := []map[string]string{}
	for _, l := range ls {
		out = append(out, map[string]string{"key": l.Key, "path": l.Path, "grade": l.Grade.String(), "why": l.Why})
	}
	return out
}

// few is how many examples a screen shows; --json has more.
const few = 5

// replayJSON is what --json prints of a plan or a replay.
func (a *app) replayJSON(what string, rep *replay.Report, x *embedding) map[string]any {
	return map[string]any{
		"what": what, "run": rep.Run, "records": rep.Records, "actions": actions(rep), "kinds": byKind(rep), "losses": rep.LossCount, "no_place": rep.NoPlace, "undenied": rep.Undenied,
		"held": rep.Held, "waiting": rep.Waiting, "idle_approvals": append([]string{}, rep.Idle...), "conflicts": receipts(rep.Conflicts), "refused": receipts(rep.Refused), "foretold": receipts(rep.Foretold), "resumed": rep.Resumed, "labelled": rep.Labelled, "seconds": rep.Time.Seconds(), "formula": rep.Formula, "infeasible": rep.Infeasible(), "rules": append([]string{}, rep.Rules...), "notes": append([]string{}, rep.Notes...), "map": mapJSON(rep.Map), "rewritten": rep.Rewritten,
		"embedded":     x.json(),
		"authenticity": a.authenticity,
	}
}

func (a *app) printReplay(what string, rep *replay.Report, x *embedding, asJSON bool) error {
	if asJSON {
		return a.printJSON(a.replayJSON(what, rep, x))
	}
	var line []string
	for _, act := range []replay.Action{replay.Created, replay.Same, replay.Updated, replay.Conflict, replay.Refused, replay.Held, replay.Skipped} {
		if n := rep.Actions[act]; n > 0 || act == replay.Created || act == replay.Same || act == replay.Conflict {
			line = append(line, fmt.Sprintf("%s %s", act, number(n)))
		}
	}
	fmt.Fprintf(a.stdout, "%s of %s records\n", strings.Join(line, " · "), number(rep.Records))
	if by, ok := strings.CutPrefix(a.authenticity, "AUTHENTIC: "); ok {
		fmt.Fprintln(a.stdout, "archive", by)
	}
	a.printEmbedded(x, what == "plan")
	var created []string
	for _, k := range keys(rep.Kinds) {
		if n := rep.Kinds[k][replay.Created]; n > 0 {
			created = append(created, fmt.Sprintf("%s %s", k, number(n)))
		}
	}
	if len(created) > 0 {
		fmt.Fprintln(a.stdout, "create:", strings.Join(created, " · "))
	}
	var skipped []string
	for _, k := range keys(rep.Kinds) {
		n := rep.Kinds[k][replay.Skipped]
		for _, lost := range rep.NoPlace[k] {
			n -= lost
		}
		if n > 0 {
			skipped = append(skipped, fmt.Sprintf("%s %s", k, number(n)))
		}
	}
	if len(skipped) > 0 {
		fmt.Fprintln(a.stdout, "skip:  ", strings.Join(skipped, " · "), "(nothing is lost: they come with other records, or must stay away)")
	}
	a.printMap(rep)
	if rep.Labelled > 0 {
		fmt.Fprintf(a.stdout, "labelled as imported: %s\n", number(rep.Labelled))
	}
	a.printTime(rep)
	if len(rep.Rules) > 0 {
		fmt.Fprintf(a.stdout, "rules:  of the target's own, which no plan tries, may keep rows out: %s\n", clean(strings.Join(rep.Rules, " · ")))
	}
	for _, n := range rep.Notes {
		fmt.Fprintln(a.stdout, "note:  ", clean(n))
	}
	a.printReceipts("conflict", rep.Conflicts, rep.Actions[replay.Conflict])
	a.printReceipts("refused", rep.Refused, rep.Actions[replay.Refused])
	if n := rep.Actions[replay.Held]; n > 0 {
		a.printHeld(rep, n)
		a.printReceipts("once approved", rep.Foretold, rep.ForetoldN)
	}
	if n := len(rep.Idle); n > 0 {
		fmt.Fprintf(a.stdout, "approved, and nothing waits under it: %s\n", number(uint64(n)))
		for _, key := range rep.Idle[:min(n, few)] {
			fmt.Fprintln(a.stdout, "  ", clean(key))
		}
	}
	if rep.Undenied > 0 {
		fmt.Fprintf(a.stdout, "wider:  %s denials, or rules to ask first, that the target does not take: it may allow what the source did not\n", number(rep.Undenied))
	}
	for _, kind := range keys(rep.NoPlace) {
		for _, why := range keys(rep.NoPlace[kind]) {
			fmt.Fprintf(a.stdout, "lose:   %s %s: %s\n", kind, number(rep.NoPlace[kind][why]), clean(why))
		}
	}
	counts := maps.Clone(rep.LossCount)
	for k := range rep.Kinds { // what waits for a person was said above
		if counts[k] -= min(counts[k], rep.Kinds[k][replay.Held]); counts[k] == 0 {
			delete(counts, k)
		}
	}
	a.printLosses(counts, slices.DeleteFunc(slices.Clone(rep.Losses), quarantined))
	return nil
}

// printTime says how long a target that can say it would take.
func (a *app) printTime(rep *replay.Report) {
	switch {
	case rep.Formula == "":
	case rep.Infeasible():
		fmt.Fprintf(a.stdout, "INFEASIBLE: %.0f days at the target's limits: %s\n", rep.Time.Hours()/24, rep.Formula)
	default:
		fmt.Fprintf(a.stdout, "time: %s at the target's limits: %s\n", rep.Time.Round(time.Second), rep.Formula)
	}
}

// quarantined is of a whole record that waits for a person.
func quarantined(l fidelity.Loss) bool { return l.Path == "" && l.Grade == fidelity.Quarantined }

// printHeld lists keys that wait, and why where an approval does not help.
func (a *app) printHeld(rep *replay.Report, n uint64) {
	switch asked := rep.Waiting; {
	case asked > 0 && a.asks != "":
		fmt.Fprintf(a.stdout, "off until you approve: %s → %s (fill it in, then --approve it)\n", number(asked), a.asks)
	case asked > 0:
		fmt.Fprintf(a.stdout, "off until you approve: %s (exitramp plan --approvals-out FILE asks, --approve FILE answers)\n", number(asked))
	}
	if rest := n - rep.Waiting; rest > 0 {
		fmt.Fprintf(a.stdout, "waits: %s that no approval helps\n", number(rest))
	}
	why := map[string]string{}
	for _, l := range rep.Losses {
		if quarantined(l) && l.Why != "not approved" {
			why[l.Key] = "  " + clean(l.Why)
		}
	}
	for _, k := range rep.Held[:min(len(rep.Held), few)] {
		fmt.Fprintf(a.stdout, "   %s%s\n", clean(k), why[k])
	}
	if n > few {
		all := "all"
		if have := uint64(len(rep.Held)); have < n {
			all = "the first " + number(have)
		}
		fmt.Fprintf(a.stdout, "  and %s more (--json lists %s)\n", number(n-few), all)
	}
}

func (a *app) printReceipts(what string, rs []replay.Receipt, n uint64) {
	for i, r := range rs {
		if i == few {
			fmt.Fprintf(a.stdout, "  and %s more\n", number(n-few))
			break
		}
		fmt.Fprintf(a.stdout, "%s  %s  %s\n", what, r.Key, clean(r.Why))
	}
}

func (a *app) printLosses(counts map[string]uint64, losses []fidelity.Loss) {
	if len(counts) == 0 {
		return
	}
	var parts []string
	for k, n := range counts {
		parts = append(parts, fmt.Sprintf("%s %s", number(n), k))
	}
	slices.Sort(parts)
	fmt.Fprintln(a.stdout, "lose:  ", strings.Join(parts, " · "))
	for _, l := range losses[:min(len(losses), few)] {
		fmt.Fprintf(a.stdout, "   %s  %s  %s: %s\n", l.Key, l.Path, l.Grade, clean(l.Why))
	}
}

// printFidelity says how two states compare. Not alike is exit code 3. For a read-back, what
// the plan announced is as it should be, and what the target held before does not count.
func (a *app) printFidelity(what string, rep *fidelity.Report, asJSON bool, strict bool) error {
	alike := rep.Match() && rep.ExtraN == 0
	forbidden := uint64(0) // was erased, and is there
	for _, k := range rep.Kinds {
		forbidden += k.Forbidden
	}
	if !strict {
		alike = forbidden == 0 && rep.NotWritten["conflict"] == 0 && rep.MissingN == 0 && rep.TwiceN == 0 && rep.Same+rep.Announced == rep.Records && rep.RaisedN == 0
	}
	a.result[strings.ReplaceAll(what, " ", "_")] = map[string]any{"match": alike, "records": rep.Records, "same": rep.Same, "missing": rep.MissingN, "extra": rep.ExtraN, "twice": rep.TwiceN}
	if asJSON {
		grades := map[string]uint64{}
		for g, n := range rep.Grades {
			grades[g.String()] = n
		}
		out := map[string]any{
			"match": alike, "records": rep.Records, "same": rep.Same, "announced": rep.Announced, "raised": rep.RaisedN, "raised_keys": rep.Raised, "skipped": rep.Skipped, "not_written": rep.NotWritten, "missing": rep.MissingN, "missing_keys": rep.Missing,
			"extra": rep.ExtraN, "extra_keys": rep.Extra, "twice": rep.TwiceN, "twice_keys": rep.Twice, "must_not_be_there": forbidden, "fields": rep.Fields, "grades": grades, "losses": lossList(rep.Losses), "loss_count": rep.LossN,
			"equivalent": rep.Equivalent, "links": linksJSON(rep), "times": timesJSON(rep.Times),
			"unannounced": lossList(rep.Unannounced), "unannounced_count": rep.UnannouncedN,
		}
		if a.authenticity != "" { // of a read-back; two states that are compared have none
			out["authenticity"] = a.authenticity
		}
		if err := a.printJSON(out); err != nil {
			return err
		}
	} else {
		announced := ""
		if rep.Announced > 0 {
			announced = fmt.Sprintf(" · %s differ as announced", number(rep.Announced))
		}
		fmt.Fprintf(a.stdout, "%s of %s match, field by field%s · missing %s · extra %s\n",
			number(rep.Same), number(rep.Records+rep.MissingN), announced, number(rep.MissingN), number(rep.ExtraN))
		var not []string
		for _, action := range keys(rep.NotWritten) {
			not = append(not, fmt.Sprintf("%s %s", action, number(rep.NotWritten[action])))
		}
		if len(not) > 0 {
			fmt.Fprintf(a.stdout, "not written, as the replay said: %s\n", strings.Join(not, " · "))
		}
		if forbidden > 0 {
			fmt.Fprintf(a.stdout, "has a tombstone, and is there: %s of the extra ones\n", number(forbidden))
		}
		a.printLinks(rep)
		a.printKeys("speaks with more authority", rep.Raised, rep.RaisedN)
		a.printKeys("missing", rep.Missing, rep.MissingN)
		a.printKeys("extra", rep.Extra, rep.ExtraN)
		a.printKeys("one more under a key that was due once", rep.Twice, rep.TwiceN)
		for _, l := range rep.Unannounced[:min(len(rep.Unannounced), few)] {
			fmt.Fprintf(a.stdout, "not announced  %s  %s  %s: %s\n", clean(l.Key), l.Path, l.Grade, clean(l.Why))
		}
		if rep.UnannouncedN > few {
			fmt.Fprintf(a.stdout, "  and %s more\n", number(rep.UnannouncedN-few))
		}
		a.printLosses(rep.LossN, slices.DeleteFunc(slices.Clone(rep.Losses), func(l fidelity.Loss) bool { return slices.Contains(rep.Unannounced, l) }))
	}
	if !alike {
		return &exitError{code: exitPartial, err: errors.New(what + ": not alike")}
	}
	return nil
}

// printLinks says which references lost their other end, and how times fared.
func (a *app) printLinks(rep *fidelity.Report) {
	if rep.Equivalent > 0 {
		fmt.Fprintf(a.stdout, "same value in another form: %s\n", number(rep.Equivalent))
	}
	for _, name := range keys(rep.Links) {
		l := rep.Links[name]
		if came := l.Came(); came.Orphans() > l.Want.Orphans() {
			fmt.Fprintf(a.stdout, "orphans: %s of %s %s point at nothing; of %s before it were %s\n", number(came.Orphans()), number(came.Total), name, number(l.Want.Total), number(l.Want.Orphans()))
		}
	}
	if n := rep.Times.Reordered; n > 0 {
		fmt.Fprintf(a.stdout, "order: %s messages are read behind one that they stood before, and nothing else says which is first\n", number(n))
	}
	if t := rep.Times; t.Records > t.Kept || t.GotInversions > t.WantInversions {
		fmt.Fprintf(a.stdout, "times: %s of %s kept · %s lost · largest shift %s · out of order %s, before %s\n",
			number(t.Kept), number(t.Records), number(t.Lost), t.Shift, number(t.GotInversions), number(t.WantInversions))
	}
}

func linksJSON(rep *fidelity.Report) map[string]any {
	out := map[string]any{}
	for name, l := range rep.Links {
		out[name] = map[string]any{"want": l.Want.Total, "want_orphans": l.Want.Orphans(), "got": l.Got.Total, "got_orphans": l.Got.Orphans(),
			"foreign": l.Foreign.Total, "foreign_orphans": l.Foreign.Orphans()}
	}
	return out
}

func timesJSON(t fidelity.Times) map[string]any {
	return map[string]any{"records": t.Records, "kept": t.Kept, "lost": t.Lost, "largest_shift_seconds": t.Shift.Seconds(), "largest_shift_of": t.ShiftOf,
		"inversions_want": t.WantInversions, "inversions_got": t.GotInversions, "reordered": t.Reordered}
}

func (a *app) printKeys(what string, list []string, n uint64) {
	for i, k := range list {
		if i == few {
			fmt.Fprintf(a.stdout, "  and %s more\n", number(n-few))
			return
		}
		fmt.Fprintf(a.stdout, "%s  %s\n", what, clean(k))
	}
}

// printUndoPlan says what an undo would take out.
func (a *app) printUndoPlan(rep *replay.UndoReport, asJSON bool) error {
	if asJSON {
		return a.printJSON(map[string]any{"would_remove": rep.Removed, "kinds": rep.Kinds, "in_doubt": rep.InDoubt, "undone_again": rep.Again, "left": rep.LeftN, "left_records": receipts(rep.Left)})
	}
	var kinds []string
	for _, k := range keys(rep.Kinds) {
		kinds = append(kinds, fmt.Sprintf("%s %s", k, number(rep.Kinds[k])))
	}
	if len(kinds) == 0 {
		kinds = []string{"nothing that this replay is known to have made"}
	}
	fmt.Fprintf(a.stdout, "would remove %s: %s\n", number(rep.Removed), strings.Join(kinds, " · "))
	if rep.InDoubt > 0 {
		fmt.Fprintf(a.stdout, "in doubt: %s; the target is looked through for them\n", number(rep.InDoubt))
	}
	if rep.Again {
		fmt.Fprintln(a.stdout, "an undo before was broken off: some of them may be gone by now")
	}
	a.printReceipts("would stay", rep.Left, rep.LeftN)
	fmt.Fprintln(a.stdout, "what was changed since stays too, and is named when it is done")
	return nil
}

// printUndo says what an undo did. alive is what has a tombstone and is still there; nil: nobody asked.
func (a *app) printUndo(rep *replay.UndoReport, alive *replay.AliveReport, asJSON bool) error {
	a.result["removed"], a.result["gone_before"], a.result["left"] = rep.Removed, rep.Gone, rep.LeftN
	out := map[string]any{"removed": rep.Removed, "gone_before": rep.Gone, "undone_again": rep.Again, "left": rep.LeftN, "left_records": receipts(rep.Left)}
	if alive != nil {
		a.result["still_there"], out["still_there"], out["still_there_keys"] = alive.N, alive.N, alive.Keys
	}
	if asJSON {
		if err := a.printJSON(out); err != nil {
			return err
		}
	} else {
		fmt.Fprint(a.stdout, "removed ", number(rep.Removed))
		if rep.Gone > 0 {
			fmt.Fprint(a.stdout, " · gone ", rep.GoneWhen(), " ", number(rep.Gone))
		}
		fmt.Fprintf(a.stdout, " · left %s\n", number(rep.LeftN))
		a.printReceipts("left", rep.Left, rep.LeftN)
		if alive != nil {
			fmt.Fprintf(a.stdout, "with a tombstone and still there: %s\n", number(alive.N))
			a.printKeys("still there", alive.Keys, alive.N)
		}
	}
	if alive != nil && alive.N > 0 {
		return &exitError{code: exitPartial, err: fmt.Errorf("%s of what must not be there is still in the target", number(alive.N)), hint: "this replay did not make them, or they were changed since: erase them at the target itself"}
	}
	if rep.LeftN > 0 {
		return &exitError{code: exitPartial, err: errors.New("some records were changed since, and stay")}
	}
	return nil
}
