package drill

import (
	"fmt"
	"slices"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/secrets"
)

// authority says what the replayed agents may do. A grant that is read back otherwise than it was
// written, and than was announced, counts as widened until somebody shows that it is not. So does each
// record more under its key: which of them the agent goes by is not known. What did not arrive allows
// nothing; what the target had instead is counted as a conflict, and as nothing here.
func (r *run) authority(salt evidence.Salt, kinds []evidence.Kind) evidence.Authority {
	a := evidence.Authority{}
	if r.facts == nil {
		return a
	}
	a.Grants = r.facts.Records["toolgrant"]
	if b := r.st.Back; b != nil {
		if k := grants(kinds); k != nil && !r.neutral {
			a.Reproduced, a.Widened = k.Matched, k.Differ
			a.Reduced = k.Announced + k.Missing + k.Quarantined + k.Refused + k.Skipped
			if f := b.Fidelity.Kinds[k.Kind]; f != nil {
				a.Widened += f.Copies
			}
			// What was denied and is not is not less: it is more.
			away := min(r.undenied()+r.lifted().Lifted, a.Reduced)
			a.Reduced, a.Widened = a.Reduced-away, a.Widened+away
		}
		a.Raised = max(b.Fidelity.RaisedN, uint64(len(b.Fidelity.Raised))) // an earlier release counted none
	}
	if rep := r.st.Report; rep != nil {
		for _, k := range rep.Held {
			a.Reconsent = append(a.Reconsent, salt.Hide(k))
		}
		a.Waiting = r.waiting(salt, rep.Held)
	}
	return a
}

// undenied are denials of the source that the target does not take, where it takes other grants.
func (r *run) undenied() uint64 {
	if r.st.Report == nil {
		return 0
	}
	return r.st.Report.Undenied
}

// lifted is what became of denials and rules to ask first that the target took, or has something else for.
func (r *run) lifted() fidelity.Kind {
	if r.st.Back == nil || r.neutral {
		return fidelity.Kind{}
	}
	if f := r.st.Back.Fidelity.Kinds["toolgrant"]; f != nil {
		return *f
	}
	return fidelity.Kind{}
}

// grants is what became of grants of tools; nil: there are none.
func grants(kinds []evidence.Kind) *evidence.Kind {
	if i := slices.IndexFunc(kinds, func(k evidence.Kind) bool { return k.Kind == "toolgrant" }); i >= 0 {
		return &kinds[i]
	}
	return nil
}

// scanned is what was looked for when the source was read; nil: nobody looked.
func (r *run) scanned() *secrets.Summary {
	if r.facts == nil {
		return nil
	}
	return secrets.Of(r.facts.Statements...)
}

func (r *run) safety() evidence.Safety {
	s := evidence.Safety{}
	if sum := r.scanned(); sum != nil {
		s.SecretClasses, s.SecretFindings = []string{sum.Rules}, map[string]uint64(sum.Classes())
	}
	if r.st.Seen != nil {
		s.Tombstones = r.st.Seen.Tombstones
	}
	s.Tombstones += uint64(len(r.e.Replay.Tombstones))
	if b := r.st.Back; b != nil {
		for _, f := range b.Fidelity.Kinds {
			s.Revived += f.Forbidden
		}
	}
	for i, c := range r.p.Canaries {
		if c.Injection {
			s.InjectionCanaries++
			if b := r.st.Back; b != nil && (at(b.Seen.Commands, i) > 0 || at(b.Seen.Echoes, i).newTo(at(r.st.Echoes, i))) {
				s.InjectionEffective++
			}
		}
	}
	return s
}

// at is the ith of what was counted; the zero value: it was not counted, as by an earlier release.
func at[T any](counts []T, i int) (none T) {
	if i < len(counts) {
		return counts[i]
	}
	return none
}

// narrow is 29 where nothing was widened.
func (a *answers) narrow() {
	au, res, say := &a.p.Authority, evidence.Pass, ""
	k, conflicts := grants(a.p.Kinds), uint64(0)
	var policies evidence.Kind
	for i := range a.p.Kinds {
		switch name := a.p.Kinds[i].Kind; name {
		case "policy":
			policies = a.p.Kinds[i]
			fallthrough
		case "toolgrant":
			conflicts += a.p.Kinds[i].Conflicts
		}
	}
	if k != nil && k.Missing > 0 {
		say = fmt.Sprintf("; %d are gone when read back, and none that denies what another one allows", k.Missing)
	}
	if k != nil && k.Announced > 0 {
		res, say = evidence.Warn, say+fmt.Sprintf("; %d arrived otherwise, as announced: whether one of these denies less was not looked at", k.Announced)
	}
	if n := policies.Missing + policies.Announced; n > 0 {
		res, say = evidence.Warn, say+fmt.Sprintf("; %d policies are gone when read back, or arrived otherwise as announced: whether one of these forbade something was not looked at", n)
	}
	extra := uint64(0)
	if k != nil {
		extra = k.Extra
	}
	if conflicts+extra > 0 {
		res, say = evidence.Warn, say+fmt.Sprintf("; the target has %d others under keys of grants and policies, which were left as they are, and %d grants that the archive does not have", conflicts, extra)
	}
	if n := a.r.lifted().Overruled; n > 0 {
		res, say = evidence.Fail, say+fmt.Sprintf("; where the source has %d denials, or rules to ask first, the target has grants of its own, which allow more", n)
	}
	if n := policies.Differ; n > 0 { // as a grant that differs: it may allow more, until somebody shows that it does not
		res, say = evidence.Fail, say+fmt.Sprintf("; %d policies differ from what was written", n)
	}
	if au.Grants == 0 && res == evidence.Pass {
		say += "; the archive has no grant, so this shows nothing of grants"
	}
	a.set(29, res, evidence.Measured, "%d grants: %d reproduced, %d not or less, 0 widened; 0 roles raised; %d records wait for a person%s", au.Grants, au.Reproduced, au.Reduced, a.held(), say)
}

// held is how many records wait for a person.
func (a *answers) held() uint64 {
	n := uint64(0)
	for i := range a.p.Kinds {
		n += a.p.Kinds[i].Quarantined
	}
	return n
}
