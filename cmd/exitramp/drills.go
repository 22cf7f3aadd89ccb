package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
)

func (a *app) drillsCmd() *cobra.Command {
	var period string
	var asJSON bool
	c := &cobra.Command{
		Use: "drills LEDGER", Short: "The drills of a ledger: whether it is as it was written, the trend, and what is open",
		Long: `Reads a ledger of drills and checks its chain: each line names the digest of the one before. With
--period it counts the drills of a year or a quarter, and the quarters that have one that passed.

Exit code 5: a line was changed, taken out or put in. Nothing in the file binds its last line: one that was
changed or cut off shows in the statement of the drill after it, and in its own: exitramp report PACK --ledger LEDGER
holds one against the other.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.drills(args[0], period, asJSON) },
	}
	c.Flags().StringVar(&period, "period", "", "only drills of this `PERIOD`: 2026, or 2026Q4")
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

// quarters are those of a period, by their names.
func quarters(period string) ([]string, error) {
	m := regexp.MustCompile(`^(\d{4})(?:Q([1-4]))?$`).FindStringSubmatch(period)
	switch {
	case m == nil:
		return nil, usagef("--period %s: want 2026 or 2026Q4", period)
	case m[2] != "":
		return []string{period}, nil
	}
	return []string{m[1] + "Q1", m[1] + "Q2", m[1] + "Q3", m[1] + "Q4"}, nil
}

func quarterOf(t time.Time) string {
	return strconv.Itoa(t.Year()) + "Q" + strconv.Itoa((int(t.Month())+2)/3)
}

// readDrills reads a ledger of drills; torn is a last line that stops in its middle.
func readDrills(path string) (all []drill.Entry, torn int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, absent(err, "the ledger of drills is the file that ledger: of their plan names")
	}
	defer f.Close()
	if all, torn, err = drill.ReadLedger(f); err != nil {
		return nil, 0, changedLedger(path, err)
	}
	return all, torn, nil
}

// changedLedger gives a ledger that is not as it was written its exit code.
func changedLedger(path string, err error) error {
	err = fmt.Errorf("%s: %w", path, err)
	if !errors.Is(err, drill.ErrLedger) {
		return err
	}
	return &exitError{code: exitRefused, err: err, hint: "keep the file as it is: a copy from before shows what was changed"}
}

func (a *app) drills(path, period string, asJSON bool) error {
	all, torn, err := readDrills(path)
	if err != nil {
		return err
	}
	var want []string
	if period != "" {
		if want, err = quarters(period); err != nil {
			return err
		}
	}
	entries, passed, quarter := []drill.Entry{}, 0, map[string]bool{}
	for _, e := range all {
		q := quarterOf(e.Started)
		if want != nil {
			in := false
			for _, w := range want {
				in = in || w == q
			}
			if !in {
				continue
			}
		}
		entries = append(entries, e)
		if e.Passed() {
			passed++
			quarter[q] = true
		}
	}
	a.result["drills"], a.result["passed"] = len(entries), passed
	var open any = []string{}
	if len(all) > 0 && all[len(all)-1].Findings != nil {
		open = all[len(all)-1].Findings
	}
	if asJSON {
		return a.printJSON(map[string]any{
			"ledger": path, "entries": len(all), "torn_line": torn, "period": period, "population": len(entries), "passed": passed,
			"quarters": len(want), "quarters_passed": len(quarter), "drills": entries, "open_findings": open,
		})
	}
	type alike struct{ register, source, target, mode, level string }
	before := map[alike]*drill.Entry{} // only what was rehearsed alike shows a trend
	for i := range entries {
		e := &entries[i]
		as := alike{e.Register, e.Source, e.Target, string(e.Mode), string(e.Level)}
		fmt.Fprintln(a.stdout, drillLine(e, before[as]))
		before[as] = e
	}
	last := ""
	sum := fmt.Sprintf("%s, %d passed", plural(len(entries), "drill", "drills"), passed)
	if want != nil {
		sum += fmt.Sprintf(" in %s · a drill that passed in %d of %d quarters", period, len(quarter), len(want))
	}
	if len(all) == 0 {
		sum += " · the ledger is empty, so there is no chain"
	} else {
		sum += fmt.Sprintf(" · the chain of %s holds", plural(len(all), "entry", "entries"))
		last = fmt.Sprintf("no line after it binds entry %d: hold it against its evidence (exitramp report PACK --ledger LEDGER)\n", len(all)-1)
	}
	fmt.Fprintf(a.stdout, "%s\n%s", sum, last)
	if torn > 0 {
		fmt.Fprintf(a.stdout, "line %d stops in its middle, and is no entry: a crash leaves such a line, and so does who cuts it; the next drill takes its place\n", torn)
	}
	if n := len(all); n > 0 {
		for _, x := range all[n-1].Findings {
			fmt.Fprintf(a.stdout, "open  %s  %s  owner %s, due %s, re-test %s: %s\n", clean(x.ID), clean(x.Severity), clean(x.Owner), x.Due, x.Retest, clean(x.Text))
		}
	}
	return nil
}

// drillLine is one drill, and how it compares with the one of its kind before.
func drillLine(e, before *drill.Entry) string {
	rto := "RTO " + clock(e.RTOSeconds)
	switch {
	case e.RTOSeconds == 0 && e.Level < evidence.L2: // nothing is imported
		rto = "RTO not measured"
	case e.RTOSeconds == 0:
		rto = "RTO not reached"
	case e.RTOTarget > 0:
		rto += " of " + clock(float64(e.RTOTarget)) + " " + tick(e.RTOSeconds <= float64(e.RTOTarget))
	}
	arrived := fmt.Sprintf("%s of %s records arrived", number(e.Arrived), number(e.Due))
	if e.Level < evidence.L2 {
		arrived = fmt.Sprintf("%s records, nothing is imported", number(e.Records))
	}
	trend := ""
	if before != nil && before.RTOSeconds > 0 && e.RTOSeconds > 0 {
		trend = fmt.Sprintf("%+.0f %% against drill %d", 100*(e.RTOSeconds/before.RTOSeconds-1), before.N)
	}
	way := e.Target
	switch {
	case e.Target == "":
		way = e.Source
	case e.Source != "" && e.Source != e.Target:
		way = e.Source + " → " + e.Target
	}
	word := fmt.Sprintf("%s %d/%d gates", e.Verdict, e.Held, e.Gates)
	if e.Beside != "" {
		word += ", failed by " + clean(e.Beside)
	}
	return join(strconv.FormatUint(e.N, 10), e.Started.Format(time.DateOnly), clean(e.Name), string(e.Mode), string(e.Level), clean(way),
		word, rto, trend, arrived)
}
