package report

import (
	"encoding/xml"
	"fmt"
	"strconv"

	"github.com/exitramp/exitramp/context/evidence"
)

type suites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Suites   []*suite `xml:"testsuite"`
}

type suite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr,omitempty"`
	Stamp    string      `xml:"timestamp,attr,omitempty"`
	Cases    []*testcase `xml:"testcase"`
}

type testcase struct {
	Name    string   `xml:"name,attr"`
	Class   string   `xml:"classname,attr"`
	Time    string   `xml:"time,attr,omitempty"`
	Failure *message `xml:"failure"`
	Skipped *message `xml:"skipped"`
	Out     string   `xml:"system-out,omitempty"`
}

type message struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
}

// add adds a case. What was not tested is skipped; a warning passes and says so.
func (s *suite) add(name string, r evidence.Result, kind, why string) {
	c := &testcase{Name: clean(name), Class: s.Name}
	s.Tests++
	switch r {
	case evidence.Pass:
		c.Out = clean(why)
	case evidence.Warn:
		c.Out = "warn: " + clean(why)
	case evidence.Fail:
		s.Failures++
		c.Failure = &message{clean(why), kind}
	default:
		s.Skipped++
		c.Skipped = &message{Message: "not tested: " + clean(why)}
	}
	s.Cases = append(s.Cases, c)
}

// junit is a suite for the checks, one for the verdict, one for the negative controls, and one a
// kind.
func (b *book) junit() ([]byte, error) {
	all := &suites{Name: "exit drill " + clean(b.Title())}
	start := func(name string) *suite {
		s := &suite{Name: clean(name)}
		all.Suites = append(all.Suites, s)
		return s
	}
	s := start("verdict")
	if s.Time = strconv.FormatFloat(b.Timing.RTOSeconds, 'f', 3, 64); !b.Drill.StartedAt.IsZero() {
		s.Stamp = b.Drill.StartedAt.UTC().Format("2006-01-02T15:04:05")
	}
	why := b.Word(b.gates)
	for _, r := range b.judged.Reasons {
		why += "; " + r
	}
	s.add("verdict", b.verdictResult(), string(b.judged.Verdict), why)
	s = start("checks")
	for i := range b.checks {
		c := &b.checks[i]
		name := c.ID + " " + c.Text
		if c.Gate {
			name = c.ID + " (gate) " + c.Text
		}
		s.add(name, c.Result, "check", c.Why)
	}
	s = start("negative controls")
	for i := range b.NegativeControls {
		n := &b.NegativeControls[i]
		r := evidence.Pass
		if !n.Refused() {
			r = evidence.Fail
		}
		s.add(n.What, r, "control", fmt.Sprintf("want refused as %q, got %q", n.Expected, n.Observed))
	}
	for i := range b.Kinds {
		b.junitKind(start("kind "+b.Kinds[i].Kind), &b.Kinds[i])
	}
	for _, s := range all.Suites {
		all.Tests, all.Failures, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Skipped+s.Skipped
	}
	out, err := xml.MarshalIndent(all, "", " ")
	return append([]byte(xml.Header), append(out, '\n')...), err
}

// verdictResult is the verdict as a result of one test.
func (b *book) verdictResult() evidence.Result {
	switch b.judged.Verdict {
	case evidence.VerdictPass:
		return evidence.Pass
	case evidence.VerdictPassWithLoss:
		return evidence.Warn
	case evidence.VerdictPartial:
		return evidence.Untold
	}
	return evidence.Fail
}

// tested is pass or fail of what was tested.
func tested(was, ok bool) evidence.Result {
	switch {
	case !was:
		return evidence.Untold
	case ok:
		return evidence.Pass
	}
	return evidence.Fail
}

// junitKind tells what became of one kind. What stood alone, or was out of order, in the archive already, as the call of a tool
// that waits for a person, is no failure where the statement about it says so.
func (b *book) junitKind(s *suite, k *evidence.Kind) {
	live := b.Target.Product != ""
	coverage := tested(k.Coverage != "" && k.Coverage != "UNKNOWN", k.Coverage == "RECONCILED" || k.Coverage == "LISTED")
	s.add("coverage", coverage, "coverage", fmt.Sprintf("%s, found by %s; %s gaps", k.Coverage, k.Class, grouped(k.Gaps)))
	arrived, due := k.Survival()
	s.add("survival", tested(live && due > 0, arrived == due), "survival", grouped(arrived)+" of "+grouped(due)+" arrived")
	s.add("read back", tested(live && k.Imported > 0, k.Missing == 0 && k.Differ == 0), "readback",
		fmt.Sprintf("%s of %s alike, %s differ as announced, %s differ otherwise, %s missing, %s extra",
			grouped(k.Matched), grouped(k.Imported), grouped(k.Announced), grouped(k.Differ), grouped(k.Missing), grouped(k.Extra)))
	c := &k.Canaries
	told, found := false, "nobody looked for "+grouped(c.Planted)
	if c.Recovered != nil {
		told, found = c.Lost() || b.answered("AC-11").Result != evidence.Untold, grouped(*c.Recovered)+" of "+grouped(c.Planted)+" found again"
	}
	s.add("known answers", tested(c.Planted > 0 && told, !c.Lost()), "canaries", found)
	if l := k.Links; l != nil {
		s.add("links", tested(l.Total > 0, l.Resolved == l.Total && l.Orphans == 0 || b.answered("AC-35").Result == evidence.Pass), "links",
			fmt.Sprintf("%s of %s resolve, %s orphans", grouped(l.Resolved), grouped(l.Total), grouped(l.Orphans)))
	} else {
		s.add("links", evidence.Untold, "links", "not measured")
	}
	if t := k.Times; t != nil {
		s.add("times", tested(t.Total > 0, t.Original == t.Total && (t.Inversions == 0 || b.answered("AC-36").Result == evidence.Pass)), "times",
			fmt.Sprintf("%s of %s kept, %s inversions", grouped(t.Original), grouped(t.Total), grouped(t.Inversions)))
	} else {
		s.add("times", evidence.Untold, "times", "not measured")
	}
}
