package report

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
)

// rows are those of a CSV file, by the names of their columns.
func rows(t *testing.T, files map[string][]byte, name string) []map[string]string {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(files["csv/"+name+".csv"])).ReadAll()
	if err != nil || len(all) == 0 {
		t.Fatal(name, err)
	}
	var out []map[string]string
	for _, r := range all[1:] {
		m := map[string]string{}
		for i, column := range all[0] {
			m[column] = r[i]
		}
		out = append(out, m)
	}
	return out
}

// byHand is the verdict as VERIFY.md and docs/auditor.md say that it is had from the tables.
func byHand(t *testing.T, files map[string][]byte) evidence.Verdict {
	fail, partial, loss := false, false, false
	for _, c := range rows(t, files, "checks") {
		gate, result := c["gate"] == "true", c["result"]
		fail = fail || gate && result == "fail"
		partial = partial || gate && result == "not tested"
		loss = loss || gate && result == "warn" || !gate && result == "fail"
	}
	for _, r := range rows(t, files, "drill") {
		fail = fail || r["id"] == "ended_early_in" && r["value"] != ""
	}
	for _, r := range rows(t, files, "negative-controls") {
		fail = fail || r["held"] != "true"
	}
	for _, r := range rows(t, files, "safety") {
		fail = fail || strings.Contains(r["about"], "must be 0") && r["count"] != "0"
	}
	for _, k := range rows(t, files, "kinds") {
		fail = fail || k["canaries_recovered"] != "" && k["canaries_planted"] != k["canaries_recovered"]
		partial = partial || k["canaries_recovered"] == "" && k["canaries_planted"] != "0"
		loss = loss || k["coverage"] == "UNKNOWN" && (k["class"] != "absent" || k["archived"] != "0" || k["gaps"] != "0") || k["class"] == "caller_ids"
	}
	switch {
	case fail:
		return evidence.VerdictFail
	case partial:
		return evidence.VerdictPartial
	case loss:
		return evidence.VerdictPassWithLoss
	}
	return evidence.VerdictPass
}

// Whoever has the tables alone comes to the verdict that the statement has.
func TestByHand(t *testing.T) {
	calm := func(p *evidence.Predicate) { // a drill in which all went well
		for i := range p.Checks {
			p.Checks[i].Result, p.Checks[i].Basis = evidence.Pass, evidence.Measured
		}
		p.Targets.RPOSeconds = map[string]uint64{"*": 2 * 86400} // so that AC-42 may pass
		for i := range p.Kinds {
			k := &p.Kinds[i]
			k.Canaries.Recovered, k.Coverage, k.Class = num(k.Canaries.Planted), "RECONCILED", "listed"
		}
		for i := range p.NegativeControls {
			p.NegativeControls[i].Observed = p.NegativeControls[i].Expected
		}
	}
	check := func(id string, r evidence.Result) func(*evidence.Predicate) {
		return func(p *evidence.Predicate) {
			for i := range p.Checks {
				if p.Checks[i].ID == id {
					p.Checks[i].Result = r
				}
			}
		}
	}
	for name, tc := range map[string]struct {
		do   func(*evidence.Predicate)
		want evidence.Verdict
	}{
		"all went well":    {func(*evidence.Predicate) {}, evidence.VerdictPass},
		"a gate fails":     {check("AC-8", evidence.Fail), evidence.VerdictFail},
		"not tested":       {check("AC-8", evidence.Untold), evidence.VerdictPartial},
		"a warning":        {check("AC-8", evidence.Warn), evidence.VerdictPassWithLoss},
		"no gate fails":    {check("AC-45", evidence.Fail), evidence.VerdictPassWithLoss},
		"no gate untested": {check("AC-45", evidence.Untold), evidence.VerdictPass},
		"ended early":      {func(p *evidence.Predicate) { p.Drill.Stopped = &evidence.Stop{Phase: "replay", Why: "w"} }, evidence.VerdictFail},
		"accepted":         {func(p *evidence.Predicate) { p.NegativeControls[0].Observed = "accepted" }, evidence.VerdictFail},
		"revived":          {func(p *evidence.Predicate) { p.Safety.Revived = 1 }, evidence.VerdictFail},
		"widened":          {func(p *evidence.Predicate) { p.Authority.Widened = 1 }, evidence.VerdictFail},
		"raised":           {func(p *evidence.Predicate) { p.Authority.Raised = 1 }, evidence.VerdictFail},
		"took effect":      {func(p *evidence.Predicate) { p.Safety.InjectionEffective = 1 }, evidence.VerdictFail},
		"not found":        {func(p *evidence.Predicate) { p.Kinds[0].Canaries = evidence.Canaries{Planted: 2, Recovered: num(1)} }, evidence.VerdictFail},
		"not looked for":   {func(p *evidence.Predicate) { p.Kinds[0].Canaries = evidence.Canaries{Planted: 2} }, evidence.VerdictPartial},
		"unknown":          {func(p *evidence.Predicate) { p.Kinds[0].Coverage = "UNKNOWN" }, evidence.VerdictPassWithLoss},
		"unknown, none": {func(p *evidence.Predicate) {
			p.Kinds = append(p.Kinds, evidence.Kind{Kind: "policy", Class: "enumerated", Coverage: "UNKNOWN"})
		}, evidence.VerdictPassWithLoss},
		"absent, some": {func(p *evidence.Predicate) { p.Kinds[0].Class, p.Kinds[0].Coverage = "absent", "UNKNOWN" }, evidence.VerdictPassWithLoss},
		"caller's ids": {func(p *evidence.Predicate) { p.Kinds[0].Class = "caller_ids" }, evidence.VerdictPassWithLoss},
	} {
		st := full()
		calm(st.Predicate)
		tc.do(st.Predicate)
		j := st.Predicate.Judge(evidence.DefaultGates())
		st.Predicate.Verdict = j.Verdict
		for i := range st.Predicate.Checks {
			c := &st.Predicate.Checks[i]
			c.Gate = false
			for _, g := range evidence.DefaultGates().At(st.Predicate.Drill.Level) {
				c.Gate = c.Gate || g == c.ID
			}
		}
		if got := byHand(t, artifactsOf(t, st)); got != tc.want || j.Verdict != tc.want {
			t.Errorf("%s: by hand %s, computed %s, want %s: %q", name, got, j.Verdict, tc.want, j.Reasons)
		}
	}
}
