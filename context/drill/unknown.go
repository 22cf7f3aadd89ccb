package drill

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
)

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

// rootless says of which kinds there is no root; empty: of none.
func (r *run) rootless() string {
	if r.facts == nil {
		return ""
	}
	if r.facts.Roots == nil {
		return "A compartment of the archive is closed: which roots are of which kind was not read (kinds.treeRoot)."
	}
	var several []string
	for _, kind := range slices.Sorted(maps.Keys(r.facts.Roots)) {
		if n := len(r.facts.Roots[kind]); n > 1 && agentstate.IsState(kind) {
			several = append(several, fmt.Sprintf("%s (%d)", kind, n))
		}
	}
	if len(several) == 0 {
		return ""
	}
	return fmt.Sprintf("An archive keeps no root of a kind that fills several shards (kinds.treeRoot): %s. archive.treeRoot is over these as well.", strings.Join(several, ", "))
}
