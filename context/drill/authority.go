package drill

import (
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/context/secrets"
)

// authority says what the replayed agents may do. A grant that is read back otherwise than it was
// written, and than was announced, counts as widened until somebody shows that it is not. So does each
// record more under its key: which of them the agent goes by is not known.
func (r *run) authority(salt evidence.Salt) evidence.Authority {
	a := evidence.Authority{}
	if r.facts == nil {
		return a
	}
	a.Grants = r.facts.Records["toolgrant"]
	if b := r.st.Back; b != nil {
		if f := b.Fidelity.Kinds["toolgrant"]; f != nil && !r.neutral {
			a.Reproduced = f.Same
			a.Reduced = f.Announced
			a.Widened = f.Records - f.Same - f.Announced + f.Copies
		}
		a.Raised = uint64(len(b.Fidelity.Raised))
	}
	if rep := r.st.Report; rep != nil {
		a.Reduced += rep.Kinds["toolgrant"][replay.Held] + rep.Kinds["toolgrant"][replay.Skipped] + rep.Kinds["toolgrant"][replay.Refused]
		for _, k := range rep.Held {
			a.Reconsent = append(a.Reconsent, salt.Hide(k))
		}
	}
	return a
}

// scanned is what was looked for when the source was read; nil: nobody looked.
func (r *run) scanned() (sum *secrets.Summary) {
	if r.facts == nil {
		return nil
	}
	for _, st := range r.facts.Statements {
		switch s := secrets.Of(st); {
		case s == nil:
		case sum == nil:
			sum = s
		default:
			sum.Join(s)
		}
	}
	return sum
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
			if b := r.st.Back; b != nil && i < len(b.Seen.Commands) && b.Seen.Commands[i] > 0 {
				s.InjectionEffective++
			}
		}
	}
	return s
}
