package drill

import (
	"fmt"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/evidence"
)

// standing is 1 to 7: what the plan declares.
func (a *answers) standing() {
	p, at := a.r.p, &a.r.p.Arranged
	a.set(1, evidence.Pass, evidence.Declared, "an exercise: no notice of switching, termination or erasure was given")
	a.set(2, evidence.Pass, evidence.Declared, "%s, level %s: %s", p.Mode, p.Level, p.Scenario)
	if a.declared(3, fmt.Sprintf("arrangement %s, contract %.16s…, %s, %s tenant in %s", at.RegisterID, at.ContractSHA256, at.Service, at.TenantClass, at.Region), map[string]string{
		"arrangement.register_id": at.RegisterID, "arrangement.contract_sha256": at.ContractSHA256, "arrangement.service": at.Service,
		"arrangement.tenant_class": at.TenantClass, "arrangement.region": at.Region,
	}) && at.TenantClass != "production" {
		a.set(3, evidence.Warn, evidence.Declared, "arrangement %s: a %s tenant: what the law gives is for production", at.RegisterID, at.TenantClass)
	}
	critical, rto, rpo := "", "", ""
	if at.Critical != nil {
		critical = "said"
	}
	if p.Targets.RTO > 0 {
		rto = "said"
	}
	if len(p.Targets.RPO) > 0 {
		rpo = "said"
	}
	a.declared(4, fmt.Sprintf("%s; RTO %s; impact tolerance %s; in the plan, which was read before the first phase (sha256 %.16s…)",
		at.BusinessFunction, text(p.Targets.RTO), p.Targets.ImpactTolerance, p.Digest()), map[string]string{
		"arrangement.business_function": at.BusinessFunction, "arrangement.critical": critical, "targets.impact_tolerance": p.Targets.ImpactTolerance,
		"targets.rto": rto, "targets.rpo": rpo,
	})
	a.parties()
	a.assumptions()
	if a.declared(7, fmt.Sprintf("%s; the copy is to be deleted by %s", at.DataBasis, at.CopyDeletedBy), map[string]string{
		"arrangement.data_basis": at.DataBasis, "arrangement.copy_deleted_by": string(at.CopyDeletedBy),
	}) && a.r.past(at.CopyDeletedBy) {
		a.set(7, evidence.Warn, evidence.Declared, "%s; the copy was to be deleted by %s, which was before this drill", at.DataBasis, at.CopyDeletedBy)
	}
}

func (a *answers) parties() {
	p := a.r.p
	stop := strings.Join(p.StopWhen, "; ")
	who := &p.Parties
	if !a.declared(5, fmt.Sprintf("operator %s, observer %s, approver %s; stop when: %s", who.Operator.Name, who.Observer.Name, who.Approver.Name, stop), map[string]string{
		"hypothesis": p.Hypothesis, "stop_conditions": stop, "parties.operator.name": who.Operator.Name,
		"parties.observer.name": who.Observer.Name, "parties.approver.name": who.Approver.Name,
	}) {
		return
	}
	var same []string
	roles := []struct{ role, key string }{
		{"operator", who.Operator.Key}, {"observer", who.Observer.Key}, {"approver", who.Approver.Key}, {"signer", a.r.e.SignKey},
	}
	for i, x := range roles {
		for _, before := range roles[:i] {
			if oneKey(before.key, x.key) {
				same = append(same, before.role+" and "+x.role+" have one key")
			}
		}
	}
	if one(who.Operator.Name, who.Observer.Name) || one(who.Operator.Name, who.Approver.Name) {
		same = append(same, "the operator observes or approves")
	}
	if len(same) > 0 {
		a.set(5, evidence.Warn, evidence.Declared, "nobody independent: %s", strings.Join(same, "; "))
	}
}

// oneKey tells whether two fingerprints are of one key, as people write them: in capitals, with colons or
// blanks, or the first 16 digits alone, as keygen prints them.
func oneKey(a, b string) bool {
	a, b = plainDigits(a), plainDigits(b)
	n := min(len(a), len(b))
	return a != "" && a == b || n >= 16 && a[:n] == b[:n]
}

func plainDigits(fingerprint string) string {
	s := strings.TrimPrefix(strings.ToLower(strings.TrimSpace(fingerprint)), "sha256:")
	return strings.NewReplacer(":", "", " ", "").Replace(s)
}

// one tells whether two names are of one party, however they are spelt.
func one(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

// past tells whether a day was over when the drill began.
func (r *run) past(d Date) bool {
	today := r.st.Started
	if r.entered.After(today) {
		today = r.entered
	}
	return d != "" && string(d) < today.Format(time.DateOnly)
}

func (a *answers) assumptions() {
	held, broken, unsaid := 0, 0, 0
	for _, x := range a.r.p.Assumed {
		switch {
		case x.Held == nil:
			unsaid++
		case *x.Held:
			held++
		default:
			broken++
		}
	}
	switch {
	case len(a.r.p.Assumed) == 0:
		a.untold(6, "the plan names no assumption")
	case unsaid > 0:
		a.untold(6, "%d of %d assumptions are marked neither held nor broken", unsaid, len(a.r.p.Assumed))
	case broken > 0:
		a.set(6, evidence.Warn, evidence.Declared, "%d of %d assumptions did not hold", broken, len(a.r.p.Assumed))
	default:
		a.set(6, evidence.Pass, evidence.Declared, "%d of %d assumptions held", held, len(a.r.p.Assumed))
	}
}
