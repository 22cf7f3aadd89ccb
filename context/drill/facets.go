package drill

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
)

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// policyPaths are fields that say whose a record is, how it came to be, and how long it may be kept.
var policyPaths = []string{"meta.subject_keys", "meta.derivation", "meta.labels", "expires_unix_nano", "ttl_minutes", "scope", "scopes", "effect"}

// iso19941 judges a kind on the facets of ISO/IEC 19941. Syntax: the schema in the archive describes it.
// Meaning: its fields, read back, have their values. Policy: so do the fields that say what may be done
// with it, and nothing allows more. Behaviour is the tasks', and theirs alone: see facets.
func (r *run) iso19941(k *evidence.Kind) *evidence.Facets {
	f := &evidence.Facets{Syntactic: evidence.FacetLost, Semantic: evidence.FacetUntold, Policy: evidence.FacetUntold, Behaviour: evidence.FacetUntold}
	if r.facts.Schemas[k.Kind] {
		f.Syntactic = evidence.FacetKept
	}
	if r.st.Back == nil {
		return f
	}
	var all, policy share
	for _, x := range k.Fields {
		all.add(&x)
		if slices.ContainsFunc(policyPaths, func(p string) bool { return x.Path == p || strings.HasPrefix(x.Path, p+".") }) {
			policy.add(&x)
		}
	}
	f.Semantic, f.Policy = all.facet(), policy.facet()
	if k.Differ+k.Missing+k.Refused+k.Conflicts > 0 && f.Semantic == evidence.FacetKept {
		f.Semantic = evidence.FacetInPart
	}
	if k.Kind == "toolgrant" && !r.neutral {
		if au := r.st.Back.Fidelity.Kinds[k.Kind]; au != nil && au.Records > au.Same+au.Announced {
			f.Policy = evidence.FacetLost
		}
	}
	return f
}

// share is how many fields have their value.
type share struct{ like, of uint64 }

func (s *share) add(f *evidence.Field) {
	s.like, s.of = s.like+f.Exact+f.Equivalent, s.of+f.Present
}

func (s *share) facet() string {
	switch {
	case s.of == 0:
		return evidence.FacetUntold
	case s.like == s.of:
		return evidence.FacetKept
	case s.like == 0:
		return evidence.FacetLost
	}
	return evidence.FacetInPart
}

// facets is 21.
func (a *answers) facets() {
	n := map[string]map[string]int{}
	kinds := 0
	for _, k := range a.p.Kinds {
		if k.ISO19941 == nil {
			continue
		}
		kinds++
		for name, v := range map[string]string{"syntax": k.ISO19941.Syntactic, "meaning": k.ISO19941.Semantic, "policy": k.ISO19941.Policy} {
			if n[name] == nil {
				n[name] = map[string]int{}
			}
			n[name][v]++
		}
	}
	res := evidence.Pass
	var say []string
	for _, name := range []string{"syntax", "meaning", "policy"} {
		x := n[name]
		say = append(say, fmt.Sprintf("%s kept %d, in part %d, lost %d, not tested %d", name, x[evidence.FacetKept], x[evidence.FacetInPart], x[evidence.FacetLost], x[evidence.FacetUntold]))
		if x[evidence.FacetInPart]+x[evidence.FacetLost] > 0 {
			res = evidence.Warn
		}
	}
	behaviour := "behaviour not tested: no tasks were run"
	if a.r.st.Tasks != nil {
		behaviour = "behaviour, of the state as a whole: see AC-40 and AC-41"
	}
	if kinds == 0 {
		return
	}
	a.set(21, res, evidence.Derived, "%d kinds: %s; %s", kinds, strings.Join(say, "; "), behaviour)
}
