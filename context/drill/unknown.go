package drill

import "github.com/exitramp/exitramp/context/evidence"

// unknown says why values of p are absent that a reader looks for.
func (r *run) unknown(p *evidence.Predicate) []string {
	out := []string{}
	if r.facts == nil {
		return out
	}
	if p.Source.APIVersion == "" {
		out = append(out, "The source says no version of its service, its library or its store (source.apiVersion).")
	}
	return out
}
