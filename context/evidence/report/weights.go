package report

import (
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
)

// weightsOf says where the weights of a model are.
func weightsOf(m *evidence.ModelEnd) cell {
	if len(m.Weights) == 0 {
		return cell{"", "not said"}
	}
	return cellOf(strings.Join(m.Weights, " · "))
}

// Weights says where the weights of models are, for the cover: a model that runs elsewhere is not what an archive brings.
func (p *page) Weights() string {
	switch {
	case p.Archive.ManifestSHA256 == "":
		return "not tested: no archive was read"
	case len(p.Models) == 0:
		return "no model is named in what was read"
	}
	n := map[string]uint64{}
	for i := range p.Models {
		n[weightsOf(&p.Models[i]).text]++
	}
	unsaid := n["not said"]
	delete(n, "not said")
	var out []string
	for _, where := range sortedKeys(n) {
		out = append(out, fmt.Sprintf("%s: %s", brief(where), models(n[where])))
	}
	if len(out) > maxWhere {
		out = append(out[:maxWhere], "and more, in the table")
	}
	if unsaid > 0 {
		out = append(out, fmt.Sprintf("%s: not in the archive, and the source does not say where they are", models(unsaid)))
	}
	return strings.Join(out, "; ")
}

const maxWhere = 6 // on the cover

func models(n uint64) string {
	if n == 1 {
		return "1 model"
	}
	return grouped(n) + " models"
}
